//! Corruption: images made worse in known ways and known amounts, to measure how a classifier takes it.
//!
//! One corruption is one file, in the folder of its family, and one row of the family's table;
//! [`CORRUPTIONS`] is all of them. Each file states the parameter of its five severities; severity `s` is
//! strength `s / 5`, and strengths between are interpolated, so a corruption is an ordinary [`ImageOp`].
//! Parameters in pixels are given for images of 224 pixels and scale with the shorter side.
//!
//! The parameters are those of `BloodMNIST-C` (Di Salvo et al., *MedMNIST-C*, arXiv 2406.17536) unless a file
//! says otherwise, and its eleven corruptions, [`BLOOD_C`], are held to the published package at 224 pixels:
//! what is not random to its images, what is random to its statistics. So are those of [`IMAGENET_C`], under
//! names with `imagenet-` where `BloodMNIST-C` or an augmentation has the name. Left out on purpose: the
//! random numbers of those packages.

pub(crate) mod severity;

pub(crate) mod blur;
pub(crate) mod digital;
pub(crate) mod dirt;
pub(crate) mod light;
pub(crate) mod noise;
pub(crate) mod weather;

mod published;
#[cfg(test)]
mod tests;

use self::blur::BLUR;
use self::digital::DIGITAL;
use self::dirt::DIRT;
use self::light::LIGHT;
use self::noise::NOISE;
use self::weather::WEATHER;
use crate::error::Result;
use crate::image_op::ImageOp;
use crate::image_op::table::{self, Op};

pub use published::{BLOOD_C, IMAGENET_C};

/// The families, each with its own table.
const FAMILIES: &[&[Op]] = &[LIGHT, NOISE, BLUR, DIGITAL, DIRT, WEATHER];

/// Every corruption, in the order of `hema list corruptions`.
pub const CORRUPTIONS: &[&dyn ImageOp] = &table::join::<{ table::count(FAMILIES) }>(FAMILIES);

/// The corruption of that name.
///
/// # Errors
/// When there is none; the hint names the closest one.
pub fn find(name: &str) -> Result<&'static dyn ImageOp> {
    table::find(CORRUPTIONS, "corruption", name)
}
