//! The one error type of the libraries: what was found, where, what was expected, and what to do about it.
//!
//! People read the message, its path and its hint; programs branch on the [kind](Error::kind). Left out on
//! purpose: error codes and enums per module.

use std::path::{Path, PathBuf};
use std::{fmt, io};

pub use crate::spelling::{counted, printable, thousands, time_in_words};
use crate::spelling::{printed, quoted};

/// Result of every fallible function of Hema's libraries.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error that names the path, the value found and what was expected, with an optional hint for the user.
///
/// Messages are lowercase fragments without a final stop: they read after `error: `.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    path: Option<PathBuf>,
    message: String,
    hint: Option<String>,
    wants_memory: bool,
}

/// The kinds of errors that programs treat differently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An input was read and makes no sense: a damaged file, a value out of range, data that do not fit
    /// together.
    #[default]
    Invalid,
    /// A file, folder or name does not exist.
    NotFound,
    /// Something is in the way of what was to be written, as a finished run in the folder of a new one.
    AlreadyExists,
    /// A picture cannot be decoded; the others of its data set may be sound.
    Unreadable,
    /// This version or build, or this machine, cannot do it: a file of a newer format, a device that is not
    /// there.
    Unsupported,
    /// The caller asked to stop; what was done is saved where the function says so.
    Interrupted,
    /// Training came to a loss or a gradient, or a model to probabilities, that are not finite numbers.
    Diverged,
    /// The operating system failed to read or write: no permission, no space, a broken disk.
    Io,
}

impl From<io::ErrorKind> for ErrorKind {
    fn from(kind: io::ErrorKind) -> Self {
        match kind {
            io::ErrorKind::NotFound => Self::NotFound,
            io::ErrorKind::AlreadyExists => Self::AlreadyExists,
            io::ErrorKind::Interrupted => Self::Interrupted,
            io::ErrorKind::Unsupported => Self::Unsupported,
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
                Self::Invalid
            }
            _ => Self::Io,
        }
    }
}

impl Error {
    /// An error with a message that says what was found and what was expected; of the kind
    /// [`Invalid`](ErrorKind::Invalid).
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::Invalid,
            path: None,
            message: message.into(),
            hint: None,
            wants_memory: false,
        }
    }

    /// Changes the kind.
    pub fn with_kind(self, kind: ErrorKind) -> Self {
        Self { kind, ..self }
    }

    /// The kind, for programs that treat errors differently.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Says that more memory would have helped.
    pub(crate) fn for_want_of_memory(self) -> Self {
        Self { wants_memory: true, ..self }
    }

    /// Whether nothing is wrong with the picture but that decoding it takes more memory than images are lent
    /// (see [`set_memory`](crate::data::set_memory)), or than the system has.
    pub fn wants_memory(&self) -> bool {
        self.wants_memory
    }

    /// Names the file, archive or folder concerned. The innermost path wins: a later call does not replace
    /// it.
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

    /// The error of ours that caused another, however deep inside; where there is none, what `otherwise`
    /// makes of that. An archive is not damaged because its server is out of reach.
    pub(crate) fn inside(
        error: &(dyn std::error::Error + 'static),
        otherwise: impl FnOnce() -> Self,
    ) -> Self {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(own) = error.downcast_ref::<Self>() {
                return own.clone();
            }
            cause = match error.downcast_ref::<io::Error>() {
                // its source would be that of the error inside
                Some(wrapper) => wrapper.get_ref().map(|inside| inside as _),
                None => error.source(),
            };
        }
        otherwise()
    }

    /// An input or output error at a path, of the kind that the system gives it, or the error of ours inside.
    pub fn io(path: impl AsRef<Path>, error: &io::Error) -> Self {
        Self::inside(error, || Self::new(error.to_string()).at(path).with_kind(error.kind().into()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{}: {}", printable(&path.display().to_string()), self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Error {}

/// A "did you mean" hint: the candidate [`nearest`] to `given`, or the list of candidates when none is close.
/// One that prints the same as `given` is shown with the characters that differ.
pub fn suggest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    if let Some(twin) = candidates.iter().find(|candidate| printed(candidate) == printed(given)) {
        let (given, twin) = (quoted(given), quoted(twin));
        return format!("{given} prints like {twin}, but is other characters: type it anew");
    }
    match nearest(given, candidates.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known: {}", candidates.join(", ")),
    }
}

/// The candidate closest to `given`: one that differs in case and separators alone, else one that is spelt
/// much alike; nothing where none is.
pub fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let same = candidates.iter().find(|candidate| squashed(candidate) == squashed(given));
    let lower = given.to_lowercase();
    let alike = || {
        let scored = candidates.iter().map(|c| (strsim::jaro_winkler(&lower, &c.to_lowercase()), c));
        scored.filter(|(score, _)| *score > 0.75).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
    };
    same.or_else(alike).copied()
}

/// A name in lower case without what separates its words: `AdamW` and `adam_w` are one.
pub fn squashed(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_' | '.' | ' ')).flat_map(char::to_lowercase).collect()
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
    fn a_path_prints_no_line_of_its_own() {
        let error = Error::new("bad").at("a\nerror: all is lost\u{1b}[2J");
        assert_eq!(error.to_string(), "a\u{fffd}error: all is lost\u{fffd}[2J: bad");
    }

    #[test]
    fn an_error_of_ours_is_found_inside_of_others() {
        let own = Error::new("the server is gone").at("s3://bucket/x.tar");
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::UnexpectedEof, own.clone()));
        assert_eq!(Error::io("archive", &wrapped), own);
        assert_eq!(Error::io("archive", &io::Error::other("damaged")).to_string(), "archive: damaged");
    }

    #[test]
    fn an_error_keeps_its_kind_on_the_way_up() {
        assert_eq!(Error::new("bad").kind(), ErrorKind::Invalid);
        let missing = io::Error::from(io::ErrorKind::NotFound);
        assert_eq!(Error::io("file", &missing).hint("a").at("outer").kind(), ErrorKind::NotFound);
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(Error::io("file", &full).kind(), ErrorKind::Io);
    }

    #[test]
    fn suggests_the_closest_name_or_lists_all() {
        assert_eq!(suggest("epohcs", ["epochs", "seed"]), "did you mean `epochs`?");
        assert_eq!(suggest("zzz", ["epochs", "seed"]), "known: epochs, seed");
    }

    #[test]
    fn case_and_separators_make_no_other_name() {
        assert_eq!(nearest("SGD", ["adam", "sgd"]), Some("sgd"));
        assert_eq!(nearest("OneCycle", ["cosine", "one-cycle"]), Some("one-cycle"));
        assert_eq!(nearest("Cosin", ["constant", "cosine"]), Some("cosine"));
        // an empty name is near to none
        assert_eq!((nearest("", ["adam"]), nearest("-", ["adam"])), (None, None));
    }

    #[test]
    fn a_hint_never_proposes_a_text_that_prints_the_same() {
        let expected = r"`se\u{200b}ed` prints like `seed`, but is other characters: type it anew";
        assert_eq!(suggest("se\u{200b}ed", ["epochs", "seed"]), expected);
    }
}
