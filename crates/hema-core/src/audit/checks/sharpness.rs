//! Pictures that lost their detail: out of focus, moved, enlarged, or compressed away.

use crate::audit::check::{Check, Need};
use crate::audit::fault::{Fault, HALF_WAY, find};
use crate::audit::statistics::robust::Limits;

pub(crate) const BLURRY: Check = Check {
    name: "blurry",
    about: "images without a sharp edge, among the others of the set",
    advice: "Look at them: drop those in which the cell cannot be told.",
    needs: Need::Images,
    threshold: HALF_WAY,
    run: |check, evidence, threshold| find(check, evidence, threshold, SOFT),
};

pub(crate) const OVER_COMPRESSED: Check = Check {
    name: "over_compressed",
    about: "images with the blocks of heavy JPEG compression, in whatever format they are now",
    advice: "Look for the original; texture that was compressed away does not come back.",
    needs: Need::Images,
    threshold: HALF_WAY,
    run: |check, evidence, threshold| find(check, evidence, threshold, COMPRESSED),
};

/// Sharpness is judged by its logarithm: half of it is as much less everywhere.
const SOFT: &[Fault] = &[Fault {
    value: |m| m.quality.sharpness.map(|sharpness| sharpness.max(1e-4).ln()),
    // 0.08 and 0.3
    limits: Limits { surely: -2.53, fine: -1.2 },
    detail: |m| {
        let percent = 100.0 * m.quality.sharpness.unwrap_or_default();
        format!("its steepest edges reach {percent:.0} % of its contrast")
    },
}];

const COMPRESSED: &[Fault] = &[
    Fault {
        value: |m| m.quality.jpeg_setting,
        limits: Limits { surely: 5.0, fine: 50.0 },
        detail: |m| {
            format!(
                "its quantisation table is that of quality {:.0}",
                m.quality.jpeg_setting.unwrap_or_default()
            )
        },
    },
    Fault {
        value: |m| m.quality.blockiness,
        limits: Limits { surely: 5.5, fine: 1.5 },
        detail: |m| {
            let step = m.quality.blockiness.unwrap_or_default();
            format!("the borders of its 8 x 8 blocks stand out by {step:.1} levels")
        },
    },
];
