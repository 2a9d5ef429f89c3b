//! `hema recipe keys`: every key of a recipe, from the rows that the reference and the errors are made of.

use hema::augment::called_elsewhere;
use hema::error::{Error, Result, nearest, squashed};
use hema::recipe::{Absent, KeyAt, SCHEMAS, key_called};
use serde_json::json;

use crate::output::{Printer, wrapped};
use crate::status::Status;

/// List the keys of a recipe: values, default and meaning of each
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Keys whose path, meaning or values have this word, as in `lr` or `warm-up`; all when left out
    word: Option<String>,
}

/// The kind of file whose keys are listed.
const FILE: &str = "recipe";

/// Columns of a line.
const WIDTH: usize = 100;

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    let all: Vec<KeyAt> =
        SCHEMAS.iter().filter(|schema| schema.name == FILE).flat_map(hema::recipe::Schema::keys).collect();
    let found = match &args.word {
        Some(word) => matching(&all, word)?,
        None => all,
    };
    if printer.is_json() {
        let rows: Vec<serde_json::Value> = found.iter().map(as_json).collect();
        printer.result(&serde_json::to_string_pretty(&rows).map_err(|e| Error::new(e.to_string()))?);
    } else {
        printer.result(&text(&found));
        printer.note(
            "in a file, `stage.0.lr` is `lr` below `[[stage]]`; in `--set stage.0.lr=1e-3` 0 is the first \
             entry of a list, `all` every one",
        );
    }
    Ok(Status::Done)
}

/// The keys that have a word in their path, in their meaning or among their values.
fn matching(all: &[KeyAt], word: &str) -> Result<Vec<KeyAt>> {
    let (name, words) = (squashed(word), in_words(word));
    let (key, operator) = (key_called(word), called_elsewhere(word));
    let says = |text: &str| in_words(text).contains(&words);
    let has = |at: &&KeyAt| {
        let mut values = at.key.kind.words().into_iter();
        squashed(&at.path).contains(&name)
            || key == Some(&*at.path)
            || says(at.key.about)
            || at.key.kind.names().into_iter().any(|value| squashed(value) == name || operator == Some(value))
            || values.any(|value| says(&value.about))
    };
    let found: Vec<KeyAt> = all.iter().filter(has).cloned().collect();
    if found.is_empty() {
        let hint = match nearest(word, all.iter().map(|at| at.key.name)) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "`hema recipe keys` lists all".to_owned(),
        };
        return Err(Error::new(format!("no key of a recipe has to do with `{word}`")).hint(hint));
    }
    Ok(found)
}

/// Text as its words in lower case, a space before each: what is looked for must begin a word.
fn in_words(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.flat_map(|word| [" ".to_owned(), word.to_lowercase()]).collect()
}

/// The keys by table, as text.
fn text(keys: &[KeyAt]) -> String {
    let tables = keys.chunk_by(|one, next| one.table == next.table);
    let section = |keys: &[KeyAt]| {
        let head = keys.iter().take(1).map(|at| wrapped(at.table, 0, WIDTH));
        head.chain(keys.iter().map(entry)).collect::<Vec<_>>().join("\n\n")
    };
    tables.map(section).collect::<Vec<_>>().join("\n\n")
}

/// A key with its values, what holds without it, and its meaning.
fn entry(at: &KeyAt) -> String {
    let KeyAt { path, key, .. } = at;
    let absent = match key.absent {
        Absent::Required => "must be given".to_owned(),
        _ => format!("when left out: {}", key.absent.describe()),
    };
    let values = format!("{}; {absent}", key.kind.describe());
    let words = key.kind.words();
    let words = words.iter().map(|word| format!("{}: {}", word.name, word.about));
    let lines = [values, key.about.to_owned()].into_iter().map(|line| wrapped(&line, 6, WIDTH));
    let lines = lines.chain(words.map(|line| wrapped(&line, 8, WIDTH)));
    std::iter::once(format!("  {path}")).chain(lines).collect::<Vec<_>>().join("\n")
}

fn as_json(at: &KeyAt) -> serde_json::Value {
    let KeyAt { path, key, table, .. } = at;
    let words: Vec<_> =
        key.kind.words().iter().map(|word| json!({"value": word.name, "meaning": word.about})).collect();
    json!({
        "key": path,
        "table": table,
        "values": key.kind.describe(),
        "required": matches!(key.absent, Absent::Required),
        "default": key.default_json(),
        "when_left_out": key.absent.describe(),
        "meaning": key.about,
        "words": words,
        "example": key.example(),
    })
}

#[cfg(test)]
mod tests {
    use hema::recipe::OTHER_NAMES;

    use super::*;

    #[test]
    fn names_of_other_programs_lead_where_the_hints_of_overrides_lead() {
        let all: Vec<KeyAt> = SCHEMAS
            .iter()
            .filter(|schema| schema.name == FILE)
            .flat_map(hema::recipe::Schema::keys)
            .collect();
        for (other, path) in OTHER_NAMES {
            let found = matching(&all, other).unwrap();
            assert!(found.iter().any(|at| at.path == *path), "{other}: {path}");
        }
        let found = matching(&all, "RandomHorizontalFlip").unwrap();
        assert!(found.iter().any(|at| at.path == "augment.operators.0.name"));
    }
}
