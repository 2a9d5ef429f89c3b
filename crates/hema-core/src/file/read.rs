//! Files read: only regular ones, and whole ones only up to a limit.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::provenance::hex;

/// Opens a file or a folder for reading, and nothing else: a pipe would wait for its other end for ever.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    let kind = fs::metadata(path)?;
    if kind.is_file() || kind.is_dir() {
        return File::open(path);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a pipe, a socket or a device (expected a file)"))
}

/// Opens a file for reading.
///
/// # Errors
/// The path, the system's reason, and a hint when it does not exist; a pipe, a socket or a device.
pub fn open(path: &Path) -> Result<File> {
    open_regular(path).map_err(|e| {
        let error = Error::new(format!("cannot be opened: {e}")).at(path).with_kind(e.kind().into());
        if e.kind() == std::io::ErrorKind::NotFound { error.hint("check the path") } else { error }
    })
}

/// Whether something is at a path, behind all links.
///
/// # Errors
/// A path that cannot be looked at: no permission, a broken disk.
pub(crate) fn exists(path: &Path) -> Result<bool> {
    match fs::metadata(path) {
        Ok(_) => Ok(true),
        Err(e) if is_absence(&e) => Ok(false),
        Err(e) => Err(Error::io(path, &e)),
    }
}

/// Whether an error says that nothing is at a path: no such name, a file where a folder would be, a name that
/// no file can have, links that lead in a circle.
fn is_absence(error: &io::Error) -> bool {
    #[cfg(unix)]
    let is_circle = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    #[cfg(not(unix))]
    let is_circle = false;
    let absent = [
        io::ErrorKind::NotFound,
        io::ErrorKind::NotADirectory,
        io::ErrorKind::InvalidFilename,
        io::ErrorKind::InvalidInput,
    ];
    is_circle || absent.contains(&error.kind())
}

/// The paths in a folder, in name order; none where nothing is.
///
/// # Errors
/// A folder that cannot be listed.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let list = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect();
    let mut paths: Vec<PathBuf> = match list() {
        Err(e) if is_absence(&e) => Vec::new(),
        listed => listed.map_err(|e: io::Error| Error::io(folder, &e))?,
    };
    paths.sort();
    Ok(paths)
}

/// Opens a file of at most `limit` bytes for reading.
///
/// # Errors
/// The errors of [`open`], a folder, a file of more than `limit` bytes.
pub(crate) fn open_within(path: &Path, limit: u64) -> Result<File> {
    let file = open(path)?;
    let found = file.metadata().map_err(|e| Error::io(path, &e))?;
    if found.is_dir() {
        return Err(Error::new("is a folder, expected a file").at(path));
    }
    if found.len() > limit { Err(too_long(path, limit)) } else { Ok(file) }
}

fn too_long(path: &Path, limit: u64) -> Error {
    Error::new(format!("has more than {limit} bytes, which no such file has")).at(path)
}

/// Reads a whole file of at most `limit` bytes, and never more: a device without an end is no file, and one
/// that is far too large is not what was meant.
///
/// # Errors
/// The errors of [`open`], a folder, a file of more than `limit` bytes, the system's reason.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let file = open_within(path, limit)?;
    let mut bytes = Vec::new();
    // what it says of its size may be outdated
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|e| Error::io(path, &e))?;
    if bytes.len() as u64 > limit {
        return Err(too_long(path, limit));
    }
    Ok(bytes)
}

/// CRC-32C of the bytes of a file, going on from that of other bytes, or from 0.
///
/// # Errors
/// The errors of [`open`], the system's reason.
pub fn add_to_checksum(mut checksum: u32, path: &Path) -> Result<u32> {
    let mut source = open(path)?;
    let mut piece = vec![0; 1 << 20];
    loop {
        match source.read(&mut piece).map_err(|e| Error::io(path, &e))? {
            0 => return Ok(checksum),
            read => checksum = crc32c::crc32c_append(checksum, &piece[..read]),
        }
    }
}

/// SHA-256 of everything that a source still has, in hexadecimal digits, and the number of bytes.
///
/// # Errors
/// The system's reason.
pub fn sha256(source: &mut dyn Read) -> io::Result<(String, u64)> {
    let (mut hasher, mut length) = (Sha256::new(), 0);
    let mut piece = vec![0; 1 << 20];
    loop {
        match source.read(&mut piece)? {
            0 => return Ok((hex(&hasher.finalize()), length)),
            read => {
                hasher.update(&piece[..read]);
                length += read as u64;
            }
        }
    }
}

/// Reads a whole text of at most `limit` bytes, see [`read`].
///
/// # Errors
/// The errors of [`read`]; bytes that are not UTF-8, with the first one's place.
pub fn read_text(path: &Path, limit: u64) -> Result<String> {
    String::from_utf8(read(path, limit)?).map_err(|e| {
        let place = e.utf8_error().valid_up_to();
        Error::new(format!("is not text: byte {place} is not UTF-8")).at(path)
    })
}

/// Reads from a position of a file without moving anyone else's; any number of threads may do so at once.
#[cfg(unix)]
fn read_at(file: &File, out: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, out, offset)
}

/// Reads from a position of a file; any number of threads may do so at once.
#[cfg(windows)]
fn read_at(file: &File, out: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, out, offset)
}

/// Fills `out` from a position of a file, see [`read_at`].
pub(crate) fn read_exact_at(file: &File, mut out: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !out.is_empty() {
        match read_at(file, out, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                out = &mut out[read..];
                offset += read as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_text_is_read_to_its_limit_and_no_further() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        fs::write(&path, "four").unwrap();
        assert_eq!(read_text(&path, 4).unwrap(), "four");
        let refused = |path: &Path, limit| read_text(path, limit).unwrap_err().message().to_owned();
        assert_eq!(refused(&path, 3), "has more than 3 bytes, which no such file has");
        fs::write(&path, b"ab\xff").unwrap();
        assert_eq!(refused(&path, 4), "is not text: byte 2 is not UTF-8");
        assert_eq!(refused(folder.path(), 4), "is a folder, expected a file");
        assert_eq!(read(&folder.path().join("lost"), 4).unwrap_err().kind(), ErrorKind::NotFound);
        if cfg!(unix) {
            assert!(refused(Path::new("/dev/zero"), 4).contains("a device (expected a file)"));
        }
    }
}
