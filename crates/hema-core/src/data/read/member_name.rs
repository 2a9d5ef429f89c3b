//! Names of members of archives, which come from strangers: none may lead out of the archive.

use std::path::Path;

use crate::error::{Error, Result};

/// Longest name of a member, in bytes: that of the systems it could be unpacked on.
const MAX_NAME: usize = 4096;

/// A member's path with `/` between its parts; refused when it would lead out of the archive.
pub(super) fn safe(archive: &Path, name: &str) -> Result<String> {
    if name.len() > MAX_NAME {
        let message =
            format!("holds a member with a name of {} bytes (at most {MAX_NAME} are read)", name.len());
        return Err(Error::new(message).at(archive));
    }
    let name = name.replace('\\', "/");
    let parts: Vec<&str> = name.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let absolute = name.starts_with('/') || parts.first().is_some_and(|first| first.ends_with(':'));
    if absolute || parts.contains(&"..") {
        let message = format!("holds a member `{name}` that points outside the archive");
        return Err(Error::new(message)
            .at(archive)
            .hint("such an archive is made by mistake or in bad faith; pack the images anew"));
    }
    Ok(parts.join("/"))
}
