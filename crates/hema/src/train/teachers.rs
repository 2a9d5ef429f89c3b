//! Models that a network learns from: what they say of the images of a batch, as training shows them.
//!
//! They speak while the batch is made, ahead of the network, through the [`Predictor`] like every other
//! prediction.

use std::sync::Arc;

use burn::tensor::Device;
use hema_core::Image;
use hema_core::data::{Dataset, are_same_classes};
use hema_core::error::{Error, Result};
use hema_core::preprocess::Preprocess;
use hema_core::sampler::Draw;
use hema_core::seen::Seen;
use hema_core::tta;

use super::training_images::{Labelled, TrainingImages, shrink};
use crate::loss::soften;
use crate::origins::known_origins;
use crate::predict::Predictor;
use crate::recipe::Recipe;
use crate::weights::{Origin, origins_together};

/// The targets of an image of a batch: its label, and the teachers' answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Distilled {
    /// The label.
    pub(super) labelled: Labelled,
    /// The teachers' softened probabilities, one a class; empty where there is no teacher.
    pub(super) taught: Vec<f32>,
}

/// The teachers of a recipe, perhaps none.
#[derive(Clone)]
pub(super) struct Teachers {
    predictor: Option<Arc<Predictor>>,
    temperature: f64,
    /// Prints of the images that they had seen.
    seen: Arc<Seen>,
    /// Published weights that they started from.
    origins: Option<Vec<Origin>>,
}

impl Teachers {
    /// Opens the models that a recipe names.
    ///
    /// # Errors
    /// A file that is no model, or one for other classes.
    pub(super) fn open(recipe: &Recipe, classes: &[String], device: &Device) -> Result<Self> {
        let paths = &recipe.distill.teachers;
        let temperature = recipe.distill.temperature;
        let Some(first) = paths.first() else {
            return Ok(Self {
                predictor: None,
                temperature,
                seen: Arc::default(),
                origins: Some(Vec::new()),
            });
        };
        let (predictor, manifests) = Predictor::open(paths, device)?;
        let seen = manifests.iter().fold(Seen::default(), |seen, manifest| seen.and(&manifest.seen));
        let origins = origins_together(manifests.iter().map(known_origins));
        if !are_same_classes(predictor.classes(), classes) {
            let (found, expected) = (predictor.classes().join(", "), classes.join(", "));
            return Err(Error::new(format!("a model for the classes {found}; the data has {expected}"))
                .at(first)
                .hint("`distill.teachers` must know the classes of the training data, in their order"));
        }
        // an image that is changed anew in every epoch needs no views besides
        let predictor = predictor.with_precision(recipe.precision.on(device)).with_tta(tta::NONE);
        Ok(Self { predictor: Some(Arc::new(predictor)), temperature, seen: Arc::new(seen), origins })
    }

    /// Prints of the images that the teachers had seen.
    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Published weights that the teachers started from; `None` where that is not known.
    pub(super) fn origins(&self) -> Option<Vec<Origin>> {
        self.origins.clone()
    }

    /// A batch of the training images with the teachers' probabilities, at the size that a stage shows images
    /// at.
    ///
    /// # Errors
    /// Those of [`TrainingImages::batch`] and of [`Self::teach`].
    pub(super) fn batch(
        &self,
        images: &TrainingImages,
        draws: &[Draw],
        epoch: u64,
        preprocess: &Preprocess,
    ) -> Result<Vec<(Distilled, Image)>> {
        shrink(self.teach(images.batch(draws, epoch)?)?, preprocess)
    }

    /// Adds to each image of a batch what the teachers say of it.
    ///
    /// # Errors
    /// Probabilities that are not numbers.
    fn teach(&self, batch: Vec<(Labelled, Image)>) -> Result<Vec<(Distilled, Image)>> {
        let Some(predictor) = &self.predictor else {
            return Ok(batch
                .into_iter()
                .map(|(labelled, image)| (Distilled { labelled, taught: Vec::new() }, image))
                .collect());
        };
        let classes = predictor.classes();
        let images = batch.iter().map(|(_, image)| (String::new(), image.clone(), None)).collect();
        let images = Dataset::from_images(classes.to_vec(), images)?;
        let mut said = predictor.predict(&predictor.view_cropped(&images), None, &mut |_| ())?;
        soften(&mut said, classes.len(), self.temperature);
        let distilled = batch.into_iter().zip(said.chunks_exact(classes.len()));
        Ok(distilled
            .map(|((labelled, image), row)| (Distilled { labelled, taught: row.to_vec() }, image))
            .collect())
    }
}
