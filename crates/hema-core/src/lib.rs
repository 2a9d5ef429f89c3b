//! Blood cells as data: everything of Hema that needs no tensors.
//!
//! The modules stand on floors, the lowest first; a module uses those on its own floor and on lower ones:
//!
//! | floor | modules |
//! |---|---|
//! | ground | [`error`], [`mod@file`], [`rng`], [`sample`], [`provenance`], `spelling`, `table` |
//! | images | [`background`], [`preprocess`], [`image_op`] |
//! | operators | [`corrupt`], [`augment`], [`suite`], [`tta`], [`synthetic`], [`preview`] |
//! | data sets | [`data`], [`split`], [`sampler`] |
//! | judging data | [`audit`], [`likeness`], [`seen`] |
//! | judging models | [`metrics`], [`calibrate`], [`trust`], [`prevalence`], [`rescale`], [`record`] |
//! | pages | [`report`] |
//!
//! Nothing here knows a neural network, a command line or a network socket; nothing here prints, exits or
//! panics on bad input.

pub mod error;
pub mod file;
pub mod machine;
pub mod provenance;
pub mod rng;
pub mod sample;
mod spelling;
pub mod spreadsheet;
pub(crate) mod table;

pub mod background;
pub mod image_op;
pub mod preprocess;

pub mod augment;
pub mod corrupt;
pub mod preview;
pub mod suite;
pub mod synthetic;
pub mod tta;

pub mod data;
pub mod sampler;
pub mod split;

pub mod audit;
pub mod likeness;
pub mod seen;

pub mod calibrate;
pub mod metrics;
pub mod prevalence;
pub mod record;
pub mod rescale;
pub mod trust;

pub mod report;

pub use error::{Error, ErrorKind, Result};
pub use sample::Image;
