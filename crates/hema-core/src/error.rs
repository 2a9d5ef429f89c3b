//! The one error type of the libraries: what was found, where, what was expected, and what to do about it.
//!
//! Left out on purpose: error codes and per-module enums. Nobody branches on the kind of a bad file; people read
//! the message, so a message with its path and its hint is all there is.

use std::fmt;
use std::path::{Path, PathBuf};

/// Result of every fallible function of Hema's libraries.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error that names the path, the value found and what was expected, with an optional hint for the user.
///
/// Messages are lowercase fragments without a final stop: they read after `error: `.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    path: Option<PathBuf>,
    message: String,
    hint: Option<String>,
}

impl Error {
    /// An error with a message that says what was found and what was expected.
    pub fn new(message: impl Into<String>) -> Self {
        Self { path: None, message: message.into(), hint: None }
    }

    /// Names the file, archive or folder concerned. The innermost path wins: a later call does not replace it.
    pub fn at(mut self, path: impl AsRef<Path>) -> Self {
        self.path.get_or_insert_with(|| path.as_ref().to_path_buf());
        self
    }

    /// Says what the user can do. The innermost hint wins: a later call does not replace it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// The message, without the path before it.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The hint, without its `hint: ` prefix.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// An input or output error at a path.
    pub fn io(path: impl AsRef<Path>, error: &std::io::Error) -> Self {
        Self::new(error.to_string()).at(path)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{}: {}", path.display(), self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Error {}

/// A "did you mean" hint: the candidate closest to `given`, or the list of candidates when none is close.
pub fn suggest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let closest = candidates
        .iter()
        .map(|c| (strsim::jaro_winkler(given, c), *c))
        .filter(|(score, _)| *score > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match closest {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => format!("known: {}", candidates.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_path_and_hint_win() {
        let error = Error::new("bad").at("inner").hint("a").at("outer").hint("b");
        assert_eq!(error.to_string(), "inner: bad");
        assert_eq!(error.hint_text(), Some("a"));
    }

    #[test]
    fn suggests_the_closest_name_or_lists_all() {
        assert_eq!(suggest("epohcs", ["epochs", "seed"]), "did you mean `epochs`?");
        assert_eq!(suggest("zzz", ["epochs", "seed"]), "known: epochs, seed");
    }
}
