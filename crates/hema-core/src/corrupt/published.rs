//! The corruptions of published benchmarks, in their order.

use super::{
    BrightnessDown, BrightnessUp, Bubble, ContrastDown, ContrastUp, DefocusBlur, ElasticTransform, Fog,
    Frost, GaussianBlur, GlassBlur, ImagenetBrightness, ImagenetContrast, ImagenetDefocusBlur,
    ImagenetGaussianNoise, ImagenetJpeg, ImagenetMotionBlur, ImagenetSaturate, ImpulseNoise, Jpeg,
    MotionBlur, Pixelate, Saturate, ShotNoise, Snow, Spatter, SpeckleNoise, StainDeposit, ZoomBlur,
};
use crate::image_op::ImageOp;

/// `BloodMNIST-C` (Di Salvo et al., *MedMNIST-C*, arXiv 2406.17536), as version 0.1.0 of its package makes it.
pub const BLOOD_C: &[&dyn ImageOp] = &[
    &Pixelate,
    &Jpeg,
    &DefocusBlur,
    &MotionBlur,
    &BrightnessUp,
    &BrightnessDown,
    &ContrastUp,
    &ContrastDown,
    &Saturate,
    &StainDeposit,
    &Bubble,
];

/// `ImageNet-C` (Hendrycks and Dietterich, ICLR 2019), as version 1.1.2 of the package `imagecorruptions` makes it: its
/// fifteen corruptions, then the four it keeps for validation.
pub const IMAGENET_C: &[&dyn ImageOp] = &[
    &ImagenetGaussianNoise,
    &ShotNoise,
    &ImpulseNoise,
    &ImagenetDefocusBlur,
    &GlassBlur,
    &ImagenetMotionBlur,
    &ZoomBlur,
    &Snow,
    &Frost,
    &Fog,
    &ImagenetBrightness,
    &ImagenetContrast,
    &ElasticTransform,
    &Pixelate,
    &ImagenetJpeg,
    &SpeckleNoise,
    &GaussianBlur,
    &Spatter,
    &ImagenetSaturate,
];
