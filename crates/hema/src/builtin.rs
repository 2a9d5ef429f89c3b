//! What the program carries: a model, which is called `builtin` wherever one is expected, cells to try it on,
//! and the terms of both.
//!
//! Left out on purpose: models of earlier versions, whose names are known and refused.

use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use hema_core::error::{Error, ErrorKind, Result};
use hema_core::file;
use zip::ZipArchive;
use zip::result::ZipError;

/// The name of the model in the box.
pub const NAME: &str = "builtin";

/// The licence that the model is passed on under, by its name on the Hugging Face hub.
pub const LICENCE: &str = "apache-2.0";

/// Name of the file with the terms of the cells, in the folder that they are written to.
const NOTICE_FILE: &str = "NOTICE.md";

/// A name of a model in the box.
struct Name {
    /// The version that it asks for; the one that there is where it does not say.
    version: Option<u32>,
}

impl Name {
    /// The name that a path is, if it is one: `builtin` or `builtin@1`. A file of that name is `./builtin`.
    fn of(path: &Path) -> Option<Self> {
        let rest = path.to_str()?.strip_prefix(NAME)?;
        if rest.is_empty() {
            return Some(Self { version: None });
        }
        rest.strip_prefix('@')?.parse().ok().map(|version| Self { version: Some(version) })
    }
}

/// Whether a path is the name of a model in the box.
pub fn is_name(path: &Path) -> bool {
    Name::of(path).is_some()
}

/// Refuses to write a file or folder under a name of the model in the box, by which it could not be opened.
///
/// # Errors
/// Such a name.
pub fn check_output(path: &Path) -> Result<()> {
    if !is_name(path) {
        return Ok(());
    }
    Err(Error::new("is the name of the model in the box")
        .at(path)
        .hint(format!("choose another, or say ./{}", path.display())))
}

/// The name with its version, for records: `builtin@1` for `builtin`; every other path itself.
pub fn with_version(path: &Path) -> PathBuf {
    match (Name::of(path), version()) {
        (Some(Name { version: None }), Some(version)) => format!("{NAME}@{version}").into(),
        _ => path.to_path_buf(),
    }
}

/// The bytes of the model that a name means; nothing for a path that is no such name.
///
/// # Errors
/// A version that this program does not carry.
pub(crate) fn model(path: &Path) -> Result<Option<&'static [u8]>> {
    let Some(Name { version: wanted }) = Name::of(path) else { return Ok(None) };
    let Carried { version, model, .. } = carried().map_err(|e| e.at(path))?;
    if wanted.is_none_or(|wanted| wanted == *version) {
        return Ok(Some(model));
    }
    Err(Error::new(format!("this hema carries {NAME}@{version}"))
        .at(path)
        .hint(format!("say `{NAME}` for that one; another comes with another version of hema"))
        .with_kind(ErrorKind::NotFound))
}

/// Version of the model that this program carries.
pub fn version() -> Option<u32> {
    CARRIED.map(|carried| carried.version)
}

/// Where the model and the cells come from, and their terms.
pub fn notice() -> Option<&'static str> {
    CARRIED.map(|carried| carried.notice)
}

/// Evaluations of the model, as `hema evaluate` recorded them: JSON.
///
/// # Errors
/// A program without the model.
pub(crate) fn evaluations() -> Result<Vec<Vec<u8>>> {
    Ok(members(carried()?.evaluations)?.into_iter().map(|(_, record)| record).collect())
}

/// Writes the cells into a folder that is new or empty: a folder for each class, a `split.csv` with their
/// parts, and their terms. Of the part `test` the model in the box has learned nothing. Returns how many
/// there are.
///
/// # Errors
/// A folder that holds something or cannot be written; a program without the cells.
pub fn write_cells(folder: &Path) -> Result<usize> {
    let carried = carried()?;
    if !file::list(folder)?.is_empty() {
        return Err(Error::new("is not empty").at(folder).hint("choose a folder that is not there yet"));
    }
    let members = members(carried.cells)?;
    for (name, bytes) in &members {
        file::write_atomic(&folder.join(name), |w| w.write_all(bytes))?;
    }
    file::write_atomic(&folder.join(NOTICE_FILE), |w| w.write_all(carried.notice.as_bytes()))?;
    // all but the split are cells
    Ok(members.len() - 1)
}

/// Names and contents of the files in an archive that rides along.
fn members(archive: &[u8]) -> Result<Vec<(String, Vec<u8>)>> {
    let read = || -> std::result::Result<_, ZipError> {
        let mut archive = ZipArchive::new(Cursor::new(archive))?;
        let count = archive.len();
        let member = |index| -> std::result::Result<_, ZipError> {
            let mut member = archive.by_index(index)?;
            let mut bytes = Vec::new();
            member.read_to_end(&mut bytes)?;
            Ok((member.name().to_owned(), bytes))
        };
        (0..count).map(member).collect()
    };
    read().map_err(|e| Error::new(format!("what rides in the program is broken: {e}")))
}

/// What rides along.
struct Carried {
    version: u32,
    model: &'static [u8],
    evaluations: &'static [u8],
    cells: &'static [u8],
    notice: &'static str,
}

#[cfg(feature = "builtin")]
const CARRIED: Option<&Carried> = Some(&Carried {
    version: hema_builtin::VERSION,
    model: hema_builtin::MODEL,
    evaluations: hema_builtin::EVALUATIONS,
    cells: hema_builtin::CELLS,
    notice: hema_builtin::NOTICE,
});
#[cfg(not(feature = "builtin"))]
const CARRIED: Option<&Carried> = None;

fn carried() -> Result<&'static Carried> {
    CARRIED.ok_or_else(|| {
        Error::new("this hema was built without the model in the box and its cells")
            .hint("build it with the feature `builtin`, which is there by default")
            .with_kind(ErrorKind::Unsupported)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_a_version_and_a_path_is_none() {
        let version = |path: &str| Name::of(Path::new(path)).map(|name| name.version);
        assert_eq!((version("builtin"), version("builtin@12")), (Some(None), Some(Some(12))));
        for path in ["./builtin", "builtin.safetensors", "builtin@", "builtin@x", "builtins", "runs/builtin"]
        {
            assert_eq!(version(path), None, "{path}");
        }
    }
}
