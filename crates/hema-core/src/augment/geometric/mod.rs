//! Geometric augmentations: flips, turns, and the shifts and bends of a hand, a stage or a lens.
//!
//! The pixels that come into view from beyond the border are the operator's [`Fill`](crate::image_op::Fill).

pub(crate) mod affine;
pub(crate) mod elastic;
pub(crate) mod flip_horizontal;
pub(crate) mod flip_vertical;
pub(crate) mod perspective;
pub(crate) mod quarter_turn;
pub(crate) mod resized_crop;
pub(crate) mod rotate;
pub(crate) mod shear_x;
pub(crate) mod shear_y;
pub(crate) mod translate_x;
pub(crate) mod translate_y;
pub(crate) mod zoom;

use crate::image_op::Fill;
use crate::image_op::table::Op;

/// The geometric augmentations, in the order of `hema list augmentations`.
pub(crate) const GEOMETRIC: &[Op] = &[
    &flip_horizontal::FlipHorizontal,
    &flip_vertical::FlipVertical,
    &quarter_turn::QuarterTurn,
    &rotate::Rotate(Fill::Reflect),
    &shear_x::ShearX(Fill::Reflect),
    &shear_y::ShearY(Fill::Reflect),
    &translate_x::TranslateX(Fill::Reflect),
    &translate_y::TranslateY(Fill::Reflect),
    &zoom::Zoom(Fill::Reflect),
    &affine::Affine(Fill::Reflect),
    &resized_crop::ResizedCrop,
    &perspective::Perspective(Fill::Reflect),
    &elastic::Elastic(Fill::Reflect),
];
