//! Short names for paths that stand side by side, in tables and on pages.

use std::path::{Path, PathBuf};

/// Names for paths: of each the shortest end, in whole names, that no other of them has, such as `a/run` and
/// `b/run`. A path that is there twice keeps its name twice.
pub fn distinct_names(paths: &[PathBuf]) -> Vec<String> {
    let all: Vec<Vec<String>> = paths.iter().map(|path| names(path)).collect();
    let end = |names: &[String], length: usize| names[names.len().saturating_sub(length)..].join("/");
    let name = |own: &Vec<String>| {
        let others = || all.iter().filter(|other| *other != own);
        let differs = |length: &usize| others().all(|other| end(other, *length) != end(own, *length));
        (1..=own.len()).find(differs).map_or_else(|| end(own, own.len()), |length| end(own, length))
    };
    all.iter().map(name).collect()
}

/// The names of the folders down to a path, and its own.
fn names(path: &Path) -> Vec<String> {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    whole.iter().map(|name| name.to_string_lossy().into_owned()).filter(|name| name != "/").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_as_long_as_it_takes_to_differ() {
        let names = |paths: &[&str]| distinct_names(&paths.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(names(&["a/run", "b/run", "b/other"]), ["a/run", "b/run", "other"]);
        assert_eq!(names(&["x/a/run", "y/a/run"]), ["x/a/run", "y/a/run"]);
        assert_eq!(names(&["run"]), ["run"]);
        assert!(names(&["run", "a/run"])[1] == "a/run");
        assert_eq!(names(&["a/run", "a/run"]), ["run", "run"]);
    }
}
