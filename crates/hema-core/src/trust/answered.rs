//! Labelled images as a network answers them, which trust is fitted to.

use super::quality::Statistics;

/// An image as the network answers it, to fit trust with.
#[derive(Clone, Debug)]
pub struct Answered {
    /// Statistics of the pixels as the network is shown them.
    pub statistics: Statistics,
    /// Features that its head sees.
    pub features: Vec<f32>,
    /// Log-probabilities of the classes at the model's base temperature.
    pub raw: Vec<f32>,
    /// Its class.
    pub label: usize,
    /// 0 for an unchanged image, 1 to 5 for the severity of a corruption, [`SEVERAL`](super::SEVERAL) for
    /// several at once.
    pub severity: u8,
}

/// The answers about images that were not damaged.
pub(super) fn unchanged(answers: &[Answered]) -> impl Iterator<Item = &Answered> {
    answers.iter().filter(|answer| answer.severity == 0)
}
