//! Images per second of whole training steps (forward, loss, backward, AdamW) or of prediction, on random images of 96 pixels.
//!
//! `step train|predict MODEL BATCH [STEPS] [--bf16] [--device=NAME]` prints the median over the steps, after three that do not count, and
//! the most memory the process has had. Peers are timed by the same loop in `benches/peers/`. On a graphics card (built with
//! `--features cuda`, `gpu`, `vulkan` or `metal`) a step ends when the card has done it, ten do not count, and the first, in which
//! kernels are compiled and chosen, is told apart; `--each` prints each step's seconds: forward, backward, update and wait.
//! `step check --device=NAME` says whether a card computes as the processor does.

#![allow(clippy::print_stdout)] // the result

use std::time::Instant;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Distribution, Tensor};
use hema::loss::{CrossEntropy, Target};
use hema::model::{ModelSpec, Network};
use hema::nn::{Pass, Precision, Prepared, on_pool, predicting};
use hema::optim::{self, Optimizer, Settings};
use hema::recipe::Recipe;
use hema::{Device, device, device_check};

#[global_allocator]
static ALLOCATOR: hema::CacheLines = hema::CacheLines;

const SIDE: usize = 96;
const WARM_UP: usize = 3;
/// A card's clock rises, and its memory is laid out, over a few steps.
const WARM_UP_OF_CARD: usize = 10;

fn main() -> Result<(), hema::core::Error> {
    let (flags, words): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|a| a.starts_with("--"));
    let precision = if flags.iter().any(|f| f == "--bf16") { Precision::Bf16 } else { Precision::Fp32 };
    let device = device::open(flags.iter().find_map(|f| f.strip_prefix("--device=")).unwrap_or("cpu"))?;
    let warm_up = if device::is_cpu(&device) { WARM_UP } else { WARM_UP_OF_CARD };
    if words.first().is_some_and(|word| word == "check") {
        let verdict =
            device_check::check(&device).map_or_else(|e| e.to_string(), |()| "as the processor".into());
        println!("{}: {verdict}", device::name(&device));
        return Ok(());
    }
    let (mode, model, batch) = match &words[..] {
        [mode, model, batch, ..] => (mode.as_str(), model.clone(), number(batch)),
        _ => return Err(hema::core::Error::new("expected: train|predict MODEL BATCH [STEPS]")),
    };
    let steps = words.get(3).map_or(10, |steps| number(steps)) + warm_up;
    let each = flags.iter().any(|f| f == "--each");
    let spec = ModelSpec::bare(&model, 8, SIDE);
    let Run { mut seconds, start } = match mode {
        "train" => train(&spec, precision, batch, steps, &device, each)?,
        _ => predict(&spec, precision, batch, steps, &device)?,
    };
    let first = seconds[0];
    seconds.drain(..warm_up);
    seconds.sort_by(f64::total_cmp);
    let (rate, peak) = (batch as f64 / seconds[seconds.len() / 2], megabytes("VmHWM:"));
    println!("{rate:.1} images/s, peak {peak:.0} MB, {:.0} MB above the start", peak - start);
    if !device::is_cpu(&device) {
        println!("{}, first step {first:.1} s", device::name(&device));
    }
    Ok(())
}

/// What a run took.
struct Run {
    seconds: Vec<f64>,
    /// Resident megabytes before the first step.
    start: f64,
}

/// Resident memory as Linux counts it, now (`VmRSS:`) or at most so far (`VmHWM:`); 0 elsewhere.
fn megabytes(which: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(which));
    let kilobytes = line.and_then(|l| l.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) * 1024.0 / 1e6
}

fn number(word: &str) -> usize {
    word.parse().unwrap_or(1)
}

fn train(
    spec: &ModelSpec,
    precision: Precision,
    batch: usize,
    steps: usize,
    device: &Device,
    each: bool,
) -> Result<Run, hema::core::Error> {
    let device = device.clone().autodiff();
    let recipe = Recipe::load("v2b0", &[] as &[&str])?;
    let mut network = Network::new(spec, 0, &device)?;
    let stage = &recipe.stages[0];
    let mut settings = Settings::new(optim::find("adamw")?);
    (settings.weight_decay, settings.clip_norm) = (stage.weight_decay, stage.clip_norm);
    let mut optimizer = Optimizer::new(settings);
    let mut loss = CrossEntropy::plain(8);
    loss.smoothing = recipe.loss.label_smoothing;
    let targets: Vec<Target> = (0..batch).map(|i| Target::from(i % 8)).collect();
    let images = Tensor::<4>::random([batch, SIDE, SIDE, 3], Distribution::Normal(0.0, 1.0), &device);
    let start = megabytes("VmRSS:");
    let mut seconds = Vec::new();
    for step in 0..steps {
        let begun = Instant::now();
        let mut times = Vec::new();
        network = on_pool(&device, || {
            let pass = Pass::train(0, step as u64).with_precision(precision);
            let value = loss.mean(network.forward(images.clone(), &pass), &targets);
            times.push(begun.elapsed());
            let grads = GradientsParams::from_grads(value.backward(), &network);
            times.push(begun.elapsed());
            optimizer.step(network, grads, 1e-4)
        })?;
        times.push(begun.elapsed());
        device.sync().map_err(|e| hema::core::Error::new(format!("{e:?}")))?;
        let whole = begun.elapsed();
        times.push(whole);
        if each {
            println!("{step}: {times:.3?}");
        }
        seconds.push(whole.as_secs_f64());
    }
    Ok(Run { seconds, start })
}

fn predict(
    spec: &ModelSpec,
    precision: Precision,
    batch: usize,
    steps: usize,
    device: &Device,
) -> Result<Run, hema::core::Error> {
    let network = Network::new(spec, 0, device)?.valid();
    let prepared = Prepared::default();
    let images = Tensor::<4>::random([batch, SIDE, SIDE, 3], Distribution::Normal(0.0, 1.0), device);
    let start = megabytes("VmRSS:");
    let mut seconds = Vec::new();
    for _ in 0..steps {
        let start = Instant::now();
        let logits = predicting(device, batch, || {
            let pass = Pass::predict().with_precision(precision).with_prepared(&prepared);
            network.forward(images.clone(), &pass).into_data()
        });
        assert_eq!(logits.shape()[0], batch);
        seconds.push(start.elapsed().as_secs_f64());
    }
    Ok(Run { seconds, start })
}
