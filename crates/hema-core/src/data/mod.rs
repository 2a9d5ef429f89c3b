//! Data sets in every form people have them: opened as a [`Source`] (a list of entries, nothing decoded),
//! loaded as a [`Dataset`] (decoded, cropped, resized pixels), written anew by [`write`](mod@write).
//!
//! `read` holds a file for each form that is read, listed in [`READERS`], and `write` one for each that is
//! written, listed in [`write::FORMS`]. Both know the modules beside them, which know no form: `entries` and
//! `texts` keep the list of images in little memory; `place`, `place_table`, `blob` and `scattered` know
//! where the bytes of each lie; `classes` orders and compares class names; `decode` makes pixels of a picture
//! file, with `frames` and `tiff` for files of several pictures, `jpeg_scan`, `png_scan` and `tiff_scan` to
//! find damage, and `deep` and `depth` to bring more than 8 bits to 8; `memory` lends each picture what
//! `needs` says that it takes; `remote` hands in data on other machines; `visit` goes over many images of a
//! source; `notice` says what was not used or was assumed, `remarks` what the images decoded so far turned
//! out to be.
//!
//! Left out on purpose: connections, which others open (`remote`), and formats with boxes or masks.

mod blob;
mod classes;
mod dataset;
mod decode;
mod deep;
mod deep_tiff;
mod depth;
mod entries;
mod frames;
pub mod info;
mod jpeg_scan;
mod memory;
mod needs;
mod notice;
mod npy;
mod page_name;
mod part;
mod place;
mod place_table;
mod png_scan;
mod read;
mod remarks;
mod remote;
mod scattered;
mod source;
mod store;
mod texts;
mod tiff;
mod tiff_scan;
mod visit;
pub mod write;

pub use self::classes::{are_same_classes, match_classes, standard_classes};
pub use self::dataset::{Dataset, LoadOptions, OnBadImage, Skipped};
pub use self::decode::{decode, decode_as};
pub use self::entries::{Entries, Entry};
pub use self::memory::{LEAST_DECODING, set_memory};
pub use self::notice::{Notice, Subject};
pub(crate) use self::page_name::file_of_page;
pub use self::part::Part;
pub use self::place::Picture;
pub use self::read::{READERS, Reader, open, open_as, open_many, open_many_as};
pub use self::remote::{Opener, set_opener};
pub use self::source::{Source, Unknown};
