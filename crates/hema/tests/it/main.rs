//! The library as programs use it: through its doors and its examples, from data on disk. And which of its
//! modules may know which.

mod doors;
mod examples;
mod floors;
mod fuzz;
mod rescaling;
mod support;
