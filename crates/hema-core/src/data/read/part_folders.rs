//! Folders of parts, told from folders of classes. What could be either is refused: a network that is trained
//! to tell train from test looks well and is worth nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::data::classes::is_standard;
use crate::data::notice::{Notice, Subject};
use crate::data::part::Part;
use crate::data::texts::Texts;
use crate::error::{Error, Result};
use crate::spelling::quoted;

/// The meaning of the first folders of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// Every first folder is a part, with the classes below.
    Parts,
    /// Every first folder is a class.
    Classes,
}

/// Beginnings of the names of parts.
const BEGINNINGS: &[&str] = &["train", "training", "val", "valid", "validation", "dev", "test", "testing"];
/// So many sub-folders, found in several folders, make these alike.
const FEWEST_SHARED: usize = 2;

/// The first folders of all paths, with the folders right below them.
struct Folders<'a> {
    below: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// Pictures in no folder.
    loose: usize,
    /// Where the first folders lie.
    root: &'a Path,
}

/// The part that a path's first folder names.
pub(super) fn part_folder(path: &str) -> Option<Part> {
    path.split_once('/').and_then(|(first, _)| first.parse().ok())
}

/// The folders around parts or standard classes, where all pictures lie in them, however many they are: `a/b`
/// for `a/b/train/ig/0.png` and `a/b/test/ig/1.png`. Names come in order.
pub(super) fn around<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let (first, last) = (names.clone().next()?, names.clone().last()?);
    let same = first.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count();
    let top = &first[..first.as_bytes()[..same].iter().rposition(|byte| *byte == b'/')?];
    let is_part = |name: &str| name.parse::<Part>().is_ok();
    if top.split('/').any(|folder| is_part(folder) || is_standard(folder)) {
        return None;
    }
    let below: BTreeSet<&str> =
        names.filter_map(|name| Some(name[top.len() + 1..].split_once('/')?.0)).collect();
    let is_known = |name: &&str| is_part(name) || begins_like_a_part(name);
    let standard = !below.is_empty() && below.iter().all(|name| is_standard(name));
    (standard || below.iter().any(is_known)).then_some(top)
}

/// Tells parts from classes, for pictures whose paths lie below `root`. The notice names folders that were
/// taken for classes though they look alike.
///
/// # Errors
/// Folders that are some parts and some not, that are called almost like parts, or that share the folders
/// below them, as parts or sites share classes.
pub(super) fn layout(paths: &Texts, root: &Path) -> Result<(Layout, Option<Notice>)> {
    let folders = Folders::of(paths, root);
    let is_part = |name: &str| name.parse::<Part>().is_ok();
    let names = || folders.below.keys().copied();
    if names().next().is_some() && names().all(is_part) && folders.loose == 0 {
        return Ok((Layout::Parts, None));
    }
    let part_like: BTreeSet<&str> =
        names().filter(|name| is_part(name) || begins_like_a_part(name)).collect();
    if !part_like.is_empty() {
        return Err(folders.called_like_parts(&part_like));
    }
    let shared = folders.shared();
    if shared.is_empty() {
        return Ok((Layout::Classes, None));
    }
    let most = |is: &dyn Fn(&str) -> bool, of: &BTreeSet<&str>| {
        of.iter().filter(|name| is(name)).count() * 2 > of.len()
    };
    if most(&is_part, &shared) {
        return Err(folders.parts_below_classes(&shared));
    }
    let alike = folders.sharing(&shared);
    if most(&is_standard, &alike) && !most(&is_standard, &shared) {
        // patients or slides below classes
        return Ok((Layout::Classes, None));
    }
    let doubtful = match (numbered(&alike), numbered(&shared)) {
        // `fold1/0` and `0/1`: nothing tells which are the classes
        (Some(stem), Some(below)) => !stem.is_empty() || below.is_empty(),
        (_, below) => below.is_none(),
    };
    if doubtful {
        return Err(folders.alike(&alike, &shared));
    }
    let text = "folders with the same sub-folders are taken for classes, and these for patients or slides";
    let names = alike.iter().map(|name| quoted(name));
    let notice = Notice::new(Subject::AlikeFolders, alike.len() as u64, text, names);
    Ok((Layout::Classes, Some(notice)))
}

impl<'a> Folders<'a> {
    fn of(paths: &'a Texts, root: &'a Path) -> Self {
        let mut folders = Self { below: BTreeMap::new(), loose: 0, root };
        let mut last = ("", None);
        for path in paths.iter() {
            let Some((first, rest)) = path.split_once('/') else {
                folders.loose += 1;
                continue;
            };
            let second = rest.split_once('/').map(|(second, _)| second);
            // paths are in order, so that most are in the folders of the one before
            if last != (first, second) {
                folders.below.entry(first).or_default().extend(second);
                last = (first, second);
            }
        }
        folders
    }

    /// The sub-folders of several first folders, if there are enough, in enough of the first folders.
    fn shared(&self) -> BTreeSet<&'a str> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        self.below.values().flatten().for_each(|name| *counts.entry(name).or_default() += 1);
        counts.retain(|_, count| *count > 1);
        let shared: BTreeSet<&str> = counts.into_keys().collect();
        let is_most = self.sharing(&shared).len() * 2 > self.below.len();
        if shared.len() >= FEWEST_SHARED && is_most { shared } else { BTreeSet::new() }
    }

    /// The first folders whose sub-folders are mostly shared ones.
    fn sharing(&self, shared: &BTreeSet<&str>) -> BTreeSet<&'a str> {
        let is_sharing = |below: &BTreeSet<&str>| {
            let count = below.intersection(shared).count();
            count >= FEWEST_SHARED && count * 2 >= below.len()
        };
        self.below.iter().filter(|(_, below)| is_sharing(below)).map(|(name, _)| *name).collect()
    }

    /// A folder to give in place of all, for a hint.
    fn alone(&self, folder: &str) -> String {
        let path = self.root.join(folder);
        let unpacked = if path.is_dir() { "" } else { " once it is unpacked" };
        format!("`{}`{unpacked}", path.display())
    }

    fn called_like_parts(&self, part_like: &BTreeSet<&str>) -> Error {
        let others: BTreeSet<&str> =
            self.below.keys().copied().filter(|name| !part_like.contains(name)).collect();
        let beside = match (others.len(), self.loose) {
            (0, 0) => String::new(),
            (0, 1) => " beside 1 picture in no folder".to_owned(),
            (0, loose) => format!(" beside {loose} pictures in no folder"),
            _ => format!(" beside {}", list(&others)),
        };
        let message = format!("holds folders called like parts, {}{beside}", list(part_like));
        let is_train = |name: &&&str| name.to_lowercase().starts_with("train");
        let example = part_like.iter().find(is_train).or(part_like.first()).copied().unwrap_or_default();
        Error::new(format!("{message} (expected train, val and test alone, or classes)")).hint(format!(
            "rename the folders to train, val and test, and move others away; or give one of them alone, as {}; \
             classes that are called so can be named in a CSV manifest: path,label",
            self.alone(example)
        ))
    }

    fn parts_below_classes(&self, shared: &BTreeSet<&str>) -> Error {
        let first = self.below.keys().next().copied().unwrap_or_default();
        let part = shared.first().copied().unwrap_or_default();
        let parts = list(shared);
        Error::new(format!("holds the parts {parts} within every class (expected classes within parts)"))
            .hint(format!(
                "move {first}/{part} to {part}/{first}, and so on; or name the images in a CSV manifest: \
                 path,label,split"
            ))
    }

    fn alike(&self, alike: &BTreeSet<&str>, shared: &BTreeSet<&str>) -> Error {
        let [first, below] = [alike, shared].map(|names| names.first().copied().unwrap_or_default());
        let (folders, below_them) = (list(alike), list(shared));
        let message =
            format!("the folders {folders} share their sub-folders {below_them}: either may be classes");
        Error::new(message).hint(format!(
            "if {below} is a class, give one of the folders alone, as {}, or rename them to train, val and test; if \
             {first} is a class, name the images in a CSV manifest: path,label",
            self.alone(first)
        ))
    }
}

/// Whether a name begins with that of a part: `Test-A`, `TestB`, `TRAIN_2`, but neither `testis` nor `valve`.
fn begins_like_a_part(name: &str) -> bool {
    BEGINNINGS.iter().any(|beginning| {
        let is_beginning =
            name.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning));
        is_beginning && {
            let (start, rest) = name.split_at(beginning.len());
            let in_capitals = start.chars().all(char::is_uppercase);
            let next = rest.chars().next();
            rest.chars().count() <= 1
                || next.is_some_and(|c| !c.is_alphabetic() || (c.is_uppercase() && !in_capitals))
                || matches!(rest.to_lowercase().as_str(), "set" | "sets" | "data")
        }
    })
}

/// The text around the numbers of names that differ in numbers alone, as those of patients and slides do.
fn numbered(names: &BTreeSet<&str>) -> Option<String> {
    let without_digits = |name: &&str| name.replace(|c: char| c.is_ascii_digit(), "");
    let has_digit = |name: &&str| name.contains(|c: char| c.is_ascii_digit());
    let mut stems: BTreeSet<String> = names.iter().map(without_digits).collect();
    let stem = stems.pop_first().filter(|_| names.iter().all(has_digit))?;
    stems.is_empty().then_some(stem)
}

/// Names for a message, the first few of many.
fn list(names: &BTreeSet<&str>) -> String {
    const MOST: usize = 6;
    let more = if names.len() > MOST { ", ..." } else { "" };
    format!("{}{more}", names.iter().take(MOST).map(|name| quoted(name)).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout_of(paths: &[&str]) -> Result<(Layout, Option<Notice>)> {
        let mut paths = paths.to_vec();
        paths.sort_unstable();
        let mut texts = Texts::default();
        paths.iter().for_each(|path| texts.push(path));
        layout(&texts, Path::new("cells"))
    }

    /// A picture in each of some folders of each of some folders.
    fn nested(first: &[&str], second: &[&str]) -> Vec<String> {
        first.iter().flat_map(|a| second.iter().map(move |b| format!("{a}/{b}/x.png"))).collect()
    }

    fn layout_of_nested(first: &[&str], second: &[&str]) -> Result<(Layout, Option<Notice>)> {
        let paths = nested(first, second);
        layout_of(&paths.iter().map(String::as_str).collect::<Vec<_>>())
    }

    #[test]
    fn parts_have_usual_names_in_any_case() {
        for names in [["train", "test"], ["TRAIN", "Valid"], ["Training", "Testing"], ["dev", "validation"]] {
            assert_eq!(layout_of_nested(&names, &["a", "b"]).unwrap(), (Layout::Parts, None), "{names:?}");
        }
        assert_eq!(layout_of(&["train/a.png", "test/b.png"]).unwrap().0, Layout::Parts);
    }

    #[test]
    fn folders_around_parts_or_standard_classes_are_looked_through() {
        for (expected, names) in [
            (Some("a/b"), &["a/b/test/ig/1.png", "a/b/train/ig/0.png"][..]),
            (Some("a/a/images"), &["a/a/images/TEST_2/x/1.png", "a/a/images/TRAIN/x/0.png"]),
            (Some("a/b"), &["a/b/basophil/1.png", "a/b/platelets/0.png"]),
            (None, &["train/basophil/1.png", "train/platelets/0.png"]),
            (None, &["a/blast/slide1/1.png", "a/blast/slide2/0.png"]),
            (None, &["a/1.png", "a/2.png"]),
            (None, &["a/test/1.png", "b/test/2.png"]),
            (None, &["1.png"]),
        ] {
            assert_eq!(around(names.iter().copied()), expected, "{names:?}");
        }
    }

    #[test]
    fn folders_called_like_parts_are_never_classes() {
        for names in [
            &["Train", "Test-A", "TestB"][..],
            &["TRAIN", "TEST", "TEST_SIMPLE"],
            &["train", "val", "external"],
            &["train1", "train2"],
            &["trainset", "testset"],
            &["TrainData", "a"],
            &["TESTA", "TESTB"],
        ] {
            let error = layout_of_nested(names, &["a", "b"]).unwrap_err();
            assert!(error.to_string().starts_with("holds folders called like parts, "), "{error}");
            assert!(error.hint_text().unwrap().contains("once it is unpacked; classes"));
        }
        let error = layout_of(&["train/a/x.png", "val/a/x.png", "unlabeled/x.png"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "holds folders called like parts, `train`, `val` beside `unlabeled` (expected train, val and test alone, \
             or classes)"
        );
        let error = layout_of(&["train/a/x.png", "val/a/x.png", "x.png"]).unwrap_err();
        assert!(error.to_string().contains("beside 1 picture in no folder"), "{error}");
        for classes in [["testis", "valve"], ["device", "TESTIS"], ["trainee", "developing"]] {
            assert_eq!(layout_of_nested(&classes, &["x"]).unwrap(), (Layout::Classes, None), "{classes:?}");
        }
    }

    #[test]
    fn folders_that_share_their_sub_folders_are_refused() {
        for (first, second) in [
            (["Munich", "Barcelona"], ["blast", "other"]),
            (["A", "B"], ["CD34+", "CD34-"]),
            (["A", "B"], ["basophil", "platelet"]),
            (["fold1", "fold2"], ["0", "1"]),
            (["fold1", "fold2"], ["patient1", "patient2"]),
            (["0", "1"], ["2", "3"]),
        ] {
            let error = layout_of_nested(&first, &second).unwrap_err();
            assert!(error.to_string().contains("share their sub-folders"), "{error}");
        }
        let error = layout_of_nested(&["blast", "other"], &["train", "val"]).unwrap_err();
        assert!(
            error.to_string().starts_with("holds the parts `train`, `val` within every class"),
            "{error}"
        );
        assert!(error.hint_text().unwrap().starts_with("move blast/train to train/blast"));
    }

    #[test]
    fn patients_below_classes_are_no_classes_and_doubts_are_said() {
        assert_eq!(layout_of_nested(&["blast", "other"], &["crops"]).unwrap(), (Layout::Classes, None));
        let standard = layout_of_nested(&["basophils", "platelet"], &["anna", "bob"]).unwrap();
        assert_eq!(standard, (Layout::Classes, None));
        let (layout, notice) = layout_of_nested(&["blast", "other"], &["slide1", "slide2"]).unwrap();
        assert_eq!((layout, notice.unwrap().subject), (Layout::Classes, Subject::AlikeFolders));
        assert!(layout_of_nested(&["0", "1"], &["slide1", "slide2"]).unwrap().1.is_some());
        let apart = ["blast/slide1/a.png", "blast/slide2/a.png", "other/slide3/a.png", "other/slide4/a.png"];
        assert_eq!(layout_of(&apart).unwrap(), (Layout::Classes, None));
    }
}
