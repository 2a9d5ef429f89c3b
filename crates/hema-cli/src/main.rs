//! The `hema` program.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: hema::CacheLines = hema::CacheLines;

fn main() -> ExitCode {
    ExitCode::from(hema_cli::run(std::env::args_os()))
}
