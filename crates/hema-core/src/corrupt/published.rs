//! The corruptions of published benchmarks, in their order.

use super::{blur, digital, dirt, light, noise, weather};
use crate::image_op::ImageOp;

/// `BloodMNIST-C` (Di Salvo et al., *MedMNIST-C*, arXiv 2406.17536), as version 0.1.0 of its package makes
/// it.
pub const BLOOD_C: &[&dyn ImageOp] = &[
    &digital::pixelate::Pixelate,
    &digital::jpeg::Jpeg,
    &blur::defocus_blur::DefocusBlur,
    &blur::motion_blur::MotionBlur,
    &light::brightness_up::BrightnessUp,
    &light::brightness_down::BrightnessDown,
    &light::contrast_up::ContrastUp,
    &light::contrast_down::ContrastDown,
    &light::saturate::Saturate,
    &dirt::stain_deposit::StainDeposit,
    &dirt::bubble::Bubble,
];

/// `ImageNet-C` (Hendrycks and Dietterich, ICLR 2019), as version 1.1.2 of the package `imagecorruptions`
/// makes it: its fifteen corruptions, then the four it keeps for validation.
pub const IMAGENET_C: &[&dyn ImageOp] = &[
    &noise::imagenet_gaussian_noise::ImagenetGaussianNoise,
    &noise::shot_noise::ShotNoise,
    &noise::impulse_noise::ImpulseNoise,
    &blur::imagenet_defocus_blur::ImagenetDefocusBlur,
    &blur::glass_blur::GlassBlur,
    &blur::imagenet_motion_blur::ImagenetMotionBlur,
    &blur::zoom_blur::ZoomBlur,
    &weather::snow::Snow,
    &weather::frost::Frost,
    &weather::fog::Fog,
    &light::imagenet_brightness::ImagenetBrightness,
    &light::imagenet_contrast::ImagenetContrast,
    &digital::elastic_transform::ElasticTransform,
    &digital::pixelate::Pixelate,
    &digital::imagenet_jpeg::ImagenetJpeg,
    &noise::speckle_noise::SpeckleNoise,
    &blur::gaussian_blur::GaussianBlur,
    &dirt::spatter::Spatter,
    &light::imagenet_saturate::ImagenetSaturate,
];
