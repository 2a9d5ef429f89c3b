//! Pictures that are too dark, too bright, or show next to nothing.

use crate::audit::check::{Check, Need};
use crate::audit::fault::{Fault, HALF_WAY, find};
use crate::audit::statistics::robust::Limits;

pub(crate) const TOO_DARK: Check = Check {
    name: "too_dark",
    about: "images whose background is dark, among the others of the set",
    advice: "Look at them: drop them, or take the picture again with more light.",
    needs: Need::Images,
    threshold: HALF_WAY,
    run: |check, evidence, threshold| find(check, evidence, threshold, DARK),
};

pub(crate) const TOO_BRIGHT: Check = Check {
    name: "too_bright",
    about: "images that are washed out, clipped at white, or without anything dark, among the others of the set",
    advice: "Look at them: what is clipped cannot be brought back, and where nothing is dark there may be no cell.",
    needs: Need::Images,
    threshold: HALF_WAY,
    run: |check, evidence, threshold| find(check, evidence, threshold, BRIGHT),
};

pub(crate) const LOW_INFORMATION: Check = Check {
    name: "low_information",
    about: "images of nearly one colour, or of a few",
    advice: "Look at them: there is probably no cell to be seen.",
    needs: Need::Images,
    threshold: HALF_WAY,
    run: |check, evidence, threshold| find(check, evidence, threshold, EMPTY),
};

const DARK: &[Fault] = &[Fault {
    value: |m| Some(f64::from(m.quality.brightest)),
    limits: Limits { surely: 24.0, fine: 160.0 },
    detail: |m| format!("99 % of its pixels are darker than {} of 255", m.quality.brightest),
}];

const BRIGHT: &[Fault] = &[
    Fault {
        // where there is nothing to see, there is nothing dark either
        value: |m| (m.quality.contrast() > NOTHING).then(|| f64::from(m.quality.darkest)),
        limits: Limits { surely: 185.0, fine: 110.0 },
        detail: |m| format!("99 % of its pixels are brighter than {} of 255", m.quality.darkest),
    },
    Fault {
        value: |m| Some(m.quality.clipped),
        limits: Limits { surely: 0.95, fine: 0.05 },
        detail: |m| format!("{:.0} % of its pixels are clipped at white", 100.0 * m.quality.clipped),
    },
];

/// A contrast at which an image shows nothing.
const NOTHING: f64 = 0.02;

const EMPTY: &[Fault] = &[
    Fault {
        value: |m| Some(m.quality.contrast()),
        limits: Limits { surely: NOTHING, fine: 0.15 },
        detail: |m| format!("its contrast is {:.0} % of its brightness", 100.0 * m.quality.contrast()),
    },
    Fault {
        value: |m| Some(m.quality.entropy),
        limits: Limits { surely: 0.5, fine: 2.5 },
        detail: |m| format!("{:.1} bits of information a pixel", m.quality.entropy),
    },
];
