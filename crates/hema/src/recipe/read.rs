//! Reading the values of a recipe key by key, and writing them: what each type takes, and what is said where
//! it does not fit.
//!
//! Left out on purpose: where in a file a key stands, which `parse` finds from the key's path.

use std::fmt;
use std::path::PathBuf;

use hema_core::error::{Error, suggest};
use hema_core::image_op::Fill;
use toml::Value;

use super::key::{Absent, COUNT, FINITE, Key, Kind, MOST_ENTRIES, Table, Word, value_of};

/// What is wrong with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// The key's dotted path; empty for the whole file.
    pub(super) key: String,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// Names that stand where an unknown one was found: a person may have meant one that stands elsewhere.
    /// Empty for other problems.
    pub(super) siblings: Vec<String>,
}

impl Problem {
    pub(super) fn new(key: &str, message: impl Into<String>) -> Self {
        Self { key: key.to_owned(), message: message.into(), hint: None, siblings: Vec::new() }
    }

    /// A key's value that was not expected.
    pub(super) fn found(key: &str, found: impl fmt::Display, expected: &str) -> Self {
        Self::new(key, format!("found `{found}`, expected {expected}"))
    }

    /// What another part of the program says of a key's value.
    pub(super) fn said(key: &str, error: &Error) -> Self {
        Self { hint: error.hint_text().map(str::to_owned), ..Self::new(key, error.to_string()) }
    }

    /// A key that the table at `place` does not have, with the nearest that it has.
    pub(super) fn unknown_key<'a>(
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
        place: &Place,
    ) -> Self {
        let problem = Self::new(&place.below(name).key, format!("unknown key `{name}`"));
        let siblings: Vec<String> = known.into_iter().map(str::to_owned).collect();
        let hint = suggest(name, siblings.iter().map(String::as_str));
        Self { siblings, ..problem.hint(hint) }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The problem as an error that names the key.
    pub(super) fn into_error(self) -> Error {
        let key = if self.key.is_empty() { String::new() } else { format!("{}: ", self.key) };
        self.into_error_after(&key)
    }

    /// The problem as an error, `before` its message.
    pub(super) fn into_error_after(self, before: &str) -> Error {
        let error = Error::new(format!("{before}{}", self.message));
        match self.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// Refuses a value of a key unless a rule holds.
pub(super) fn require(
    holds: bool,
    key: &str,
    found: impl fmt::Display,
    expected: &str,
) -> Result<(), Problem> {
    if holds { Ok(()) } else { Err(Problem::found(key, found, expected)) }
}

/// Who wrote a recipe, which decides about the keys that it lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Author {
    /// A person: today's defaults hold.
    Person,
    /// A run, which wrote out every key that it knew: the others are as they were before there was such a
    /// key.
    Run,
}

/// Where a value stands.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) key: String,
    pub(super) author: Author,
}

impl Place {
    /// The top of a file.
    pub(super) fn top(author: Author) -> Self {
        Self { key: String::new(), author }
    }

    /// The key, or entry of a list, of that name in the table or list at this place.
    pub(super) fn below(&self, name: impl fmt::Display) -> Self {
        let key = if self.key.is_empty() { name.to_string() } else { format!("{}.{name}", self.key) };
        Self { key, author: self.author }
    }
}

/// A value that a key can hold.
pub(super) trait Field: Sized {
    /// The values that it takes where its key does not say fewer.
    const KIND: Kind;

    /// Reads the value of a key; `kind` is the key's own.
    fn read(value: &Value, kind: &Kind, place: &Place) -> Result<Self, Problem>;

    /// The value as TOML; nothing where the key is left out.
    fn write(&self) -> Option<Value>;

    /// The value of a key that is left out and has no default.
    fn unset() -> Option<Self> {
        None
    }
}

/// A struct that is a table of a file; [`table!`](super::table::table) writes it.
pub(super) trait Keys: Sized {
    /// Its description.
    const TABLE: Table;

    /// Reads its keys.
    fn read_keys(values: &Values<'_>) -> Result<Self, Problem>;

    /// Writes its keys into a table.
    fn write_keys(&self, table: &mut toml::Table);
}

/// The keys and values of a table under way.
pub(super) struct Values<'a> {
    table: &'a toml::Table,
    keys: Vec<&'static Key>,
    place: &'a Place,
}

impl Values<'_> {
    /// The value of a key, or what holds where it is left out.
    pub(super) fn take<T: Field>(&self, name: &str) -> Result<T, Problem> {
        let missing = || Problem::new(&self.place.key, format!("the key `{name}` is missing"));
        let key = self.keys.iter().find(|key| key.name == name).ok_or_else(missing)?;
        let place = self.place.below(name);
        if let Some(value) = self.table.get(name) {
            return T::read(value, &key.kind, &place);
        }
        match key.absent {
            Absent::Required => Err(missing()),
            Absent::Unset(_) => T::unset().ok_or_else(missing),
            Absent::Value { default, before } => {
                let text = if place.author == Author::Run { before } else { default };
                T::read(&value_of(text), &key.kind, &place)
            }
        }
    }
}

/// Reads a table: no other keys than its own, and each of them.
pub(super) fn read_table<T: Keys>(value: &Value, place: &Place) -> Result<T, Problem> {
    let Value::Table(table) = value else { return Err(no_table(value, T::TABLE, place)) };
    let keys = T::TABLE.keys();
    if let Some(unknown) = table.keys().find(|name| keys.iter().all(|key| key.name != **name)) {
        return Err(Problem::unknown_key(unknown, keys.iter().map(|key| key.name), place));
    }
    T::read_keys(&Values { table, keys, place })
}

/// The table of a struct.
pub(super) fn write_table<T: Keys>(section: &T) -> toml::Table {
    let mut table = toml::Table::new();
    section.write_keys(&mut table);
    table
}

/// A table of which every key is left out.
///
/// # Panics
/// For a table with a key that may not be left out, which a test finds.
pub(super) fn defaults<T: Keys>() -> T {
    read_table(&Value::Table(toml::Table::new()), &Place::top(Author::Person))
        .expect("every key has a default")
}

/// A value that is one of a few words; [`words!`](super::table::words) writes it.
pub(super) trait Words: Copy + 'static {
    /// Every value, its word, and what it stands for.
    const WORDS: &'static [(Self, &'static str, &'static str)];

    /// The word of a value.
    fn word(self) -> &'static str;
}

/// The words of a type.
pub(super) fn words_of<T: Words>() -> Vec<Word> {
    T::WORDS.iter().map(|(_, name, about)| Word { name, about: (*about).into() }).collect()
}

/// Reads one of the words of a type.
pub(super) fn read_word<T: Words>(value: &Value, place: &Place) -> Result<T, Problem> {
    let names = || T::WORDS.iter().map(|(_, name, _)| *name);
    let Value::String(text) = value else {
        let names: Vec<String> = names().map(|name| format!("`{name}`")).collect();
        return Err(unlike(value, &format!("one of {}", names.join(", ")), place));
    };
    let found = T::WORDS.iter().find(|(_, name, _)| name == text).map(|(value, _, _)| *value);
    found.ok_or_else(|| unknown("value", text, names(), place))
}

impl Field for bool {
    const KIND: Kind = Kind::Switch;

    fn read(value: &Value, kind: &Kind, place: &Place) -> Result<Self, Problem> {
        value.as_bool().ok_or_else(|| unlike(value, &kind.describe(), place))
    }

    fn write(&self) -> Option<Value> {
        Some((*self).into())
    }
}

impl Field for u64 {
    const KIND: Kind = COUNT;

    fn read(value: &Value, kind: &Kind, place: &Place) -> Result<Self, Problem> {
        let &Kind::Whole { least, most, .. } = kind else {
            return Err(unlike(value, &kind.describe(), place));
        };
        let Value::Integer(found) = value else { return Err(unlike(value, &kind.describe(), place)) };
        match Self::try_from(*found) {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => Err(Problem::found(&place.key, found, &kind.describe_ends())),
        }
    }

    fn write(&self) -> Option<Value> {
        // no recipe that was read has a larger one
        Some(Value::Integer(i64::try_from(*self).unwrap_or(i64::MAX)))
    }
}

impl Field for usize {
    const KIND: Kind = COUNT;

    fn read(value: &Value, kind: &Kind, place: &Place) -> Result<Self, Problem> {
        u64::read(value, kind, place).map(|number| number as Self)
    }

    fn write(&self) -> Option<Value> {
        (*self as u64).write()
    }
}

impl Field for f64 {
    const KIND: Kind = FINITE;

    fn read(value: &Value, kind: &Kind, place: &Place) -> Result<Self, Problem> {
        let Kind::Number(range) = kind else { return Err(unlike(value, &kind.describe(), place)) };
        let number = match value {
            Value::Float(number) => *number,
            Value::Integer(number) => *number as Self,
            _ => return Err(unlike(value, &kind.describe(), place)),
        };
        if range.contains(number) {
            return Ok(number);
        }
        Err(Problem::found(&place.key, number, &kind.describe_ends()))
    }

    fn write(&self) -> Option<Value> {
        Some((*self).into())
    }
}

impl Field for f32 {
    const KIND: Kind = FINITE;

    fn read(value: &Value, kind: &Kind, place: &Place) -> Result<Self, Problem> {
        let number = f64::read(value, kind, place)? as Self;
        if number.is_finite() { Ok(number) } else { Err(unlike(value, "a number below 3.4e38", place)) }
    }

    fn write(&self) -> Option<Value> {
        // by way of its digits: 0.485, not 0.48500001430511475
        Some(value_of(&format!("{self:?}")))
    }
}

impl Field for String {
    const KIND: Kind = Kind::Text("text");

    fn read(value: &Value, kind: &Kind, place: &Place) -> Result<Self, Problem> {
        let text = read_text(value, &kind.describe(), place)?;
        if matches!(kind, Kind::Name) && text.trim().is_empty() {
            return Err(Problem::found(&place.key, text, &kind.describe()));
        }
        Ok(text.to_owned())
    }

    fn write(&self) -> Option<Value> {
        Some(self.as_str().into())
    }
}

impl Field for PathBuf {
    const KIND: Kind = Kind::Text("a path");

    fn read(value: &Value, kind: &Kind, place: &Place) -> Result<Self, Problem> {
        read_text(value, &kind.describe(), place).map(Self::from)
    }

    fn write(&self) -> Option<Value> {
        Some(self.to_string_lossy().as_ref().into())
    }
}

impl Field for Fill {
    const KIND: Kind = Kind::AnyOf(&[
        Kind::Words {
            list: None,
            all: || {
                vec![
                    Word { name: "reflect", about: "the image, mirrored at its border".into() },
                    Word { name: "background", about: "the colour of the image's own background".into() },
                ]
            },
        },
        Kind::Colour,
    ]);

    fn read(value: &Value, kind: &Kind, place: &Place) -> Result<Self, Problem> {
        let text = read_text(value, &kind.describe(), place)?;
        text.parse().map_err(|e| Problem::said(&place.key, &e))
    }

    fn write(&self) -> Option<Value> {
        Some(self.to_string().into())
    }
}

impl<T: Field> Field for Option<T> {
    const KIND: Kind = T::KIND;

    fn read(value: &Value, kind: &Kind, place: &Place) -> Result<Self, Problem> {
        T::read(value, kind, place).map(Some)
    }

    fn write(&self) -> Option<Value> {
        self.as_ref().and_then(T::write)
    }

    fn unset() -> Option<Self> {
        Some(None)
    }
}

impl<T: Field> Field for Vec<T> {
    const KIND: Kind = Kind::List { of: &T::KIND, count: None };

    fn read(value: &Value, kind: &Kind, place: &Place) -> Result<Self, Problem> {
        match (kind, value) {
            (Kind::List { of, .. } | Kind::OneOrSeveral(of), Value::Array(items)) => {
                read_entries(items, of, place)
            }
            (Kind::OneOrSeveral(of), one) => Ok(vec![T::read(one, of, place)?]),
            (Kind::List { of: Kind::Tables(..), .. }, Value::Table(_)) => {
                let brackets = format!("[[{}]]", place.key);
                let hint = format!(
                    "write `{brackets}` with two brackets a side, or a list `[{{ ... }}]` in one line"
                );
                Err(unlike(value, &kind.describe(), place).hint(hint))
            }
            _ => Err(unlike(value, &kind.describe(), place)),
        }
    }

    fn write(&self) -> Option<Value> {
        Some(Value::Array(self.iter().filter_map(T::write).collect()))
    }
}

impl<T: Field, const N: usize> Field for [T; N] {
    const KIND: Kind = Kind::List { of: &T::KIND, count: Some(N) };

    fn read(value: &Value, kind: &Kind, place: &Place) -> Result<Self, Problem> {
        match (kind, value) {
            (Kind::List { of, .. }, Value::Array(items)) if items.len() == N => {
                let entries = read_entries(items, of, place)?;
                entries.try_into().map_err(|_| unlike(value, &kind.describe(), place))
            }
            _ => Err(unlike(value, &kind.describe(), place)),
        }
    }

    fn write(&self) -> Option<Value> {
        Some(Value::Array(self.iter().filter_map(T::write).collect()))
    }
}

/// Reads every entry of a list.
pub(super) fn read_entries<T: Field>(items: &[Value], of: &Kind, place: &Place) -> Result<Vec<T>, Problem> {
    if items.len() > MOST_ENTRIES {
        let found = format!("found a list of {} entries, expected at most {MOST_ENTRIES}", items.len());
        return Err(Problem::new(&place.key, found));
    }
    items.iter().enumerate().map(|(index, item)| T::read(item, of, &place.below(index))).collect()
}

/// Reads text.
pub(super) fn read_text<'a>(value: &'a Value, expected: &str, place: &Place) -> Result<&'a str, Problem> {
    value.as_str().ok_or_else(|| unlike(value, expected, place))
}

/// A value of another type than expected.
pub(super) fn unlike(value: &Value, expected: &str, place: &Place) -> Problem {
    match value {
        Value::Array(items) => {
            let entries = if items.len() == 1 { "entry" } else { "entries" };
            let found = format!("found a list of {} {entries}, expected {expected}", items.len());
            Problem::new(&place.key, found)
        }
        Value::Table(_) => Problem::new(&place.key, format!("found a table, expected {expected}")),
        plain => Problem::found(&place.key, plain, expected),
    }
}

/// A value in place of a table. Where it can only be the table's one key that must be given, a hint shows
/// both together.
pub(super) fn no_table(value: &Value, table: Table, place: &Place) -> Problem {
    let problem = unlike(value, &format!("a table such as `{}`", table.example()), place);
    match (value, table.main_key()) {
        (Value::String(text), Some(key)) if !text.starts_with(['{', '[']) => {
            let is_entry = place.key.rsplit('.').next().is_some_and(|last| last.parse::<usize>().is_ok());
            problem.hint(if is_entry {
                format!("did you mean `{{ {} = {value} }}`?", key.name)
            } else {
                format!("did you mean `{}.{} = {value}`?", place.key, key.name)
            })
        }
        _ => problem,
    }
}

/// A name that is not there, with the nearest that is.
pub(super) fn unknown<'a>(
    what: &str,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
    place: &Place,
) -> Problem {
    Problem::new(&place.key, format!("unknown {what} `{name}`")).hint(suggest(name, known))
}
