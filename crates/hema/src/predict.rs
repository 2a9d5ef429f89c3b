//! The one inference path: validation while training, evaluation, prediction and serving all go through
//! [`Predictor`].

use std::path::PathBuf;

use burn::module::Module;
use burn::tensor::{Device, activation};
use hema_core::data::{Dataset, LoadOptions, Source};
use hema_core::error::{Error, Result, suggest};
use hema_core::preprocess::{Preprocess, resize};
use hema_core::tta::{self, ViewSet};
use hema_core::{Image, calibrate, prevalence};
use rayon::prelude::*;

use crate::bundle::{Bundle, Manifest};
use crate::ensemble::{self, Ensemble};
use crate::loader::{self, Flow};
use crate::model::Network;
use crate::nn::{Pass, Precision, Prepared, predicting};
use crate::weights;

/// Images, or views of them, that a forward pass takes at once.
const BATCH: usize = 64;

/// Changes one image before it is normalised, given its index in the data set.
pub type Edit<'a> = &'a (dyn Fn(usize, &mut Image) + Sync);

/// One model, or several whose probabilities are averaged, over one or several views of each image.
#[derive(Debug)]
pub struct Predictor {
    members: Vec<Member>,
    tta: &'static ViewSet,
    /// Of the averaged probabilities.
    temperature: f64,
    classes: Vec<String>,
    /// Whether images of each class can occur.
    possible: Vec<bool>,
    /// Share of each class that members were trained for; empty where one does not know.
    trained_for: Vec<f64>,
    adapts: bool,
    device: Device,
    precision: Precision,
}

/// What a network sees in images, and what it says of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedded {
    /// A row of features an image.
    pub features: Vec<f32>,
    /// A row of probabilities an image.
    pub probabilities: Vec<f32>,
}

#[derive(Debug)]
struct Member {
    network: Network,
    preprocess: Preprocess,
    temperature: f64,
    /// Of each view; those of all members sum to 1.
    weights: Vec<f32>,
    prepared: Prepared,
}

/// A data set as every member needs it: decoded once for each distinct size, crop and filter.
#[derive(Clone)]
pub struct Views {
    datasets: Vec<Dataset>,
    of_member: Vec<usize>,
}

impl Views {
    /// The data set as the first member sees it.
    pub fn first(&self) -> &Dataset {
        &self.datasets[0]
    }
}

impl Predictor {
    /// A network in training or just trained, whose probabilities are not calibrated yet.
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
        }
    }

    /// Opens a model file, which may hold an ensemble, or several models as an ensemble with equal weights. Gives the
    /// manifest of every member.
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

    /// An ensemble in memory.
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
        })
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

    /// The predictor for images of some of the classes only, as of white cells alone: [`predict`](Self::predict) gives the others 0, and
    /// shares out their probability among these in proportion.
    ///
    /// # Errors
    /// A class that the model does not know, or fewer than two.
    pub fn among(mut self, names: &[String]) -> Result<Self> {
        let unknown = names.iter().find(|name| !self.classes.contains(name));
        if let Some(name) = unknown {
            let hint = suggest(name, self.classes.iter().map(String::as_str));
            return Err(Error::new(format!("the model knows no class `{name}`")).hint(hint));
        }
        self.possible = self.classes.iter().map(|class| names.contains(class)).collect();
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

    /// The predictor for images of a population of its own, in which classes may be more or less common than in training: all images that
    /// [`predict`](Self::predict) is given at a time tell together how common, see [`prevalence`].
    ///
    /// # Errors
    /// A model that does not know what was common in its training, or had no image of a class there.
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

    /// Whether it estimates how common classes are.
    pub fn adapts(&self) -> bool {
        self.adapts
    }

    /// The predictor with feature maps of the given precision; 32 bits by default.
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// Class names in the order of the probabilities.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Values that training could change, over all members.
    pub fn parameters(&self) -> usize {
        self.members.iter().map(|member| weights::count_trainable(&member.network)).sum()
    }

    /// Decodes images for every member, at the size its network sees or, to be changed there first, at another.
    ///
    /// # Errors
    /// Those of [`Dataset::load`].
    pub fn load(
        &self,
        source: &Source,
        indices: Option<&[usize]>,
        size: Option<usize>,
        options: &LoadOptions,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Views> {
        let geometry = |p: &Preprocess| (p.size, p.crop, p.filter);
        let mut distinct: Vec<Preprocess> = Vec::new();
        let mut of_member = Vec::new();
        for member in &self.members {
            let size = size.unwrap_or(member.preprocess.size);
            // images are enlarged for the network after this, from its own size, which may be smaller than this one
            let wanted = Preprocess { size, enlarge: None, ..member.preprocess.clone() };
            let known = distinct.iter().position(|p| geometry(p) == geometry(&wanted));
            of_member.push(known.unwrap_or(distinct.len()));
            if known.is_none() {
                distinct.push(wanted);
            }
        }
        let load = |p: &Preprocess| Dataset::load(source, indices, p, options, progress);
        Ok(Views { datasets: distinct.iter().map(load).collect::<Result<_>>()?, of_member })
    }

    /// Uses a data set that is already decoded.
    ///
    /// # Errors
    /// When members need different sizes, crops or filters.
    pub fn view(&self, data: &Dataset) -> Views {
        Views { datasets: vec![data.clone()], of_member: vec![0; self.members.len()] }
    }

    /// Probabilities of every image: rows of one value a class, each summing to 1. `edit` changes an image before it
    /// is brought to the network's size, where it is of another, and normalised; `progress` hears how many images are
    /// done, over all members.
    ///
    /// # Errors
    /// An image that cannot be read, images of another size, or probabilities that are not numbers.
    pub fn predict(
        &self,
        views: &Views,
        edit: Option<Edit>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<f32>> {
        let classes = self.classes.len();
        let mut mean = vec![0.0; views.first().len() * classes];
        let weights: Vec<f32> = self.members.iter().flat_map(|member| member.weights.clone()).collect();
        self.each(views, edit, progress, &mut |component, image, row| {
            for (sum, value) in mean[image * classes..][..classes].iter_mut().zip(row) {
                *sum += weights[component] * value;
            }
        })?;
        check_finite(&mean)?;
        if self.temperature != 1.0 {
            mean.chunks_exact_mut(classes).for_each(|row| calibrate::apply(self.temperature, row));
        }
        if self.possible.contains(&false) {
            mean.chunks_exact_mut(classes).for_each(|row| restrict(row, &self.possible));
        }
        if self.adapts {
            prevalence::adapt(&mut mean, &self.trained_for);
        }
        Ok(mean)
    }

    /// The probabilities that are averaged, before they are: of each member each view, one after the other, rows as
    /// [`predict`](Self::predict) gives them.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub fn components(&self, views: &Views, progress: &mut dyn FnMut(usize)) -> Result<Vec<Vec<f32>>> {
        let classes = self.classes.len();
        let rows = vec![0.0; views.first().len() * classes];
        let mut components = vec![rows; self.members.len() * self.tta.len()];
        self.each(views, None, progress, &mut |component, image, row| {
            components[component][image * classes..][..classes].copy_from_slice(row);
        })?;
        components.iter().try_for_each(|rows| check_finite(rows))?;
        Ok(components)
    }

    /// Hands every row of probabilities to `take`, with the number of its component (a member's view) and of its image.
    /// The views of an image are made together, so that it is decoded, edited and resized once for each member.
    fn each(
        &self,
        views: &Views,
        edit: Option<Edit>,
        progress: &mut dyn FnMut(usize),
        take: &mut dyn FnMut(usize, usize, &[f32]),
    ) -> Result<()> {
        let count = self.tta.len();
        let mut done = 0;
        for (number, (member, &view)) in self.members.iter().zip(&views.of_member).enumerate() {
            let data = &views.datasets[view];
            let order: Vec<usize> = (0..data.len()).collect();
            let views_of = |&i: &usize| -> Result<Vec<(usize, Image)>> {
                let mut image = data.image(i)?;
                if let Some(edit) = edit {
                    edit(i, &mut image);
                }
                let Preprocess { size, filter, .. } = member.preprocess;
                if image.width() != size {
                    image = resize(&image, size, size, filter)?;
                }
                Ok(self.tta.views(&image).into_iter().map(|view| (i, view)).collect())
            };
            let make = |images: &[usize]| {
                let made: Vec<_> = images.par_iter().map(views_of).collect::<Result<_>>()?;
                Ok(made.into_iter().flatten().collect())
            };
            let at_once = (BATCH / count).max(1);
            loader::for_each_made_batch(&order, at_once, &member.preprocess, &make, |batch| {
                let images = batch.samples.clone();
                let probabilities = predicting(&self.device, images.len(), || {
                    let pass = Pass::predict().with_precision(self.precision).with_prepared(&member.prepared);
                    let logits = member.network.forward(batch.into_tensor(&self.device), &pass);
                    activation::softmax(logits / member.temperature, 1).into_data()
                });
                let values: Vec<f32> = probabilities.iter::<f32>().collect();
                let rows = images.iter().zip(values.chunks_exact(self.classes.len()));
                for (i, (image, row)) in rows.enumerate() {
                    take(number * count + i % count, *image, row);
                }
                done += images.len() / count;
                progress(done);
                Ok(Flow::Continue)
            })?;
        }
        Ok(())
    }

    /// What the first member's head sees of every image as it is, without views, see [`Network::features`], and what it makes of
    /// it. `progress` hears how many images are done.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub fn embed(&self, views: &Views, progress: &mut dyn FnMut(usize)) -> Result<Embedded> {
        let (member, data) = (&self.members[0], views.first());
        let order: Vec<usize> = (0..data.len()).collect();
        let mut embedded = Embedded { features: Vec::new(), probabilities: Vec::new() };
        let read = |&i: &usize| data.image(i);
        loader::for_each_batch(&order, BATCH, &member.preprocess, &read, |batch| {
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

impl Member {
    fn new(member: &ensemble::Member, device: &Device) -> Result<Self> {
        let Bundle { manifest, tensors } = &member.model;
        let (network, report) = weights::load(Network::new(&manifest.model, 0, device)?, tensors)?;
        if let Some(name) = report.missing.first().or(report.unexpected.first()) {
            return Err(Error::new(format!("its tensors do not fit its architecture, first `{name}`")));
        }
        Ok(Self {
            network,
            preprocess: manifest.preprocess.clone(),
            temperature: manifest.temperature,
            weights: member.weights.iter().map(|weight| *weight as f32).collect(),
            prepared: Prepared::default(),
        })
    }
}

/// The mean over the members of what they were trained for; empty where one does not know.
fn mean_prevalence(ensemble: &Ensemble) -> Vec<f64> {
    let members: Vec<&Vec<f64>> =
        ensemble.members.iter().map(|member| &member.model.manifest.prevalence).collect();
    if members.iter().any(|shares| shares.is_empty()) {
        return Vec::new();
    }
    let share = |class: usize| members.iter().map(|shares| shares[class]).sum::<f64>() / members.len() as f64;
    (0..ensemble.classes().len()).map(share).collect()
}

/// Probabilities given that the image is of one of the possible classes; equal ones where the model gives none of them any.
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

fn check_finite(probabilities: &[f32]) -> Result<()> {
    if probabilities.iter().all(|p| p.is_finite()) {
        return Ok(());
    }
    Err(Error::new("the model gives probabilities that are not numbers"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use burn::tensor::Gradients;
    use hema_core::data;
    use serde::Deserialize;

    use super::*;
    use crate::loss::{CrossEntropy, Target};
    use crate::model::ModelSpec;
    use crate::weights::{Array, StateDict, state_dict};

    /// What timm makes of the fixture's images, see `scripts/reference/timm_parity.py`.
    #[derive(Deserialize)]
    struct Timm {
        /// Of all images.
        probabilities: Vec<f32>,
        /// Of the first image of each class.
        training: TrainingPass,
    }

    /// Computed in double precision.
    #[derive(Deserialize)]
    struct TrainingPass {
        loss: f64,
        gradient_norms: BTreeMap<String, f64>,
        /// By how much the pass changed running statistics: the norm of the difference.
        statistics_moved: BTreeMap<String, f64>,
    }

    fn timm() -> Timm {
        serde_json::from_str(include_str!("../tests/fixtures/timm_v2b0.json")).unwrap()
    }

    /// The fixture's network: `ImageNet`'s weights and a classifier filled by a formula.
    fn network(device: &Device) -> Option<Network> {
        let Some(folder) = std::env::var_os("HEMA_TEST_DATA") else {
            skipped();
            return None;
        };
        let weights = Path::new(&folder).join("../weights/tf_efficientnetv2_b0.in1k.safetensors");
        let spec = ModelSpec { size: 96, ..crate::model::tests::spec("tf_efficientnetv2_b0") };
        let network = Network::new(&spec, 0, device).unwrap();
        let network = weights::start_from(network, &spec, &weights).unwrap();
        let mut state = state_dict(&network);
        let formula = |i: usize| ((i * 7919 % 1009) as f64 / 1009.0 - 0.5) as f32;
        let weight = Array { shape: vec![8, 1280], values: (0..8 * 1280).map(formula).collect() };
        let bias = Array { shape: vec![8], values: (0..8).map(|class| class as f32 / 8.0).collect() };
        state.insert("classifier.weight".into(), weight);
        state.insert("classifier.bias".into(), bias);
        Some(weights::load(network, &state).unwrap().0)
    }

    #[allow(clippy::print_stderr)] // a test that did not run must say so
    fn skipped() {
        eprintln!("skipped: HEMA_TEST_DATA does not name the folder of test data");
    }

    /// Two images of each of eight classes (Acevedo et al., Data in Brief 30, 2020, 105474, CC BY 4.0).
    fn views(predictor: &Predictor) -> Views {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/timm_v2b0.npz");
        predictor.load(&data::open(&path).unwrap(), None, None, &LoadOptions::default(), &|_| ()).unwrap()
    }

    fn predictor(network: &Network, device: &Device) -> Predictor {
        let classes: Vec<String> = (0..8).map(|class| class.to_string()).collect();
        Predictor::of_network(network, &Preprocess::imagenet(96), &classes, device)
    }

    #[test]
    fn the_probability_of_impossible_classes_goes_to_the_others() {
        let mut row = [0.5, 0.125, 0.375, 0.0];
        restrict(&mut row, &[false, true, true, true]);
        assert_eq!(row, [0.0, 0.25, 0.75, 0.0]);
        let mut row = [1.0, 0.0, 0.0];
        restrict(&mut row, &[false, true, true]);
        assert_eq!(row, [0.0, 0.5, 0.5]);
    }

    #[test]
    fn probabilities_are_those_of_timm() {
        let device = Device::flex();
        let Some(network) = network(&device) else { return };
        let expected = timm().probabilities;
        // PyTorch's own bf16 is off by up to 0.065 here
        for (precision, tolerance) in [(Precision::Fp32, 1e-4), (Precision::Bf16, 8e-2)] {
            let predictor = predictor(&network, &device).with_precision(precision);
            let found = predictor.predict(&views(&predictor), None, &mut |_| ()).unwrap();
            assert_eq!(found.len(), expected.len());
            for (i, (f, e)) in found.iter().zip(&expected).enumerate() {
                let what = format!("{precision:?}, image {}, class {}", i / 8, i % 8);
                assert!((f - e).abs() < tolerance, "{what}: {f}, expected {e}");
            }
        }
    }

    #[test]
    fn a_training_pass_is_that_of_timm() {
        compare_training_pass(Precision::Fp32, 1e-3);
        // in the norm of the first layer's gradient PyTorch's own bf16 is off by 14 %, and by 2 % in the loss; ours by 11 to 18 % and by 2 to
        // 4 %, with the instruction set
        compare_training_pass(Precision::Bf16, 0.2);
    }

    fn compare_training_pass(precision: Precision, tolerance: f64) {
        let assert_close = |found: f64, expected: f64, name: &str| {
            let what = format!("{precision:?} {name}");
            assert!((found / expected - 1.0).abs() < tolerance, "{what}: {found}, expected {expected}");
        };
        let device = Device::flex().autodiff();
        let Some(network) = network(&device) else { return };
        let before = state_dict(&network);
        let predictor = predictor(&network, &device);
        let views = views(&predictor);
        let data = views.first();
        let (order, labels): (Vec<usize>, Vec<Target>) =
            (0..data.len()).step_by(8).map(|i| (i, Target::from(data.entry(i).label.unwrap()))).unzip();
        let loss = CrossEntropy { smoothing: 0.1, ..CrossEntropy::plain(8) };
        let expected = timm().training;
        let mut passes = 0;
        let read = |&i: &usize| data.image(i);
        loader::for_each_batch(&order, order.len(), &Preprocess::imagenet(96), &read, |batch| {
            let pass = Pass::train(0, 0).with_precision(precision);
            let logits = network.forward(batch.into_tensor(&device), &pass);
            let loss = loss.mean(logits, &labels);
            let value: f32 = loss.clone().into_scalar();
            assert_close(f64::from(value), expected.loss, "loss");
            let found = gradient_norms(&network, &loss.backward());
            assert!(found.keys().eq(expected.gradient_norms.keys()));
            for (name, norm) in &found {
                assert_close(*norm, expected.gradient_norms[name], name);
            }
            passes += 1;
            Ok(Flow::Continue)
        })
        .unwrap();
        assert_eq!(passes, 1);
        let after = state_dict(&network);
        for (name, moved) in &expected.statistics_moved {
            assert_close(distance(&before, &after, name), *moved, name);
        }
    }

    /// Norm of the gradient of each top-level module; of the blocks, of each stage.
    fn gradient_norms(network: &Network, grads: &Gradients) -> BTreeMap<String, f64> {
        let mut squares = BTreeMap::<String, f64>::new();
        for (name, norm) in weights::gradient_norms(network, grads) {
            let parts = if name.starts_with("blocks.") { 2 } else { 1 };
            let module: Vec<&str> = name.split('.').take(parts).collect();
            *squares.entry(module.join(".")).or_default() += norm * norm;
        }
        squares.into_iter().map(|(name, square)| (name, square.sqrt())).collect()
    }

    fn distance(before: &StateDict, after: &StateDict, name: &str) -> f64 {
        let pairs = before[name].values.iter().zip(&after[name].values);
        pairs.map(|(b, a)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
    }
}
