//! One decision on the depth of a data set's images, made when it is opened: which number is white.

use rayon::prelude::*;

use super::blob::Cursor;
use super::decode;
use super::deep::{HINT, Range};
use super::notice::{Notice, Subject};
use super::page_name::file_of_page;
use super::place::Fetched;
use super::source::Source;
use crate::error::{Error, Result};

/// Most images that are looked at.
const LOOKED_AT: usize = 256;

/// Most bytes of streamed files held to look at.
const MOST_HELD: usize = 64 << 20;

/// Images that use less than this share of the numbers up to white are all but black.
const BLACK: f64 = 1.0 / 64.0;

/// Decides which number is white: the one given, or else by the numbers of the source's arrays, or of some of
/// its files. Where images have 8 bits nothing is decided.
///
/// # Errors
/// Numbers that fit no rule, or not the white that is given.
pub(super) fn decide(mut source: Source, given: Option<f64>) -> Result<Source> {
    (source.white, source.white_is_given) = (given, given.is_some());
    let Some(range) = Range::union_of(source.arrays, look(&source)?) else { return Ok(source) };
    let Range { low, high, .. } = range;
    if let Some(white) = given {
        let error = |message: String| Err(Error::new(message).at(source.path()).hint(HINT));
        if high > white || low < 0.0 {
            return error(format!(
                "holds values from {low} to {high} (expected 0 to {white}, see `data.white`)"
            ));
        }
        if range.white().is_ok_and(|own| own <= white * BLACK) {
            return error(format!(
                "holds values from {low} to {high}: with {white} for white (`data.white`) all is black"
            ));
        }
        return Ok(source);
    }
    let white = range.white().map_err(|e| e.at(source.path()))?;
    source.white = Some(white);
    let text = format!(
        "images of more than 8 bits use values from {low} to {high}: 0 is taken for black, {white} for white \
         (`--white {white}`, in training `data.white={white}`, says so)"
    );
    source.add_notice(Notice::new(Subject::AssumedWhite, 1, text, []));
    Ok(source)
}

/// The numbers that images use, by some of those whose names may stand for more than 8 bits. Those that
/// are no pictures, or that no white fits, say nothing of the others.
///
/// # Errors
/// What the system cannot read.
fn look(source: &Source) -> Result<Option<Range>> {
    let is_candidate = |path: &str| decode::may_be_deep(file_of_page(path).unwrap_or(path));
    let candidates = || (0..source.len()).filter(|i| is_candidate(source.entry(*i).path));
    let place = |i: usize| source.places.get(i);
    // a stream is read from its beginning
    let is_streamed = candidates().next().is_some_and(|first| place(first).is_streamed());
    let step = if is_streamed { 1 } else { candidates().count().div_ceil(LOOKED_AT).max(1) };
    let chosen = candidates().step_by(step).take(LOOKED_AT);
    let (mut cursor, mut held): (Option<Cursor>, usize) = (None, 0);
    let mut fetched = Vec::new();
    for i in chosen {
        let bytes = place(i).fetch(&mut cursor).map_err(|e| e.at(source.location(i)))?;
        held += bytes.len();
        if held > MOST_HELD {
            break;
        }
        fetched.push((i, bytes));
    }
    let range = |(i, fetched): (usize, Fetched)| {
        let range = place(i).range(fetched).map_err(|e| e.at(source.location(i)))?;
        Ok(range.filter(|range| range.low >= 0.0))
    };
    let ranges: Vec<Option<Range>> = fetched.into_par_iter().map(range).collect::<Result<_>>()?;
    Ok(ranges.into_iter().flatten().reduce(Range::union))
}
