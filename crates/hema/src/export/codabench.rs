//! A model as a submission to a Codabench challenge: a zip of `model.py`, the `hema` program and the model.
//!
//! `model.py` needs NumPy alone and asks the program, see `docs/decisions/0006-ensembles-and-exports.md`.

use std::io::{self, Write};
use std::path::Path;

use hema_core::error::{Error, Result};
use hema_core::file::{self, FailOnce};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::kind::{Export, Output, Preprocessing, Written};
use crate::model_file::timm::CONFIG;
use crate::model_file::{self, Ensemble, Place};

/// The module that the platform imports.
const MODEL_PY: &str = include_str!("model.py");

/// The row of this export, whose program is the running one: it must be `hema` itself.
pub(super) const EXPORT: Export = Export {
    name: "codabench",
    about: "A zip with a model.py that predicts by this program, for Codabench challenges",
    output: Output::Submission,
    preprocesses: false,
    write: export,
};

fn export(model: &Path, out: &Path, _: Preprocessing) -> Result<Written> {
    file::prepare(out)?;
    let program = std::env::current_exe().map_err(|e| {
        Error::new(format!("the running program cannot be found: {e}")).with_kind(e.kind().into())
    })?;
    write(model, &program, out)?;
    let note = "it predicts as `hema predict` does with this model, and gives the numbers of labels alone; options such \
                as `--among` and `--adapt-prevalence` are not in it";
    Ok(Written { notes: vec![note.to_owned()], ..Written::default() })
}

/// Writes the zip of a model, or an ensemble, and the program that is to predict with it.
///
/// # Errors
/// A path that is no model, a program that cannot be read, or a file that cannot be written.
pub fn write(model: &Path, program: &Path, out: &Path) -> Result<()> {
    // not to submit what does not open
    Ensemble::read(model)?;
    let weights = model_file::find(model)?;
    let config = weights.path().with_file_name(CONFIG);
    let mut files = vec![("hema", Place::File(program.to_owned())), ("model.safetensors", weights)];
    if config.is_file() {
        files.push((CONFIG, Place::File(config)));
    }
    file::write_atomic(out, |w| write_zip(w, &files))
}

fn write_zip(w: &mut dyn Write, files: &[(&str, Place)]) -> io::Result<()> {
    let mut zip = ZipWriter::new_stream(FailOnce::new(w));
    zip.start_file("model.py", SimpleFileOptions::default())?;
    zip.write_all(MODEL_PY.as_bytes())?;
    for (name, place) in files {
        let mut source = place.open().map_err(|e| io::Error::other(e.to_string()))?;
        let large = place.length()? >= u64::from(u32::MAX);
        zip.start_file(*name, SimpleFileOptions::default().unix_permissions(0o755).large_file(large))?;
        io::copy(&mut source, &mut zip)?;
    }
    zip.finish()?;
    Ok(())
}
