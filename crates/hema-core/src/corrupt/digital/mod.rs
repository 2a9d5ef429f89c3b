//! Corruptions of the file: compression and resampling.

pub(crate) mod elastic_transform;
pub(crate) mod imagenet_jpeg;
pub(crate) mod jpeg;
pub(crate) mod pixelate;
pub(crate) mod webp;

use crate::image_op::table::Op;

/// Corruptions by storage and display, in the order of `hema list corruptions`.
pub(crate) const DIGITAL: &[Op] = &[
    &jpeg::Jpeg,
    &imagenet_jpeg::ImagenetJpeg,
    &webp::Webp,
    &pixelate::Pixelate,
    &elastic_transform::ElasticTransform,
];
