//! Tests that need the command's own arguments and tables.

mod documented_keys;
mod reference;
