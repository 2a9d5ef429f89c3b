//! The files of a folder, however deep. Symbolic links are followed; a folder is visited once.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::listing::{Listing, is_ignored, is_table};
use crate::data::decode::has_picture_name;
use crate::data::place::Place;
use crate::error::{Error, Result};

/// Lists the files under `root`.
pub(super) fn list(root: &Path) -> Result<Listing> {
    let mut listing = Listing::default();
    visit(root, "", &mut HashSet::new(), &mut listing)?;
    Ok(listing)
}

fn visit(folder: &Path, prefix: &str, visited: &mut HashSet<PathBuf>, listing: &mut Listing) -> Result<()> {
    let io = |e: std::io::Error| Error::io(folder, &e);
    if !visited.insert(folder.canonicalize().map_err(io)?) {
        return Ok(());
    }
    let mut files: Vec<_> = fs::read_dir(folder).map_err(io)?.collect::<std::io::Result<_>>().map_err(io)?;
    files.sort_by_key(fs::DirEntry::file_name);
    for file in files {
        let name = file.file_name().to_string_lossy().into_owned();
        // a link whose target is gone is no file
        let Ok(metadata) = fs::metadata(file.path()) else { continue };
        if is_ignored(&name) {
            continue;
        }
        let name = format!("{prefix}{name}");
        if metadata.is_dir() {
            visit(&file.path(), &format!("{name}/"), visited, listing)?;
        } else if has_picture_name(&name) {
            listing.add(&name, Place::File(file.path()));
        } else if is_table(&name) {
            let read = || fs::read(file.path()).map_err(|e| Error::io(file.path(), &e));
            listing.add_table(&name, metadata.len(), read).map_err(|e| e.at(file.path()))?;
        }
    }
    Ok(())
}
