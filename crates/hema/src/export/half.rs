//! A model in half the bytes, for Hema itself: its matrices and kernels rounded to 16 bits.
//!
//! Hema predicts from such a file in 32 bits, as from any other; only the weights have been rounded.

use std::path::Path;

use hema_core::error::Result;

use super::kind::{Export, Output, Preprocessing, Written};
use crate::model_file::Bundle;
use crate::weights::Packing;

/// The row of this export.
pub(super) const EXPORT: Export = Export {
    name: "half",
    about: "The model in half the bytes, its weights rounded to 16 bits, for Hema itself",
    output: Output::Model,
    preprocesses: false,
    write: export,
};

fn export(model: &Path, out: &Path, _: Preprocessing) -> Result<Written> {
    Bundle::read(model)?.write_as(out, Packing::Half)?;
    let note = "its probabilities differ in the fourth digit or so";
    Ok(Written { notes: vec![note.to_owned()], ..Written::default() })
}
