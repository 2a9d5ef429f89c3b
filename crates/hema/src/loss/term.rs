//! The contract of a term of the loss: what it adds to the loss of a batch.

use burn::tensor::Tensor;

use super::target::Target;

/// A term of the loss at work.
pub(crate) trait Term {
    /// The term's addend to the mean loss of a batch, `[1]`, for one part of the batch. The sum over all
    /// parts is the addend of the whole batch.
    fn add(&self, part: &Part) -> Tensor<1>;

    /// Views of each training image that the term compares.
    fn views(&self) -> usize {
        1
    }
}

/// The part of a batch that goes through the network at once.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    /// Logits `[views * images, classes]`, view by view.
    pub(crate) logits: Tensor<2>,
    /// The target of each row of the logits.
    pub(crate) targets: &'a [Target],
    /// Probabilities by the teachers, softened, one row of classes a row of the logits; empty without
    /// teachers.
    pub(crate) taught: &'a [f32],
    /// Views of each image.
    pub(crate) views: usize,
    /// The target of each image of the whole batch.
    pub(crate) batch: &'a [Target],
}

impl Part<'_> {
    /// Images of the part.
    pub(crate) fn images(&self) -> usize {
        self.targets.len() / self.views
    }

    /// The part's share of the images of the batch.
    pub(crate) fn share(&self) -> f64 {
        self.images() as f64 / self.batch.len() as f64
    }
}
