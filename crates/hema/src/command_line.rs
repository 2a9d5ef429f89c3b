//! The command line of the running program, for the provenance of what it writes.

use std::path::Path;

/// The program's name without its folder, and its arguments as they were typed.
pub fn command_line() -> String {
    let mut words: Vec<String> =
        std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    if let Some(program) = words.first_mut() {
        *program = Path::new(program.as_str())
            .file_stem()
            .map_or_else(|| program.clone(), |name| name.to_string_lossy().into_owned());
    }
    words.join(" ")
}
