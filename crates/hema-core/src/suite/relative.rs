//! Balanced errors relative to a published baseline, as `MedMNIST-C` defines them (Di Salvo et al., arXiv
//! 2406.17536).

use serde::{Deserialize, Serialize};

/// Mean balanced error of `AlexNet` on clean images of `BloodMNIST`, as published with the benchmark.
const ALEXNET_CLEAN: f64 = 0.01837;

/// Balanced error of `AlexNet` under each corruption of `BloodMNIST-C`, the mean over the severities.
const ALEXNET: [(&str, f64); 11] = [
    ("pixelate", 0.0598),
    ("jpeg", 0.1398),
    ("defocus-blur", 0.2240),
    ("motion-blur", 0.1845),
    ("brightness-up", 0.0695),
    ("brightness-down", 0.0790),
    ("contrast-up", 0.0522),
    ("contrast-down", 0.0797),
    ("saturate", 0.0348),
    ("stain-deposit", 0.1854),
    ("bubble", 0.1290),
];

/// How errors compare with those of the baseline; below 1 is better than it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RelativeErrors {
    /// BE: the balanced error under a corruption over the baseline's, the mean over the corruptions.
    pub be: f64,
    /// rBE: the same of what corruption adds to the clean error. Unsteady where the baseline hardly suffers.
    pub rbe: f64,
}

/// Compares balanced errors with the baseline's: the clean one, and each corruption's mean over its
/// severities. `None` unless exactly the corruptions of `BloodMNIST-C` are there.
pub fn relative_errors(clean: f64, corrupted: &[(&str, f64)]) -> Option<RelativeErrors> {
    let of_both = ALEXNET.map(|(name, baseline)| {
        let found = corrupted.iter().find(|(corruption, _)| *corruption == name)?;
        Some((found.1, baseline))
    });
    let pairs: Vec<(f64, f64)> = of_both.into_iter().collect::<Option<_>>()?;
    let mean = |ratio: &dyn Fn(f64, f64) -> f64| {
        pairs.iter().map(|(found, baseline)| ratio(*found, *baseline)).sum::<f64>() / pairs.len() as f64
    };
    (corrupted.len() == pairs.len()).then(|| RelativeErrors {
        be: mean(&|found, baseline| found / baseline),
        rbe: mean(&|found, baseline| (found - clean) / (baseline - ALEXNET_CLEAN)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_baseline_has_an_error_of_one_relative_to_itself() {
        let itself = relative_errors(ALEXNET_CLEAN, &ALEXNET).unwrap();
        assert!((itself.be - 1.0).abs() < 1e-12 && (itself.rbe - 1.0).abs() < 1e-12);
        let half = ALEXNET.map(|(name, error)| (name, error / 2.0));
        assert!((relative_errors(ALEXNET_CLEAN / 2.0, &half).unwrap().be - 0.5).abs() < 1e-12);
        // its mean balanced accuracy, as published
        let mean = ALEXNET.iter().map(|(_, error)| error).sum::<f64>() / 11.0;
        assert!((mean - 0.1125).abs() < 1e-3);
    }

    #[test]
    fn other_corruptions_have_no_baseline() {
        assert_eq!(relative_errors(0.0, &ALEXNET[..10]), None);
        let mut more = ALEXNET.to_vec();
        more.push(("fog", 0.1));
        assert_eq!(relative_errors(0.0, &more), None);
    }
}
