//! Corruptions of the sensor: noise.

pub(crate) mod gaussian_noise;
pub(crate) mod imagenet_gaussian_noise;
pub(crate) mod impulse_noise;
pub(crate) mod shot_noise;
pub(crate) mod speckle_noise;

use crate::image_op::table::Op;

/// Corruptions by noise, in the order of `hema list corruptions`.
pub(crate) const NOISE: &[Op] = &[
    &gaussian_noise::GaussianNoise,
    &imagenet_gaussian_noise::ImagenetGaussianNoise,
    &shot_noise::ShotNoise,
    &speckle_noise::SpeckleNoise,
    &impulse_noise::ImpulseNoise,
];
