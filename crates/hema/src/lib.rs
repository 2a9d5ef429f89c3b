//! Train, judge and deploy blood-cell image classifiers that keep working when the images get worse.
//!
//! The library behind the `hema` command. [`hema_core`] is what needs no tensors; this crate adds networks, training
//! and prediction, on Burn. The modules stand in the pipeline's order. A program that computes on the processor should declare
//! [`CacheLines`] as its global allocator: products on AMX tiles are a fifth faster for it.

pub mod device;
pub mod nn;

pub mod model;
pub mod weights;

pub mod device_check;

pub mod recipe;

pub mod loader;
pub mod loss;
pub mod optim;
pub mod run_log;
pub mod schedule;
pub mod train;

pub mod bundle;
pub mod ensemble;
pub mod evaluate;
pub mod export;
pub mod predict;
pub mod soup;

mod logistic;
pub mod second_opinion;

pub use burn::tensor::Device;
pub use hema_core as core;
pub use hema_kernels::CacheLines;
