//! Text in cells that a spreadsheet would run as a formula: written so that it is shown, and read back
//! exactly as it was.
//!
//! A file may be called `=HYPERLINK(...)` or `@SUM(...)`, and a table that names it is opened in a
//! spreadsheet by someone else. Such text gets an apostrophe before it, which spreadsheets take for the mark
//! of text. Numbers are left alone.

/// What makes text a formula when it stands first, in ASCII and in the full width that some systems take for
/// the same; tabs and line breaks are passed over before one.
const STARTS: [char; 11] =
    ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// Text for a cell of a table, with an apostrophe before it if a spreadsheet would run it as a formula;
/// [`restored`] takes it away again.
pub fn defused(text: &str) -> String {
    if is_formula(text) { format!("'{text}") } else { text.to_owned() }
}

/// The text of a cell as it was before [`defused`].
pub fn restored(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|text| is_formula(text)).unwrap_or(cell)
}

/// Whether text begins as a formula does. Apostrophes before it count with it, so that text which has its own
/// is told from one that was given it.
fn is_formula(text: &str) -> bool {
    let bare = text.trim_start_matches('\'');
    bare.starts_with(STARTS) && (bare.len() < text.len() || text.parse::<f64>().is_err())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_starts_a_formula_and_all_of_it_reads_back() {
        let formulas =
            ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "'=1", "''@x", "-", "＝1", "'-1"];
        let plain = ["", "a=b", "'", "'a'", "-1", "+2.5e-3", "-0", "cells/=1.png", " =1", "−1", "Größe"];
        for text in formulas {
            let cell = defused(text);
            assert!(cell.starts_with('\'') && cell.len() == text.len() + 1, "{cell}");
            assert_eq!(restored(&cell), text);
        }
        for text in plain {
            assert_eq!(defused(text), text);
            assert_eq!(restored(text), text);
        }
    }
}
