//! Data sets in every form people have them: opened as a [`Source`] (a list of entries, nothing decoded), loaded as a
//! [`Dataset`] (decoded, cropped, resized pixels).
//!
//! | form | module |
//! |---|---|
//! | image folder `root/<class>/*` | `folder` |
//! | `.tar`, `.tar.gz`, `.zip` of one, read without unpacking | `archive` |
//! | numpy `.npz`, with `images` + `labels` or `MedMNIST`'s arrays | `npz`, `npy` |
//! | Parquet with an image column, as Hugging Face keeps it; a folder of such files | `parquet`, `shards` |
//! | `WebDataset` shards | `webdataset`, `shards` |
//! | CSV manifest `path,label[,split][,group]` | `manifest` |
//!
//! The form is told by a file's contents, not its name. `layout` turns paths into labels, `classes` orders class
//! names, `entries` and `places` keep the list of images in little memory.
//! `write` writes the same forms. Left out on purpose: downloading, and formats with boxes or masks.

mod archive;
mod blob;
mod classes;
mod dataset;
mod decode;
mod entries;
mod folder;
pub mod info;
mod layout;
mod manifest;
mod npy;
mod npz;
mod parquet;
mod place;
mod places;
mod shards;
mod source;
mod store;
mod texts;
mod visit;
mod webdataset;
pub mod write;

use std::io::Read;
use std::path::{Path, PathBuf};

pub use classes::{same_class, standard_classes};
pub use dataset::{Dataset, LoadOptions, OnBadImage, Skipped};
pub use decode::decode;
pub use entries::{Entries, Entry};
pub use source::{Source, Unknown};
pub use visit::Picture;

use crate::error::{Error, Result};
use crate::file;
use layout::Root;
use webdataset::Shard;

/// Opens a data set, labelled or not, in any of the known forms. Pictures are listed, not decoded.
///
/// # Errors
/// A path that does not exist or is in no known form, a damaged or unsafe archive, arrays that do not fit together,
/// and data without a single image.
pub fn open(path: &Path) -> Result<Source> {
    if let (false, Some(mut source)) = (path.exists(), shards::open_pattern(path)?) {
        source.form = Form::Shards.name();
        return Ok(source);
    }
    let mut form = recognise(path)?;
    let mut source = match form {
        Form::Folder => {
            let listing = folder::list(path)?;
            match listing.is_empty().then(|| shards::open_folder(path)).transpose()?.flatten() {
                Some((found, source)) => {
                    form = found;
                    source
                }
                None => layout::arrange(path, listing, Root::Folder)?,
            }
        }
        Form::Tar { gzip } => {
            let listing = archive::list_tar(path, gzip)?;
            if webdataset::is_shard(&listing) {
                form = Form::Shards;
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                webdataset::arrange(path, vec![Shard { name, listing }])?
            } else {
                layout::arrange(path, listing, Root::Archive)?
            }
        }
        Form::Shards | Form::Parquet => parquet::open(path, &[path.to_path_buf()])?,
        Form::Zip | Form::Npz => {
            let members = archive::zip_members(path)?;
            if members.iter().any(|m| m.array_key().is_some()) {
                form = Form::Npz;
                npz::open(path, &members)?
            } else {
                layout::arrange(path, archive::list_zip(path, members)?, Root::Archive)?
            }
        }
        Form::Manifest => manifest::open(path)?,
        Form::Picture => Source::of_picture(path),
    };
    if source.is_empty() {
        return Err(Error::new("holds no images").at(path).hint(FORMS));
    }
    source.form = form.name();
    Ok(source)
}

/// Opens several inputs (files, folders, archives, arrays, mixed) as one source. The entries of a single input have
/// the paths that [`open`] gives them; those of several have the input's path, as given, before it.
///
/// # Errors
/// As [`open`], and when `paths` is empty.
pub fn open_many(paths: &[PathBuf]) -> Result<Source> {
    match paths {
        [] => Err(Error::new("no input given").hint(FORMS)),
        [path] => open(path),
        paths => Ok(Source::merge(paths.iter().map(|path| open(path)).collect::<Result<_>>()?)),
    }
}

const FORMS: &str = "give an image folder (one folder per class), a .tar, .tar.gz or .zip of one, a .npz with \
                     `images` and `labels`, WebDataset shards, Parquet, a CSV manifest (path,label) or images";

#[derive(Clone, Copy)]
enum Form {
    Folder,
    Tar { gzip: bool },
    Zip,
    Npz,
    Shards,
    Parquet,
    Manifest,
    Picture,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Self::Folder => "image folder",
            Self::Tar { gzip: false } => "tar archive",
            Self::Tar { gzip: true } => "compressed tar archive",
            Self::Zip => "zip archive",
            Self::Npz => "numpy arrays",
            Self::Shards => "WebDataset shards",
            Self::Parquet => "Parquet",
            Self::Manifest => "CSV manifest",
            Self::Picture => "single image",
        }
    }
}

/// Tells the form of an input by its first bytes; a CSV file by its name.
fn recognise(path: &Path) -> Result<Form> {
    let mut file = file::open(path)?;
    let io = |e: std::io::Error| Error::io(path, &e);
    let metadata = file.metadata().map_err(io)?;
    if metadata.is_dir() {
        return Ok(Form::Folder);
    }
    let mut start = Vec::new();
    file.by_ref().take(512).read_to_end(&mut start).map_err(io)?;
    let has_extension = |wanted: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(wanted));
    if start.is_empty() {
        Err(Error::new("is empty").at(path).hint(FORMS))
    } else if has_extension("csv") {
        Ok(Form::Manifest)
    } else if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
        Ok(Form::Zip)
    } else if start.starts_with(b"PAR1") {
        Ok(Form::Parquet)
    } else if start.starts_with(&[0x1f, 0x8b]) {
        Ok(Form::Tar { gzip: true })
    } else if start.get(257..262) == Some(b"ustar") || has_extension("tar") {
        Ok(Form::Tar { gzip: false })
    } else if decode::is_picture(&start) || decode::has_picture_name(&path.to_string_lossy()) {
        Ok(Form::Picture)
    } else if start.starts_with(b"\x93NUMPY") {
        Err(Error::new("is a single numpy array (expected a .npz of `images` and `labels`)")
            .at(path)
            .hint("save both together: `np.savez(path, images=images, labels=labels)`"))
    } else {
        Err(Error::new("is in no known form").at(path).hint(FORMS))
    }
}
