//! What Hema does with TIFF files itself, beside the decoder: `directory` reads what a file says of each
//! page, `pages` finds the pages that are images and makes a file of one, `colour` turns palettes and YCbCr
//! into RGB.

mod colour;
mod directory;
mod pages;

pub(super) use self::colour::{Coloured, limits};
pub(super) use self::directory::is_tiff;
pub(super) use self::pages::{Pages, page_file, pages};

/// Whether a file is named like a TIFF file.
pub(super) fn has_tiff_name(name: &str) -> bool {
    let is_ending = |end: &str| ["tif", "tiff"].iter().any(|known| known.eq_ignore_ascii_case(end));
    name.rsplit_once('.').is_some_and(|(_, end)| is_ending(end))
}
