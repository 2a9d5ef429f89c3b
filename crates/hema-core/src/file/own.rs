//! Files of this program's own, under names that others can foresee.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::place::{folder_of, write_error};
use super::temporary::temporary_file;
use crate::error::{Error, Result};

/// Opens a file whose name anybody can foresee, or makes it: for reading, and for writing at its end. In a folder
/// that others write to as well somebody may have put a link there, or a file to be read by others.
///
/// # Errors
/// A link, a file that has a second name or belongs to another user, anything but a file; the system's reason.
pub fn open_own(path: &Path) -> Result<File> {
    let fail = |e: io::Error| write_error(path, &e);
    let mut options = File::options();
    options.read(true).append(true);
    // this never goes through a link
    match options.clone().create_new(true).open(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made.map_err(fail),
    }
    let refuse = |found: &str| {
        Err(Error::new(format!("is {found} (expected a file that this program began)"))
            .at(path)
            .hint("remove it, or choose a folder that nobody else writes to"))
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // whatever is put there after the look
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    if fs::symlink_metadata(path).map_err(fail)?.is_symlink() {
        return refuse("a link");
    }
    let file = options.open(path).map_err(fail)?;
    let found = file.metadata().map_err(fail)?;
    if !found.is_file() {
        return refuse("no file");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if found.nlink() > 1 {
            return refuse("a file with a second name");
        }
        // what this user makes here has this owner, whatever a server makes of users
        let own = temporary_file(folder_of(path)).and_then(|file| file.as_file().metadata()).map_err(fail)?;
        if found.uid() != own.uid() {
            return refuse("another user's file");
        }
    }
    Ok(file)
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_others_put_under_a_foreseeable_name_is_not_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let (path, secret) = (folder.path().join("x.part"), folder.path().join("secret"));
        open_own(&path).unwrap().write_all(b"ab").unwrap();
        let mut again = open_own(&path).unwrap();
        again.write_all(b"c").unwrap();
        let mut text = String::new();
        File::open(&path).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "abc", "what was begun goes on");

        fs::write(&secret, "mine").unwrap();
        let refused = |expected: &str| {
            let error = open_own(&path).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            fs::remove_file(&path).unwrap();
        };
        fs::remove_file(&path).unwrap();
        symlink(&secret, &path).unwrap();
        refused("x.part: is a link (expected a file that this program began)");
        symlink("nowhere", &path).unwrap();
        refused("is a link");
        assert!(!folder.path().join("nowhere").exists());
        fs::hard_link(&secret, &path).unwrap();
        refused("is a file with a second name");
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        refused("cannot be written");
        fs::write(&path, "theirs").unwrap();
        // only the superuser can give files away
        if std::os::unix::fs::chown(&path, Some(12345), None).is_ok() {
            refused("is another user's file");
        }
        assert_eq!(fs::read(&secret).unwrap(), b"mine");
    }
}
