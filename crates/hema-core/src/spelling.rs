//! Text as people see it, so that two texts which print the same are one.

use std::time::Duration;

use unicode_normalization::UnicodeNormalization;

/// The text in Unicode's composed form (NFC), in which an accented letter is always the same characters.
pub(crate) fn composed(text: &str) -> String {
    text.nfc().collect()
}

/// The text as it prints: composed, without characters that show nothing, and with single spaces between
/// words.
pub(crate) fn printed(text: &str) -> String {
    let shown: String = text.nfc().filter(|c| !is_invisible(*c)).collect();
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A number of things in words: `1 file`, `2 classes`.
pub fn counted(count: u64, thing: &str) -> String {
    match count {
        1 => format!("1 {thing}"),
        _ if thing.ends_with('s') => format!("{count} {thing}es"),
        _ => format!("{count} {thing}s"),
    }
}

/// A count with its thousands set apart: `13,759`.
pub fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let first = digits.len() % 3;
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && i % 3 == first {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A time in words, as coarse as an estimate is: `89 s`, `12 min`, `1 h 20 min`.
pub fn time_in_words(time: Duration) -> String {
    let (seconds, minutes) = (time.as_secs(), (time.as_secs() + 30) / 60);
    let (hours, days) = (minutes / 60, minutes / (24 * 60));
    match minutes {
        _ if seconds < 90 => format!("{seconds} s"),
        0..60 => format!("{minutes} min"),
        60..1440 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// Text of others as one line that steers no terminal and no page: control characters, marks that turn the
/// direction of writing, and separators of lines are replaced by a sign.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || steers(c) { '\u{fffd}' } else { c }).collect()
}

/// Whether a character that is no control character changes how the text around it is laid out.
pub(crate) fn steers(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text in quotes, with everything escaped that does not show in print.
pub(crate) fn quoted(text: &str) -> String {
    if printed(text) == text {
        return format!("`{text}`");
    }
    let escape = |c: char| {
        let hides = is_invisible(c) || c.is_control() || (c.is_whitespace() && c != ' ');
        if hides || is_mark(c) { c.escape_unicode().to_string() } else { c.to_string() }
    };
    format!("`{}`", text.chars().map(escape).collect::<String>())
}

/// Whether a character shows nothing: spaces without a width, marks of direction, soft hyphens.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// Whether a character is drawn over the one before it.
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_coarsely_as_they_are_known() {
        let words =
            [12, 89, 120, 3599, 3600 + 20 * 60, 90_000].map(|s| time_in_words(Duration::from_secs(s)));
        assert_eq!(words, ["12 s", "89 s", "2 min", "1 h 0 min", "1 h 20 min", "1 d 1 h"]);
    }

    #[test]
    fn thousands_are_set_apart() {
        let words = [0, 999, 1000, 13_759, 1_234_567].map(thousands);
        assert_eq!(words, ["0", "999", "1,000", "13,759", "1,234,567"]);
    }

    #[test]
    fn texts_that_print_the_same_are_one() {
        for (a, b) in [("Zelle\u{301}", "Zell\u{e9}"), (" Blast", "Blast\u{200b} "), ("a \u{a0}b", "a b")] {
            assert_eq!(printed(a), printed(b));
        }
        assert_ne!(printed("CD34+"), printed("CD34-"));
        assert_ne!(printed("Blast"), printed("blast"));
    }

    #[test]
    fn what_would_steer_a_terminal_is_shown() {
        assert_eq!(printable("cell\u{1b}[2J\n.png"), "cell\u{fffd}[2J\u{fffd}.png");
        assert_eq!(printable("a\u{202e}gnp.exe\u{2028}b"), "a\u{fffd}gnp.exe\u{fffd}b");
        assert_eq!(printable("Zellgröße 5 µm"), "Zellgröße 5 µm");
    }

    #[test]
    fn quotes_show_what_print_hides() {
        assert_eq!(quoted("Blast"), "`Blast`");
        assert_eq!(quoted("Blast "), "`Blast `");
        assert_eq!(quoted("Bla\u{200b}st"), r"`Bla\u{200b}st`");
        assert_eq!(quoted("e\u{301}"), r"`e\u{301}`");
    }
}
