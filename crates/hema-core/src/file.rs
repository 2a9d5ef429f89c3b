//! Files that are whole or absent: every artefact is written beside its place and renamed into it.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Names by which Unix lets a program write to files that are open already.
const OPEN_ALREADY: [&str; 5] = ["/dev/stdout", "/dev/stderr", "/dev/fd", "/proc/self/fd", "/dev/tty"];
/// Beginning of the names of temporary files.
pub(crate) const TEMPORARY: &str = ".hema-";

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
    let fail = |e: std::io::Error| write_error(path, &e);
    match Target::at(path)? {
        Target::Stream => {
            let stream = File::options().append(true).open(path).map_err(fail)?;
            let mut buffered = BufWriter::new(stream);
            write(&mut buffered).and_then(|()| buffered.flush()).map_err(fail)
        }
        Target::File(file, permissions) => replace(&file, permissions, write).map_err(fail),
    }
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
        if cfg!(unix) && OPEN_ALREADY.iter().any(|open| path.starts_with(open)) {
            return Ok(Self::Stream);
        }
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
fn replace(
    path: &Path,
    permissions: Option<Permissions>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut temporary = new_temporary().tempfile_in(folder_of(path))?;
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

/// Temporary files, with the permissions that any new file of this process has.
pub(crate) fn new_temporary() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // the system takes away what the umask says
        builder.permissions(Permissions::from_mode(0o666));
    }
    builder
}

/// Has the name of a file survive a loss of power, where the system can do that.
pub(crate) fn sync_folder_of(path: &Path) {
    #[cfg(unix)]
    if let Ok(folder) = File::open(folder_of(path)) {
        // some file systems refuse, and write names at once
        let _ = folder.sync_all();
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// The folder that a path lies in.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
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

/// Makes way for a file that is to be written, so that a bad path is found before any work is done for it:
/// creates the folders above it, and gives the innermost.
///
/// # Errors
/// The errors of [`create_folder`], and a folder where the file should be.
pub fn prepare(path: &Path) -> Result<&Path> {
    if path.is_dir() {
        return Err(Error::new("is a folder, expected the name of a file").at(path));
    }
    let folder = folder_of(path);
    create_folder(folder)?;
    Ok(folder)
}

/// Creates a folder and its parents.
///
/// # Errors
/// The folder's path and the system's reason, or the file that stands in its place.
pub fn create_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|e| match folder.ancestors().find(|part| part.is_file()) {
        Some(file) => Error::new("is a file, expected a folder").at(file).hint("choose another --out"),
        None => write_error(folder, &e),
    })
}

/// Takes away the temporary files of a process that was killed while it wrote into this folder. No other may
/// be writing into it.
///
/// # Errors
/// A folder that cannot be listed, a file that cannot be removed.
pub fn remove_temporary(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(|e| Error::io(folder, &e))? {
        let path = entry.map_err(|e| Error::io(folder, &e))?.path();
        let temporary = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(TEMPORARY));
        if temporary && path.is_file() {
            fs::remove_file(&path).map_err(|e| Error::io(&path, &e))?;
        }
    }
    Ok(())
}

pub(crate) fn write_error(path: &Path, error: &std::io::Error) -> Error {
    let wrapped = Error::new(format!("cannot be written: {error}")).at(path).with_kind(error.kind().into());
    match error.kind() {
        std::io::ErrorKind::StorageFull
        | std::io::ErrorKind::FileTooLarge
        | std::io::ErrorKind::QuotaExceeded => {
            wrapped.hint("free some space or choose another place with --out; nothing was half-written")
        }
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            wrapped.hint("choose a folder you can write to with --out")
        }
        _ => wrapped,
    }
}

/// A CSV writer's error as the system's own, whose kind tells a full disk or a closed pipe.
pub fn csv_error(error: csv::Error) -> std::io::Error {
    let message = error.to_string();
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        _ => std::io::Error::other(message),
    }
}

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

/// Reads a whole file of at most `limit` bytes, and never more: a device without an end is no file, and one
/// that is far too large is not what was meant.
///
/// # Errors
/// The errors of [`open`], a folder, a file of more than `limit` bytes, the system's reason.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let file = open(path)?;
    if file.metadata().is_ok_and(|found| found.is_dir()) {
        return Err(Error::new("is a folder, expected a file").at(path));
    }
    let mut bytes = Vec::new();
    // what it says of its size may be outdated
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|e| Error::io(path, &e))?;
    if bytes.len() as u64 > limit {
        return Err(Error::new(format!("has more than {limit} bytes, which no such file has")).at(path));
    }
    Ok(bytes)
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
pub(crate) fn read_at(file: &File, out: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, out, offset)
}

/// Reads from a position of a file; any number of threads may do so at once.
#[cfg(windows)]
pub(crate) fn read_at(file: &File, out: &mut [u8], offset: u64) -> io::Result<usize> {
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
    use crate::error::ErrorKind;

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
