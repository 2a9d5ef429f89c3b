//! From text and `--set key=value` to a checked [`Recipe`], with errors that name the file, the line and the key.
//!
//! serde finds what is wrong; this module says where. An override is applied to the recipe with its defaults
//! written out, one at a time, so that whatever fails is the fault of that override.

use std::fs;
use std::path::Path;

use hema_core::error::{Error, Result, suggest};
use serde::Deserialize;
use toml::Value;
use toml::de::{DeTable, DeValue};

use super::{Recipe, Shipped};

/// Names every entry of a list in the path of an override: `stage.all.batch_size=32`.
const EVERY: &str = "all";

impl Recipe {
    /// Reads a recipe: the name of a shipped one (`v2b0`), or the path of a TOML file. `overrides` are
    /// `key=value` with dotted keys, see [`Recipe::parse`].
    ///
    /// # Errors
    /// A file that cannot be read, and everything [`Recipe::parse`] refuses.
    pub fn load(name_or_path: &str, overrides: &[impl AsRef<str>]) -> Result<Self> {
        if let Some(shipped) = Shipped::find(name_or_path) {
            return Self::parse(shipped.text, name_or_path, overrides);
        }
        let path = Path::new(name_or_path);
        let text = fs::read_to_string(path).map_err(|e| {
            let hint = suggest(name_or_path, Shipped::names());
            Error::new(format!("neither a shipped recipe nor a readable file: {e}")).at(path).hint(hint)
        })?;
        Self::parse(&text, name_or_path, overrides)
    }

    /// Reads a recipe from TOML text and checks it. `origin` stands for the text in errors.
    ///
    /// An override is `key=value` with a dotted key: `model.dropout=0.3`, `stage.0.lr=1e-4`, and
    /// `stage.all.batch_size=32` for every stage. The value is TOML; what is not (`tf_efficientnetv2_b0`) is a
    /// string.
    ///
    /// # Errors
    /// Text that is not TOML, unknown or missing keys, values of the wrong type or that make no sense; with the
    /// line and the path of the key.
    pub fn parse(text: &str, origin: impl AsRef<Path>, overrides: &[impl AsRef<str>]) -> Result<Self> {
        let mut recipe: Self = toml::from_str(text).map_err(|e| explain_in_file(text, &e).at(&origin))?;
        for assignment in overrides {
            recipe = recipe.with_override("--set ", assignment.as_ref())?;
        }
        recipe.check().map_err(|e| e.at(&origin))?;
        Ok(recipe)
    }

    /// The recipe with other values, each as in an override of [`Recipe::parse`], checked.
    ///
    /// # Errors
    /// A key that is not there, a value that makes no sense; with the key.
    pub fn with(&self, overrides: &[impl AsRef<str>]) -> Result<Self> {
        let mut recipe = self.clone();
        for assignment in overrides {
            recipe = recipe.with_override("", assignment.as_ref())?;
        }
        recipe.check()?;
        Ok(recipe)
    }

    /// One override; `from` stands before it in errors.
    fn with_override(&self, from: &str, assignment: &str) -> Result<Self> {
        let fail = |message: String| Error::new(format!("{from}{assignment}: {message}"));
        let (path, value) = assignment.split_once('=').ok_or_else(|| {
            fail("found no `=`, expected key=value".into()).hint("for example --set stage.0.lr=1e-4")
        })?;
        let (path, value) = (path.trim(), value.trim());
        let value = value.parse().unwrap_or_else(|_| Value::String(value.into()));
        let mut tree = Value::try_from(self).map_err(|e| fail(e.to_string()))?;
        let segments: Vec<&str> = path.split('.').collect();
        assign(&mut tree, &segments, &value).map_err(|(message, hint)| fail(message).hint(hint))?;
        Self::deserialize(tree).map_err(|e| {
            let (message, hint) = explain(&e);
            with_hint(fail(message), hint)
        })
    }
}

/// Puts `value` at a dotted path, which must lead through tables and lists that are there; the last key is new
/// or old, and serde judges it. An error is a message and a hint.
fn assign(tree: &mut Value, path: &[&str], value: &Value) -> Result<(), (String, String)> {
    let Some((first, rest)) = path.split_first() else {
        *tree = value.clone();
        return Ok(());
    };
    match tree {
        Value::Table(table) if rest.is_empty() => {
            table.insert((*first).into(), value.clone());
            Ok(())
        }
        Value::Table(table) => match table.get_mut(*first) {
            Some(inner) => assign(inner, rest, value),
            None => Err((format!("unknown key `{first}`"), suggest(first, table.keys().map(String::as_str)))),
        },
        Value::Array(items) if *first == EVERY => {
            items.iter_mut().try_for_each(|item| assign(item, rest, value))
        }
        Value::Array(items) => {
            let count = items.len();
            match first.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                Some(item) => assign(item, rest, value),
                None => Err((
                    format!("found `{first}`, expected the number of an entry or `{EVERY}`"),
                    format!("entries count from 0 and there are {count}"),
                )),
            }
        }
        // a word such as "all" can give way to a table: `stage.0.train.from=blocks.3`
        Value::String(_) if rest.is_empty() => {
            *tree = Value::Table([((*first).to_owned(), value.clone())].into_iter().collect());
            Ok(())
        }
        _ => Err((format!("`{first}` stands below a plain value"), "remove it from the key".into())),
    }
}

/// serde's error in our words, and what to do about it.
///
/// serde names what it found and what it knows in backticks, in this order, and offers them in no other form.
fn explain(error: &toml::de::Error) -> (String, Option<String>) {
    let message = error.message();
    let mut names = message.split('`').skip(1).step_by(2);
    match (message.split_once('`').map_or("", |(start, _)| start), names.next()) {
        ("unknown field ", Some(given)) => (format!("unknown key `{given}`"), Some(suggest(given, names))),
        ("unknown variant ", Some(given)) => {
            (format!("unknown value `{given}`"), Some(suggest(given, names)))
        }
        ("missing field ", Some(name)) => (format!("the key `{name}` is missing"), None),
        _ => (in_plain_words(message), None),
    }
}

/// Rust's number types in words: whoever writes a recipe need not know them.
fn in_plain_words(message: &str) -> String {
    let whole = "expected a whole number of at least 0";
    message
        .replace("expected u64", whole)
        .replace("expected usize", whole)
        .replace("expected f64", "expected a number")
}

pub(super) fn explain_in_file(text: &str, error: &toml::de::Error) -> Error {
    let (message, hint) = explain(error);
    let place = error.span().map_or(String::new(), |span| {
        let line = 1 + text[..span.start].matches('\n').count();
        let key = DeTable::parse(text).ok().and_then(|table| key_at(table.get_ref(), span.start));
        format!("line {line}: {}", key.map_or(String::new(), |key| format!("{key}: ")))
    });
    with_hint(Error::new(place + &message), hint)
}

fn with_hint(error: Error, hint: Option<String>) -> Error {
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// The dotted path of the key or value that stands at a byte offset.
fn key_at(table: &DeTable<'_>, offset: usize) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let name = key.get_ref();
        if key.span().contains(&offset) && !is_header(value.get_ref()) {
            return Some(name.to_string());
        }
        let inner = inner_key_at(value.get_ref(), offset).map(|inner| format!("{name}.{inner}"));
        inner.or_else(|| value.span().contains(&offset).then(|| name.to_string()))
    })
}

fn inner_key_at(value: &DeValue<'_>, offset: usize) -> Option<String> {
    match value {
        DeValue::Table(table) => key_at(table, offset),
        DeValue::Array(items) => items.iter().enumerate().find_map(|(index, item)| {
            let inner = inner_key_at(item.get_ref(), offset).map(|inner| format!("{index}.{inner}"));
            inner.or_else(|| item.span().contains(&offset).then(|| index.to_string()))
        }),
        _ => None,
    }
}

/// A list of tables, whose entries are told apart by their own spans.
fn is_header(value: &DeValue<'_>) -> bool {
    matches!(value, DeValue::Array(items) if items.iter().all(|item| item.get_ref().is_table()))
}
