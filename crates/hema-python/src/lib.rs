//! The extension module `hema_blood._hema`: a classifier and the command line, for the Python package around
//! it (`python/hema_blood`), which holds what people call.
//!
//! Nothing here knows what a picture is in Python, or a data frame; nothing there knows threads.

mod columns;
mod failure;
mod images;
mod model;
mod waiting;

use std::ffi::OsString;

use pyo3::prelude::*;

#[global_allocator]
static ALLOCATOR: hema::CacheLines = hema::CacheLines;

/// Runs the command that words say, the first of which is the program's name, and gives its exit status.
#[pyfunction]
fn command(py: Python<'_>, words: Vec<OsString>) -> u8 {
    py.detach(|| hema_cli::run(words))
}

#[pymodule]
fn _hema(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<columns::Answers>()?;
    module.add_class::<model::Classifier>()?;
    module.add_function(wrap_pyfunction!(command, module)?)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
