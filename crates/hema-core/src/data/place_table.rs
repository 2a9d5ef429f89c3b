//! Where the bytes of all entries lie, packed: sixteen bytes an entry, and the name of a file of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::blob::Blob;
use super::place::{Coding, PixelLayout, Place};

/// Homes that a place is compared with before it gets one of its own. A zip goes back and forth between
/// packed members and others, a manifest between folders.
const RECENT: usize = 16;

/// The places of all entries, numbered from 0 in the order they came in.
#[derive(Clone, Default)]
pub(super) struct PlaceTable {
    rows: Vec<Packed>,
    /// The common part of runs of places.
    homes: Vec<Home>,
    /// Names of files in folders, one after the other.
    names: String,
    /// Deflated pictures.
    deflated: Vec<Deflated>,
    /// Pages of files of several.
    pages: Vec<PackedPage>,
}

/// A place in its home.
#[derive(Clone, Copy)]
struct Packed {
    home: u32,
    len: u32,
    at: u64,
}

/// The common part of a run of places; each variant tells the meaning of `at` and `len` in their rows.
#[derive(Clone)]
enum Home {
    /// A folder of files: where the file's name begins among the names, and its length.
    Folder(PathBuf),
    /// One file, whose path is not a folder and a text.
    File(PathBuf),
    /// One file that is not there.
    Missing(PathBuf),
    /// A shared file with pictures: offset and length.
    Pictures(Arc<Blob>),
    /// A shared file with deflated pictures: number among the deflated, and length as it lies there.
    Deflated(Arc<Blob>),
    /// A shared file with pixels: offset; the layout knows the length.
    Pixels(Arc<Blob>, Arc<dyn PixelLayout>),
    /// Pages of files: number among the pages.
    Pages,
}

/// A page of a file, and where that lies.
#[derive(Clone, Copy)]
struct PackedPage {
    file: Packed,
    directory: u64,
}

#[derive(Clone, Copy)]
struct Deflated {
    offset: u64,
    size: u32,
    crc: u32,
}

impl PlaceTable {
    /// Adds a place. Picture files are at most [`MAX_FILE`](super::place::MAX_FILE) long.
    pub(super) fn push(&mut self, place: Place) {
        let packed = self.pack(place);
        self.rows.push(packed);
    }

    /// Says of a file of its own that it is not there.
    pub(super) fn set_missing(&mut self, i: usize) {
        if let Place::File(path) = self.get(i) {
            self.rows[i] = self.pack(Place::Missing(path));
        }
    }

    fn pack(&mut self, place: Place) -> Packed {
        let (home, at, len) = match place {
            Place::Missing(path) => (Home::Missing(path), 0, 0),
            Place::File(path) => match folder_and_name(&path) {
                Some((folder, name)) => {
                    let at = self.names.len();
                    self.names.push_str(name);
                    (Home::Folder(folder.to_path_buf()), at as u64, name.len())
                }
                None => (Home::File(path), 0, 0),
            },
            Place::Page { file, directory } => {
                let file = self.pack(*file);
                self.pages.push(PackedPage { file, directory });
                (Home::Pages, self.pages.len() as u64 - 1, 0)
            }
            Place::Span { blob, offset, len, coding } => match coding {
                Coding::Picture => (Home::Pictures(blob), offset, len),
                Coding::Deflated { size, crc } => {
                    self.deflated.push(Deflated { offset, size: size as u32, crc });
                    (Home::Deflated(blob), self.deflated.len() as u64 - 1, len)
                }
                Coding::Pixels(layout) => (Home::Pixels(blob, layout), offset, 0),
            },
        };
        let recent = self.homes.iter().enumerate().rev().take(RECENT);
        let known = recent.into_iter().find(|(_, known)| known.is(&home)).map(|(number, _)| number);
        let home = known.unwrap_or_else(|| {
            self.homes.push(home);
            self.homes.len() - 1
        });
        Packed { home: home as u32, len: len as u32, at }
    }

    /// Place `i`, which must be below [`PlaceTable::len`].
    pub(super) fn get(&self, i: usize) -> Place {
        self.unpack(self.rows[i])
    }

    fn unpack(&self, Packed { home, len, at }: Packed) -> Place {
        let span = |blob: &Arc<Blob>, offset, len, coding| Place::Span {
            blob: Arc::clone(blob),
            offset,
            len,
            coding,
        };
        match &self.homes[home as usize] {
            Home::Folder(folder) => Place::File(folder.join(&self.names[at as usize..][..len as usize])),
            Home::File(path) => Place::File(path.clone()),
            Home::Missing(path) => Place::Missing(path.clone()),
            Home::Pictures(blob) => span(blob, at, len as usize, Coding::Picture),
            Home::Deflated(blob) => {
                let Deflated { offset, size, crc } = self.deflated[at as usize];
                span(blob, offset, len as usize, Coding::Deflated { size: size as usize, crc })
            }
            Home::Pixels(blob, layout) => span(blob, at, layout.bytes(), Coding::Pixels(Arc::clone(layout))),
            Home::Pages => {
                let PackedPage { file, directory } = self.pages[at as usize];
                Place::Page { file: Box::new(self.unpack(file)), directory }
            }
        }
    }

    /// A number for the file that place `i` shares with others, and the offset in it; `None` for a file of
    /// its own.
    pub(super) fn in_shared_file(&self, i: usize) -> Option<(usize, u64)> {
        self.shared(self.rows[i])
    }

    fn shared(&self, Packed { home, at, .. }: Packed) -> Option<(usize, u64)> {
        let (blob, offset) = match &self.homes[home as usize] {
            Home::Folder(_) | Home::File(_) | Home::Missing(_) => return None,
            Home::Pages => return self.shared(self.pages[at as usize].file),
            Home::Deflated(blob) => (blob, self.deflated[at as usize].offset),
            Home::Pictures(blob) | Home::Pixels(blob, _) => (blob, at),
        };
        Some((Arc::as_ptr(blob).addr(), offset))
    }

    /// Number of places.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// All places, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Place> {
        (0..self.len()).map(|i| self.get(i))
    }

    /// The places at these indices, in that order.
    pub(super) fn select(self, indices: &[u32]) -> Self {
        Self { rows: indices.iter().map(|i| self.rows[*i as usize]).collect(), ..self }
    }
}

impl Home {
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Pages, Self::Pages) => true,
            (Self::Folder(own), Self::Folder(other)) => own.as_os_str() == other.as_os_str(),
            (Self::Pictures(own), Self::Pictures(other)) | (Self::Deflated(own), Self::Deflated(other)) => {
                Arc::ptr_eq(own, other)
            }
            (Self::Pixels(own, layout), Self::Pixels(other, other_layout)) => {
                Arc::ptr_eq(own, other) && Arc::ptr_eq(layout, other_layout)
            }
            _ => false,
        }
    }
}

/// A path in two, where joining the two gives exactly the same path.
fn folder_and_name(path: &Path) -> Option<(&Path, &str)> {
    let (folder, name) = (path.parent()?, path.file_name()?.to_str()?);
    (folder.join(name).as_os_str() == path.as_os_str()).then_some((folder, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text that tells one place from another.
    fn described(place: Place) -> String {
        match place {
            Place::File(path) => format!("{path:?}"),
            Place::Missing(path) => format!("missing {path:?}"),
            Place::Page { file, directory } => format!("page at {directory} of {}", described(*file)),
            Place::Span { blob, offset, len, coding } => {
                let coding = match coding {
                    Coding::Picture => "picture".to_owned(),
                    Coding::Deflated { size, crc } => format!("{size} {crc}"),
                    Coding::Pixels(_) => "pixels".to_owned(),
                };
                format!("{:p} {offset} {len} {coding}", Arc::as_ptr(&blob))
            }
        }
    }

    #[test]
    fn places_come_back_as_they_went_in() {
        let blobs = [(); 2].map(|()| Arc::new(Blob::File(Arc::new(&b""[..]))));
        let span = |blob: usize, offset, len, coding| Place::Span {
            blob: Arc::clone(&blobs[blob]),
            offset,
            len,
            coding,
        };
        let file = |path: &str| Place::File(path.into());
        let mut all = vec![
            file("a/1.png"),
            file("a/2.png"),
            file("3.png"),
            file("/tmp/b//4.png"),
            file("a/5.png/"),
            file("a/.."),
            span(0, u64::MAX, 256 << 20, Coding::Picture),
        ];
        let page = |file, directory| Place::Page { file: Box::new(file), directory };
        all.extend([
            page(file("a/1.png"), 8),
            page(file("a/1.png"), u64::MAX),
            page(span(0, 5, 6, Coding::Picture), 7),
        ]);
        for i in 0..100 {
            all.push(span(1, i, 7, Coding::Picture));
            all.push(span(1, 900 + i, 8, Coding::Deflated { size: 256 << 20, crc: u32::MAX - i as u32 }));
        }
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStrExt as _;
            let name = std::ffi::OsStr::from_bytes(b"a/\xff.png");
            all.push(Place::File(name.into()));
        }
        let mut places = PlaceTable::default();
        all.iter().cloned().for_each(|place| places.push(place));
        let expected: Vec<String> = all.into_iter().map(described).collect();
        assert_eq!(places.iter().map(described).collect::<Vec<_>>(), expected);
        assert!(places.homes.len() < 12, "what places have in common is kept once");
        assert_eq!(places.in_shared_file(0), None);
        assert_eq!(places.in_shared_file(11).map(|shared| shared.1), Some(900));
        assert_eq!(places.in_shared_file(9), places.in_shared_file(6).map(|(blob, _)| (blob, 5)));
        places.set_missing(1);
        assert_eq!(described(places.get(1)), "missing \"a/2.png\"");

        let chosen = places.select(&[8, 1]);
        assert_eq!(chosen.iter().map(described).collect::<Vec<_>>(), [&*expected[8], "missing \"a/2.png\""]);
    }
}
