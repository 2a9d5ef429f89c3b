//! Files written whole or not at all: beside their place, then renamed into it.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::own::refuse_foreign_link;
use super::place::{folder_of, prepare, sync_folder_of, write_error};
use super::temporary::temporary_file;
use crate::error::{Error, Result};

/// The name of the standard output, as a path.
pub const STDOUT: &str = "/dev/stdout";
/// Its other names.
const ALSO_STDOUT: [&str; 2] = ["/dev/fd/1", "/proc/self/fd/1"];
/// Names by which Unix lets a program write to files that are open already.
const OPEN_ALREADY: [&str; 5] = [STDOUT, "/dev/stderr", "/dev/fd", "/proc/self/fd", "/dev/tty"];

/// Whether a path is a name of the standard output.
pub fn is_stdout(path: &Path) -> bool {
    path == Path::new(STDOUT) || ALSO_STDOUT.iter().any(|name| path == Path::new(name))
}

/// Writes a file through a temporary file in the same folder and renames it into place once it is complete
/// and synced, so that a reader (or a crash, or a full disk) never sees half of it. Missing parent folders
/// are made. A link is followed, and the file that it leads to is replaced; one that is replaced keeps its
/// permissions. Into a device and a pipe it is written straight, and into what is open already, as
/// `/dev/stdout`.
///
/// # Errors
/// Any input or output error, with the target's path; the target is then as it was before. A socket or a
/// disk, which are no places for a file.
pub fn write_atomic(path: &Path, write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<()> {
    prepare(path)?;
    match Target::at(path)? {
        Target::Stream => write_stream(path, write),
        Target::File(file, permissions) => {
            replace_at(&file, permissions, write).map_err(|e| write_error(path, &e))
        }
    }
}

/// Puts a new file in the place of whatever has this name, and goes through no link: for names of this
/// program's own in folders that others write to as well.
///
/// # Errors
/// The errors of [`write_atomic`].
pub fn replace(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    prepare(path)?;
    replace_at(path, None, write).map_err(|e| write_error(path, &e))
}

/// Whether what is written to this path goes by, as into a pipe, and replaces nothing.
pub fn is_stream(path: &Path) -> bool {
    matches!(Target::at(path), Ok(Target::Stream))
}

/// Writes into a device or a pipe.
pub(crate) fn write_stream(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let write_to = |stream: &mut dyn Write| {
        let mut buffered = BufWriter::new(stream);
        write(&mut buffered)?;
        buffered.flush()
    };
    let written = if is_stdout(path) {
        write_to(&mut io::stdout().lock())
    } else {
        File::options().append(true).open(path).and_then(|mut stream| write_to(&mut stream))
    };
    written.map_err(|e| write_error(path, &e))
}

/// A place that a file is written to.
enum Target {
    /// A file behind all links, and its permissions if it is there.
    File(PathBuf, Option<Permissions>),
    /// Something that takes bytes and keeps no name for them.
    Stream,
}

impl Target {
    fn at(path: &Path) -> Result<Self> {
        if is_stdout(path) || cfg!(unix) && OPEN_ALREADY.iter().any(|open| path.starts_with(open)) {
            return Ok(Self::Stream);
        }
        refuse_foreign_link(path)?;
        let Ok(metadata) = fs::metadata(path) else {
            return refuse_dangling_link(path).map(|()| Self::File(path.to_path_buf(), None));
        };
        if metadata.is_file() {
            let file = fs::canonicalize(path).map_err(|e| write_error(path, &e))?;
            return Ok(Self::File(file, Some(metadata.permissions())));
        }
        match kind(&metadata) {
            Kind::Stream => Ok(Self::Stream),
            Kind::Other(found) => Err(Error::new(format!("is {found}, expected a file")).at(path)),
        }
    }
}

/// Refuses to write through a link whose target is gone: where it leads to, nobody has looked lately.
fn refuse_dangling_link(path: &Path) -> Result<()> {
    match fs::read_link(path) {
        Ok(target) => Err(Error::new(format!("is a link to `{}`, which is not there", target.display()))
            .at(path)
            .hint("remove the link, or give the file that is meant")),
        Err(_) => Ok(()),
    }
}

/// Writes a new file and puts it in the place of the one at `path`, whose `permissions` it keeps.
fn replace_at(
    path: &Path,
    permissions: Option<Permissions>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut temporary = temporary_file(folder_of(path))?;
    {
        let mut buffered = BufWriter::new(temporary.as_file_mut());
        write(&mut buffered)?;
        buffered.flush()?;
    }
    if let Some(permissions) = permissions {
        temporary.as_file().set_permissions(permissions)?;
    }
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|e| e.error)?;
    sync_folder_of(path);
    Ok(())
}

/// A kind of thing that is neither a file nor a folder.
enum Kind {
    /// A terminal, a pipe, the null device.
    Stream,
    /// Anything else, in words.
    Other(&'static str),
}

#[cfg(unix)]
fn kind(metadata: &fs::Metadata) -> Kind {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    if kind.is_fifo() || kind.is_char_device() {
        Kind::Stream
    } else if kind.is_socket() {
        Kind::Other("a socket")
    } else {
        Kind::Other("a device")
    }
}

#[cfg(not(unix))]
fn kind(_: &fs::Metadata) -> Kind {
    Kind::Other("no file")
}

/// Has everything in a folder survive a loss of power.
#[cfg(target_os = "linux")]
pub(crate) fn sync_tree(folder: &Path) -> io::Result<()> {
    // thousands of files, each by itself, would take minutes
    Ok(rustix::fs::syncfs(File::open(folder)?)?)
}

/// Has everything in a folder survive a loss of power.
#[cfg(not(target_os = "linux"))]
pub(crate) fn sync_tree(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sync_tree(&path)?;
        } else {
            File::options().append(true).open(path)?.sync_all()?;
        }
    }
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// A CSV writer's error as the system's own, whose kind tells a full disk or a closed pipe.
pub fn csv_error(error: csv::Error) -> std::io::Error {
    let message = error.to_string();
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        _ => std::io::Error::other(message),
    }
}

/// Writes at a position of a file.
#[cfg(unix)]
pub(crate) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

/// Writes at a position of a file.
#[cfg(windows)]
pub(crate) fn write_all_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = std::os::windows::fs::FileExt::seek_write(file, bytes, offset)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = &bytes[written..];
        offset += written as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::open;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_litter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/x.txt");
        write_atomic(&path, |w| w.write_all(b"old")).unwrap();
        let failed = write_atomic(&path, |w| {
            w.write_all(b"new")?;
            Err(std::io::Error::other("stop"))
        });
        assert!(failed.unwrap_err().to_string().contains("x.txt: cannot be written: stop"));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed_and_what_is_replaced_keeps_its_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a.txt"), folder.path().join("link.txt"));
        write_atomic(&file, |w| w.write_all(b"old")).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("a.txt", &link).unwrap();
        write_atomic(&link, |w| w.write_all(b"new")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);

        let lost = folder.path().join("lost.txt");
        std::os::unix::fs::symlink("gone.txt", &lost).unwrap();
        let error = write_atomic(&lost, |w| w.write_all(b"new")).unwrap_err();
        assert!(error.to_string().ends_with("lost.txt: is a link to `gone.txt`, which is not there"));
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_has_the_permissions_of_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, usual) = (folder.path().join("ours"), folder.path().join("usual"));
        write_atomic(&ours, |w| w.write_all(b"x")).unwrap();
        File::create(&usual).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&usual));
    }

    #[cfg(unix)]
    #[test]
    fn devices_are_written_to_and_stay() {
        use std::os::unix::fs::FileTypeExt;
        write_atomic(Path::new("/dev/null"), |w| w.write_all(b"x")).unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("null");
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        write_atomic(&link, |w| w.write_all(b"x")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());

        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for error in [write_atomic(&socket, |_| Ok(())).unwrap_err(), open(&socket).unwrap_err()] {
            assert!(error.to_string().contains("a socket"), "{error}");
        }
        assert!(open(Path::new("/dev/zero")).unwrap_err().to_string().contains("expected a file"));
    }
}
