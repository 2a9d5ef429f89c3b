//! The library as programs use it: through its doors and its examples, from data on disk.

mod doors;
mod examples;
mod support;
