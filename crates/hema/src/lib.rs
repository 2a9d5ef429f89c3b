//! Train, judge and deploy blood-cell image classifiers that keep working when the images get worse.
//!
//! ```no_run
//! let model = hema::Classifier::open("builtin")?; // the model in the box; or a run, as "runs/v2b0"
//! for cell in model.classify(["cells/", "more.zip"])? {
//!     println!("{}: {} ({:.1} %)", cell.path(), cell.label(), 100.0 * cell.probability());
//! }
//! # Ok::<(), hema::Error>(())
//! ```
//!
//! This is the library behind the `hema` command, whose commands stand on the four doors below.
//!
//! # Prepare
//!
//! A data set is a folder with a folder for each class, a `.tar`, `.tar.gz` or `.zip` of one, a `.npz`,
//! `WebDataset` shards, Parquet or a CSV manifest; [`data::open`] tells the form by the contents. [`audit()`]
//! says what is wrong with it.
//!
//! # Classify
//!
//! [`Classifier`] opens the model in the box, a model file, a run's folder, an ensemble or a folder of
//! timm's, and classifies paths, picture files in memory or decoded [`Image`]s of any size: it crops, resizes
//! and scales as the model was trained. [`Classifier::options`] says on which device, over which views, among
//! which classes. [`Classifier::predict`] is an iterator, for data sets of any size.
//!
//! # Train and judge
//!
//! [`Training`] takes a recipe (a shipped name, a TOML file or a [`recipe::Recipe`]) and a data set, and
//! leaves a run's folder with the best model; it can be interrupted and resumed to the same weights.
//! [`evaluate()`] gives the accuracy of a model, with intervals, on unchanged and on degraded images.
//! [`Watch`] and [`train::Observer`] hear how far they are; `()` hears nothing.
//!
//! # Threads and devices
//!
//! Everything uses all cores of the processor; the environment variable `RAYON_NUM_THREADS` limits them, and
//! [`Threads`] those of one call.
//! Graphics cards need a Cargo feature (`gpu`, `cuda`, `vulkan`, `metal`) and [`device::open`]. A
//! program that computes on the processor should declare [`CacheLines`] as its global allocator:
//! products on AMX tiles are a fifth faster for it.
//!
//! ```
//! #[global_allocator]
//! static ALLOCATOR: hema::CacheLines = hema::CacheLines;
//! # fn main() {}
//! ```
//!
//! # Errors
//!
//! There is one [`Error`]: a message for people that names the path and what was expected, perhaps a hint,
//! and an [`ErrorKind`] to branch on. Nothing panics on bad input, and every file that is written is whole or
//! absent.
//!
//! # Below the doors
//!
//! The doors are built of the modules: networks and weights ([`model`], [`weights`], [`nn`], [`optim`],
//! [`loss`]), the training loop ([`mod@train`]), model files ([`model_file`], [`export`]); and from
//! `hema-core`, which needs no tensors, data sets, splits, augmentations, corruptions, metrics and reports.
//! Tensors are [`burn`]'s.

mod memory;

pub mod builtin;
pub mod device;
pub mod device_check;
pub mod nn;
pub mod threads;

pub mod model;
pub mod weights;

pub mod recipe;

mod loader;
pub mod loss;
pub mod optim;
pub mod run_log;
pub mod schedule;
pub mod watch;

pub mod model_file;
pub mod origins;

pub mod predict;

pub mod export;
pub mod soup;
pub mod train;

mod audit_model;
mod command_line;
mod distinct;
mod logistic;
mod rescaling;

mod auditing;
pub mod certify;
mod classifier;
pub mod evaluate;
pub mod gate;
pub mod model_card;
pub mod referral;
pub mod run_folder;
pub mod split_choice;
pub mod trusting;

pub mod training;

pub use burn;
pub use burn::tensor::Device;
pub use hema_core::{
    Error, ErrorKind, Image, Result, audit, augment, background, calibrate, corrupt, data, error, file,
    image_op, likeness, metrics, preprocess, prevalence, preview, provenance, record, report, rescale, rng,
    sample, sampler, seen, split, spreadsheet, suite, synthetic, trust, tta,
};
pub use hema_kernels::CacheLines;

pub use auditing::{Audited, Auditing, audit};
pub use classifier::{Classifier, ClassifierOptions, Prediction, Predictions};
pub use command_line::{command_line, set_command_line, shell_word};
pub use distinct::distinct_names;
pub use evaluate::{Evaluating, evaluate, evaluate_dataset};
pub use model_card::ModelCard;
pub use referral::Referral;
pub use threads::Threads;
pub use training::{FinishedRun, Training};
pub use watch::{Phase, Watch};
