//! Trained models for other programs: a file and a row of [`EXPORTS`] for each kind.

pub mod codabench;
mod kind;
pub mod timm;

use hema_core::error::{Error, ErrorKind, Result, suggest};

pub use kind::{Export, Written};

/// Every kind of export.
pub const EXPORTS: &[Export] = &[timm::EXPORT, codabench::EXPORT];

/// The export of that name.
///
/// # Errors
/// An unknown name, with the nearest one.
pub fn find(name: &str) -> Result<&'static Export> {
    EXPORTS.iter().find(|export| export.name == name).ok_or_else(|| {
        Error::new(format!("there is no export to `{name}`"))
            .hint(suggest(name, EXPORTS.iter().map(|export| export.name)))
            .with_kind(ErrorKind::NotFound)
    })
}
