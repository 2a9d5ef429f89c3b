//! Data sets read, in every form people have them.
//!
//! [`READERS`] is the table: a form is one file here and one row in it. A reader is asked whether it
//! recognises an [`Input`] and lists the images of it. Folders and archives are listed once, by `folder`,
//! `tar` and `zip`, into a `Listing`, whichever reader takes it; `leftovers` counts what none takes; `shards`
//! finds the files of a set that comes as several. Whatever the form, `pages` puts the pages of TIFF files
//! into the place of the files.
//!
//! The form is told by an input's contents, not its name, but for manifests.

mod folder;
mod image_folder;
mod input;
mod labels;
mod leftovers;
pub(super) mod listing;
mod manifest;
mod member_name;
mod npz;
mod pages;
mod parquet;
mod part_folders;
mod pattern;
mod reader;
mod shards;
mod side_table;
pub(super) mod sidecar;
mod single_image;
mod tar;
mod webdataset;
mod zip;

use std::path::{Path, PathBuf};

use self::input::Input;
pub use self::reader::Reader;
use super::depth;
use super::notice::Notice;
use super::source::{SINGLE_IMAGE, Source};
use crate::error::{Error, ErrorKind, Result, counted};
use crate::file;

/// Every reader. The first that recognises an input opens it, so that a special form stands before a general
/// one.
pub const READERS: &[Reader] = &[
    Reader {
        name: "image folder",
        about: "one folder per class",
        recognises: image_folder::is_folder,
        open: image_folder::open_folder,
    },
    Reader {
        name: "CSV manifest",
        about: "path,label[,split][,group]",
        recognises: manifest::recognises,
        open: manifest::open,
    },
    Reader {
        name: "numpy arrays",
        about: "a .npz with `images` and `labels`, or MedMNIST's `train_images`, ...",
        recognises: npz::recognises,
        open: npz::open,
    },
    Reader {
        name: "Parquet",
        about: "a .parquet with an `image` column as Hugging Face keeps it, or a folder of them",
        recognises: parquet::recognises,
        open: parquet::open,
    },
    Reader {
        name: "WebDataset shards",
        about: "a .tar with key.jpg beside key.cls or key.json, a folder of them, or x-{000000..000003}.tar",
        recognises: webdataset::recognises,
        open: webdataset::open,
    },
    Reader {
        name: "zip archive",
        about: "a .zip of an image folder",
        recognises: image_folder::is_zip,
        open: image_folder::open_archive,
    },
    Reader {
        name: "compressed tar archive",
        about: "a .tar.gz of an image folder",
        recognises: image_folder::is_gzipped_tar,
        open: image_folder::open_archive,
    },
    Reader {
        name: "tar archive",
        about: "a .tar of an image folder",
        recognises: image_folder::is_tar,
        open: image_folder::open_archive,
    },
    Reader {
        name: SINGLE_IMAGE,
        about: "JPEG, PNG, BMP, TIFF, WebP, GIF or PNM",
        recognises: single_image::recognises,
        open: single_image::open,
    },
];

/// Endings of the archives that are looked for under a prefix of addresses.
const ARCHIVES: [&str; 6] = [".tar", ".parquet", ".zip", ".npz", ".tar.gz", ".tgz"];

/// Opens a data set, labelled or not, in any form of [`READERS`]; `path` may be an address, see
/// [`set_opener`](super::set_opener). Pictures are listed; of those that may have
/// more than 8 bits a few hundred are looked at.
///
/// # Errors
/// A path that does not exist or is in no known form, a damaged or unsafe archive, arrays that do not fit
/// together, numbers of more than 8 bits that fit no rule, and data without a single image.
pub fn open(path: &Path) -> Result<Source> {
    open_as(path, None)
}

/// Opens a data set as [`open`] does, with a number for white in images of more than 8 bits; `None` has the
/// numbers of the images decide.
///
/// # Errors
/// The errors of [`open`], and images with numbers above `white`.
pub fn open_as(path: &Path, white: Option<f64>) -> Result<Source> {
    depth::decide(open_one(path)?, white)
}

fn open_one(path: &Path) -> Result<Source> {
    let mut input = Input::new(path)?;
    if let Some(files) = input.prefixed() {
        check_prefix(path, files)?;
        let archives: Vec<&PathBuf> = files.iter().filter(|file| is_archive(file)).collect();
        let are_shards = || READERS.iter().any(|reader| (reader.recognises)(&input));
        if !shards::are_of_one_form(&archives) || !are_shards() {
            return Ok(Source::merge(
                archives.into_iter().map(|file| open_one(file)).collect::<Result<_>>()?,
            ));
        }
    }
    let reader = find(&input)?;
    let contents = pages::expand((reader.open)(&mut input)?).map_err(|e| e.at(path))?;
    let source = Source::new(path, reader.name, contents);
    if source.is_empty() { Err(no_images(path, source.notices())) } else { Ok(source) }
}

/// Opens several inputs (files, folders, archives, arrays, mixed) as one source. The entries of a single
/// input have the paths that [`open`] gives them; those of several have the input's path, as given, before
/// it.
///
/// # Errors
/// The errors of [`open`], and when `paths` is empty.
pub fn open_many(paths: &[PathBuf]) -> Result<Source> {
    open_many_as(paths, None)
}

/// Opens several inputs as [`open_many`] does, with a number for white as in [`open_as`].
///
/// # Errors
/// The errors of [`open_as`], and when `paths` is empty.
pub fn open_many_as(paths: &[PathBuf], white: Option<f64>) -> Result<Source> {
    match paths {
        [] => Err(Error::new("no input given").hint(known_forms())),
        [path] => open_as(path, white),
        paths => {
            let sources = paths.iter().map(|path| open_one(path)).collect::<Result<_>>()?;
            depth::decide(Source::merge(sources), white)
        }
    }
}

/// Whether the name of a file is that of an archive.
fn is_archive(file: &Path) -> bool {
    let name = shards::file_name(file).to_lowercase();
    !name.starts_with('.') && ARCHIVES.iter().any(|ending| name.ends_with(ending))
}

/// Refuses a prefix of addresses without an archive.
fn check_prefix(prefix: &Path, files: &[PathBuf]) -> Result<()> {
    if files.iter().any(|file| is_archive(file)) {
        return Ok(());
    }
    let others = match files {
        [] => "no file is under this prefix".to_owned(),
        [first, ..] => format!(
            "no archive is among the {} under this prefix, as {}",
            counted(files.len() as u64, "file"),
            shards::file_name(first)
        ),
    };
    Err(Error::new(format!("{others} (expected {})", ARCHIVES.join(", ")))
        .at(prefix)
        .with_kind(ErrorKind::NotFound)
        .hint("pictures are read from archives there, not one by one: pack them with `hema data convert`"))
}

/// The reader of an input.
fn find(input: &Input) -> Result<&'static Reader> {
    let path = input.path();
    if input.is_empty_file() {
        return Err(Error::new("is empty").at(path).hint(known_forms()));
    }
    if is_web_page(input.start()) {
        return Err(Error::new("is a web page (expected an archive)")
            .at(path)
            .hint("give the address of the file itself, not that of a page about it or of a login"));
    }
    if let Some(reader) = READERS.iter().find(|reader| (reader.recognises)(input)) {
        return Ok(reader);
    }
    if input.is_folder() {
        Err(no_images(path, &input.listing().map_or(Vec::new(), |listing| listing.leftovers.notices())))
    } else if input.start().starts_with(b"\x93NUMPY") {
        Err(Error::new("is a single numpy array (expected a .npz of `images` and `labels`)")
            .at(path)
            .hint("save both together: `np.savez(path, images=images, labels=labels)`"))
    } else {
        // nothing at the path is the more likely reason
        file::open(path)?;
        Err(Error::new("is in no known form").at(path).hint(known_forms()))
    }
}

/// Whether these are the first bytes of a web page, which servers send in place of a file.
fn is_web_page(start: &[u8]) -> bool {
    let start = start.trim_ascii_start();
    [&b"<!doctype html"[..], b"<html"]
        .iter()
        .any(|page| start.get(..page.len()).is_some_and(|start| start.eq_ignore_ascii_case(page)))
}

/// The error for data without an image that is read, which says what else is there.
fn no_images(path: &Path, notices: &[Notice]) -> Error {
    match Notice::of_hidden(notices) {
        None => Error::new("holds no images").at(path).hint(known_forms()),
        Some(hidden) => Error::new(format!("holds no images that are read ({hidden})")).at(path).hint(
            "convert pictures to PNG or TIFF, which keep everything; links need the files that they name",
        ),
    }
}

/// The hint for a wrong input.
fn known_forms() -> &'static str {
    "give a folder or archive of pictures, a CSV of their paths, a .npz or a .parquet (`hema list readers` says what \
     each must hold)"
}
