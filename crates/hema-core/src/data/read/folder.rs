//! The files of a folder, however deep. Links are followed, as often as they lead to the same folder, but for
//! those that lead to a folder around them.

use std::fs::{self, DirEntry};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::leftovers;
use super::listing::{Listing, MAX_TABLE, is_ignored, is_table};
use crate::data::decode::has_picture_name;
use crate::data::notice::{Notice, Subject, Tally};
use crate::data::place::Place;
use crate::error::{Error, Result, counted};
use crate::file;

/// Most folders visited through links: a few links that lead to each other's folders make any number.
const MOST_LINKED_FOLDERS: usize = 100_000;

/// Lists the files under `root`.
pub(super) fn list(root: &Path) -> Result<Listing> {
    let mut walk = Walk { listing: Listing::default(), links: Links::default(), above: Vec::new() };
    walk.visit(root, "", false)?;
    let Walk { mut listing, links, .. } = walk;
    listing.notices.extend(links.notices());
    Ok(listing)
}

struct Walk {
    listing: Listing,
    links: Links,
    /// The folders on the way down, the root first, without links.
    above: Vec<PathBuf>,
}

/// Links that are worth a word, by their paths under the root.
#[derive(Default)]
struct Links {
    dangling: Tally,
    loops: Tally,
    outward: Tally,
    /// Folders visited through links.
    folders: usize,
}

impl Walk {
    /// Lists a folder, which lies below a link if `linked`.
    fn visit(&mut self, folder: &Path, prefix: &str, linked: bool) -> Result<()> {
        let io = |e: std::io::Error| Error::io(folder, &e);
        let whole = folder.canonicalize().map_err(io)?;
        if self.above.contains(&whole) {
            self.links.loops.add(prefix.trim_end_matches('/'));
            return Ok(());
        }
        self.links.folders += usize::from(linked);
        if self.links.folders > MOST_LINKED_FOLDERS {
            let message = format!("holds links that lead to more than {MOST_LINKED_FOLDERS} folders");
            return Err(Error::new(message)
                .at(folder)
                .hint("remove the links that lead to each other's folders"));
        }
        if let Some(name) = prefix.strip_suffix('/') {
            self.listing.leftovers.add_folder(name);
        }
        self.above.push(whole);
        let mut files: Vec<_> =
            fs::read_dir(folder).map_err(io)?.collect::<std::io::Result<_>>().map_err(io)?;
        files.sort_by_key(DirEntry::file_name);
        for file in files {
            let name = file.file_name().to_string_lossy().into_owned();
            if !is_ignored(&name) {
                self.add(&file, &format!("{prefix}{name}"), linked)?;
            }
        }
        self.above.pop();
        Ok(())
    }

    /// Lists a file or a folder by its path under the root.
    fn add(&mut self, file: &DirEntry, name: &str, linked: bool) -> Result<()> {
        let io = |e: std::io::Error| Error::io(file.path(), &e);
        let kind = file.file_type().map_err(io)?;
        let target = if kind.is_symlink() { self.follow(file, name)? } else { Some(file.path()) };
        if target.as_ref().is_some_and(|target| target.is_dir()) {
            self.visit(&file.path(), &format!("{name}/"), linked || kind.is_symlink())?;
        } else if has_picture_name(name) {
            let place = if target.is_some() { Place::File } else { Place::Missing };
            self.listing.add(name, place(file.path()));
        } else if target.is_none() {
            self.listing.leftovers.add(name, || Ok(Vec::new()))?;
        } else if is_table(name) {
            let size = fs::metadata(file.path()).map_err(io)?.len();
            let read = || file::read(&file.path(), MAX_TABLE);
            self.listing.add_table(name, size, read).map_err(|e| e.at(file.path()))?;
        } else {
            self.listing.leftovers.add(name, || start(&file.path()))?;
        }
        Ok(())
    }

    /// The path that a link leads to, if something is there. Counts links to nothing, and to what lies
    /// outside the root.
    fn follow(&mut self, link: &DirEntry, name: &str) -> Result<Option<PathBuf>> {
        if !file::exists(&link.path())? {
            self.links.dangling.add(name);
            return Ok(None);
        }
        let target = link.path().canonicalize().map_err(|e| Error::io(link.path(), &e))?;
        if self.above.first().is_some_and(|root| !target.starts_with(root)) {
            self.links.outward.add(name);
        }
        Ok(Some(target))
    }
}

impl Links {
    fn notices(self) -> impl Iterator<Item = Notice> {
        let kinds = [
            (
                Subject::DanglingLinks,
                self.dangling,
                "to nothing; those named as pictures are images that cannot be read",
            ),
            (Subject::LinkLoops, self.loops, "back to a folder around them, not followed"),
            (Subject::OutwardLinks, self.outward, "out of the data's folder, followed"),
        ];
        kinds.into_iter().filter_map(|(subject, links, text)| {
            links.notice(subject, |count| format!("{} {text}", counted(count, "link")))
        })
    }
}

/// The first bytes of a file; none of a pipe or a device.
fn start(path: &Path) -> Result<Vec<u8>> {
    let mut start = Vec::new();
    if path.is_file() {
        let read = file::open(path)?.take(leftovers::START as u64).read_to_end(&mut start);
        read.map_err(|e| Error::io(path, &e))?;
    }
    Ok(start)
}
