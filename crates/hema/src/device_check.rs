//! Whether a device computes networks as the processor does: drivers and compilers for graphics cards have
//! faults, and a wrong probability looks like a right one.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use hema_core::error::{Error, Result};
use hema_core::rng::{self, Purpose};
use rand::RngExt;

use crate::device;
use crate::model::{ModelSpec, Network};
use crate::nn::{Pass, Precision};
use crate::weights::gradient_norms;

/// A small network with every kind of operation that the large ones have: depthwise, strided and 1 x 1
/// convolutions, gates, normalisation, dense layers.
const NETWORK: &str = "mobilenetv3_small_100";
const SIZE: usize = 64;
const IMAGES: usize = 16;

/// The largest difference that rounding may make, as a share; faults make far larger ones. NVIDIA's cards
/// round what goes into a product to 11 bits (TF32); rounding to the 8 of bf16 stays below this, too.
const TOLERANCE: f64 = 0.1;

/// The results of a network with random weights on made-up images.
struct Outcome {
    logits: Vec<f64>,
    /// The norm of every parameter's gradient.
    norms: BTreeMap<String, f64>,
}

/// Computes a small network, forward and backward, on the device and on the processor.
///
/// # Errors
/// A device on which it comes out otherwise. The processor itself is not asked.
pub fn check(device: &Device) -> Result<()> {
    if device::is_cpu(device) {
        return Ok(());
    }
    match difference(&compute(&Device::flex(), Precision::Fp32)?, &compute(device, Precision::Fp32)?) {
        None => Ok(()),
        Some(difference) => {
            Err(Error::new(format!("{} computes wrongly: {difference}", device::name(device)))
                .hint("update its driver, or use `--device cpu`"))
        }
    }
}

fn compute(device: &Device, precision: Precision) -> Result<Outcome> {
    let device = device.clone().autodiff();
    let network = Network::new(&ModelSpec::bare(NETWORK, 8, SIZE), 0, &device)?;
    // noise: in regular patterns, normalisation magnifies the effect of rounding a hundredfold
    let mut rng = rng::stream(0, Purpose::Synthetic, 0, 0);
    let values = (0..IMAGES * SIZE * SIZE * 3).map(|_| rng.random_range(-1.0..1.0)).collect::<Vec<f32>>();
    let images = Tensor::from_data(TensorData::new(values, [IMAGES, SIZE, SIZE, 3]), &device);
    let logits = network.forward(images, &Pass::train(0, 0).with_precision(precision));
    let norms = gradient_norms(&network, &logits.clone().square().sum().backward());
    Ok(Outcome { logits: logits.into_data().iter::<f64>().collect(), norms })
}

/// The first difference that is too large for rounding, and how many gradients have one.
fn difference(expected: &Outcome, found: &Outcome) -> Option<String> {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let apart = norm(&mut expected.logits.iter().zip(&found.logits).map(|(a, b)| a - b));
    let share = apart / norm(&mut expected.logits.iter().copied());
    let is_fault = |share: f64| share.is_nan() || share > TOLERANCE;
    if is_fault(share) {
        return Some(format!(
            "the outputs of {NETWORK} are {:.0} % off those of the processor",
            100.0 * share
        ));
    }
    // a parameter that normalisation cancels has a gradient of zero but for rounding
    let whole = norm(&mut expected.norms.values().copied());
    let faults: Vec<String> = expected
        .norms
        .iter()
        .filter_map(|(name, expected)| {
            let found = found.norms.get(name).copied().unwrap_or(f64::NAN);
            let share = (found - expected).abs() / (expected + 1e-2 * whole);
            is_fault(share).then(|| format!("{name} has the norm {found:.3e}, expected {expected:.3e}"))
        })
        .collect();
    let more = match faults.len() {
        0 => return None,
        1 => String::new(),
        count => format!(" ({count} of {} gradients differ)", expected.norms.len()),
    };
    Some(format!("the gradient of {NETWORK}'s {}{more}", faults[0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_output_and_a_wrong_gradient_are_differences() {
        let right = || compute(&Device::flex(), Precision::Fp32).unwrap();
        assert_eq!(difference(&right(), &right()), None);
        for factor in [0.0, 1.2, f64::NAN] {
            let mut wrong = right();
            wrong.logits.iter_mut().for_each(|logit| *logit *= factor);
            assert!(
                difference(&right(), &wrong).unwrap().starts_with("the outputs of mobilenetv3_small_100 are")
            );
            let mut wrong = right();
            *wrong.norms.get_mut("classifier.weight").unwrap() *= factor;
            assert!(difference(&right(), &wrong).unwrap().contains("classifier.weight has the norm"));
        }
    }

    #[test]
    fn rounding_is_no_fault() {
        let [wide, narrow] = [Precision::Fp32, Precision::Bf16].map(|p| compute(&Device::flex(), p).unwrap());
        assert_ne!(wide.logits, narrow.logits);
        assert_eq!(difference(&wide, &narrow), None);
    }
}
