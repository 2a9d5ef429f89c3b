//! Every key of a recipe that the documentation names is one that the parser takes.
//!
//! That the parser takes every key of the recipe's rows is tested beside them.

use std::path::{Path, PathBuf};

use hema::recipe::{Recipe, SCHEMAS, SHIPPED};

/// The tables of a recipe; a name after one of them and a point is a key.
const TABLES: [&str; 8] = ["data", "model", "augment", "loss", "distill", "stage", "average", "select"];

/// Endings of files whose names look like keys.
const FILES: [&str; 3] = ["md", "py", "safetensors"];

/// The pages that name keys, and the recipes themselves: their names and texts.
fn texts() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let guide = std::fs::read_dir(root.join("docs/guide")).unwrap().map(|page| page.unwrap().path());
    let pages = ["README.md", "docs/reference.md"].map(|page| root.join(page)).into_iter().chain(guide);
    let read = |page: PathBuf| (page.display().to_string(), std::fs::read_to_string(&page).unwrap());
    let shipped = SHIPPED.iter().map(|recipe| (recipe.name.to_owned(), recipe.text.to_owned()));
    pages.map(read).chain(shipped).collect()
}

/// The keys in a text, with `0` for an entry of a list. Code in other languages has no keys.
fn keys(text: &str) -> Vec<String> {
    let is_code = |block: &&str| block.starts_with("rust") || block.starts_with("python");
    let text: String = text.split("```").filter(|block| !is_code(block)).collect();
    let words = text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '/')));
    let is_file = |word: &str| word.rsplit('.').next().is_some_and(|end| FILES.contains(&end));
    let words = words.map(|word| word.trim_matches('.')).filter(|word| !is_file(word));
    let keys = words.filter(|word| word.split_once('.').is_some_and(|(table, _)| TABLES.contains(&table)));
    let entry = |name: &str| {
        if name == "all" || name.parse::<usize>().is_ok() { "0".to_owned() } else { name.to_owned() }
    };
    keys.map(|key| key.split('.').map(entry).collect::<Vec<_>>().join(".")).collect()
}

/// What follows each `--set` in a text, as a shell would hand it over.
fn overrides(text: &str) -> Vec<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let one = |rest: &str| {
        let quoted = rest.strip_prefix('\'').and_then(|rest| rest.split_once('\'')).map(|(word, _)| word);
        let plain = || rest.split([' ', '`', ')']).next();
        quoted.or_else(plain).unwrap_or_default().trim_end_matches(['.', ',']).to_owned()
    };
    text.split("--set ").skip(1).map(one).filter(|word| word.contains('=') && !word.contains("KEY")).collect()
}

#[test]
fn every_key_that_the_documentation_names_is_one_of_a_recipe() {
    let known: Vec<String> = SCHEMAS[0].keys().into_iter().map(|at| at.path).collect();
    let mut found = 0;
    for (page, text) in texts() {
        for key in keys(&text) {
            assert!(known.contains(&key), "{page}: `{key}` is no key of a recipe");
            found += 1;
        }
    }
    assert!(found > 40, "{found}");
}

#[test]
fn every_override_that_the_documentation_shows_is_taken() {
    let mut found = 0;
    for (page, text) in texts() {
        for assignment in overrides(&text) {
            let read = Recipe::load("robust-v2b0", &[&assignment]);
            assert!(read.is_ok(), "{page}: {}", read.unwrap_err());
            found += 1;
        }
    }
    assert!(found >= 6, "{found}");
}

#[test]
fn keys_and_overrides_are_found_in_text() {
    let text = "see `model.stage`, `stage.all.lr` and model.safetensors; --set stage.1.epochs=3) or\n--set 'a=[ 1 ]'";
    assert_eq!(keys(text), ["model.stage", "stage.0.lr", "stage.0.epochs"]);
    assert_eq!(overrides(text), ["stage.1.epochs=3", "a=[ 1 ]"]);
}
