//! The evaluation that a folder holds already, before another takes its place.

use std::path::Path;

use hema::error::{Error, Result};
use hema::record::Evaluation;
use hema::run_folder::{EVALUATION, read_json};

use crate::output::Printer;

/// Lets an evaluation of the same model on the same data be replaced, and says so.
///
/// # Errors
/// An evaluation of another model or of other data.
pub(super) fn check(out: &Path, model: &str, data: &Path, printer: &Printer) -> Result<()> {
    // what cannot be read was of another kind or version, which is refused or replaced as any file
    let Ok(earlier) = read_json::<Evaluation>(&out.join(EVALUATION)) else { return Ok(()) };
    let is_same = |a: &Path, b: &Path| {
        a == b || a.canonicalize().ok().is_some_and(|a| b.canonicalize().ok() == Some(a))
    };
    let (model_before, data_before) = (&earlier.model.path, &earlier.data.path);
    if !is_same(Path::new(model_before), Path::new(model)) || !is_same(Path::new(data_before), data) {
        let message = format!("holds the evaluation of {model_before} on {data_before}, which would be lost");
        return Err(Error::new(message).at(out).hint("choose another --out, or remove it"));
    }
    let suites: Vec<&str> = earlier.suites.iter().map(|suite| suite.name.as_str()).collect();
    printer.note(&format!(
        "{} holds an evaluation on the part {} (suites {}), which is replaced",
        out.display(),
        earlier.data.part,
        suites.join(", ")
    ));
    Ok(())
}
