//! Train, judge and deploy blood-cell image classifiers that keep working when the images get worse.
//!
//! The library behind the `hema` command. [`hema_core`] is what needs no tensors; this crate adds networks, training
//! and prediction, on Burn.

pub mod nn;

pub mod model;

pub mod weights;

pub mod recipe;

pub mod schedule;

pub use burn::tensor::Device;
pub use hema_core as core;
