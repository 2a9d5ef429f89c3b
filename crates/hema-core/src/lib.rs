//! Blood cells as data: everything of Hema that needs no tensors.
//!
//! The modules stand in the pipeline's order. Nothing here knows a neural network, a command line or a network
//! socket; nothing here prints, exits or panics on bad input.

pub mod error;
pub mod file;
pub mod rng;
pub mod sample;

pub mod audit;
pub mod background;
pub mod data;
pub mod preprocess;
pub mod split;

pub mod sampler;

pub mod image_op;

pub mod augment;
pub mod corrupt;
pub mod preview;
pub mod suite;
pub mod tta;

pub mod synthetic;

pub mod metrics;

pub mod calibrate;
pub mod prevalence;

pub mod provenance;
pub mod record;

pub mod report;

pub use error::{Error, ErrorKind, Result};
pub use sample::Image;
