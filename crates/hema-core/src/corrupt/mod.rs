//! Corruption: images made worse in known ways and known amounts, to measure how a classifier takes it.
//!
//! One corruption is one file, in the folder of its family, and one row of [`CORRUPTIONS`]. Each file states the
//! parameter of its five severities; severity `s` is strength `s / 5`, and strengths between are interpolated, so a
//! corruption is an ordinary [`ImageOp`]. Parameters in pixels are given for images of 224 pixels and scale with the
//! shorter side.
//!
//! The parameters are those of `BloodMNIST-C` (Di Salvo et al., *MedMNIST-C*, arXiv 2406.17536) unless a file says
//! otherwise, and its eleven corruptions, [`BLOOD_C`], are held to the published package at 224 pixels: what is not
//! random to its images, what is random to its statistics. So are those of [`IMAGENET_C`], under names with `imagenet-`
//! where `BloodMNIST-C` or an augmentation has the name. Left out on purpose: the random numbers of those packages, and
//! WebP, which `image` writes without loss only.

mod blur;
mod digital;
mod dirt;
mod light;
mod noise;
#[cfg(test)]
mod parity;
mod published;
mod weather;

pub use blur::*;
pub use digital::*;
pub use dirt::*;
pub use light::*;
pub use noise::*;
pub use published::{BLOOD_C, IMAGENET_C};
pub use weather::*;

use crate::error::{Error, Result, suggest};
use crate::image_op::{self, ImageOp};
use crate::rng::{Purpose, stream};
use crate::sample::Image;

/// Every corruption, in the order of `hema list corruptions`.
pub const CORRUPTIONS: &[&dyn ImageOp] = &[
    // light
    &BrightnessUp,
    &BrightnessDown,
    &ContrastUp,
    &ContrastDown,
    &Saturate,
    &Vignette,
    &UnevenLight,
    &ImagenetBrightness,
    &ImagenetContrast,
    &ImagenetSaturate,
    // noise
    &GaussianNoise,
    &ImagenetGaussianNoise,
    &ShotNoise,
    &SpeckleNoise,
    &ImpulseNoise,
    // blur
    &DefocusBlur,
    &ImagenetDefocusBlur,
    &MotionBlur,
    &ImagenetMotionBlur,
    &GaussianBlur,
    &ZoomBlur,
    &GlassBlur,
    // digital
    &Jpeg,
    &ImagenetJpeg,
    &Pixelate,
    &ElasticTransform,
    // dirt
    &StainDeposit,
    &Bubble,
    &Dust,
    &Spatter,
    // weather
    &Snow,
    &Frost,
    &Fog,
];

/// The corruption of that name.
///
/// # Errors
/// When there is none; the hint names the closest one.
pub fn find(name: &str) -> Result<&'static dyn ImageOp> {
    image_op::find(CORRUPTIONS, "corruption", name)
}

/// The severities a corruption is measured at.
pub const SEVERITIES: std::ops::RangeInclusive<u8> = 1..=5;

/// Corrupts one image of a data set.
///
/// The outcome depends on the seed, the corruption, the severity and the image's index alone. Severity 0 is the
/// identity; a severity above 5 counts as 5.
pub fn corrupt(image: &mut Image, corruption: &dyn ImageOp, severity: u8, seed: u64, index: u64) {
    let severity = severity.min(*SEVERITIES.end());
    let condition = fingerprint(corruption.name(), severity);
    let mut rng = stream(seed, Purpose::Corrupt, condition, index);
    corruption.apply(image, f32::from(severity) / f32::from(*SEVERITIES.end()), &mut rng);
}

/// A number for a corruption and severity (FNV-1a): a name keeps its random numbers when the table grows around it.
fn fingerprint(name: &str, severity: u8) -> u64 {
    name.bytes()
        .chain([severity])
        .fold(0xcbf29ce484222325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x00000100000001b3))
}

/// The parameter at a strength, given its values at severities 0 (the identity) to 5; linear between them.
fn at_strength(parameters: [f32; 6], strength: f32) -> f32 {
    let severity = strength.clamp(0.0, 1.0) * 5.0;
    let below = (severity as usize).min(4);
    let (from, to) = (parameters[below], parameters[below + 1]);
    from + (severity - below as f32) * (to - from)
}

/// What a length of one pixel at 224 pixels measures in this image.
fn pixel_at_224(image: &Image) -> f32 {
    image.width().min(image.height()) as f32 / 224.0
}

/// A named, fixed set of conditions to evaluate under. Clean accuracy stands beside every suite.
#[derive(Clone, Copy, Debug)]
pub struct Suite {
    /// The name on the command line and in reports.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// The corruptions, each used at all five severities.
    pub corruptions: &'static [&'static dyn ImageOp],
}

/// One corruption at one severity.
#[derive(Clone, Copy, Debug)]
pub struct Condition {
    /// What is done to the images.
    pub corruption: &'static dyn ImageOp,
    /// How badly, from 1 to 5.
    pub severity: u8,
}

impl Suite {
    /// Every corruption at every severity, corruption by corruption.
    pub fn conditions(&self) -> impl Iterator<Item = Condition> + use<> {
        let corruptions = self.corruptions.iter().copied();
        corruptions.flat_map(|corruption| SEVERITIES.map(move |severity| Condition { corruption, severity }))
    }
}

/// Every suite. A published suite never changes its rows, or its numbers would lose their meaning; new corruptions
/// make a new suite.
pub const SUITES: &[Suite] = &[
    Suite { name: "clean", about: "the images as they are", corruptions: &[] },
    Suite {
        name: "degraded",
        about: "light, stain, noise, focus, motion, compression and resolution: 9 corruptions x 5 severities",
        corruptions: &[
            &BrightnessUp,
            &BrightnessDown,
            &ContrastDown,
            &Saturate,
            &GaussianNoise,
            &DefocusBlur,
            &MotionBlur,
            &Jpeg,
            &Pixelate,
        ],
    },
];

/// The suite of that name.
///
/// # Errors
/// When there is none; the hint names the closest one.
pub fn find_suite(name: &str) -> Result<&'static Suite> {
    SUITES.iter().find(|suite| suite.name == name).ok_or_else(|| {
        Error::new(format!("unknown suite `{name}`"))
            .hint(suggest(name, SUITES.iter().map(|suite| suite.name)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_severity_meets_its_parameter_exactly() {
        let parameters = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5];
        for severity in 0..=5u8 {
            let strength = f32::from(severity) / 5.0;
            assert_eq!(at_strength(parameters, strength), parameters[usize::from(severity)]);
        }
        assert!((at_strength(parameters, 0.1) - 0.95).abs() < 1e-6);
    }

    #[test]
    fn an_image_is_corrupted_by_seed_condition_and_index() {
        let corrupted = |severity, seed, index| {
            let mut image = Image::filled(8, 8, [128; 3]);
            corrupt(&mut image, &GaussianNoise, severity, seed, index);
            image
        };
        assert_eq!(corrupted(3, 1, 2), corrupted(3, 1, 2));
        assert_eq!(corrupted(5, 1, 2), corrupted(9, 1, 2));
        assert_eq!(corrupted(0, 1, 2), Image::filled(8, 8, [128; 3]));
        for other in [corrupted(4, 1, 2), corrupted(3, 2, 2), corrupted(3, 1, 3)] {
            assert_ne!(corrupted(3, 1, 2), other);
        }
    }

    #[test]
    fn the_degraded_suite_has_nine_corruptions_at_five_severities() {
        assert_eq!(find_suite("degraded").unwrap().conditions().count(), 45);
        assert_eq!(find_suite("clean").unwrap().conditions().count(), 0);
        let error = find_suite("degrade").unwrap_err();
        assert_eq!(error.hint_text(), Some("did you mean `degraded`?"));
    }
}
