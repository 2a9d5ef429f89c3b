//! An entry of `augment.operators` and the other lists of operators, in a recipe or a suite.

use std::fmt;

use hema_core::augment::policy::POLICIES;
use hema_core::augment::{AUGMENTATIONS, Step};
use hema_core::corrupt::CORRUPTIONS;
use hema_core::image_op::{Fill, ImageOp};
use toml::Value;

use super::key::{COUNT, Key, Kind, SHARE, Table, Word};
use super::read::{Author, Field, Keys, Place, Problem, no_table, read_table, read_text};
use super::table::table;

/// What is done to an image with some probability.
#[derive(Clone, Debug, PartialEq)]
pub enum Operator {
    /// An operator or a policy by its name.
    One(One),
    /// Some of several entries.
    SomeOf(SomeOf),
    /// Several entries in their order.
    AllOf(AllOf),
}

table! {
    /// An entry of `augment.operators`, `augment.base`, `augment.last` or `select.operators`: an operator by
    /// name.
    pub struct One {
        /// An augmentation, a corruption, or a policy such as `rand-m9-n3-mstd0.5-inc1`.
        #[key(required)]
        pub name: OperatorName,
        /// Probability of applying it to an image.
        #[key(default = "1.0", before = "1.0", in SHARE)]
        pub probability: f64,
        /// How strongly at most, 0 for no change; anything up to it is as likely. A policy has its own.
        #[key(default = "1.0", before = "1.0", in SHARE)]
        pub strength: f64,
        /// Pixels beyond the border of the image, for operators that show some.
        #[key(unset = "the operator's own")]
        pub fill: Option<Fill>,
    }
}

table! {
    /// An entry of such a list: some of several entries.
    pub struct SomeOf {
        /// Entries of which some are chosen at random, in random order.
        #[key(required, as "some_of")]
        pub entries: Vec<Operator>,
        /// How many of them, at least and at most.
        #[key(default = "[1, 1]", before = "[1, 1]", in Kind::List { of: &COUNT, count: Some(2) })]
        pub count: [usize; 2],
        /// Probability of applying it to an image.
        #[key(default = "1.0", before = "1.0", in SHARE)]
        pub probability: f64,
    }
}

table! {
    /// An entry of such a list: a sequence, for one inside `some_of` or with one probability.
    pub struct AllOf {
        /// Entries that are done one after the other.
        #[key(required, as "all_of")]
        pub entries: Vec<Operator>,
        /// Probability of applying it to an image.
        #[key(default = "1.0", before = "1.0", in SHARE)]
        pub probability: f64,
    }
}

/// The name of an augmentation or a corruption, or the word of a policy; one that is read is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorName(String);

impl OperatorName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OperatorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Field for OperatorName {
    const KIND: Kind = Kind::AnyOf(&[
        Kind::Words { list: Some("augmentations"), all: || words(AUGMENTATIONS) },
        Kind::Words { list: Some("corruptions"), all: || words(CORRUPTIONS) },
        Kind::Policy(|| {
            POLICIES.iter().map(|policy| Word { name: policy.name, about: policy.about.into() }).collect()
        }),
    ]);

    fn read(value: &Value, _: &Kind, place: &Place) -> Result<Self, Problem> {
        let name = read_text(value, "the name of an operator or policy", place)?;
        Step::named(name, 1.0, None).map_err(|e| Problem::said(&place.key, &e))?;
        Ok(Self(name.to_owned()))
    }

    fn write(&self) -> Option<Value> {
        Some(self.as_str().into())
    }
}

fn words(operators: &[&dyn ImageOp]) -> Vec<Word> {
    operators.iter().map(|row| Word { name: row.name(), about: row.about().into() }).collect()
}

/// The key that each form of an entry has, and the form's table.
static FORMS: [(&str, Table); 3] =
    [("name", One::TABLE), ("some_of", SomeOf::TABLE), ("all_of", AllOf::TABLE)];

impl Field for Operator {
    const KIND: Kind = Kind::Tables("Operator", || FORMS.iter().map(|(_, table)| *table).collect());

    fn read(value: &Value, _: &Kind, place: &Place) -> Result<Self, Problem> {
        let Value::Table(table) = value else { return Err(no_table(value, One::TABLE, place)) };
        check_known(table, place)?;
        let (form, keys) = form(table, place)?;
        let mut table = table.clone();
        // keys of another form once had no effect, and runs wrote `strength` out beside every list of entries
        let had_no_effect = |name: &str, value: &Value| {
            place.author == Author::Run || (name == "strength" && value.as_float() == Some(1.0))
        };
        table.retain(|name, value| has(&keys, name) || !had_no_effect(name, value));
        if let Some(other) = table.keys().find(|name| !has(&keys, name)) {
            let message = format!("found beside `{form}`, which has no such key");
            return Err(Problem::new(&place.below(other).key, message));
        }
        let value = Value::Table(table);
        match form {
            "name" => read_table(&value, place).map(Self::One),
            "some_of" => read_table(&value, place).map(Self::SomeOf),
            _ => read_table(&value, place).map(Self::AllOf),
        }
    }

    fn write(&self) -> Option<Value> {
        match self {
            Self::One(one) => one.write(),
            Self::SomeOf(some) => some.write(),
            Self::AllOf(all) => all.write(),
        }
    }
}

/// Refuses a key that no form of an entry has.
fn check_known(table: &toml::Table, place: &Place) -> Result<(), Problem> {
    let known: Vec<&Key> = FORMS.iter().flat_map(|(_, form)| form.keys()).collect();
    let Some(unknown) = table.keys().find(|name| !has(&known, name)) else { return Ok(()) };
    Err(Problem::unknown_key(unknown, known.iter().map(|key| key.name), place))
}

fn has(keys: &[&Key], name: &str) -> bool {
    keys.iter().any(|key| key.name == name)
}

/// Which form of an entry a table is, by the key that only this form has; with all the form's keys.
fn form(table: &toml::Table, place: &Place) -> Result<(&'static str, Vec<&'static Key>), Problem> {
    let there: Vec<&(&'static str, Table)> =
        FORMS.iter().filter(|(key, _)| table.contains_key(*key)).collect();
    match there[..] {
        [(key, form)] => Ok((key, form.keys())),
        [] => {
            let message = "an operator has neither `name`, `some_of` nor `all_of`";
            let hint = format!("for example `{}`", One::TABLE.example());
            Err(Problem::new(&place.below("name").key, message).hint(hint))
        }
        [(first, _), (second, _), ..] => {
            let (at, found, beside) = match table.get(*first).and_then(Value::as_str) {
                Some(name) => (first, format!("`{name}` "), second),
                None => (second, String::new(), first),
            };
            let message = format!("found {found}beside `{beside}`, expected one of them");
            Err(Problem::new(&place.below(at).key, message))
        }
    }
}
