//! Models that a network learns from: what they say of the images of a batch, as training shows them.
//!
//! They speak while the batch is made, ahead of the network, through the [`Predictor`] like every other prediction.

use std::sync::Arc;

use burn::tensor::Device;
use hema_core::Image;
use hema_core::data::Dataset;
use hema_core::error::{Error, Result};
use hema_core::preprocess::Preprocess;
use hema_core::sampler::Draw;
use hema_core::tta;

use super::deck::{Deck, Shown, shrink};
use crate::loss::soften;
use crate::predict::Predictor;
use crate::recipe::Recipe;

/// What is to be learned of an image.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lesson {
    /// What it shows.
    pub(super) shown: Shown,
    /// The teachers' softened probabilities, one a class; nothing where there is no teacher.
    pub(super) taught: Vec<f32>,
}

/// The teachers of a recipe, perhaps none.
#[derive(Clone)]
pub(super) struct Teachers {
    predictor: Option<Arc<Predictor>>,
    temperature: f64,
}

impl Teachers {
    /// Opens the models that a recipe names.
    ///
    /// # Errors
    /// A file that is no model, or one for other classes.
    pub(super) fn open(recipe: &Recipe, classes: &[String], device: &Device) -> Result<Self> {
        let paths = &recipe.distill.teachers;
        let temperature = recipe.distill.temperature;
        let Some(first) = paths.first() else { return Ok(Self { predictor: None, temperature }) };
        let (predictor, _) = Predictor::open(paths, device)?;
        if predictor.classes() != classes {
            let (found, expected) = (predictor.classes().join(", "), classes.join(", "));
            return Err(Error::new(format!("a model for the classes {found}; the data has {expected}"))
                .at(first)
                .hint("`distill.teachers` must know the classes of the training data, in their order"));
        }
        // an image that is changed anew in every epoch needs no views besides
        let predictor = predictor.with_precision(recipe.precision.on(device)).with_tta(tta::NONE);
        Ok(Self { predictor: Some(Arc::new(predictor)), temperature })
    }

    /// A batch of a deck with what the teachers say of it, at the size that a stage shows images at.
    ///
    /// # Errors
    /// Those of [`Deck::batch`] and of [`Self::teach`].
    pub(super) fn lessons(
        &self,
        deck: &Deck,
        draws: &[Draw],
        epoch: u64,
        preprocess: &Preprocess,
    ) -> Result<Vec<(Lesson, Image)>> {
        shrink(self.teach(deck.batch(draws, epoch)?)?, preprocess)
    }

    /// Adds to each image of a batch what the teachers say of it.
    ///
    /// # Errors
    /// Probabilities that are not numbers.
    fn teach(&self, batch: Vec<(Shown, Image)>) -> Result<Vec<(Lesson, Image)>> {
        let Some(predictor) = &self.predictor else {
            return Ok(batch
                .into_iter()
                .map(|(shown, image)| (Lesson { shown, taught: Vec::new() }, image))
                .collect());
        };
        let classes = predictor.classes();
        let images = batch.iter().map(|(_, image)| (String::new(), image.clone(), None)).collect();
        let images = Dataset::from_images(classes.to_vec(), images)?;
        let mut said = predictor.predict(&predictor.view(&images), None, &mut |_| ())?;
        soften(&mut said, classes.len(), self.temperature);
        let lessons = batch.into_iter().zip(said.chunks_exact(classes.len()));
        Ok(lessons.map(|((shown, image), row)| (Lesson { shown, taught: row.to_vec() }, image)).collect())
    }
}
