//! The files that could not be read, with the reason of each.

use super::html::{breakable, count, each, escape, scroll_box};
use crate::data::Skipped;

/// Most files that a page lists.
const MOST: usize = 200;

/// The table of files; nothing where all could be read. `elsewhere` says where those stand that are not
/// shown.
pub(super) fn draw(skipped: &[Skipped], elsewhere: &str) -> String {
    if skipped.is_empty() {
        return String::new();
    }
    let rows = each(skipped.iter().take(MOST), |file| {
        format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td></tr>",
            breakable(&file.path.display().to_string()),
            escape(&file.reason)
        )
    });
    let table = format!(
        "<table class=\"reasons\"><thead><tr><th scope=\"col\">File</th><th scope=\"col\">Why</th></tr></thead>\
         <tbody>{rows}</tbody></table>"
    );
    let beyond = match skipped.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!("<p class=\"beyond\">and {} more in {elsewhere}</p>", count(more as u64)),
    };
    scroll_box("Files that could not be read", &table) + &beyond
}
