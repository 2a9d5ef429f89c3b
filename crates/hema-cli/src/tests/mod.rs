//! Tests that need the command's own arguments and tables.

mod reference;
