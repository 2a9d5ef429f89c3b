//! Images per second of whole training steps (forward, loss, backward, AdamW) or of prediction, on random images of 96 pixels.
//!
//! `step train|predict MODEL BATCH [STEPS]` prints the median over the steps, after three that do not count. Peers are timed
//! by the same loop in `benches/peers/`.

#![allow(clippy::print_stdout)] // the result

use std::time::Instant;

use burn::module::Module;
use burn::tensor::{Distribution, Tensor};
use hema::Device;
use hema::loss::CrossEntropy;
use hema::model::{ModelSpec, Network};
use hema::nn::{Activation, Pass};
use hema::optim::Optimizer;
use hema::recipe::Recipe;

const SIDE: usize = 96;
const WARM_UP: usize = 3;

fn main() -> Result<(), hema::core::Error> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (mode, model, batch) = match &words[..] {
        [mode, model, batch, ..] => (mode.as_str(), model.clone(), number(batch)),
        _ => return Err(hema::core::Error::new("expected: train|predict MODEL BATCH [STEPS]")),
    };
    let steps = words.get(3).map_or(10, |steps| number(steps));
    let spec = ModelSpec {
        name: model,
        classes: 8,
        size: SIDE,
        head: vec![],
        activation: Activation::Relu,
        head_batch_norm: false,
        dropout: 0.0,
        drop_path: 0.0,
    };
    let mut seconds = match mode {
        "train" => train(&spec, batch, steps)?,
        _ => predict(&spec, batch, steps)?,
    };
    seconds.drain(..WARM_UP);
    seconds.sort_by(f64::total_cmp);
    println!("{:.1} images/s", batch as f64 / seconds[seconds.len() / 2]);
    Ok(())
}

fn number(word: &str) -> usize {
    word.parse().unwrap_or(1)
}

fn train(spec: &ModelSpec, batch: usize, steps: usize) -> Result<Vec<f64>, hema::core::Error> {
    let device = Device::flex().autodiff();
    let recipe = Recipe::load("v2b0", &[] as &[&str])?;
    let mut network = Network::new(spec, 0, &device)?;
    let mut optimizer = Optimizer::new(&recipe.stages[0]);
    let loss = CrossEntropy::new(&recipe.loss, &[1; 8]);
    let labels: Vec<usize> = (0..batch).map(|i| i % 8).collect();
    let images = Tensor::<4>::random([batch, SIDE, SIDE, 3], Distribution::Normal(0.0, 1.0), &device);
    let mut seconds = Vec::new();
    for step in 0..steps + WARM_UP {
        let start = Instant::now();
        let logits = network.forward(images.clone(), &Pass::train(0, step as u64));
        let grads = loss.forward(logits, &labels, &device).backward();
        network = optimizer.step(network, grads, 1e-4)?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    Ok(seconds)
}

fn predict(spec: &ModelSpec, batch: usize, steps: usize) -> Result<Vec<f64>, hema::core::Error> {
    let device = Device::flex();
    let network = Network::new(spec, 0, &device)?.valid();
    let images = Tensor::<4>::random([batch, SIDE, SIDE, 3], Distribution::Normal(0.0, 1.0), &device);
    let mut seconds = Vec::new();
    for _ in 0..steps + WARM_UP {
        let start = Instant::now();
        let logits = network.forward(images.clone(), &Pass::predict()).into_data();
        assert_eq!(logits.shape()[0], batch);
        seconds.push(start.elapsed().as_secs_f64());
    }
    Ok(seconds)
}
