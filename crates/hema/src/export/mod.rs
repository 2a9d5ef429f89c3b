//! Trained models for other programs: a file and a row of [`EXPORTS`] for each kind.

pub mod codabench;
mod half;
mod kind;
pub mod onnx;
pub mod timm;

use hema_core::error::{Error, ErrorKind, Result, suggest};

pub use kind::{Export, Output, Preprocessing, Written};

/// Every kind of export.
pub const EXPORTS: &[Export] = &[onnx::EXPORT, timm::EXPORT, codabench::EXPORT, half::EXPORT];

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_export_is_found_by_its_name_alone() {
        for (place, export) in EXPORTS.iter().enumerate() {
            assert_eq!(find(export.name).unwrap().about, export.about);
            assert!(EXPORTS[..place].iter().all(|before| before.name != export.name), "{}", export.name);
        }
        let error = find("tim").err().unwrap();
        assert_eq!((error.kind(), error.hint_text()), (ErrorKind::NotFound, Some("did you mean `timm`?")));
    }
}
