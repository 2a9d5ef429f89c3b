//! Text and numbers as HTML: one escape for every string that is not ours, one rounding for every kind of
//! number.

use std::fmt::Display;

use crate::metrics::{Metric, Notation, probability_in_percent, share_in_percent};
use crate::spelling::steers;

pub(super) use crate::spelling::thousands as count;

/// The sign for a number that is unknown or not finite.
pub(super) const UNKNOWN: &str = "–";

/// Text made safe as by [`escape`], with what stands between backticks as code.
pub(super) fn with_code(text: &str) -> String {
    let pieces: Vec<&str> = text.split('`').collect();
    // one backtick alone is one
    if pieces.len().is_multiple_of(2) {
        return escape(text);
    }
    let piece = |(place, piece): (usize, &&str)| match place % 2 {
        0 => escape(piece),
        _ => format!("<code>{}</code>", escape(piece)),
    };
    pieces.iter().enumerate().map(piece).collect()
}

/// Text made safe inside elements and quoted attributes. Control characters, which HTML forbids, and marks
/// that turn the direction of writing become U+FFFD.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' | '\t' => safe.push(c),
            c if c.is_control() || steers(c) => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// Draws every item and joins the drawings.
pub(super) fn each<T>(items: impl IntoIterator<Item = T>, draw: impl FnMut(T) -> String) -> String {
    items.into_iter().map(draw).collect()
}

/// A share as a percentage with one decimal: `98.7 %`. A share that is not quite all or nothing never reads
/// as such.
pub(super) fn percent(share: f64) -> String {
    with_sign(share_in_percent(share))
}

/// A probability as a percentage with one decimal. Nothing is certain: it never reads as 100 or 0.
pub(super) fn probability(p: f64) -> String {
    with_sign(probability_in_percent(p))
}

/// A share as a percentage without the sign, for the cells of a figure whose caption names the unit.
pub(super) fn percent_bare(share: f64) -> String {
    share_in_percent(share).map_or(UNKNOWN.into(), |digits| escape(&digits))
}

fn with_sign(digits: Option<String>) -> String {
    digits.map_or(UNKNOWN.into(), |digits| format!("{}\u{202f}%", escape(&digits)))
}

/// A 95 % interval: `98.1–99.2 %`; nothing when it is not known.
pub(super) fn interval([low, high]: [f64; 2]) -> Option<String> {
    (low.is_finite() && high.is_finite() && low <= high)
        .then(|| format!("{:.1}–{:.1}\u{202f}%", low * 100.0, high * 100.0))
}

/// A difference of two shares in percentage points, with its sign: `−37.3`.
pub(super) fn points(difference: f64) -> String {
    let size = format!("{:.1}", difference.abs() * 100.0);
    match () {
        () if !difference.is_finite() => UNKNOWN.into(),
        () if size == "0.0" => "0.0".into(),
        () if difference < 0.0 => format!("−{size}"),
        () => format!("+{size}"),
    }
}

/// A distance of two shares in percentage points: `0.4 points`.
pub(super) fn points_bare(distance: f64) -> String {
    if distance.is_finite() { format!("{:.1}\u{202f}points", distance * 100.0) } else { UNKNOWN.into() }
}

/// A number with three decimals.
pub(super) fn decimal(value: f64) -> String {
    if value.is_finite() { format!("{value:.3}") } else { UNKNOWN.into() }
}

/// The value of a metric, written as its row says.
pub(super) fn metric(metric: &Metric, value: f64) -> String {
    noted(metric.notation, value)
}

/// A value, written so.
pub(super) fn noted(notation: Notation, value: f64) -> String {
    match notation {
        Notation::Percent => percent(value),
        Notation::Number => decimal(value),
    }
}

/// The 95 % interval of a metric; nothing when it is not known.
pub(super) fn metric_range(metric: &Metric, [low, high]: [f64; 2]) -> Option<String> {
    match metric.notation {
        Notation::Percent => interval([low, high]),
        Notation::Number => (low <= high).then(|| format!("{}–{}", decimal(low), decimal(high))),
    }
}

/// A count and its noun, in the plural where needed: `1 image`, `13,759 images`.
pub(super) fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

/// A large number in short: `5.9 million`.
pub(super) fn short_count(n: u64) -> String {
    match n {
        0..1_000_000 => count(n),
        _ => format!("{:.1} million", n as f64 / 1e6),
    }
}

/// A name written by a program, for a reader: `motion_blur` becomes `motion blur`. Escaped.
pub(super) fn words(name: &str) -> String {
    escape(&name.replace('_', " "))
}

/// Names in a sentence: `a, b and c`.
pub(super) fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A message of the terminal as a sentence: what stands in backticks is code. Escaped.
pub(super) fn message(text: &str) -> String {
    capital(&with_code(text)) + "."
}

/// A path that may break between its folders. Escaped.
pub(super) fn breakable(path: &str) -> String {
    escape(path).replace('/', "/<wbr>")
}

/// The text with its first letter in upper case.
pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

/// A caption that tells how to read the figure beside it; `text` is HTML.
pub(super) fn aid(text: impl Display) -> String {
    format!("<p class=\"aid\">{text}</p>")
}

/// A figure with its reading aid, side by side where there is room.
pub(super) fn beside(figure: &str, text: impl Display) -> String {
    format!("<div class=\"beside\"><div>{figure}</div>{}</div>", aid(text))
}

/// A box that scrolls sideways by itself, by touch or by keyboard, so that the page never does; its edges are
/// shaded where it goes on.
pub(super) fn scroll_box(label: &str, content: &str) -> String {
    format!(
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{}\">{content}</div>",
        escape(label)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_leaves_no_way_out_of_text_or_attribute() {
        assert_eq!(
            escape("<script>alert('x')</script> & \"\u{0}\u{1b}"),
            "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn what_stands_between_backticks_is_code() {
        assert_eq!(with_code("of `a<b` and `c`"), "of <code>a&lt;b</code> and <code>c</code>");
        assert_eq!(with_code("it`s"), "it`s");
    }

    #[test]
    fn numbers_are_rounded_as_a_reader_expects() {
        for (share, text) in [
            (0.98712, "98.7\u{202f}%"),
            (1.0, "100.0\u{202f}%"),
            (0.99999, "&gt;99.9\u{202f}%"),
            (0.0, "0.0\u{202f}%"),
            (0.0001, "&lt;0.1\u{202f}%"),
            (-0.0, "0.0\u{202f}%"),
            (f64::NAN, UNKNOWN),
        ] {
            assert_eq!(percent(share), text);
        }
        for (p, text) in [
            (1.0, "&gt;99.9\u{202f}%"),
            (0.0, "&lt;0.1\u{202f}%"),
            (0.5, "50.0\u{202f}%"),
            (f64::NAN, UNKNOWN),
        ] {
            assert_eq!(probability(p), text);
        }
        assert_eq!(interval([0.981, 0.992]).unwrap(), "98.1–99.2\u{202f}%");
        assert_eq!(interval([f64::NAN, 0.9]), None);
        assert_eq!(points(-0.3731), "−37.3");
        assert_eq!(points(-0.00001), "0.0");
        assert_eq!(points(f64::INFINITY), UNKNOWN);
        assert_eq!(decimal(f64::NAN), UNKNOWN);
        assert_eq!(short_count(5858704), "5.9 million");
        assert_eq!(counted(1, "image"), "1 image");
    }
}
