//! The `hema` command.

fn main() {}
