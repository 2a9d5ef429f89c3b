//! A reader of data sets: a name, and two functions.

use super::input::Input;
use crate::data::source::Contents;
use crate::error::Result;

/// A form that data sets are read in.
#[non_exhaustive]
pub struct Reader {
    /// The name of the form, for people; [`Source::form`](crate::data::Source::form) gives it.
    pub name: &'static str,
    /// A few words on how to tell the form, or on the things it must hold.
    pub about: &'static str,
    /// Whether an input is in this form, by its first bytes, its name, or the files it holds. Readers that
    /// stand before it in the table did not want it.
    pub(super) recognises: fn(&Input) -> bool,
    /// Lists the images of an input that it recognises; none is decoded.
    pub(super) open: fn(&mut Input) -> Result<Contents>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}
