//! The operators that the policies of timm choose from, by its names, each with its scale of levels 0 to 10.
//!
//! Semantics are those of `timm.data.auto_augment`, which follows Google's: shears and translations are
//! measured from the upper left corner, values are cut off where it cuts them off. Resampling is always
//! bilinear, where timm chooses between that and bicubic at random.

use crate::augment::geometric::{rotate::rotate, translate_x::translate_x, translate_y::translate_y};
use crate::augment::photometric::{
    autocontrast::autocontrast, equalize::equalize, invert::invert, posterize::posterize,
    saturation::saturation, sharpness::sharpness, solarize::solarize, solarize_add::solarize_add,
};
use crate::image_op::{Fill, brightness, contrast, signed_unit, warp};
use crate::rng::Rng;
use crate::sample::Image;

/// Changes an image at a level of 0 to 10.
pub(super) type LeveledOp = fn(&mut Image, f32, Fill, &mut Rng);

pub(super) fn auto_contrast(image: &mut Image, _: f32, _: Fill, _: &mut Rng) {
    autocontrast(image, 1.0);
}

pub(super) fn equalized(image: &mut Image, _: f32, _: Fill, _: &mut Rng) {
    equalize(image, 1.0);
}

pub(super) fn inverted(image: &mut Image, _: f32, _: Fill, _: &mut Rng) {
    invert(image);
}

/// Up to 30 degrees.
pub(super) fn rotated(image: &mut Image, level: f32, fill: Fill, rng: &mut Rng) {
    rotate(image, either_sign(level * 3.0, rng), fill);
}

/// Up to 0.3.
pub(super) fn sheared_x(image: &mut Image, level: f32, fill: Fill, rng: &mut Rng) {
    let factor = either_sign(level * 0.03, rng);
    let corner = warp::centre(image)[1];
    warp::affine(image, [[1.0, factor], [0.0, 1.0]], [factor * corner, 0.0], fill);
}

/// Up to 0.3.
pub(super) fn sheared_y(image: &mut Image, level: f32, fill: Fill, rng: &mut Rng) {
    let factor = either_sign(level * 0.03, rng);
    let corner = warp::centre(image)[0];
    warp::affine(image, [[1.0, 0.0], [factor, 1.0]], [0.0, factor * corner], fill);
}

/// Up to 0.45 of the width.
pub(super) fn moved_x(image: &mut Image, level: f32, fill: Fill, rng: &mut Rng) {
    translate_x(image, either_sign(level * 0.045, rng) * image.width() as f32, fill);
}

/// Up to 0.45 of the height.
pub(super) fn moved_y(image: &mut Image, level: f32, fill: Fill, rng: &mut Rng) {
    translate_y(image, either_sign(level * 0.045, rng) * image.height() as f32, fill);
}

/// 4 bits at level 0, none at 10.
pub(super) fn posterize_increasing(image: &mut Image, level: f32, _: Fill, _: &mut Rng) {
    posterize(image, 4 - (level * 0.4) as u32);
}

/// No bit at level 0, 4 at 10.
pub(super) fn posterize_decreasing(image: &mut Image, level: f32, _: Fill, _: &mut Rng) {
    posterize(image, (level * 0.4) as u32);
}

/// 4 bits at level 0, all 8 at 10.
pub(super) fn posterize_original(image: &mut Image, level: f32, _: Fill, _: &mut Rng) {
    posterize(image, 4 + (level * 0.4) as u32);
}

/// Threshold 256 at level 0, 0 at 10.
pub(super) fn solarize_increasing(image: &mut Image, level: f32, _: Fill, _: &mut Rng) {
    solarize(image, 256.0 - (level * 25.6).trunc());
}

/// Threshold 0 at level 0, 256 at 10.
pub(super) fn solarize_decreasing(image: &mut Image, level: f32, _: Fill, _: &mut Rng) {
    solarize(image, (level * 25.6).trunc());
}

/// Up to 110 added below 128.
pub(super) fn solarize_added(image: &mut Image, level: f32, _: Fill, _: &mut Rng) {
    solarize_add(image, (level * 11.0).trunc(), 128.0);
}

/// A factor of 0.1 at level 0, 1.9 at 10.
fn enhancement(level: f32) -> f32 {
    level * 0.18 + 0.1
}

/// A factor of 1 at level 0, 0.1 or 1.9 at 10.
fn increasing_enhancement(level: f32, rng: &mut Rng) -> f32 {
    (1.0 + either_sign(level * 0.09, rng)).max(0.1)
}

pub(super) fn colour(image: &mut Image, level: f32, _: Fill, _: &mut Rng) {
    saturation(image, enhancement(level));
}

pub(super) fn colour_increasing(image: &mut Image, level: f32, _: Fill, rng: &mut Rng) {
    saturation(image, increasing_enhancement(level, rng));
}

pub(super) fn contrasted(image: &mut Image, level: f32, _: Fill, _: &mut Rng) {
    contrast(image, enhancement(level));
}

pub(super) fn contrast_increasing(image: &mut Image, level: f32, _: Fill, rng: &mut Rng) {
    contrast(image, increasing_enhancement(level, rng));
}

pub(super) fn brightened(image: &mut Image, level: f32, _: Fill, _: &mut Rng) {
    brightness(image, enhancement(level));
}

pub(super) fn brightness_increasing(image: &mut Image, level: f32, _: Fill, rng: &mut Rng) {
    brightness(image, increasing_enhancement(level, rng));
}

pub(super) fn sharpened(image: &mut Image, level: f32, _: Fill, _: &mut Rng) {
    sharpness(image, enhancement(level));
}

pub(super) fn sharpness_increasing(image: &mut Image, level: f32, _: Fill, rng: &mut Rng) {
    sharpness(image, increasing_enhancement(level, rng));
}

/// The number or its negative, as likely.
pub(super) fn either_sign(number: f32, rng: &mut Rng) -> f32 {
    number.copysign(signed_unit(rng))
}
