//! Which code knows which: a network knows no data set, loss, metric or file, a loss knows no network.
//!
//! The names in the source are compared with the ones allowed. Left out on purpose: code for tests, and
//! cycles between modules, which `scripts/module_cycles` finds.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder of the library's source.
struct Floor {
    folder: &'static str,
    /// The library's own modules and items that its code may name.
    own: &'static [&'static str],
}

const FLOORS: [Floor; 3] = [
    Floor { folder: "nn", own: &["nn", "device"] },
    Floor { folder: "model", own: &["model", "nn"] },
    Floor { folder: "loss", own: &["loss", "nn::total"] },
];

impl Floor {
    /// Whether code here may name an item by this path.
    fn may_name(&self, path: &str) -> bool {
        let Some((root, name)) = path.split_once("::") else { return true };
        let is_in = |modules: &[&str]| {
            modules.iter().any(|module| {
                name.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
            })
        };
        match root {
            "crate" => is_in(self.own),
            "hema_core" => is_in(&["error", "rng"]),
            "burn" => is_in(&["backend", "module", "tensor"]),
            "std" => !is_in(&["fs", "io", "path", "net", "process"]),
            "hema_fetch" | "image" | "safetensors" | "serde_json" => false,
            _ => true,
        }
    }
}

/// The paths in a file's code that it may not name, each with its line; `file` is relative to the source.
fn forbidden(floor: &Floor, file: &Path, text: &str) -> Vec<(usize, String)> {
    let mut modules: Vec<String> =
        file.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    modules.pop_if(|last| last == "mod");
    let mut found: Vec<(usize, String)> =
        paths(text).into_iter().map(|(line, path)| (line, from_root(&modules, &path))).collect();
    found.retain(|(_, path)| !floor.may_name(path));
    found
}

/// A path with every leading `super` replaced.
fn from_root(modules: &[String], path: &str) -> String {
    let names: Vec<&str> = path.split("::").collect();
    let up = names.iter().take_while(|name| **name == "super").count();
    if up == 0 {
        return path.to_owned();
    }
    let above = modules[..modules.len() - up].iter().map(String::as_str);
    std::iter::once("crate").chain(above).chain(names[up..].iter().copied()).collect::<Vec<_>>().join("::")
}

/// Every path in the code, imports one by one, with its line from 1.
fn paths(text: &str) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    let mut import: Option<(usize, String)> = None;
    for (number, line) in code(text) {
        let starts = ["use ", "pub use ", "pub(crate) use ", "pub(super) use "];
        if let Some(tree) = starts.iter().find_map(|start| line.trim().strip_prefix(start)) {
            import = Some((number, tree.to_owned()));
        } else if let Some((_, tree)) = &mut import {
            tree.push_str(line.trim());
        } else {
            let words = line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            let in_line = words.map(|word| word.trim_matches(':')).filter(|word| word.contains("::"));
            paths.extend(in_line.map(|path| (number, path.to_owned())));
        }
        if let Some((number, tree)) = import.take_if(|(_, tree)| tree.ends_with(';')) {
            paths.extend(leaves(tree.trim_end_matches(';')).into_iter().map(|path| (number, path)));
        }
    }
    paths
}

/// The paths of an import: `a::{b, c as d}` as `a::b` and `a::c`.
fn leaves(tree: &str) -> Vec<String> {
    let Some((prefix, inner)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree).trim();
        return vec![path.trim_end_matches("::self").to_owned()];
    };
    let inner = inner.trim_end().trim_end_matches(',').strip_suffix('}').unwrap_or(inner);
    let mut depth = 0;
    let parts = inner.split(|c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    let parts = parts.map(str::trim).filter(|part| !part.is_empty());
    parts.flat_map(|part| leaves(&format!("{}{part}", prefix.trim()))).collect()
}

/// The lines of a file, with their numbers from 1, without comments and without items for tests alone.
fn code(text: &str) -> Vec<(usize, &str)> {
    let mut lines = (1..).zip(text.lines().map(|line| line.split("//").next().unwrap_or(line)));
    let mut code = Vec::new();
    while let Some((number, line)) = lines.next() {
        let Some(indent) = line.strip_suffix("#[cfg(test)]") else {
            code.push((number, line));
            continue;
        };
        let end = format!("{indent}}}");
        let mut is_first = true;
        for (_, line) in lines.by_ref() {
            if line.trim_end_matches(';') == end || is_first && line.ends_with(';') {
                break;
            }
            is_first &= line.trim_start().starts_with("#[");
        }
    }
    code
}

/// The Rust files below a folder, those of tests left out.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_stem().is_some_and(|name| name == "tests") {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_network_knows_no_data_loss_metric_or_file_and_a_loss_no_network() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for floor in &FLOORS {
        let files = files(&source.join(floor.folder));
        assert!(files.len() >= 5, "{}: {files:?}", floor.folder);
        for file in files {
            let inside = file.strip_prefix(&source).unwrap();
            let names = forbidden(floor, inside, &fs::read_to_string(&file).unwrap());
            found.extend(names.iter().map(|(line, path)| format!("{}:{line}: {path}", inside.display())));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn forbidden_names_are_found_however_they_are_written() {
    let text = "\
//! See [`crate::loss`].
use std::fs;
use burn::{module::Module, train};
use hema_core::{
    error::{Error, Result}, // not hema_core::file
    metrics::{self, Metric},
};
use super::family::Family;
pub(crate) use super::super::weights as files;
use crate::nn::{Pass, layers::{Conv2d, Linear}};

fn load(path: &std::path::Path) -> Result<()> {
    #[cfg(test)]
    crate::train::hear();
    crate::loss::term::of::<crate::model::Network>()
}

#[cfg(test)]
use crate::recipe::Recipe;

#[cfg(test)]
mod tests {
    use crate::weights::Array;
}

const LAST: u8 = crate::recipe::LAST;
";
    let found = |folder: &str| {
        let floor = FLOORS.iter().find(|floor| floor.folder == folder).unwrap();
        forbidden(floor, &Path::new(folder).join("cnn.rs"), text)
    };
    let everywhere = [
        (2, "std::fs"),
        (3, "burn::train"),
        (4, "hema_core::metrics"),
        (4, "hema_core::metrics::Metric"),
        (9, "crate::weights"),
        (12, "std::path::Path"),
        (26, "crate::recipe::LAST"),
    ];
    let with = |own: &[(usize, &str)]| {
        let mut all: Vec<_> =
            everywhere.iter().chain(own).map(|(line, path)| (*line, (*path).to_owned())).collect();
        all.sort();
        all
    };
    assert_eq!(found("model"), with(&[(15, "crate::loss::term::of")]));
    let networks = [
        (10, "crate::nn::Pass"),
        (10, "crate::nn::layers::Conv2d"),
        (10, "crate::nn::layers::Linear"),
        (15, "crate::model::Network"),
    ];
    assert_eq!(found("loss"), with(&networks));
}
