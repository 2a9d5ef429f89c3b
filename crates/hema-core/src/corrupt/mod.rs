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
//! where `BloodMNIST-C` or an augmentation has the name. Left out on purpose: the random numbers of those packages.

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

use crate::error::Result;
use crate::image_op::{self, ImageOp};
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
    &Webp,
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
}
