//! Errors as Python has them.

use hema::{Error, ErrorKind};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

/// The exception of the package for an error; the package's classes stand beside Python's own for each kind.
pub(crate) fn raised(py: Python<'_>, error: &Error) -> PyErr {
    let class = match error.kind() {
        ErrorKind::Interrupted => return PyKeyboardInterrupt::new_err(error.to_string()),
        ErrorKind::Invalid => "InvalidError",
        ErrorKind::NotFound => "NotFoundError",
        ErrorKind::AlreadyExists => "AlreadyExistsError",
        ErrorKind::Unreadable => "UnreadableError",
        ErrorKind::Unsupported => "UnsupportedError",
        ErrorKind::Io => "IoError",
        _ => "HemaError",
    };
    let made = py
        .import("hema_blood._errors")
        .and_then(|module| module.getattr(class))
        .and_then(|class| class.call1((error.to_string(), error.hint_text())));
    made.map_or_else(|failure| failure, |exception| PyErr::from_value(exception))
}
