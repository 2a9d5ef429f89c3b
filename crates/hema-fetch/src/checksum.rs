//! Checksums of files, in hexadecimal.

use std::io::Read;
use std::path::Path;

use hema_core::error::{Error, Result};
use hema_core::file;
use hema_core::provenance::hex;
use md5::{Digest, Md5};
use sha2::Sha256;

/// The SHA-256 checksum of a file.
///
/// # Errors
/// The file cannot be read.
pub fn sha256(path: &Path) -> Result<String> {
    of_file::<Sha256>(path)
}

/// The MD5 checksum of a file: it tells damage, not malice, and Zenodo publishes it.
pub(crate) fn md5(path: &Path) -> Result<String> {
    of_file::<Md5>(path)
}

fn of_file<D: Digest>(path: &Path) -> Result<String> {
    let mut file = file::open(path)?;
    let mut digest = D::new();
    let mut buffer = vec![0; 1 << 17];
    loop {
        match file.read(&mut buffer).map_err(|e| Error::io(path, &e))? {
            0 => return Ok(hex(&digest.finalize())),
            read => digest.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        // RFC 1321, appendix A.5, and FIPS 180-2, appendix B.1
        assert_eq!(md5(&path).unwrap(), "900150983cd24fb0d6963f7d28e17f72");
        let sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(&path).unwrap(), sha);
    }
}
