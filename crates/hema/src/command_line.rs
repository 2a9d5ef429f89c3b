//! Command lines as people type them: that of the running program, for the provenance of what it writes, and
//! paths as words of one.

use std::ffi::OsString;
use std::path::Path;
use std::sync::OnceLock;

use hema_core::error::printable;

static WORDS: OnceLock<Vec<OsString>> = OnceLock::new();

/// Says which command line this process runs, where that is not the one it was started by, as under an
/// interpreter. The first call counts.
pub fn set_command_line(words: Vec<OsString>) {
    WORDS.get_or_init(|| words);
}

/// The program's name without its folder, and its arguments, quoted where a shell would change them.
pub fn command_line() -> String {
    let mut words = WORDS.get().map_or_else(|| std::env::args_os().collect(), Clone::clone).into_iter();
    let program = words.next().unwrap_or_default();
    let program = Path::new(&program).file_stem().unwrap_or(&program).to_owned();
    let words: Vec<String> =
        std::iter::once(program).chain(words).map(|word| shell_word(Path::new(&word))).collect();
    words.join(" ")
}

/// A path as one word of a command line, quoted where the shell would divide or change it, or where it would
/// not print.
pub fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,:=@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text;
    }
    if printable(&text) == text {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    let escaped = text.bytes().map(|byte| match byte {
        b'\'' | b'\\' | 0..0x20 | 0x7f.. => format!("\\x{byte:02x}"),
        _ => char::from(byte).to_string(),
    });
    format!("$'{}'", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_of_a_shell_whatever_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        for name in
            ["plain-1.png", "two words", "it's", "$(reboot)", "a\nb", "\u{1b}[2J'\\", "a\u{202e}b", "ä"]
        {
            let word = shell_word(Path::new(name));
            assert!(printable(&word) == word, "{word}");
            let said = std::process::Command::new("bash")
                .args(["-c", &format!("printf %s {word}")])
                .current_dir(folder.path())
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(said.stdout).unwrap(), name);
        }
    }
}
