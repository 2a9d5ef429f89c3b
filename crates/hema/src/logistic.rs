//! Multinomial logistic regression on fixed features: a linear head in seconds, the same on any number of
//! threads.
//!
//! Features are standardised; the weights (not the biases) carry an L2 penalty; the optimum, of which there
//! is one, is found by L-BFGS (Nocedal, 1980) on all samples at once. Left out on purpose: sparse features,
//! class weights, and choosing the penalty.

use hema_kernels::dot;
use std::collections::VecDeque;

use rayon::prelude::*;

/// Most steps; the gradient is small enough long before.
const STEPS: usize = 200;
/// Steps that the curvature is estimated from.
const MEMORY: usize = 10;
/// The search ends when the gradient is so much smaller than at the start.
const TOLERANCE: f64 = 1e-3;
/// Samples of one task, so that sums do not depend on the number of threads.
const CHUNK: usize = 256;

/// A fitted linear classifier.
#[derive(Clone, Debug)]
pub(crate) struct Logistic {
    mean: Vec<f32>,
    scale: Vec<f32>,
    classes: usize,
    /// A row a class: a weight for every feature, then the bias.
    weights: Vec<f32>,
}

impl Logistic {
    /// Fits it to samples of `width` features each, whose classes are `labels`. `penalty` is the weight of
    /// the squared norm beside the mean loss.
    pub(crate) fn fit(rows: &[&[f32]], width: usize, labels: &[usize], classes: usize, penalty: f64) -> Self {
        let (mean, scale) = standardisation(rows, width);
        let mut model = Self { mean, scale, classes, weights: vec![0.0; classes * (width + 1)] };
        let mut standardised = vec![0.0; rows.len() * width];
        standardised.par_chunks_exact_mut(width.max(1)).zip(rows).for_each(|(out, row)| {
            model.standardise(row, out);
        });
        let problem = Problem { features: &standardised, width, labels, classes, penalty };
        model.weights = minimise(&problem).iter().map(|w| *w as f32).collect();
        model
    }

    /// Probabilities of every class for one sample.
    pub(crate) fn predict(&self, features: &[f32]) -> Vec<f32> {
        let mut standardised = vec![0.0; features.len()];
        self.standardise(features, &mut standardised);
        let mut logits = vec![0.0; self.classes];
        self::logits(&self.weights, &standardised, &mut logits);
        softmax(&mut logits);
        logits
    }

    fn standardise(&self, features: &[f32], out: &mut [f32]) {
        for (i, value) in out.iter_mut().enumerate() {
            *value = (features[i] - self.mean[i]) * self.scale[i];
        }
    }
}

/// Mean and reciprocal standard deviation of every feature; a constant one counts for nothing.
fn standardisation(rows: &[&[f32]], width: usize) -> (Vec<f32>, Vec<f32>) {
    let (mut sum, mut squares) = (vec![0.0_f64; width], vec![0.0_f64; width]);
    for row in rows {
        for (i, value) in row.iter().enumerate() {
            sum[i] += f64::from(*value);
            squares[i] += f64::from(*value).powi(2);
        }
    }
    let count = rows.len().max(1) as f64;
    let deviation = |i: usize| (squares[i] / count - (sum[i] / count).powi(2)).max(0.0).sqrt();
    let scale = (0..width).map(|i| if deviation(i) > 1e-6 { (1.0 / deviation(i)) as f32 } else { 0.0 });
    (sum.iter().map(|sum| (sum / count) as f32).collect(), scale.collect())
}

struct Problem<'a> {
    features: &'a [f32],
    width: usize,
    labels: &'a [usize],
    classes: usize,
    penalty: f64,
}

impl Problem<'_> {
    /// The mean cross-entropy with the penalty, and its gradient.
    fn loss(&self, weights: &[f64]) -> (f64, Vec<f64>) {
        let single: Vec<f32> = weights.iter().map(|w| *w as f32).collect();
        let row = self.width + 1;
        let chunks: Vec<(f64, Vec<f32>)> = self
            .features
            .par_chunks(CHUNK * self.width.max(1))
            .zip(self.labels.par_chunks(CHUNK))
            .map(|(features, labels)| {
                let (mut loss, mut gradient) = (0.0, vec![0.0; weights.len()]);
                let mut probabilities = vec![0.0; self.classes];
                for (x, label) in features.chunks_exact(self.width).zip(labels) {
                    logits(&single, x, &mut probabilities);
                    softmax(&mut probabilities);
                    loss -= f64::from(probabilities[*label].max(f32::MIN_POSITIVE)).ln();
                    probabilities[*label] -= 1.0;
                    for (class, residual) in probabilities.iter().enumerate() {
                        let own = &mut gradient[class * row..][..row];
                        own[self.width] += residual;
                        for (sum, value) in own.iter_mut().zip(x) {
                            *sum += residual * value;
                        }
                    }
                }
                (loss, gradient)
            })
            .collect();
        let count = self.labels.len().max(1) as f64;
        let (mut loss, mut gradient) = (0.0, vec![0.0; weights.len()]);
        for (chunk_loss, chunk_gradient) in chunks {
            loss += chunk_loss / count;
            gradient.iter_mut().zip(chunk_gradient).for_each(|(sum, value)| *sum += f64::from(value) / count);
        }
        for (i, weight) in weights.iter().enumerate().filter(|(i, _)| i % row < self.width) {
            loss += self.penalty * weight * weight;
            gradient[i] += 2.0 * self.penalty * weight;
        }
        (loss, gradient)
    }
}

/// One value a class: the weights' product with the sample, plus the bias.
fn logits(weights: &[f32], x: &[f32], out: &mut [f32]) {
    for (row, logit) in weights.chunks_exact(x.len() + 1).zip(out) {
        *logit = dot(&row[..x.len()], x) + row[x.len()];
    }
}

fn softmax(logits: &mut [f32]) {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for logit in logits.iter_mut() {
        *logit = (*logit - largest).exp();
    }
    let sum: f32 = logits.iter().sum();
    for value in logits {
        *value /= sum;
    }
}

/// L-BFGS with a backtracking line search, from zero.
fn minimise(problem: &Problem) -> Vec<f64> {
    let mut at = vec![0.0; problem.classes * (problem.width + 1)];
    let (mut loss, mut gradient) = problem.loss(&at);
    let small = TOLERANCE * norm(&gradient);
    let mut memory: VecDeque<(Vec<f64>, Vec<f64>)> = VecDeque::new();
    for _ in 0..STEPS {
        if norm(&gradient) <= small {
            break;
        }
        let direction = descend(&gradient, &memory);
        let slope = product(&direction, &gradient);
        let mut length = if memory.is_empty() { 1.0 / norm(&gradient) } else { 1.0 };
        let next = loop {
            let there: Vec<f64> = at.iter().zip(&direction).map(|(a, d)| a + length * d).collect();
            let (next_loss, next_gradient) = problem.loss(&there);
            if next_loss <= loss + 1e-4 * length * slope {
                break Some((there, next_loss, next_gradient));
            }
            length /= 2.0;
            if length < 1e-9 {
                break None;
            }
        };
        let Some((there, next_loss, next_gradient)) = next else { break };
        let step: Vec<f64> = there.iter().zip(&at).map(|(b, a)| b - a).collect();
        let change: Vec<f64> = next_gradient.iter().zip(&gradient).map(|(b, a)| b - a).collect();
        if product(&step, &change) > 1e-12 {
            memory.push_back((step, change));
            if memory.len() > MEMORY {
                memory.pop_front();
            }
        }
        (at, loss, gradient) = (there, next_loss, next_gradient);
    }
    at
}

/// The direction of descent: the two loops of L-BFGS.
fn descend(gradient: &[f64], memory: &VecDeque<(Vec<f64>, Vec<f64>)>) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut alphas = Vec::new();
    for (step, change) in memory.iter().rev() {
        let alpha = product(step, &direction) / product(step, change);
        direction.iter_mut().zip(change).for_each(|(d, c)| *d -= alpha * c);
        alphas.push(alpha);
    }
    if let Some((step, change)) = memory.back() {
        let scale = product(step, change) / product(change, change);
        for d in &mut direction {
            *d *= scale;
        }
    }
    for ((step, change), alpha) in memory.iter().zip(alphas.iter().rev()) {
        let beta = product(change, &direction) / product(step, change);
        direction.iter_mut().zip(step).for_each(|(d, s)| *d += (alpha - beta) * s);
    }
    direction
}

fn product(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    product(a, a).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three classes on a circle, with a constant feature and one on another scale.
    fn samples() -> (Vec<f32>, Vec<usize>) {
        let labels: Vec<usize> = (0..300).map(|i| i % 3).collect();
        let features = labels.iter().enumerate().flat_map(|(i, label)| {
            let angle = *label as f32 * 2.1 + (i as f32 * 0.37).sin() * 0.9;
            [angle.cos(), 1000.0 * angle.sin(), 7.0]
        });
        (features.collect(), labels)
    }

    fn fit(penalty: f64) -> Logistic {
        let (features, labels) = samples();
        Logistic::fit(&features.chunks_exact(3).collect::<Vec<_>>(), 3, &labels, 3, penalty)
    }

    #[test]
    fn separable_classes_are_told_apart_and_probabilities_sum_to_one() {
        let ((features, labels), model) = (samples(), fit(1e-4));
        for (x, label) in features.chunks_exact(3).zip(labels) {
            let p = model.predict(x);
            assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            assert!(p.iter().all(|other| *other <= p[label]), "{p:?}, class {label}");
        }
    }

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        let (features, labels) = samples();
        let features: Vec<f32> = features.iter().map(|v| v % 3.0).collect();
        let problem = Problem { features: &features, width: 3, labels: &labels, classes: 3, penalty: 0.01 };
        let at: Vec<f64> = (0..12).map(|i| 0.1 * f64::from(i % 5) - 0.2).collect();
        let (_, gradient) = problem.loss(&at);
        for i in 0..12 {
            let moved = |by: f64| {
                let mut there = at.clone();
                there[i] += by;
                problem.loss(&there).0
            };
            let numeric = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            assert!((gradient[i] - numeric).abs() < 1e-3, "{i}: {} {numeric}", gradient[i]);
        }
    }

    #[test]
    fn a_penalty_makes_it_less_sure() {
        let sure = |model: &Logistic| model.predict(&[1.0, 0.0, 7.0])[0];
        assert!(sure(&fit(1e-4)) > sure(&fit(0.1)) && sure(&fit(0.1)) > 0.34);
    }

    #[test]
    fn threads_do_not_change_it() {
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(alone.install(|| fit(1e-3)).weights, fit(1e-3).weights);
    }
}
