//! Pictures of another size or shape than the rest of the set.

use super::check::{Check, Evidence, Finding, Need};
use super::fault::{HALF_WAY, below};
use super::measure::Measured;
use super::robust::{Limits, Spread};

pub(super) const ODD_SIZE: Check = Check {
    name: "odd_size",
    about: "images about twice as large or small as the others, or more",
    advice: "Find out where they come from: resized to the others' size, their cells are too large or too small.",
    needs: Need::Images,
    threshold: HALF_WAY,
    run: |check, evidence, threshold| {
        // twice or half the usual side
        let limits = Limits { surely: 3.0_f64.ln(), fine: 1.25_f64.ln() };
        unlike(check, evidence, threshold, limits, |m| f64::from(m.width * m.height).sqrt())
    },
};

pub(super) const ODD_ASPECT: Check = Check {
    name: "odd_aspect",
    about: "images of other proportions than the others",
    advice: "Find out where they come from: resized to a square, their cells are stretched.",
    needs: Need::Images,
    threshold: HALF_WAY,
    run: |check, evidence, threshold| {
        let limits = Limits { surely: 2.0_f64.ln(), fine: 1.1_f64.ln() };
        unlike(check, evidence, threshold, limits, |m| f64::from(m.width) / f64::from(m.height))
    },
};

/// Images whose value is a multiple or a fraction of what is usual; the limits are logarithms of the factor.
fn unlike(
    check: &Check,
    evidence: &Evidence,
    threshold: f64,
    limits: Limits,
    value: fn(&Measured) -> f64,
) -> Vec<Finding> {
    let logs = evidence.values(|measured| Some(value(measured).ln()));
    let Some(usual) = Spread::of(logs.iter().flatten().copied()) else { return Vec::new() };
    let factors: Vec<Option<f64>> =
        logs.iter().map(|log| log.map(|log| (log - usual.median).abs())).collect();
    below(check, threshold, &limits.scores(&factors), |image| {
        let size = evidence.measured[image].as_ref().map(|m| (m.width, m.height)).unwrap_or_default();
        format!(
            "is {}x{} pixels, {:.1} times off what is usual",
            size.0,
            size.1,
            factors[image].unwrap_or_default().exp()
        )
    })
}
