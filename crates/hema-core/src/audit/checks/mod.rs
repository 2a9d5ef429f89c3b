//! The checks, a file each, and the table of all of them.
//!
//! A new check is a file here, its `mod` line and its row of [`CHECKS`]. Its name, advice and threshold then
//! stand in `hema list checks`, in `audit.json` and in the report.

pub(super) mod altered_duplicate;
mod balance;
pub(super) mod by_hand;
mod cross_split_leak;
pub(super) mod domain;
mod exact_duplicate;
pub(super) mod foreign_cluster;
mod label_conflict;
mod label_error;
mod light;
pub(super) mod near_duplicate;
mod outlier;
mod overlap;
mod sharpness;
mod shortcut;
mod size;
mod unreadable;

use super::check::Check;
use crate::error::{Error, Result, suggest};

/// Every check, in the order they are reported.
pub const CHECKS: &[Check] = &[
    unreadable::CHECK,
    foreign_cluster::CHECK,
    label_conflict::CHECK,
    cross_split_leak::CHECK,
    exact_duplicate::CHECK,
    near_duplicate::CHECK,
    altered_duplicate::CHECK,
    overlap::CHECK,
    size::ODD_SIZE,
    size::ODD_ASPECT,
    light::TOO_DARK,
    light::TOO_BRIGHT,
    light::LOW_INFORMATION,
    sharpness::BLURRY,
    sharpness::OVER_COMPRESSED,
    domain::ODD_COLOUR,
    domain::SECOND_DOMAIN,
    shortcut::CHECK,
    balance::CLASS_IMBALANCE,
    balance::RARE_CLASS,
    balance::MISSING_PART,
    outlier::CHECK,
    label_error::CHECK,
    by_hand::CHECK,
];

/// The checks of a fault that a picture has by itself, but for its size, which may be a virtue.
pub(super) const PICTURE_CHECKS: &[Check] = &[
    size::ODD_ASPECT,
    light::TOO_DARK,
    light::TOO_BRIGHT,
    light::LOW_INFORMATION,
    sharpness::BLURRY,
    sharpness::OVER_COMPRESSED,
];

/// The check of that name.
///
/// # Errors
/// An unknown name, with the nearest one.
pub fn find_check(name: &str) -> Result<&'static Check> {
    CHECKS.iter().find(|check| check.name == name).ok_or_else(|| {
        Error::new(format!("there is no audit check called `{name}`"))
            .hint(suggest(name, CHECKS.iter().map(|check| check.name)))
    })
}
