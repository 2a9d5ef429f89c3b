//! Pages of TIFF files as images of their own: `x.tif`, `x.tif#2`, `x.tif#3`. They have the label and the
//! part of their file, and its group, or else the file for a group: what was taken in one go stays together.

use rayon::prelude::*;

use crate::data::entries::{Entries, Entry};
use crate::data::notice::{Notice, Subject};
use crate::data::page_name::page_path;
use crate::data::place::{Fetched, Place};
use crate::data::place_table::PlaceTable;
use crate::data::source::Contents;
use crate::data::tiff::{Pages, has_tiff_name};
use crate::error::{Result, counted};

/// Puts the pages of TIFF files into the place of the files. Only directories are read, of files that are
/// named like TIFF files; where a file is no picture, decoding will say so.
///
/// # Errors
/// A file that the system cannot read.
pub(super) fn expand(contents: Contents) -> Result<Contents> {
    let named: Vec<usize> =
        (0..contents.entries.len()).filter(|i| has_tiff_name(contents.entries.get(*i).path)).collect();
    let found = find(&contents.places, &named)?;
    let several = |(_, pages): &&(usize, Pages)| !pages.is_plain();
    let mut expanded = found.iter().filter(several).peekable();
    let notices = notices(&contents.entries, &found);
    if expanded.peek().is_none() {
        return Ok(Contents { notices: [contents.notices, notices].concat(), ..contents });
    }
    let (mut entries, mut places) = (Entries::default(), PlaceTable::default());
    for (i, (entry, place)) in contents.entries.iter().zip(contents.places.iter()).enumerate() {
        let Some((_, pages)) = expanded.next_if(|(file, _)| *file == i) else {
            entries.push(entry);
            places.push(place);
            continue;
        };
        let is_alone = pages.images.len() == 1;
        for page in &pages.images {
            let path = page_path(entry.path, if is_alone { 1 } else { page.number });
            let group = entry.group.or((!is_alone).then_some(entry.path));
            entries.push(Entry { path: &path, group, ..entry });
            places.push(Place::Page { file: Box::new(place.clone()), directory: page.directory });
        }
    }
    Ok(Contents { entries, places, notices: [contents.notices, notices].concat(), ..contents })
}

/// The pages of some files, in their order, without those of which nothing is to be said.
fn find(places: &PlaceTable, files: &[usize]) -> Result<Vec<(usize, Pages)>> {
    let is_worth_saying = |pages: &Pages| !pages.is_plain() || pages.left_out > 0;
    let pages = |i: usize, fetched| -> Result<Option<(usize, Pages)>> {
        let pages = places.get(i).pages(fetched)?;
        Ok(is_worth_saying(&pages).then_some((i, pages)))
    };
    // packed files are read in turn, the others where they lie
    let (own, shared): (Vec<usize>, Vec<usize>) =
        files.iter().partition(|i| places.in_shared_file(**i).is_none());
    let mut found: Vec<(usize, Pages)> =
        own.into_par_iter().filter_map(|i| pages(i, Fetched::Later).transpose()).collect::<Result<_>>()?;
    let mut cursor = None;
    let mut shared = shared;
    shared.sort_by_key(|i| places.in_shared_file(*i));
    for i in shared {
        let fetched = places.get(i).fetch(&mut cursor)?;
        found.extend(pages(i, fetched)?);
    }
    found.sort_by_key(|(i, _)| *i);
    Ok(found)
}

fn notices(entries: &Entries, found: &[(usize, Pages)]) -> Vec<Notice> {
    let of = |subject, counts: &dyn Fn(&Pages) -> u64, text: &dyn Fn(u64, u64) -> String| {
        let files: Vec<&(usize, Pages)> = found.iter().filter(|(_, pages)| counts(pages) > 0).collect();
        let count = files.iter().map(|(_, pages)| counts(pages)).fold(0, u64::saturating_add);
        let examples = files.iter().map(|(i, _)| entries.get(*i).path.to_owned());
        (!files.is_empty()).then(|| Notice::new(subject, count, text(files.len() as u64, count), examples))
    };
    let stacked = |pages: &Pages| if pages.images.len() > 1 { pages.images.len() as u64 } else { 0 };
    let stacks = of(Subject::Pages, &stacked, &|files, count| {
        let (pages, files) = (counted(count, "page"), counted(files, "TIFF file"));
        format!("{pages} in {files}, each an image of its own, those of a file one group")
    });
    let smaller = of(Subject::SmallerPages, &|pages| pages.left_out, &|files, count| {
        let (pages, files) = (counted(count, "page"), counted(files, "TIFF file"));
        format!("{pages} in {files} that show others smaller or are masks, not used")
    });
    [stacks, smaller].into_iter().flatten().collect()
}
