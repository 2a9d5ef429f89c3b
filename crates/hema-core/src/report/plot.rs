//! A frame with ticks for values over something other than epochs: a learning rate, a value of a recipe.

use super::html::each;
use super::svg::{self, Scale, short};

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 448.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 236.0;

/// How values stand along the horizontal axis.
#[derive(Clone, Copy)]
pub(super) enum Axis<'a> {
    /// Values by themselves.
    Linear,
    /// Values by their logarithm.
    Log,
    /// Values by their place among these labels: 0, 1, ...
    Named(&'a [String]),
}

/// Where values stand in a frame.
pub(super) struct Plot {
    x: Scale,
    y: Scale,
    log: bool,
    axes: String,
}

impl Plot {
    /// A frame that holds these values; nothing where none is finite.
    pub(super) fn new(
        axis: Axis,
        x_values: impl IntoIterator<Item = f64>,
        y_values: impl IntoIterator<Item = f64>,
        x_name: &str,
        y_label: fn(f64) -> String,
    ) -> Option<Self> {
        let log = matches!(axis, Axis::Log);
        let x_range = svg::range(x_values.into_iter().map(|x| if log { x.log10() } else { x }))?;
        let x_ticks: Vec<(f64, String)> = match axis {
            Axis::Linear => svg::ticks(x_range, 5, 0.0).into_iter().map(|x| (x, short(x))).collect(),
            Axis::Log => svg::ticks(x_range, 6, 1.0).into_iter().map(|x| (x, short(10f64.powf(x)))).collect(),
            Axis::Named(labels) => labels.iter().enumerate().map(|(x, l)| (x as f64, l.clone())).collect(),
        };
        let ends = match axis {
            Axis::Named(labels) => [-0.5, labels.len() as f64 - 0.5],
            Axis::Linear | Axis::Log => [x_ticks[0].0, x_ticks[x_ticks.len() - 1].0],
        };
        let x = Scale { values: ends, pixels: [LEFT, RIGHT] };
        let y_ticks = svg::ticks(svg::range(y_values)?, 5, 0.0);
        let y = Scale { values: [y_ticks[0], y_ticks[y_ticks.len() - 1]], pixels: [BOTTOM, TOP] };
        let rows = each(&y_ticks, |tick| {
            let at = y.at(*tick);
            svg::line("grid", [LEFT, at], [RIGHT, at])
                + &svg::text("tick end", [LEFT - 6.0, at + 4.0], &y_label(*tick))
        });
        let columns =
            each(&x_ticks, |(tick, label)| svg::text("tick middle", [x.at(*tick), BOTTOM + 16.0], label));
        let axes = rows
            + &columns
            + &svg::line("axis", [LEFT, BOTTOM], [RIGHT, BOTTOM])
            + &svg::text("tick middle", [f64::midpoint(LEFT, RIGHT), HEIGHT - 8.0], x_name);
        Some(Self { x, y, log, axes })
    }

    /// The pixel of a point.
    pub(super) fn at(&self, x: f64, y: f64) -> [f64; 2] {
        [self.x.at(if self.log { x.log10() } else { x }), self.y.at(y)]
    }

    /// An upright line at a value, with its name beside it.
    pub(super) fn upright(&self, x: f64, name: &str) -> String {
        let [at, _] = self.at(x, 0.0);
        svg::line("boundary", [at, TOP], [at, BOTTOM]) + &svg::text("tick", [at + 4.0, TOP + 8.0], name)
    }

    /// The figure, with its caption and the finding it shows; `body` is what stands in the frame.
    pub(super) fn draw(&self, caption: &str, finding: &str, body: &str) -> String {
        format!(
            "<figure><figcaption>{}</figcaption>{}</figure>",
            super::html::escape(caption),
            svg::figure(WIDTH, HEIGHT, caption, finding, &(self.axes.clone() + body))
        )
    }
}
