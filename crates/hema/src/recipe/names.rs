//! Names in a recipe that stand for the rows of a table, and those tables.

use std::fmt;
use std::ops::Deref;

use hema_core::augment::mixing::{MIXES, Mix};
use hema_core::error::suggest;
use hema_core::metrics::{METRICS, Metric};
use hema_core::sampler::{SAMPLERS, Sampler};
use hema_core::tta::{VIEW_SETS, ViewSet};
use toml::Value;

use super::key::{Kind, Word};
use super::read::{Field, Place, Problem, read_text};
use crate::model::{self, Architecture};
use crate::optim::{RULES, Rule};

/// The row of a table that a recipe names.
pub trait Listed: 'static {
    /// What a row is called in messages.
    const WHAT: &'static str;
    /// How `hema list` calls the table.
    const LIST: &'static str;

    /// Every row.
    fn all() -> Vec<&'static Self>;
    /// The row's name.
    fn name(&self) -> &'static str;
    /// What the row stands for, in one line.
    fn about(&self) -> &'static str;

    /// A hint for a name that no row has.
    fn hint(name: &str) -> String {
        suggest(name, Self::all().into_iter().map(Self::name))
    }
}

/// The name of a row that its table has: a name that is read is found, or refused.
pub struct Named<T: Listed + ?Sized>(&'static T);

impl<T: Listed + ?Sized> Named<T> {
    /// The name of a row.
    pub const fn new(row: &'static T) -> Self {
        Self(row)
    }

    /// The row.
    pub const fn row(&self) -> &'static T {
        self.0
    }

    /// The name.
    pub fn as_str(&self) -> &'static str {
        self.0.name()
    }
}

impl<T: Listed + ?Sized> Clone for Named<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Listed + ?Sized> Copy for Named<T> {}

impl<T: Listed + ?Sized> PartialEq for Named<T> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl<T: Listed + ?Sized> Deref for Named<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0
    }
}

impl<T: Listed + ?Sized> fmt::Debug for Named<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl<T: Listed + ?Sized> fmt::Display for Named<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<T: Listed + ?Sized> Field for Named<T> {
    const KIND: Kind = Kind::Words {
        list: Some(T::LIST),
        all: || {
            let word = |row: &'static T| Word { name: row.name(), about: row.about().into() };
            T::all().into_iter().map(word).collect()
        },
    };

    fn read(value: &Value, _: &Kind, place: &Place) -> Result<Self, Problem> {
        let text = read_text(value, &format!("the name of a {}", T::WHAT), place)?;
        let row = T::all().into_iter().find(|row| row.name() == text);
        row.map(Self).ok_or_else(|| {
            Problem::new(&place.key, format!("unknown {} `{text}`", T::WHAT)).hint(T::hint(text))
        })
    }

    fn write(&self) -> Option<Value> {
        Some(self.as_str().into())
    }
}

impl Listed for dyn Rule {
    const WHAT: &'static str = "optimizer";
    const LIST: &'static str = "optimizers";

    fn all() -> Vec<&'static Self> {
        RULES.to_vec()
    }

    fn name(&self) -> &'static str {
        Rule::name(self)
    }

    fn about(&self) -> &'static str {
        Rule::about(self)
    }
}

/// Lets a recipe name the rows of a table, which are structs with a `name` and an `about`.
macro_rules! listed {
    ($($row:ty: $what:literal, $list:literal, $all:expr $(, $hint:path)?;)*) => {
        $(impl Listed for $row {
            const WHAT: &'static str = $what;
            const LIST: &'static str = $list;

            fn all() -> Vec<&'static Self> {
                $all.collect()
            }

            fn name(&self) -> &'static str {
                self.name
            }

            fn about(&self) -> &'static str {
                self.about
            }

            $(fn hint(name: &str) -> String {
                $hint(name)
            })?
        })*
    };
}

listed! {
    Architecture: "model", "models", model::architectures(), model::suggest;
    Metric: "metric", "metrics", METRICS.iter();
    Mix: "mix", "mixes", MIXES.iter();
    Sampler: "sampler", "samplers", SAMPLERS.iter();
    ViewSet: "set of views", "tta", VIEW_SETS.iter();
}
