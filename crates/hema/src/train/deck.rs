//! The training images as the epochs show them: drawn by the recipe's sampler, shuffled, mixed and augmented.
//!
//! What is drawn follows from the seed and the epoch, and what becomes of an image from its place in the data and how
//! often it came before: a resumed epoch goes on where it stopped.

use hema_core::Image;
use hema_core::augment::Augment;
use hema_core::data::Dataset;
use hema_core::error::Result;
use hema_core::rng::{Purpose, stream};
use hema_core::sampler::{self, Draw, Sampler};
use rand::seq::SliceRandom;

use crate::recipe::Recipe;

/// The training images and how they are drawn.
#[derive(Clone)]
pub(super) struct Deck<'a> {
    data: &'a Dataset,
    seed: u64,
    augment: Augment,
    sampler: &'static Sampler,
    /// Positions of the images of each class.
    classes: Vec<Vec<usize>>,
    /// Images of each class in an epoch.
    quotas: Vec<u64>,
}

impl<'a> Deck<'a> {
    /// The deck of a recipe.
    ///
    /// # Errors
    /// An unknown sampler.
    pub(super) fn new(recipe: &Recipe, data: &'a Dataset, augment: Augment) -> Result<Self> {
        let sampler = sampler::find(&recipe.data.sampler)?;
        let mut classes = vec![Vec::new(); data.classes().len()];
        for i in 0..data.len() {
            if let Some(label) = data.label(i) {
                classes[label].push(i);
            }
        }
        let quotas = sampler.quotas(&data.counts());
        Ok(Self { data, seed: recipe.seed, augment, sampler, classes, quotas })
    }

    /// Images of an epoch.
    pub(super) fn len(&self) -> usize {
        self.quotas.iter().sum::<u64>() as usize
    }

    /// Images of each class in an epoch.
    pub(super) fn quotas(&self) -> &[u64] {
        &self.quotas
    }

    /// The images of an epoch, in the order they are shown.
    pub(super) fn draw(&self, epoch: u64) -> Vec<Draw> {
        let mut draws = self.sampler.draw(&self.classes, &self.quotas, self.seed, epoch);
        draws.shuffle(&mut stream(self.seed, Purpose::Shuffle, epoch, 0));
        draws
    }

    /// The image of a draw, mixed and augmented.
    ///
    /// # Errors
    /// An image that cannot be read from the data set's store.
    pub(super) fn read(&self, draw: &Draw, epoch: u64) -> Result<Image> {
        let mut image = self.data.image(draw.image)?;
        if let Some(mix) = draw.mix {
            mix.apply(&mut image, &self.data.image(mix.with)?);
        }
        // an image that comes again must not look the same again
        let look = draw.image as u64 + draw.repeat * self.data.len() as u64;
        self.augment.apply(&mut image, &mut stream(self.seed, Purpose::Augment, epoch, look));
        Ok(image)
    }
}
