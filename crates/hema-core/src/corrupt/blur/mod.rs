//! Corruptions of the optics: focus, motion, glass.

pub(crate) mod defocus_blur;
pub(crate) mod gaussian_blur;
pub(crate) mod glass_blur;
pub(crate) mod imagenet_defocus_blur;
pub(crate) mod imagenet_motion_blur;
pub(crate) mod motion_blur;
pub(crate) mod zoom_blur;

use crate::image_op::table::Op;

/// Corruptions by blur, in the order of `hema list corruptions`.
pub(crate) const BLUR: &[Op] = &[
    &defocus_blur::DefocusBlur,
    &imagenet_defocus_blur::ImagenetDefocusBlur,
    &motion_blur::MotionBlur,
    &imagenet_motion_blur::ImagenetMotionBlur,
    &gaussian_blur::GaussianBlur,
    &zoom_blur::ZoomBlur,
    &glass_blur::GlassBlur,
];
