//! Files of this program's own, under names that others can foresee.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::place::{folder_of, write_error};
use super::temporary::temporary_file;
use crate::error::{Error, Result};

/// Opens a file whose name anybody can foresee, or makes it: for reading, and for writing at its end. In a
/// folder that others write to as well somebody may have put a link there, or a file of theirs.
///
/// # Errors
/// A link, a file that has a second name or belongs to another user, anything but a file; the system's
/// reason.
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
        if found.uid() != own_user(folder_of(path)).map_err(fail)? {
            return refuse("another user's file");
        }
    }
    Ok(file)
}

/// The owner of what this process makes in a folder, whatever a server makes of users.
#[cfg(unix)]
fn own_user(folder: &Path) -> io::Result<u32> {
    use std::os::unix::fs::MetadataExt;
    temporary_file(folder)?.as_file().metadata().map(|made| made.uid())
}

/// Refuses a link that another user put into a folder in which everybody may put things: where it leads to is
/// that user's choice. The system refuses such a link where it is the one to follow it.
///
/// # Errors
/// Such a link.
#[cfg(unix)]
pub(super) fn refuse_foreign_link(path: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    /// Everybody may put things there, and take away only their own.
    const SHARED: u32 = 0o1002;
    let Ok(link) = fs::symlink_metadata(path) else { return Ok(()) };
    if !link.is_symlink() {
        return Ok(());
    }
    let fail = |e: io::Error| write_error(path, &e);
    let folder = fs::metadata(folder_of(path)).map_err(fail)?;
    let is_shared = folder.mode() & SHARED == SHARED;
    if is_shared && link.uid() != folder.uid() && link.uid() != own_user(folder_of(path)).map_err(fail)? {
        return Err(Error::new("is a link that another user put there")
            .at(path)
            .hint("choose a folder of your own with --out"));
    }
    Ok(())
}

/// Nobody else's links are known here.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps)] // the signature that it has elsewhere
pub(super) fn refuse_foreign_link(_: &Path) -> Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_that_another_user_put_into_a_folder_of_everybodys_is_not_followed() {
        use std::os::unix::fs::{PermissionsExt, lchown};
        let folder = tempfile::tempdir().unwrap();
        let (link, file) = (folder.path().join("out.csv"), folder.path().join("mine"));
        fs::write(&file, "mine").unwrap();
        symlink(&file, &link).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        refuse_foreign_link(&link).unwrap();
        // only the superuser can give links away
        if lchown(&link, Some(12345), None).is_ok() {
            let error = refuse_foreign_link(&link).unwrap_err();
            assert!(error.to_string().ends_with("out.csv: is a link that another user put there"), "{error}");
            let error = crate::file::write_atomic(&link, |w| w.write_all(b"new")).unwrap_err();
            assert!(error.to_string().contains("another user"), "{error}");
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
            refuse_foreign_link(&link).unwrap();
        }
        assert_eq!(fs::read(&file).unwrap(), b"mine");
    }

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
