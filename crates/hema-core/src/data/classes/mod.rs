//! Class names: the one notion of "the same class", the order of any class list, and numbers in place of
//! names.
//!
//! `key` says what a name means, with the eight standard blood-cell classes under their other names; `list`
//! holds the classes of a data set, and knows which of their names stand for numbers; `found` makes a list of
//! the names that a data set has; `file` keeps a list beside images whose names do not tell it; `matching`
//! finds the classes of one list in another. Everything that compares class names does so here: an exact
//! match wins, and a loose one counts where it is one to one.

mod file;
mod found;
mod key;
mod list;
mod matching;

pub(super) use self::file::{
    CLASSES_FILE, ClassesFile, classes_of_manifest, order_as, read_classes, read_classes_at,
};
pub(super) use self::found::{Found, listed, order};
pub use self::key::standard_classes;
pub(super) use self::key::{is_standard, key};
pub(super) use self::list::{ClassList, MAX_LABEL, number_of, numbered_name};
pub use self::matching::{are_same_classes, match_classes};
