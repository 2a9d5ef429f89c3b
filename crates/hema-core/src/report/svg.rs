//! The few shapes that the figures are drawn from, as inline SVG without a namespace, which HTML does not
//! need.
//!
//! Colours come from the page's style sheet through classes, so that a figure follows the page into the dark
//! and onto paper. A value that is not finite is not drawn.

use super::html::{each, escape};

/// A figure with its name and the finding it shows, both read aloud by screen readers. `body` is SVG.
pub(super) fn figure(width: f64, height: f64, title: &str, finding: &str, body: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {width} {height}\" role=\"img\"><title>{}</title><desc>{}</desc>{body}</svg>",
        escape(title),
        escape(finding)
    )
}

pub(super) fn line(class: &str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) -> String {
    format!("<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>")
}

pub(super) fn text(class: &str, [x, y]: [f64; 2], content: &str) -> String {
    format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escape(content))
}

/// A circle, with a tip shown when it is pointed at.
pub(super) fn dot(class: &str, [x, y]: [f64; 2], radius: f64, tip: &str) -> String {
    format!(
        "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"><title>{}</title></circle>",
        escape(tip)
    )
}

/// A rectangle between two corners in any order, with a tip shown when it is pointed at.
pub(super) fn rect(class: &str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2], tip: &str) -> String {
    format!(
        "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}</title></rect>",
        x1.min(x2),
        y1.min(y2),
        (x2 - x1).abs(),
        (y2 - y1).abs(),
        escape(tip)
    )
}

/// A line through points, broken wherever one is not finite. A point with a gap on both sides becomes a dot.
pub(super) fn polyline(class: &str, points: &[[f64; 2]]) -> String {
    let pieces = points.split(|p| !p[0].is_finite() || !p[1].is_finite());
    each(pieces, |piece| match piece {
        [] => String::new(),
        [only] => {
            format!("<circle class=\"{class} alone\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"/>", only[0], only[1])
        }
        _ => {
            let path = each(piece, |[x, y]| format!("{x:.1},{y:.1} "));
            format!("<polyline class=\"{class}\" points=\"{}\"/>", path.trim_end())
        }
    })
}

/// Maps values onto pixels, linearly.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    pub(super) values: [f64; 2],
    pub(super) pixels: [f64; 2],
}

impl Scale {
    pub(super) fn at(self, value: f64) -> f64 {
        let share = (value - self.values[0]) / (self.values[1] - self.values[0]);
        self.pixels[0] + share * (self.pixels[1] - self.pixels[0])
    }
}

/// Round values that cover `[low, high]`, about `wanted` of them and at least two, `least_step` or more
/// apart.
pub(super) fn ticks([low, high]: [f64; 2], wanted: usize, least_step: f64) -> Vec<f64> {
    let span = if high > low { high - low } else { high.abs().max(1e-6) };
    let rough = span / wanted.max(1) as f64;
    let magnitude = 10f64.powf(rough.log10().floor());
    let nice = [1.0, 2.0, 5.0, 10.0].map(|m| m * magnitude).into_iter().find(|step| *step >= rough * 0.999);
    let step = nice.unwrap_or(rough).max(least_step);
    let first = (low / step + 1e-9).floor();
    let last = (high / step - 1e-9).ceil().max(first + 1.0);
    (0..=(last - first) as usize).map(|i| (first + i as f64) * step).collect()
}

/// The lowest and highest finite value.
pub(super) fn range(values: impl IntoIterator<Item = f64>) -> Option<[f64; 2]> {
    values.into_iter().filter(|v| v.is_finite()).fold(None, |range, v| match range {
        None => Some([v, v]),
        Some([low, high]) => Some([low.min(v), high.max(v)]),
    })
}

/// A tick's value without needless digits: `0.05`, `20`, `1e-5`.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    if size > 0.0 && !(1e-4..1e5).contains(&size) {
        let text = format!("{value:.1e}");
        return text.replace(".0e", "e");
    }
    // two digits that count, however small it is
    let decimals = if size > 0.0 { (1 - size.log10().floor() as i32).max(4) as usize } else { 4 };
    let text = format!("{value:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_cover_the_range() {
        assert_eq!(ticks([0.0, 1.0], 5, 0.0), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(ticks([1.0, 20.0], 4, 1.0), [0.0, 5.0, 10.0, 15.0, 20.0]);
        for [low, high] in [[0.913, 0.987], [0.0, 1e-6], [3.0, 3.0], [0.0, 0.0], [-2.0, 7e8], [5e-5, 1e-3]] {
            let ticks = ticks([low, high], 4, 0.0);
            assert!((2..12).contains(&ticks.len()), "{low} {high}: {ticks:?}");
            assert!(ticks[0] <= low && ticks[ticks.len() - 1] >= high - 1e-9, "{low} {high}: {ticks:?}");
        }
    }

    #[test]
    fn a_line_breaks_where_a_value_is_missing() {
        let line = polyline("a", &[[0.0, 1.0], [1.0, 1.0], [2.0, f64::NAN], [3.0, 1.0]]);
        assert_eq!(line.matches("<polyline").count(), 1);
        assert_eq!(line.matches("<circle").count(), 1);
        assert!(!line.contains("NaN"));
    }
}
