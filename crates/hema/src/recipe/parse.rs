//! From text and `--set key=value` to a checked [`Recipe`], with errors that name the file, the line and the
//! key.
//!
//! An override is applied to the recipe with its defaults written out, one at a time, so that whatever fails
//! is the fault of that override. Rules across keys are checked once all overrides are applied.

use std::path::Path;

use hema_core::error::{Error, Result, suggest};
use hema_core::file;
use toml::Value;
use toml::de::{DeTable, DeValue};

use super::key::value_of;
use super::of_weights;
use super::read::{Author, Keys, Place, Problem, read_table, write_table};
use super::shipped::Shipped;
use super::slips;
use super::top::Recipe;

/// Most bytes of a file that people write, hundreds of times those of the longest recipe shipped.
const MOST_BYTES: u64 = 1 << 20;

/// Names every entry of a list in the path of an override: `stage.all.batch_size=32`.
const EVERY: &str = "all";

/// Name of the file that keeps the recipe of a run, in its folder.
pub(crate) const SAVED: &str = "recipe.toml";

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
        let text = read_text(path).map_err(|e| {
            let message = format!("neither a shipped recipe nor a readable file: {}", e.message());
            let hint = match path.join(SAVED) {
                of_run if of_run.is_file() => format!("this run's recipe is {}", of_run.display()),
                _ => suggest(name_or_path, Shipped::names()),
            };
            Error::new(message).at(path).hint(hint).with_kind(e.kind())
        })?;
        Self::parse(&text, name_or_path, overrides)
    }

    /// Reads the recipe that a run has saved. A key that it lacks takes the value that reproduces the run,
    /// which may be another than today's default.
    ///
    /// # Errors
    /// A file that cannot be read, and everything [`Recipe::parse`] refuses.
    pub fn load_saved(path: &Path, overrides: &[impl AsRef<str>]) -> Result<Self> {
        let text = read_text(path)?;
        Self::parse_by(Author::Run, &text, path, overrides)
    }

    /// Reads a recipe from TOML text and checks it. `origin` stands for the text in errors.
    ///
    /// An override is `key=value` with a dotted key: `model.dropout=0.3`, `stage.0.lr=1e-4`, and
    /// `stage.all.batch_size=32` for every stage. The value is TOML; anything else (`tf_efficientnetv2_b0`)
    /// is a string.
    ///
    /// # Errors
    /// Text that is not TOML, unknown or missing keys, unknown names, values of the wrong type, out of their
    /// range or at odds with each other; with the line and the path of the key.
    pub fn parse(text: &str, origin: impl AsRef<Path>, overrides: &[impl AsRef<str>]) -> Result<Self> {
        Self::parse_by(Author::Person, text, origin, overrides)
    }

    /// Reads a recipe from the text that a run has saved, see [`Recipe::load_saved`].
    ///
    /// # Errors
    /// Everything [`Recipe::parse`] refuses.
    pub fn parse_saved(text: &str, origin: impl AsRef<Path>) -> Result<Self> {
        Self::parse_by(Author::Run, text, origin, &[] as &[&str])
    }

    fn parse_by(
        author: Author,
        text: &str,
        origin: impl AsRef<Path>,
        overrides: &[impl AsRef<str>],
    ) -> Result<Self> {
        let mut file = parse_toml(text).map_err(|e| e.at(&origin))?;
        if author == Author::Person {
            of_weights::fill(&mut file, overrides).map_err(|e| e.at(&origin))?;
        }
        let mut recipe: Self = read_tree(text, file, author).map_err(|e| e.at(&origin))?;
        for assignment in overrides {
            recipe = recipe.with_override("--set ", assignment.as_ref())?;
        }
        recipe.check().map_err(|problem| {
            // what an override has changed stands in no line
            let error = if overrides.is_empty() { locate(text, problem) } else { problem.into_error() };
            error.at(&origin)
        })?;
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
        recipe.check().map_err(Problem::into_error)?;
        Ok(recipe)
    }

    /// The recipe with one override, read but not checked; `from` stands before it in errors.
    pub(super) fn with_override(&self, from: &str, assignment: &str) -> Result<Self> {
        let before = format!("{from}{assignment}: ");
        let Some((path, value)) = assignment.split_once('=') else {
            let problem = Problem::new("", "found no `=`, expected key=value");
            return Err(problem.hint("for example --set stage.0.lr=1e-4").into_error_after(&before));
        };
        let path: Vec<&str> = path.trim().split('.').collect();
        let tree = write_table(self);
        let mut changed = Value::Table(tree.clone());
        let top = Place::top(Author::Person);
        assign(&mut changed, &path, &value_of(value.trim()), &top)
            .and_then(|()| read_table(&changed, &top))
            .map_err(|problem| {
                // the key is named by the override itself, unless it is one of the value's own
                let key =
                    if is_at(&problem.key, &path) { String::new() } else { format!("{}: ", problem.key) };
                let problem = slips::in_override(problem, &path, value.trim(), &tree, Self::TABLE);
                problem.into_error_after(&format!("{before}{key}"))
            })
    }
}

/// Whether a key is the one that an override's path leads to, or the table that it stands in.
fn is_at(key: &str, path: &[&str]) -> bool {
    let key: Vec<&str> = key.split('.').filter(|name| !name.is_empty()).collect();
    let same = |(name, given): (&&str, &&str)| name == given || *given == EVERY;
    key.len() <= path.len() && key.iter().zip(path).all(same)
}

/// Puts `value` at a dotted path below `place`, which must lead through tables and lists that are there; the
/// last key is new or old, and is judged when the whole is read.
fn assign(tree: &mut Value, path: &[&str], value: &Value, place: &Place) -> Result<(), Problem> {
    let Some((first, rest)) = path.split_first() else {
        *tree = value.clone();
        return Ok(());
    };
    let below = place.below(first);
    match tree {
        Value::Table(table) if rest.is_empty() => {
            table.insert((*first).into(), value.clone());
            Ok(())
        }
        Value::Table(table) => match table.get_mut(*first) {
            Some(inner) => assign(inner, rest, value, &below),
            None => Err(Problem::unknown_key(first, table.keys().map(String::as_str), place)),
        },
        Value::Array(items) if *first == EVERY => {
            items.iter_mut().try_for_each(|item| assign(item, rest, value, &below))
        }
        Value::Array(items) => {
            let count = items.len();
            match first.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                Some(item) => assign(item, rest, value, &below),
                None => Err(no_entry(first, count, &below)),
            }
        }
        // a word such as "all" can give way to a table: `stage.0.train.from=blocks.3`
        Value::String(_) if rest.is_empty() => {
            *tree = Value::Table([((*first).to_owned(), value.clone())].into_iter().collect());
            Ok(())
        }
        _ => Err(Problem::new(&below.key, format!("`{first}` stands below a plain value"))
            .hint("remove it from the key")),
    }
}

/// The number of an entry that a list does not have. A name in its place is probably a key of the entries.
fn no_entry(name: &str, count: usize, place: &Place) -> Problem {
    let message = format!("found `{name}`, expected the number of an entry or `{EVERY}`");
    let problem = Problem::new(&place.key, message);
    let problem = problem.hint(match count {
        1 => "entries count from 0 and there is 1".to_owned(),
        _ => format!("entries count from 0 and there are {count}"),
    });
    match name.parse::<usize>() {
        Ok(_) => problem,
        Err(_) => Problem { siblings: vec!["0".into()], ..problem },
    }
}

/// Reads the text of a recipe, or of another file that people write in TOML.
///
/// # Errors
/// The errors of [`file::read_text`] for a file of at most a mebibyte.
pub fn read_text(path: &Path) -> Result<String> {
    file::read_text(path, MOST_BYTES)
}

/// Reads a file whose keys are those of a struct.
pub(super) fn read_document<T: Keys>(text: &str, author: Author) -> Result<T> {
    read_tree(text, parse_toml(text)?, author)
}

/// Reads a file whose keys are those of a struct, from its text and what it says.
fn read_tree<T: Keys>(text: &str, file: toml::Table, author: Author) -> Result<T> {
    let file = Value::Table(file);
    read_table(&file, &Place::top(author))
        .map_err(|problem| locate(text, slips::in_file(problem, &file, T::TABLE)))
}

/// Reads TOML.
pub(super) fn parse_toml(text: &str) -> Result<toml::Table> {
    text.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map_or(String::new(), |span| format!("line {}: ", line_at(text, span.start)));
        Error::new(format!("{line}{}", e.message()))
    })
}

/// A problem with a key as an error that names the key and the line it stands in.
pub(super) fn locate(text: &str, problem: Problem) -> Error {
    let path: Vec<String> = problem.key.split('.').map(str::to_owned).collect();
    locate_at(text, &path, problem)
}

/// A problem as an error that names its key and the line of another, which a path leads to.
pub(super) fn locate_at(text: &str, path: &[impl AsRef<str>], problem: Problem) -> Error {
    let path: Vec<&str> = path.iter().map(AsRef::as_ref).collect();
    let offset = DeTable::parse(text).ok().and_then(|table| find(table.get_ref(), &path));
    let line = offset.map_or(String::new(), |offset| format!("line {}: ", line_at(text, offset)));
    let key = if problem.key.is_empty() { String::new() } else { format!("{}: ", problem.key) };
    problem.into_error_after(&format!("{line}{key}"))
}

/// The number of the line that a byte stands in, from 1.
fn line_at(text: &str, offset: usize) -> usize {
    1 + text[..offset].matches('\n').count()
}

/// The offset of the key, or entry of a list, that a path leads to.
fn find(table: &DeTable<'_>, path: &[&str]) -> Option<usize> {
    let (first, rest) = path.split_first()?;
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == first)?;
    if rest.is_empty() { Some(key.span().start) } else { find_within(value.get_ref(), rest) }
}

fn find_within(value: &DeValue<'_>, path: &[&str]) -> Option<usize> {
    match value {
        DeValue::Table(table) => find(table, path),
        DeValue::Array(items) => {
            let (first, rest) = path.split_first()?;
            let item = items.get(first.parse::<usize>().ok()?)?;
            if rest.is_empty() { Some(item.span().start) } else { find_within(item.get_ref(), rest) }
        }
        _ => None,
    }
}
