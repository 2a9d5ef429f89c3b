//! What a person ought to be told of data that was opened: what was handed over and is not used, and what was
//! assumed of it. Every command says it, through [`Source::notices`](super::Source::notices).

use std::fmt;

use serde::Serialize;

/// Most examples that a notice names.
const EXAMPLES: usize = 3;

/// The subject of a notice, by a name for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Subject {
    /// Class names that the data does not tell and that were assumed.
    AssumedClasses,
    /// The number that is white, in images of more than 8 bits, as their numbers suggest.
    AssumedWhite,
}

/// Something about a data set that stops nothing, yet that its owner would want to know.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Notice {
    /// What it is about.
    pub subject: Subject,
    /// How many things it is about: files, rows, pages, classes.
    pub count: u64,
    /// A sentence for people, without the examples: a small letter first, no full stop.
    pub text: String,
    /// Some of the things, at most three: paths, row numbers, names.
    pub examples: Vec<String>,
}

impl Notice {
    /// A notice on `count` things, of which the first of `examples` are named.
    pub(crate) fn new(
        subject: Subject,
        count: u64,
        text: impl Into<String>,
        examples: impl IntoIterator<Item = String>,
    ) -> Self {
        Self { subject, count, text: text.into(), examples: examples.into_iter().take(EXAMPLES).collect() }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match (self.examples.as_slice(), self.count as usize > self.examples.len()) {
            ([], _) => Ok(()),
            (examples, false) => write!(f, ": {}", examples.join(", ")),
            (examples, true) => write!(f, ": {}, ...", examples.join(", ")),
        }
    }
}
