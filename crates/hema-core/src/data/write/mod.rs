//! Data sets written in the forms that they are read in, an image at a time: memory does not grow with the
//! images, but for their names.
//!
//! | form | module |
//! |---|---|
//! | image folder; `.tar`, `.tar.gz` and `.zip` of one | `tree`, with `names` |
//! | numpy `.npz` | `npz` |
//! | `WebDataset` shards | `webdataset`, `shards` |
//! | Parquet as Hugging Face keeps images | `parquet`, `shards` |
//! | CSV manifest | `manifest` |
//!
//! [`FORMS`] is the table of all. [`copy()`] takes a source's images to a writer, [`balance()`] those that a
//! sampler draws, [`augment()`] changed copies of them. Whatever is written stands complete under its name or
//! not at all (`target`). Left out on purpose: changing or replacing an existing data set.

mod augment;
mod balance;
mod copy;
mod manifest;
mod names;
mod npz;
mod parquet;
mod shards;
mod target;
mod tree;
mod webdataset;
mod writer;

use std::path::Path;

pub use self::augment::{Copies, augment};
pub use self::balance::balance;
pub use self::copy::{Change, Encoding, copy};
pub use self::writer::{Options, Record, Writer};
use crate::error::{Error, Result, suggest};

/// A form that data sets are written in.
pub struct Form {
    /// Name of the form on the command line (`--to`).
    pub name: &'static str,
    /// Endings of its file names; the first is the usual one. Empty for a folder.
    pub extensions: &'static [&'static str],
    /// A description, with the properties that it keeps beside pixels and labels.
    pub about: &'static str,
    create: Create,
}

type Create = fn(&Path, &[String], &Options) -> Result<Box<dyn Writer>>;

/// Every form.
pub const FORMS: &[Form] = &[
    Form {
        name: "folder",
        extensions: &[],
        about: "one folder per class; parts in its split.csv, groups in its groups.csv",
        create: tree::folder,
    },
    Form {
        name: "tar",
        extensions: &["tar"],
        about: "a folder, packed; the fastest form to read",
        create: tree::tar,
    },
    Form {
        name: "tar.gz",
        extensions: &["tar.gz", "tgz"],
        about: "a folder, packed and compressed",
        create: tree::tar_gz,
    },
    Form { name: "zip", extensions: &["zip"], about: "a folder, packed", create: tree::zip },
    Form {
        name: "npz",
        extensions: &["npz"],
        about: "numpy arrays images (N, H, W, 3) and labels (N, 1), or MedMNIST's train_images, ... where images have \
                parts; keeps neither names nor groups",
        create: npz::create,
    },
    Form {
        name: "webdataset",
        extensions: &[],
        about: "a folder of tar shards, one part each, of key.jpg, key.cls and key.json",
        create: webdataset::create,
    },
    Form {
        name: "parquet",
        extensions: &["parquet"],
        about: "as Hugging Face datasets keeps images: one file, or, named without an ending, a folder of shards, one \
                part each",
        create: parquet::create,
    },
    Form {
        name: "manifest",
        extensions: &["csv"],
        about: "CSV that names existing picture files: path,label,split,group",
        create: manifest::create,
    },
];

impl Form {
    /// The form of that name.
    ///
    /// # Errors
    /// An unknown name.
    pub fn find(name: &str) -> Result<&'static Self> {
        FORMS.iter().find(|form| form.name == name).ok_or_else(|| {
            Error::new(format!("unknown form `{name}`"))
                .hint(suggest(name, FORMS.iter().map(|form| form.name)))
        })
    }

    /// The form that a file name asks for; a name without an extension is a folder's.
    ///
    /// # Errors
    /// An extension of no form.
    pub fn of_path(path: &Path) -> Result<&'static Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let ends = |form: &&Form| form.extensions.iter().any(|end| name.ends_with(&format!(".{end}")));
        match FORMS.iter().find(ends) {
            Some(form) => Ok(form),
            None if !name.contains('.') => Self::find("folder"),
            None => {
                let known: Vec<String> =
                    FORMS.iter().flat_map(|form| form.extensions).map(|end| format!(".{end}")).collect();
                Err(Error::new(format!(
                    "its name tells no form (expected {}, or none for a folder)",
                    known.join(", ")
                ))
                .at(path)
                .hint("name the form with --to"))
            }
        }
    }
}

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Begins a data set of a form; `classes` are the names of its labels, in their order.
///
/// # Errors
/// A path that exists, or where nothing can be written; class names that the form cannot hold.
pub fn create(path: &Path, form: &Form, classes: &[String], options: &Options) -> Result<Box<dyn Writer>> {
    (form.create)(path, classes, options)
}
