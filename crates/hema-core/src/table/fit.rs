//! Which image a row of a table means: people write paths from another folder, with other slashes, as file
//! names alone or without their endings.
//!
//! All rows of a table are read in one way: the first of a list in which every row has one image, and no row
//! could be another.

use std::collections::{BTreeSet, HashMap};

use crate::error::Error;

/// Rows that fit no image, or more than one.
#[derive(Debug, PartialEq)]
pub(crate) struct Misfit {
    /// How many rows.
    rows: usize,
    /// How many rows the table has.
    of: usize,
    /// The numbers of the first of them, from 0.
    first: Vec<usize>,
    /// Two images that the very first could be.
    between: Option<[String; 2]>,
    /// The path of an image, to show what is expected.
    example: String,
}

/// Rows named in a message.
const NAMED: usize = 3;
/// Most leading folders of a row that may be too many, and most depths of rows that are compared by their
/// ends.
const MOST_FOLDERS: usize = 16;

impl Misfit {
    /// Whether no row fits.
    pub(crate) fn is_whole(&self) -> bool {
        self.rows == self.of
    }

    /// An error that names the first rows, by the line that `line` gives them and the path that `name` does.
    pub(crate) fn error<'a>(&self, line: impl Fn(usize) -> u64, name: impl Fn(usize) -> &'a str) -> Error {
        let first: Vec<String> =
            self.first.iter().map(|row| format!("line {} `{}`", line(*row), name(*row))).collect();
        let first = first.join(", ");
        let Self { rows, of, between, example, .. } = self;
        match between {
            Some([one, other]) => Error::new(format!(
                "{rows} of its {of} rows fit several images, first: {first}, which could be `{one}` or `{other}`"
            ))
            .hint("write the paths with their folders, as they are in the data"),
            None => Error::new(format!(
                "{rows} of its {of} rows name no image, first: {first} (expected paths such as `{example}`)"
            )),
        }
    }
}

/// The number of the image that each row names.
///
/// # Errors
/// The rows that fit no image or several, in the way of reading that leaves the fewest.
pub(crate) fn fit<'a>(
    paths: &(impl Iterator<Item = &'a str> + Clone),
    names: &[&str],
) -> Result<Vec<usize>, Misfit> {
    let mut fewest = match look_up(paths.clone(), names.iter().copied()) {
        Ok(images) => return Ok(images),
        Err(found) => found,
    };
    for tidy in [slashed, |path: &str| slashed(path).to_lowercase()] {
        let paths: Vec<String> = paths.clone().map(tidy).collect();
        let names: Vec<String> = names.iter().copied().map(tidy).collect();
        for reading in READINGS {
            match reading(&paths, &names) {
                Ok(images) => return Ok(images),
                Err(found) if found.explains_more_than(&fewest) => fewest = found,
                Err(_) => {}
            }
        }
    }
    let path = |image: usize| paths.clone().nth(image).unwrap_or_default().to_owned();
    Err(Misfit {
        rows: fewest.rows.len(),
        of: names.len(),
        first: fewest.rows.iter().copied().take(NAMED).collect(),
        between: fewest.between.map(|images| images.map(path)),
        example: path(0),
    })
}

/// A way of reading rows.
type Reading = fn(&[String], &[String]) -> Result<Vec<usize>, Found>;

/// The ways of reading rows, once slashes are equal: as they are; from a folder further up; by the ends of
/// paths; by these without the ending of the file.
const READINGS: [Reading; 4] = [
    |paths, names| look_up(texts(paths), texts(names)),
    without_leading_folders,
    |paths, names| by_ends(&texts(paths).collect::<Vec<_>>(), names),
    |paths, names| by_ends(&texts(paths).map(without_ending).collect::<Vec<_>>(), names),
];

/// The rows that one way of reading leaves without an image, or with several.
struct Found {
    rows: Vec<usize>,
    /// Two images that the first of them could be.
    between: Option<[usize; 2]>,
}

impl Found {
    /// Whether it leaves fewer rows, or as many and says which images they could be.
    fn explains_more_than(&self, other: &Self) -> bool {
        let key = |found: &Self| (found.rows.len(), found.between.is_none());
        key(self) < key(other)
    }
}

/// The images of a key.
enum Images {
    One(usize),
    Several([usize; 2]),
}

/// The image that has the same key as each row.
fn look_up<'a, 'b>(
    paths: impl Iterator<Item = &'a str>,
    names: impl Iterator<Item = &'b str>,
) -> Result<Vec<usize>, Found> {
    let images = index(paths);
    collect(names.map(|name| images.get(name)))
}

fn index<'a>(keys: impl Iterator<Item = &'a str>) -> HashMap<&'a str, Images> {
    let mut images = HashMap::new();
    for (image, key) in keys.enumerate() {
        let and_before = |known: &mut Images| {
            if let Images::One(first) = known {
                *known = Images::Several([*first, image]);
            }
        };
        images.entry(key).and_modify(and_before).or_insert(Images::One(image));
    }
    images
}

/// The one image of every row, or the rows that have none or several.
fn collect<'a>(images: impl Iterator<Item = Option<&'a Images>>) -> Result<Vec<usize>, Found> {
    let (mut fitting, mut found) = (Vec::new(), Found { rows: Vec::new(), between: None });
    for (row, images) in images.enumerate() {
        match images {
            Some(Images::One(image)) => fitting.push(*image),
            Some(Images::Several(images)) if found.rows.is_empty() => {
                found = Found { rows: vec![row], between: Some(*images) };
            }
            _ => found.rows.push(row),
        }
    }
    if found.rows.is_empty() { Ok(fitting) } else { Err(found) }
}

/// Rows whose first folders, the same number of all rows, the data lacks.
fn without_leading_folders(paths: &[String], names: &[String]) -> Result<Vec<usize>, Found> {
    let images = index(texts(paths));
    let mut fewest = Found { rows: (0..names.len()).collect(), between: None };
    for dropped in 1..=MOST_FOLDERS {
        let rest = |name: &'_ String| name.match_indices('/').nth(dropped - 1).map(|(slash, _)| slash + 1);
        if names.iter().all(|name| rest(name).is_none()) {
            break;
        }
        match collect(names.iter().map(|name| images.get(&name[rest(name)?..]))) {
            Ok(fitting) => return Ok(fitting),
            Err(found) if found.rows.len() < fewest.rows.len() => fewest = found,
            Err(_) => {}
        }
    }
    Err(fewest)
}

/// Rows that are the ends of paths.
fn by_ends(paths: &[&str], names: &[String]) -> Result<Vec<usize>, Found> {
    let depth = |name: &str| name.matches('/').count();
    let depths: BTreeSet<usize> = texts(names).map(depth).filter(|depth| *depth <= MOST_FOLDERS).collect();
    let ends: HashMap<usize, HashMap<&str, Images>> =
        depths.into_iter().map(|depth| (depth, index(paths.iter().map(|path| end(path, depth))))).collect();
    collect(names.iter().map(|name| ends.get(&depth(name))?.get(name.as_str())))
}

/// The file's name and so many folders before it.
fn end(path: &str, folders: usize) -> &str {
    path.rmatch_indices('/').nth(folders).map_or(path, |(slash, _)| &path[slash + 1..])
}

/// A path without the ending of its file.
fn without_ending(path: &str) -> &str {
    let name = path.rfind('/').map_or(0, |slash| slash + 1);
    path[name..].rfind('.').map_or(path, |dot| &path[..name + dot])
}

/// A path with plain slashes and without folders that say nothing.
fn slashed(path: &str) -> String {
    let parts = path.split(['/', '\\']).filter(|part| !matches!(*part, "" | "."));
    parts.collect::<Vec<_>>().join("/")
}

fn texts(strings: &[String]) -> impl Iterator<Item = &str> + Clone {
    strings.iter().map(String::as_str)
}
