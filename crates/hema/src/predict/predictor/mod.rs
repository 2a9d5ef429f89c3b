//! Models that predict together, and the pass over images that everything else is made of.

use std::collections::BTreeSet;
use std::path::PathBuf;

use burn::module::Module;
use burn::tensor::{Device, activation};
use hema_core::Image;
use hema_core::data::{Dataset, LoadOptions, Source, match_classes};
use hema_core::error::{Error, ErrorKind, Result, suggest};
use hema_core::metrics::argmax;
use hema_core::preprocess::{Preprocess, resize};
use hema_core::prevalence::{self, ClassWeight};
use hema_core::trust::{Statistics, Trust, measure};
use hema_core::tta::{self, ViewSet};
use rayon::prelude::*;

use super::images::{Geometry, Images};
use super::member::Member;
use crate::loader::{self, Flow};
use crate::model::Network;
use crate::model_file::{Ensemble, FittedOn, Manifest};
use crate::nn::{Pass, Precision, Prepared, predicting};
use crate::weights;

/// Changes one image before it is normalised, given its index in the data set.
pub type Edit<'a> = &'a (dyn Fn(usize, &mut Image) + Sync);

/// One model, or several whose probabilities are averaged, over one or several views of each image.
#[derive(Debug)]
pub struct Predictor {
    pub(super) members: Vec<Member>,
    pub(super) tta: &'static ViewSet,
    /// The logits behind the averaged probabilities are divided by this.
    pub(super) temperature: f64,
    pub(super) classes: Vec<String>,
    /// Whether images of each class can occur.
    pub(super) possible: Vec<bool>,
    /// Share of each class that members were trained for; empty where one does not know.
    trained_for: Vec<f64>,
    pub(super) adapts: bool,
    device: Device,
    precision: Precision,
    /// What was chosen or fitted on labelled images.
    fitted_on: Vec<FittedOn>,
    /// What a single model knows of how far its answers can be trusted.
    pub(super) trust: Option<Trust>,
}

/// An image that a network is shown, and what its picture is like where that is asked for.
type Shown = (usize, Option<Statistics>);

/// What a member makes of a view of an image.
pub(super) struct Output<'a> {
    /// Number of the member's view, over all members.
    pub(super) component: usize,
    pub(super) image: usize,
    /// Probabilities at the member's temperature.
    pub(super) row: &'a [f32],
    /// Statistics of the picture and features of the first member's first view, where they are asked for.
    pub(super) looked_at: Option<(Statistics, &'a [f32])>,
}

/// The features of images, and the probabilities that a network makes of them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Embedded {
    /// Features of every image, row after row.
    pub features: Vec<f32>,
    /// Probabilities of every image, row after row.
    pub probabilities: Vec<f32>,
}

impl Predictor {
    /// Predictor of a network in training or just trained, whose probabilities are not calibrated yet.
    pub fn of_network(
        network: &Network,
        preprocess: &Preprocess,
        classes: &[String],
        device: &Device,
    ) -> Self {
        let member = Member {
            network: network.valid(),
            preprocess: preprocess.clone(),
            temperature: 1.0,
            weights: vec![1.0],
            prepared: Prepared::default(),
            checksum: None,
        };
        Self {
            members: vec![member],
            tta: tta::NONE,
            temperature: 1.0,
            classes: classes.to_vec(),
            possible: vec![true; classes.len()],
            trained_for: Vec::new(),
            adapts: false,
            device: device.clone().without_autodiff(),
            precision: Precision::Fp32,
            fitted_on: Vec::new(),
            trust: None,
        }
    }

    /// Opens a model file, which may hold an ensemble, or several models as an ensemble with equal weights.
    /// Returns the manifest of every member too.
    ///
    /// # Errors
    /// A file that is no model, models for different classes, or an ensemble among several.
    pub fn open(paths: &[PathBuf], device: &Device) -> Result<(Self, Vec<Manifest>)> {
        let ensemble = match paths {
            [path] => Ensemble::read(path)?,
            _ => Ensemble::of_files(paths)?,
        };
        let predictor = Self::of_ensemble(&ensemble, device)?;
        Ok((predictor, ensemble.members.into_iter().map(|member| member.model.manifest).collect()))
    }

    /// Predictor of an ensemble in memory.
    ///
    /// # Errors
    /// Tensors that do not fit their network.
    pub fn of_ensemble(ensemble: &Ensemble, device: &Device) -> Result<Self> {
        let members: Vec<Member> = ensemble
            .members
            .iter()
            .map(|member| Member::new(member, device).map_err(|e| e.at(&member.path)))
            .collect::<Result<_>>()?;
        Ok(Self {
            members,
            tta: ensemble.tta,
            temperature: ensemble.temperature,
            classes: ensemble.classes().to_vec(),
            possible: vec![true; ensemble.classes().len()],
            trained_for: mean_prevalence(ensemble),
            adapts: false,
            device: device.clone(),
            precision: Precision::Fp32,
            fitted_on: ensemble.fitted_on(),
            trust: trust_of(ensemble),
        })
    }

    /// What of the model was chosen or fitted on the images of this [hash](Dataset::hash); `None` where the
    /// model does not know on which images that was.
    pub(crate) fn fitted_on(&self, images: &str) -> Option<Vec<String>> {
        let mut fitted: Vec<String> = Vec::new();
        for fit in self.fitted_on.iter().filter(|fit| fit.images == images) {
            fitted
                .extend(fit.fitted.iter().filter(|name| !fitted.contains(name)).cloned().collect::<Vec<_>>());
        }
        (!self.fitted_on.is_empty()).then_some(fitted)
    }

    /// The predictor with other views, which share each member's weight evenly.
    pub fn with_tta(mut self, tta: &'static ViewSet) -> Self {
        for member in &mut self.members {
            let weight = member.weights.iter().sum::<f32>();
            member.weights = vec![weight / tta.len() as f32; tta.len()];
        }
        Self { tta, ..self }
    }

    /// The views of an image that are averaged over.
    pub fn tta(&self) -> &'static ViewSet {
        self.tta
    }

    /// The predictor for images of some of the classes only, such as white cells alone:
    /// [`predict`](Self::predict) gives the others a probability of 0, and divides theirs among these in
    /// proportion.
    ///
    /// Names are found as [`match_classes`] finds them.
    ///
    /// # Errors
    /// A class that the model does not know, or fewer than two.
    pub fn among(mut self, names: &[String]) -> Result<Self> {
        let names: Vec<String> = names.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let positions = match_classes(&names, &self.classes);
        if let Some(unknown) = positions.iter().position(Option::is_none) {
            let name = &names[unknown];
            let hint = suggest(name, self.classes.iter().map(String::as_str));
            return Err(Error::new(format!("the model knows no class `{name}`")).hint(hint));
        }
        self.possible = (0..self.classes.len()).map(|class| positions.contains(&Some(class))).collect();
        match self.possible.iter().filter(|possible| **possible).count() {
            0 | 1 => Err(Error::new("there is nothing to tell apart, expected at least two classes")),
            _ => Ok(self),
        }
    }

    /// Names of the classes whose images can occur: all, or those of [`among`](Self::among).
    pub fn possible(&self) -> Vec<String> {
        let pairs = self.classes.iter().zip(&self.possible);
        pairs.filter(|(_, possible)| **possible).map(|(class, _)| class.clone()).collect()
    }

    /// The predictor for a population in which classes may be more or less common than in training. They are
    /// weighed by all images of a call of [`predict`](Self::predict), see [`prevalence`].
    ///
    /// # Errors
    /// A model without the class shares of its training data, or trained without any image of some class.
    pub fn adapting(self) -> Result<Self> {
        if let Some(class) = self.trained_for.iter().position(|share| *share == 0.0) {
            let class = &self.classes[class];
            return Err(Error::new(format!(
                "the model saw no `{class}` in training, so how common it is now cannot be estimated"
            )));
        }
        if self.trained_for.is_empty() {
            return Err(Error::new("the model does not say how common each of its classes was in training")
                .hint("older versions did not keep it, and timm's folders have no place for it: train the model anew"));
        }
        Ok(Self { adapts: true, ..self })
    }

    /// Whether it weighs the classes by the images.
    pub fn adapts(&self) -> bool {
        self.adapts
    }

    /// The device that networks are computed on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The precision of feature maps.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The predictor with feature maps of the given precision; 32 bits by default.
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// Class names in the order of the probabilities.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Checksum of each member's file, as it was when it was read.
    pub(crate) fn checksums(&self) -> Vec<Option<u32>> {
        self.members.iter().map(|member| member.checksum).collect()
    }

    /// Trainable parameters of all members together.
    pub fn parameters(&self) -> usize {
        self.members.iter().map(|member| weights::count_trainable(&member.network)).sum()
    }

    /// Decodes images for every member, at its own size or, for images that are edited before they are
    /// resized for the network, at `size`.
    ///
    /// # Errors
    /// The errors of [`Dataset::load`].
    pub fn load(
        &self,
        source: &Source,
        indices: Option<&[usize]>,
        size: Option<usize>,
        options: &LoadOptions,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Images> {
        self.load_as(source, indices, Geometry { size, rescale: None }, options, progress)
    }

    /// Decodes images as [`load`](Self::load) does, in a geometry of their own.
    pub(crate) fn load_as(
        &self,
        source: &Source,
        indices: Option<&[usize]>,
        geometry: Geometry,
        options: &LoadOptions,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Images> {
        let (distinct, of_member) = self.distinct_preprocesses(geometry);
        let load = |p: &Preprocess| Dataset::load(source, indices, p, options, progress);
        let datasets = distinct.iter().map(load).collect::<Result<_>>()?;
        Ok(Images { datasets, of_member, rescaling: None })
    }

    /// Crops and resizes images in memory, of any size, as each member's own preprocessing says: they get the
    /// same predictions as the same pictures in files.
    ///
    /// # Errors
    /// An image that cannot be read from the data set's store.
    pub fn view(&self, data: &Dataset) -> Result<Images> {
        self.view_as(data, Geometry::default())
    }

    /// Crops and resizes images in memory as [`view`](Self::view) does, in a geometry of their own.
    pub(crate) fn view_as(&self, data: &Dataset, geometry: Geometry) -> Result<Images> {
        let images = (0..data.len()).map(|i| data.image(i)).collect::<Result<Vec<_>>>()?;
        let named: Vec<_> =
            images.iter().enumerate().map(|(i, image)| (data.entry(i).path, image, data.label(i))).collect();
        self.view_images(&named, geometry)
    }

    /// Crops and resizes images, each with a path and perhaps a label, as [`view`](Self::view) does, in a
    /// geometry of their own.
    pub(crate) fn view_images(
        &self,
        images: &[(&str, &Image, Option<usize>)],
        geometry: Geometry,
    ) -> Result<Images> {
        let (distinct, of_member) = self.distinct_preprocesses(geometry);
        let see = |p: &Preprocess| -> Result<Dataset> {
            let seen: Vec<_> = images
                .par_iter()
                .map(|(path, image, label)| Ok(((*path).to_owned(), p.apply(image)?, *label)))
                .collect::<Result<_>>()?;
            Dataset::from_images(self.classes.clone(), seen)
        };
        let datasets = distinct.iter().map(see).collect::<Result<_>>()?;
        Ok(Images { datasets, of_member, rescaling: None })
    }

    /// Takes a data set that is cropped already, as training's is: nothing of an image is cut away any more.
    pub(crate) fn view_cropped(&self, data: &Dataset) -> Images {
        Images { datasets: vec![data.clone()], of_member: vec![0; self.members.len()], rescaling: None }
    }

    /// The distinct ways in which members crop and resize in a geometry, and each member's position among
    /// them.
    fn distinct_preprocesses(&self, Geometry { size, rescale }: Geometry) -> (Vec<Preprocess>, Vec<usize>) {
        let geometry = |p: &Preprocess| (p.size, p.crop, p.filter, p.white);
        let mut distinct: Vec<Preprocess> = Vec::new();
        let mut of_member = Vec::new();
        for member in &self.members {
            let size = size.unwrap_or(member.preprocess.size);
            // images are enlarged for the network after this, from its own size, which may be smaller than
            // this one
            let wanted = Preprocess { size, enlarge: None, rescale, ..member.preprocess.clone() };
            let known = distinct.iter().position(|p| geometry(p) == geometry(&wanted));
            of_member.push(known.unwrap_or(distinct.len()));
            if known.is_none() {
                distinct.push(wanted);
            }
        }
        (distinct, of_member)
    }

    /// Probabilities of every image: rows of one value a class, each summing to 1. `edit` changes an image
    /// before it is resized for the network and normalised. `progress` is called with the number of images
    /// done, over all members.
    ///
    /// # Errors
    /// An image that cannot be read, images of another size, or probabilities that are not numbers.
    pub fn predict(
        &self,
        images: &Images,
        edit: Option<Edit>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<f32>> {
        let mut rows = self.predict_unassumed(images, edit, progress)?;
        self.restrict(&mut rows);
        self.weigh(&mut rows);
        Ok(rows)
    }

    /// Probabilities as [`predict`](Self::predict) gives them, before anything is assumed of the images: over
    /// all classes that the model knows, whichever can [occur](Self::among), and as common as in training.
    ///
    /// # Errors
    /// The errors of [`predict`](Self::predict).
    pub fn predict_unassumed(
        &self,
        images: &Images,
        edit: Option<Edit>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<f32>> {
        Ok(self.answers(images, edit, progress)?.rows)
    }

    /// Limits rows of probabilities to the classes that can occur, see [`among`](Self::among).
    pub fn restrict(&self, rows: &mut [f32]) {
        if self.possible.contains(&false) {
            rows.chunks_exact_mut(self.classes.len()).for_each(|row| restrict(row, &self.possible));
        }
    }

    /// Weighs the classes in the rows of all images by the rows themselves, see
    /// [`adapting`](Self::adapting), and gives the weights; `None` for a predictor that does not adapt.
    pub fn weigh(&self, rows: &mut [f32]) -> Option<Vec<f64>> {
        self.adapts.then(|| prevalence::adapt(rows, &self.trained_for))
    }

    /// The weights that [`weigh`](Self::weigh) has found for rows, which are as they were before, with their
    /// intervals.
    pub fn class_weights(&self, rows: &[f32], weights: &[f64]) -> Vec<ClassWeight> {
        prevalence::with_intervals(rows, &self.trained_for, weights, &self.classes)
    }

    /// Probability that a row gives to the classes that cannot occur, before it is
    /// [restricted](Self::restrict), and the likeliest class of all where that is one of them.
    pub fn excluded(&self, row: &[f32]) -> (f32, Option<usize>) {
        let out = row.iter().zip(&self.possible).filter(|(_, possible)| !**possible);
        let likeliest = argmax(row);
        (out.map(|(value, _)| value).sum(), (!self.possible[likeliest]).then_some(likeliest))
    }

    /// Probabilities before they are averaged: a list for each view of each member, member by member, with
    /// rows as [`predict`](Self::predict) gives them.
    ///
    /// # Errors
    /// The errors of [`predict`](Self::predict).
    pub fn components(&self, images: &Images, progress: &mut dyn FnMut(usize)) -> Result<Vec<Vec<f32>>> {
        let classes = self.classes.len();
        let rows = vec![0.0; images.first().len() * classes];
        let mut components = vec![rows; self.members.len() * self.tta.len()];
        self.each(images, None, false, progress, &mut |Output { component, image, row, .. }| {
            components[component][image * classes..][..classes].copy_from_slice(row);
        })?;
        components.iter().try_for_each(|rows| check_finite(rows))?;
        Ok(components)
    }

    /// Hands what every member makes of every view of an image to `take`, and with it, where `looks`, what
    /// the first view looks like. The views of an image are made together, so that it is decoded, edited and
    /// resized once for each member.
    pub(super) fn each(
        &self,
        images: &Images,
        edit: Option<Edit>,
        looks: bool,
        progress: &mut dyn FnMut(usize),
        take: &mut dyn FnMut(Output),
    ) -> Result<()> {
        let count = self.tta.len();
        let mut done = 0;
        for (number, (member, &own)) in self.members.iter().zip(&images.of_member).enumerate() {
            let data = &images.datasets[own];
            let order: Vec<usize> = (0..data.len()).collect();
            let looks = looks && number == 0;
            let views_of = |&i: &usize| -> Result<Vec<(Shown, Image)>> {
                let mut image = data.image(i)?;
                if let Some(edit) = edit {
                    edit(i, &mut image);
                }
                let Preprocess { size, filter, .. } = member.preprocess;
                if image.width() != size {
                    image = resize(&image, size, size, filter)?;
                }
                let statistics = looks.then(|| measure(&image));
                Ok(self.tta.views(&image).into_iter().map(|view| ((i, statistics), view)).collect())
            };
            let make = |images: &[usize]| {
                let made: Vec<_> = images.par_iter().map(views_of).collect::<Result<_>>()?;
                Ok(made.into_iter().flatten().collect())
            };
            let at_once = (member.batch() / count).max(1);
            loader::for_each_made_batch(&order, at_once, &member.preprocess, &make, |batch| {
                let shown = batch.samples.clone();
                let (features, probabilities) = predicting(&self.device, shown.len(), || {
                    let pass = Pass::predict().with_precision(self.precision).with_prepared(&member.prepared);
                    let features = member.network.features(batch.into_tensor(&self.device), &pass);
                    let looked_at = looks.then(|| features.clone().into_data());
                    let logits = member.network.classify(features, &pass);
                    (looked_at, activation::softmax(logits / member.temperature, 1).into_data())
                });
                let features: Vec<f32> =
                    features.map(|features| features.iter::<f32>().collect()).unwrap_or_default();
                let width = features.len() / shown.len();
                let values: Vec<f32> = probabilities.iter::<f32>().collect();
                let rows = shown.iter().zip(values.chunks_exact(self.classes.len()));
                for (i, ((image, statistics), row)) in rows.enumerate() {
                    let of_first = statistics.filter(|_| i % count == 0);
                    let looked_at = of_first.map(|statistics| (statistics, &features[i * width..][..width]));
                    take(Output { component: number * count + i % count, image: *image, row, looked_at });
                }
                done += shown.len() / count;
                progress(done);
                Ok(Flow::Continue)
            })?;
        }
        Ok(())
    }

    /// Features of every image that the first member's head sees (see [`Network::features`]), without views,
    /// and the probabilities it makes of them. `progress` is called with the number of images done.
    ///
    /// # Errors
    /// The errors of [`predict`](Self::predict).
    pub fn embed(&self, images: &Images, progress: &mut dyn FnMut(usize)) -> Result<Embedded> {
        let (member, data) = (&self.members[0], images.first());
        let order: Vec<usize> = (0..data.len()).collect();
        let mut embedded = Embedded { features: Vec::new(), probabilities: Vec::new() };
        let read = |&i: &usize| data.image(i);
        loader::for_each_batch(&order, member.batch(), &member.preprocess, &read, |batch| {
            let (features, probabilities) = predicting(&self.device, batch.samples.len(), || {
                let pass = Pass::predict().with_precision(self.precision).with_prepared(&member.prepared);
                let features = member.network.features(batch.into_tensor(&self.device), &pass);
                let logits = member.network.classify(features.clone(), &pass);
                let probabilities = activation::softmax(logits / member.temperature, 1);
                (features.into_data(), probabilities.into_data())
            });
            embedded.features.extend(features.iter::<f32>());
            embedded.probabilities.extend(probabilities.iter::<f32>());
            progress(embedded.probabilities.len() / self.classes.len());
            Ok(Flow::Continue)
        })?;
        check_finite(&embedded.probabilities)?;
        Ok(embedded)
    }
}

/// Trust of the single model of an ensemble.
fn trust_of(ensemble: &Ensemble) -> Option<Trust> {
    match &ensemble.members[..] {
        [only] if ensemble.temperature == 1.0 => only.model.manifest.trust.clone(),
        _ => None,
    }
}

/// Class shares that the members were trained for, averaged; empty where one does not know its own.
fn mean_prevalence(ensemble: &Ensemble) -> Vec<f64> {
    let members: Vec<&Vec<f64>> =
        ensemble.members.iter().map(|member| &member.model.manifest.prevalence).collect();
    if members.iter().any(|shares| shares.is_empty()) {
        return Vec::new();
    }
    let share = |class: usize| members.iter().map(|shares| shares[class]).sum::<f64>() / members.len() as f64;
    (0..ensemble.classes().len()).map(share).collect()
}

/// Probabilities given that the image is of one of the possible classes; equal ones where the model gives
/// none of them any.
fn restrict(row: &mut [f32], possible: &[bool]) {
    let count = possible.iter().filter(|possible| **possible).count();
    let sum: f32 = row.iter().zip(possible).filter(|(_, possible)| **possible).map(|(value, _)| value).sum();
    for (value, possible) in row.iter_mut().zip(possible) {
        *value = match (possible, sum > 0.0) {
            (false, _) => 0.0,
            (true, true) => *value / sum,
            (true, false) => 1.0 / count as f32,
        };
    }
}

pub(super) fn check_finite(probabilities: &[f32]) -> Result<()> {
    if probabilities.iter().all(|p| p.is_finite()) {
        return Ok(());
    }
    let error = Error::new("the model gives probabilities that are not numbers");
    Err(error.with_kind(ErrorKind::Diverged))
}

#[cfg(test)]
mod tests;
