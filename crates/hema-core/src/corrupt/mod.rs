//! Corruption: images made worse in known ways and known amounts, to measure how a classifier takes it.
//!
//! One corruption is one file here and one row of [`CORRUPTIONS`]. Each file states the parameter of its five
//! severities; severity `s` is strength `s / 5`, and strengths between are interpolated, so a corruption is an
//! ordinary [`ImageOp`]. Parameters in pixels are given for images of 224 pixels and scale with the shorter side.
//!
//! The parameters are those of BloodMNIST-C (Di Salvo et al., *MedMNIST-C*, arXiv 2406.17536) unless a file says
//! otherwise. Left out on purpose: bit-for-bit agreement with that benchmark's files, which are made at 224 pixels
//! by Pillow, `OpenCV` and `ImageMagick`; only the definitions are followed.

mod brightness_down;
mod brightness_up;
mod contrast_down;
mod defocus_blur;
mod gaussian_noise;
mod jpeg;
mod motion_blur;
mod pixelate;
mod saturate;

pub use brightness_down::BrightnessDown;
pub use brightness_up::BrightnessUp;
pub use contrast_down::ContrastDown;
pub use defocus_blur::DefocusBlur;
pub use gaussian_noise::GaussianNoise;
pub use jpeg::Jpeg;
pub use motion_blur::MotionBlur;
pub use pixelate::Pixelate;
pub use saturate::Saturate;

use crate::error::Result;
use crate::image_op::{self, ImageOp};
use crate::sample::Image;

/// Every corruption, in the order of `hema list corruptions`.
pub const CORRUPTIONS: &[&dyn ImageOp] = &[
    &BrightnessUp,
    &BrightnessDown,
    &ContrastDown,
    &Saturate,
    &GaussianNoise,
    &DefocusBlur,
    &MotionBlur,
    &Jpeg,
    &Pixelate,
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
