//! The learning-rate range test (Smith, 2017): a short run whose learning rate grows from hardly learning to
//! diverging.
//!
//! It trains as the recipe's first stage does, with its optimizer, augmentation and loss, and keeps nothing.
//! Left out on purpose: several runs per rate. What it suggests is where to start looking.

use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::Device;
use hema_core::data::Dataset;
use hema_core::error::{Error, Result};
use hema_core::sampler::Draw;

use super::learner::Learner;
use super::setup::{check_labelled, model_spec};
use super::start::start_weights;
use crate::loader::{self, Flow};
use crate::nn::on_pool;
use crate::recipe::Recipe;

/// The rates of the first and of the last step.
const RATES: [f64; 2] = [1e-7, 10.0];
/// Share of the smoothed loss that a step leaves as it is.
const SMOOTHING: f64 = 0.9;
/// How many times its lowest value the smoothed loss reaches where the test ends (as in fastai).
const DIVERGED: f64 = 4.0;
/// How much of the first loss must go for a test to say anything.
const LEAST_FALL: f64 = 0.01;

/// One step of a range test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Its learning rate.
    pub lr: f64,
    /// The loss of its batch, before the step.
    pub loss: f64,
    /// The exponential mean of the losses so far.
    pub smoothed: f64,
}

/// The steps of a range test.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RangeTest {
    /// The steps, in order.
    pub points: Vec<Point>,
}

impl RangeTest {
    /// Steps of a test that goes to its end.
    pub const STEPS: usize = 100;

    /// The rate at which the smoothed loss was lowest, when it fell at all.
    pub fn lowest(&self) -> Option<f64> {
        self.lowest_point().map(|index| self.points[index].lr)
    }

    /// A tenth of [`Self::lowest`]: the usual peak rate of a schedule.
    pub fn suggested(&self) -> Option<f64> {
        self.lowest().map(|lr| lr / 10.0)
    }

    /// The rate at which the smoothed loss fell fastest over the logarithm of the rate.
    pub fn steepest(&self) -> Option<f64> {
        /// Steps to either side that a slope is taken over.
        const REACH: usize = 3;
        /// Steps until the smoothed loss is one: before, it moves with every batch.
        const SETTLED: usize = 10;
        let slope = |index: &usize| self.points[index + REACH].smoothed - self.points[index - REACH].smoothed;
        let last = self.lowest_point()?.min(self.points.len().saturating_sub(REACH + 1));
        let steepest = (SETTLED..=last).min_by(|a, b| slope(a).total_cmp(&slope(b)))?;
        Some(self.points[steepest].lr)
    }

    fn lowest_point(&self) -> Option<usize> {
        let smoothed = |index: usize| self.points[index].smoothed;
        let lowest = (0..self.points.len()).min_by(|a, b| smoothed(*a).total_cmp(&smoothed(*b)))?;
        (smoothed(lowest) < (1.0 - LEAST_FALL) * smoothed(0)).then_some(lowest)
    }

    /// Takes in a step; whether the loss has left for good.
    fn add(&mut self, lr: f64, loss: f64) -> bool {
        let steps = self.points.len() as i32;
        // the mean of all losses so far, later ones counting more, without a bias towards a start at 0
        let weight = (1.0 - SMOOTHING) / (1.0 - SMOOTHING.powi(steps + 1));
        let before = self.points.last().map_or(loss, |point| point.smoothed);
        let smoothed = before + weight * (loss - before);
        self.points.push(Point { lr, loss, smoothed });
        let lowest = self.points.iter().map(|point| point.smoothed).fold(f64::INFINITY, f64::min);
        smoothed > DIVERGED * lowest
    }
}

/// The rate of a step: each is the same factor above the one before.
fn rate(step: usize) -> f64 {
    RATES[0] * (RATES[1] / RATES[0]).powf(step as f64 / (RangeTest::STEPS - 1) as f64)
}

/// Runs a range test on the first stage of a recipe, over as many epochs as its steps take, until the loss
/// leaves for good. `watch` hears of every step. Nothing when `stop` was set.
///
/// # Errors
/// A recipe that does not fit the data or the model; an image that cannot be read.
pub fn test_rates(
    recipe: &Recipe,
    data: &Dataset,
    device: &Device,
    watch: &mut dyn FnMut(&RangeTest),
    stop: &AtomicBool,
) -> Result<Option<RangeTest>> {
    check_labelled(data)?;
    let stage = recipe.stages.first().ok_or_else(|| Error::new("the recipe has no stage"))?;
    let mut learner = Learner::new(recipe, data, device)?;
    let spec = model_spec(recipe, data.classes().len());
    learner.network = start_weights(learner.network, &spec, &recipe.model.weights, data.classes())?.network;
    learner.enter(stage)?;

    let (images, teachers) = (learner.images.clone(), learner.teachers.clone());
    let preprocess = learner.preprocess_at(stage);
    let mut test = RangeTest::default();
    let mut done = false;
    let mut epoch = 0;
    while !done {
        let make = |draws: &[Draw]| teachers.batch(&images, draws, epoch, &preprocess);
        let draws = images.draw(epoch, stage.batch_size);
        loader::for_each_made_batch(&draws, stage.batch_size, &preprocess, &make, |batch| {
            let step = test.points.len();
            let diverged = match on_pool(device, || learner.step(stage, batch, rate(step), step as u64)) {
                Ok(loss) => test.add(rate(step), loss),
                // not finite: what the test is after
                Err(_) => true,
            };
            watch(&test);
            done = diverged || test.points.len() == RangeTest::STEPS || stop.load(Ordering::Relaxed);
            Ok(if done { Flow::Stop } else { Flow::Continue })
        })?;
        epoch += 1;
    }
    Ok((!stop.load(Ordering::Relaxed)).then_some(test))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(loss: impl Fn(f64) -> f64) -> RangeTest {
        let mut test = RangeTest::default();
        for step in 0..RangeTest::STEPS {
            if test.add(rate(step), loss(rate(step))) {
                break;
            }
        }
        test
    }

    #[test]
    fn rates_grow_by_one_factor() {
        assert!((rate(0) - 1e-7).abs() < 1e-20 && (rate(RangeTest::STEPS - 1) - 10.0).abs() < 1e-9);
        assert!((rate(50) / rate(49) - rate(1) / rate(0)).abs() < 1e-9);
    }

    #[test]
    fn the_suggestions_lie_where_the_loss_falls_and_move_with_it() {
        // flat, then down around 1e-3, then up from 0.1
        let curve = |scale: f64| {
            test(move |lr| {
                let x = (lr * scale).log10();
                2.0 - 1.5 / (1.0 + (-4.0 * (x + 3.0)).exp()) + (4.0 * (x + 0.5)).exp()
            })
        };
        let found = curve(1.0);
        assert!(found.points.len() < RangeTest::STEPS, "it stops where the loss diverges");
        let (steepest, lowest) = (found.steepest().unwrap(), found.lowest().unwrap());
        assert!((3e-4..6e-3).contains(&steepest), "{steepest}");
        assert!((1e-2..0.5).contains(&lowest), "{lowest}");
        assert_eq!(found.suggested(), Some(lowest / 10.0));
        let moved = curve(100.0).lowest().unwrap();
        assert!((50.0..200.0).contains(&(lowest / moved)), "{lowest} {moved}");
    }

    #[test]
    fn a_loss_that_never_falls_suggests_nothing() {
        for test in [test(|_| 2.0), test(|lr| 2.0 + lr), RangeTest::default()] {
            assert_eq!((test.suggested(), test.steepest()), (None, None));
        }
        // the end of the range has no slope to take
        assert!(test(|lr| if lr > 9.0 { 0.1 } else { 2.0 }).steepest().is_some());
    }
}
