//! Paths of the pages of a TIFF file: `x.tif` is the first, `x.tif#2` the second.

use super::tiff::has_tiff_name;

/// The path of a page of a file.
pub(super) fn page_path(file: &str, page: u32) -> String {
    if page == 1 { file.to_owned() } else { format!("{file}#{page}") }
}

/// The file of a page behind the first, and the page's number; `None` for any other path.
pub(super) fn file_and_page(path: &str) -> Option<(&str, u32)> {
    let (file, page) = path.rsplit_once('#')?;
    Some((file, page.parse().ok()?)).filter(|_| has_tiff_name(file))
}

/// The file of a page behind the first; `None` for any other path.
pub(crate) fn file_of_page(path: &str) -> Option<&str> {
    file_and_page(path).map(|(file, _)| file)
}
