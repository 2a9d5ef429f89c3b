//! Pictures of another size or shape than the rest of the set.

use crate::audit::check::{Check, Evidence, Need};
use crate::audit::fault::HALF_WAY;
use crate::audit::finding::{Finding, worst_first};
use crate::audit::measurements::measured::Measured;
use crate::audit::statistics::robust::{Limits, Spread};
use crate::error::Result;

pub(crate) const ODD_SIZE: Check = Check {
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

pub(crate) const ODD_ASPECT: Check = Check {
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

/// Images whose value is a multiple or a fraction of the usual one; the limits are logarithms of the factor.
fn unlike(
    check: &Check,
    evidence: &Evidence,
    threshold: f64,
    limits: Limits,
    value: fn(&Measured) -> f64,
) -> Result<Vec<Finding>> {
    let log = |measured: &Measured| value(measured).ln();
    let Some(usual) = Spread::of(evidence.values(|m| Some(log(m)))?) else { return Ok(Vec::new()) };
    let factor = |measured: &Measured| (log(measured) - usual.median).abs();
    let Some(scale) = limits.among(evidence.values(|m| Some(factor(m)))?) else { return Ok(Vec::new()) };
    let mut findings = Vec::new();
    evidence.measured.each(|image, measured| {
        let factor = factor(measured);
        let score = scale.score(factor);
        if score < threshold {
            let Measured { width, height, .. } = measured;
            let times = factor.exp();
            let detail = format!("is {width}x{height} pixels, {times:.1} times off what is usual");
            findings.push(check.image(image, score, detail));
        }
    })?;
    Ok(worst_first(findings))
}
