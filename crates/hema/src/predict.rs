//! The one inference path: validation while training, evaluation, prediction and serving all go through
//! [`Predictor`].

use std::path::PathBuf;

use burn::module::Module;
use burn::tensor::{Device, activation};
use hema_core::data::{Dataset, LoadOptions, Source};
use hema_core::error::{Error, Result};
use hema_core::preprocess::Preprocess;

use crate::bundle::{Bundle, Manifest};
use crate::loader::{self, Edit, Flow};
use crate::model::Network;
use crate::nn::Pass;
use crate::weights;

/// Images a forward pass takes at once.
const BATCH: usize = 64;

/// One model, or several whose probabilities are averaged.
#[derive(Debug)]
pub struct Predictor {
    members: Vec<Member>,
    classes: Vec<String>,
    device: Device,
}

#[derive(Debug)]
struct Member {
    network: Network,
    preprocess: Preprocess,
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
    /// A network in training or just trained.
    pub fn of_network(
        network: &Network,
        preprocess: &Preprocess,
        classes: &[String],
        device: &Device,
    ) -> Self {
        let member = Member { network: network.valid(), preprocess: preprocess.clone() };
        Self { members: vec![member], classes: classes.to_vec(), device: device.clone().without_autodiff() }
    }

    /// Opens one or several models; several are an ensemble with equal weights.
    ///
    /// # Errors
    /// A file that is no model, or models for different classes.
    pub fn open(paths: &[PathBuf], device: &Device) -> Result<(Self, Vec<Manifest>)> {
        let mut members = Vec::new();
        let mut manifests: Vec<Manifest> = Vec::new();
        for path in paths {
            let bundle = Bundle::read(path)?;
            if let Some(first) = manifests.first()
                && first.classes != bundle.manifest.classes
            {
                let found = bundle.manifest.classes.join(", ");
                let expected = first.classes.join(", ");
                return Err(Error::new(format!(
                    "a model for the classes {found}; the first one knows {expected}"
                ))
                .at(path)
                .hint("the members of an ensemble must agree on the classes and their order"));
            }
            let network = Network::new(&bundle.manifest.model, 0, device).map_err(|e| e.at(path))?;
            let (network, report) = weights::load(network, &bundle.tensors).map_err(|e| e.at(path))?;
            if let Some(name) = report.missing.first().or(report.unexpected.first()) {
                return Err(
                    Error::new(format!("its tensors do not fit its architecture, first `{name}`")).at(path)
                );
            }
            members.push(Member { network, preprocess: bundle.manifest.preprocess.clone() });
            manifests.push(bundle.manifest);
        }
        let classes = match manifests.first() {
            Some(first) => first.classes.clone(),
            None => return Err(Error::new("no model was given")),
        };
        Ok((Self { members, classes, device: device.clone() }, manifests))
    }

    /// Class names in the order of the probabilities.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Values that training could change, over all members.
    pub fn parameters(&self) -> usize {
        self.members.iter().map(|member| weights::count_trainable(&member.network)).sum()
    }

    /// Decodes images for every member.
    ///
    /// # Errors
    /// Those of [`Dataset::load`].
    pub fn load(
        &self,
        source: &Source,
        indices: Option<&[usize]>,
        options: &LoadOptions,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Views> {
        let geometry = |p: &Preprocess| (p.size, p.crop, p.filter);
        let mut distinct: Vec<&Preprocess> = Vec::new();
        let mut of_member = Vec::new();
        for member in &self.members {
            let known = distinct.iter().position(|p| geometry(p) == geometry(&member.preprocess));
            of_member.push(known.unwrap_or(distinct.len()));
            if known.is_none() {
                distinct.push(&member.preprocess);
            }
        }
        let load = |p: &&Preprocess| Dataset::load(source, indices, p, options, progress);
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
    /// is normalised; `progress` hears how many images are done, over all members.
    ///
    /// # Errors
    /// An image that cannot be read, images of another size, or probabilities that are not numbers.
    pub fn predict(
        &self,
        views: &Views,
        edit: Option<Edit>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<f32>> {
        let mut mean = vec![0.0; views.first().len() * self.classes.len()];
        let mut done = 0;
        for (member, &view) in self.members.iter().zip(&views.of_member) {
            let data = &views.datasets[view];
            let order: Vec<usize> = (0..data.len()).collect();
            let mut rows = mean.chunks_exact_mut(self.classes.len());
            loader::for_each_batch(data, &order, BATCH, &member.preprocess, edit, |batch| {
                let images = batch.samples.len();
                let logits = member.network.forward(batch.into_tensor(&self.device), &Pass::predict());
                let probabilities = activation::softmax(logits, 1).into_data();
                let mut values = probabilities.iter::<f32>();
                for row in rows.by_ref().take(images) {
                    for (sum, value) in row.iter_mut().zip(values.by_ref()) {
                        *sum += value / self.members.len() as f32;
                    }
                }
                done += images;
                progress(done);
                Ok(Flow::Continue)
            })?;
        }
        if mean.iter().any(|p| !p.is_finite()) {
            return Err(Error::new("the model gives probabilities that are not numbers"));
        }
        Ok(mean)
    }
}
