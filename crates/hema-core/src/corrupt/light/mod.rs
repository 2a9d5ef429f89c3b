//! Corruptions by light, stain and camera: colours change, shapes stay.

pub(crate) mod brightness_down;
pub(crate) mod brightness_up;
pub(crate) mod contrast_down;
pub(crate) mod contrast_up;
pub(crate) mod imagenet_brightness;
pub(crate) mod imagenet_contrast;
pub(crate) mod imagenet_saturate;
pub(crate) mod saturate;
pub(crate) mod uneven_light;
pub(crate) mod vignette;

use crate::image_op::table::Op;

/// Corruptions by light and stain, in the order of `hema list corruptions`.
pub(crate) const LIGHT: &[Op] = &[
    &brightness_up::BrightnessUp,
    &brightness_down::BrightnessDown,
    &contrast_up::ContrastUp,
    &contrast_down::ContrastDown,
    &saturate::Saturate,
    &vignette::Vignette,
    &uneven_light::UnevenLight,
    &imagenet_brightness::ImagenetBrightness,
    &imagenet_contrast::ImagenetContrast,
    &imagenet_saturate::ImagenetSaturate,
];
