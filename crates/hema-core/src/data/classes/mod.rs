//! Class names: the one notion of "the same class", the order of any class list, and numbers in place of
//! names.
//!
//! `key` says what a name means, with the eight standard blood-cell classes under their other names; `list`
//! holds the classes of a data set, and knows which of their names stand for numbers; `found` makes a list of
//! the names that a data set has; `matching` finds the classes of one list in another. Everything that
//! compares class names does so here: an exact match wins, and a loose one counts where it is one to one.

mod found;
mod key;
mod list;
mod matching;

pub(super) use self::found::{Found, listed, order};
pub use self::key::standard_classes;
pub(super) use self::key::{is_standard, key};
pub(super) use self::list::{ClassList, MAX_LABEL, number_of, numbered_name};
pub use self::matching::{are_same_classes, match_classes};
