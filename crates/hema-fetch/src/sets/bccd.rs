//! The cells of BCCD: a repository's archive, packed anew as one folder a class.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use hema_core::error::{Error, Result};
use hema_core::file;
use hema_core::provenance::hex;
use sha2::{Digest, Sha256};

/// Name of the archive that is made.
pub(super) const PACKED: &str = "bccd_cells.tar";

/// The folder of the cut-out cells in the repository, one folder a class below it.
const CELLS: &str = "BCCD_cropped/";
/// The types of the frames that they were cut out of.
const LABELS: &str = "labels.csv";
/// Most bytes unpacked; the repository has 1.6 million.
const MOST: u64 = 64 << 20;

/// Pictures and labels of the repository, by their path in it.
pub(super) type Members = BTreeMap<String, Vec<u8>>;

/// Reads the members that matter.
pub(super) fn read(path: &Path) -> Result<Members> {
    let damaged = |e: std::io::Error| Error::new(format!("is not a readable .tar.gz archive: {e}")).at(path);
    let mut archive = tar::Archive::new(GzDecoder::new(file::open(path)?).take(MOST));
    let mut members = Members::new();
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let whole = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        // GitHub wraps everything in a folder named after the commit
        let Some((_, name)) = whole.split_once('/') else { continue };
        if entry.header().entry_type().is_file() && (name.starts_with(CELLS) || name == LABELS) {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(damaged)?;
            members.insert(name.to_owned(), bytes);
        }
    }
    Ok(members)
}

/// The SHA-256 checksum of the lines that `sha256sum` prints for the members in order of their paths.
pub(super) fn checksum(members: &Members) -> String {
    let lines = members.iter().fold(String::new(), |mut lines, (name, bytes)| {
        // writing to a string does not fail
        let _ = writeln!(lines, "{}  {name}", hex(&Sha256::digest(bytes)));
        lines
    });
    hex(&Sha256::digest(lines))
}

/// Makes the archive of cells, `bccd_cells/<class>/<picture>`, and says where it is. It is always the same to
/// the byte.
pub(super) fn pack(repository: &Path, packed: &Path) -> Result<PathBuf> {
    let members = read(repository)?;
    file::replace(packed, |w| {
        let mut archive = tar::Builder::new(w);
        for (name, bytes) in &members {
            let name = name.strip_prefix(CELLS).unwrap_or(name);
            let name = match name.split_once('/') {
                Some((class, picture)) => format!("{}/{picture}", class.to_lowercase()),
                None => name.to_owned(),
            };
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, format!("bccd_cells/{name}"), bytes.as_slice())?;
        }
        archive.finish()
    })?;
    Ok(packed.to_path_buf())
}
