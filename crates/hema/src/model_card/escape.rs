//! Text of others made safe: inside Markdown, in code, and as a string of YAML.

use std::fmt::Write as _;

use hema_core::error::printable;

/// Text that reads in Markdown as it stands, in a sentence or a cell of a table.
pub(super) fn text(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' | '#' | '!' => {
                safe.push('\\');
                safe.push(c);
            }
            c => safe.push(c),
        }
    }
    safe
}

/// Text as code in a line of Markdown, fenced by more backticks than it has in a row. A bar is escaped, as
/// cells of tables need it, in `cell`s alone.
pub(super) fn code(text: &str) -> String {
    let text = printable(text);
    let fence = "`".repeat(longest_run(&text) + 1);
    let edge = if text.starts_with('`') || text.ends_with('`') || text.trim().is_empty() { " " } else { "" };
    format!("{fence}{edge}{text}{edge}{fence}")
}

/// Code in a cell of a table.
pub(super) fn code_cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// Text of several lines as a block of code.
pub(super) fn block(language: &str, text: &str) -> String {
    let lines: Vec<String> = text.trim_end().split('\n').map(printable).collect();
    let lines = lines.join("\n");
    let fence = "`".repeat(longest_run(&lines).max(2) + 1);
    format!("{fence}{language}\n{lines}\n{fence}\n")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Text as a double-quoted string of YAML, which stays what it is whatever is in it.
pub(super) fn yaml(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        let is_plain = printable(c.encode_utf8(&mut [0; 4])).starts_with(c)
            && !matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}');
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c if is_plain => quoted.push(c),
            // writing to a string cannot fail
            c => drop(write!(quoted, "\\U{:08x}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_leaves_its_place_in_markdown() {
        assert_eq!(
            text("a|b <script> *x* [y](z) `c` _d_"),
            "a\\|b &lt;script&gt; \\*x\\* \\[y\\](z) \\`c\\` \\_d\\_"
        );
        assert_eq!(text("a\n# b\u{202e}"), "a\u{fffd}\\# b\u{fffd}");
        assert_eq!(code("runs/a`b``c"), "```runs/a`b``c```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code_cell("a|b"), "`a\\|b`");
        assert_eq!(block("toml", "a = 1\n```\n# \u{1b}[2J\n"), "````toml\na = 1\n```\n# \u{fffd}[2J\n````\n");
    }

    #[test]
    fn a_string_of_yaml_is_one_line_whatever_is_in_it() {
        assert_eq!(
            yaml("a: \"b\" # c\\\n---\u{85}\u{7f}\u{2028}é"),
            "\"a: \\\"b\\\" # c\\\\\\n---\\U00000085\\U0000007f\\U00002028é\""
        );
    }
}
