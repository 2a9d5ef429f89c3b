//! What rides in every `hema`: a small model that names eight kinds of blood cells, some cells to try it on,
//! and the terms of both.
//!
//! Hema opens the model by the name `builtin`. This crate only holds the bytes; `scripts/builtin` makes them
//! from public data.

/// Number of the model. It rises with every other model, so that old results can be named: `builtin@1`.
pub const VERSION: u32 = 1;

/// The model, as `hema export --to half` writes it: a safetensors file.
pub const MODEL: &[u8] = include_bytes!("../model.safetensors");

/// Evaluations of the model, as `hema evaluate` records them, without their pictures: a zip archive of JSON
/// files, on the validation and the test part of PBC and on another laboratory's cells.
pub const EVALUATIONS: &[u8] = include_bytes!("../evaluations.zip");

/// Cells that the model has not learned from and cells that it has, as a zip archive with `split.csv`: a
/// hundred or so of the test part of PBC and as many of its training part.
pub const CELLS: &[u8] = include_bytes!("../cells.zip");

/// Where the model and the cells come from, and their terms.
pub const NOTICE: &str = include_str!("../NOTICE");
