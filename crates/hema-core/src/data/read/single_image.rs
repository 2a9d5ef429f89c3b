//! One picture file, as a data set of one image without a label.

use std::sync::Arc;

use super::input::Input;
use crate::data::blob::Blob;
use crate::data::decode;
use crate::data::entries::{Entries, Entry};
use crate::data::place::{Coding, Place, check_file_size};
use crate::data::place_table::PlaceTable;
use crate::data::source::Contents;
use crate::error::Result;
use crate::file;

/// Whether it begins, or at least ends its name, like a picture file.
pub(super) fn recognises(input: &Input) -> bool {
    let named = || decode::has_picture_name(&input.path().to_string_lossy());
    !input.start().is_empty() && (decode::is_picture(input.start()) || named())
}

/// The data set of one picture file.
pub(super) fn open(input: &mut Input) -> Result<Contents> {
    let path = input.path();
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let entry = Entry { path: &name, label: None, part: None, group: None };
    let mut places = PlaceTable::default();
    places.push(if file::is_address(path) {
        let file = Arc::clone(input.file()?);
        check_file_size(file.size())?;
        let (offset, len) = (0, file.size() as usize);
        Place::Span { blob: Arc::new(Blob::File(file)), offset, len, coding: Coding::Picture }
    } else {
        Place::File(path.to_path_buf())
    });
    Ok(Contents { entries: Entries::from_iter([entry]), places, ..Contents::default() })
}
