//! Learning curves: loss, accuracy and learning rate over the epochs, with the stages and the epoch that was
//! kept.

use super::html::{aid, counted, decimal, each, percent_bare};
use super::svg::{self, Scale, short};

/// The training log, one entry per epoch in every list. A value that is not finite, or missing at the end of
/// a list, leaves a gap in its curve.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curves {
    /// Epoch number, counted through all stages.
    pub epoch: Vec<f64>,
    /// Name of the recipe's stage that the epoch belongs to.
    pub stage: Vec<String>,
    /// Mean training loss.
    pub train_loss: Vec<f64>,
    /// Loss on the validation part.
    pub val_loss: Vec<f64>,
    /// Accuracy on the validation part.
    pub val_accuracy: Vec<f64>,
    /// Mean recall over the classes on the validation part.
    pub val_balanced_accuracy: Vec<f64>,
    /// Accuracy on corrupted copies of the validation part; no finite value where the recipe asks for none.
    pub val_corrupted_accuracy: Vec<f64>,
    /// Learning rate at the end of the epoch.
    pub learning_rate: Vec<f64>,
    /// Epoch whose weights were kept.
    pub best_epoch: Option<f64>,
}

/// One curve of a panel.
struct Series<'a> {
    name: &'a str,
    class: &'a str,
    values: &'a [f64],
}

/// One panel: curves over the epochs on a common vertical scale.
struct Panel<'a> {
    title: &'a str,
    series: Vec<Series<'a>>,
    from_zero: bool,
    label: fn(f64) -> String,
}

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 350.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 204.0;

/// The panels and their reading aid; nothing when the log is empty.
pub(super) fn draw(curves: &Curves) -> Option<String> {
    curves.epoch.iter().find(|e| e.is_finite())?;
    let panels = [
        Panel {
            title: "Loss",
            series: vec![
                Series { name: "training", class: "train", values: &curves.train_loss },
                Series { name: "validation", class: "val", values: &curves.val_loss },
            ],
            from_zero: true,
            label: short,
        },
        Panel {
            title: "Validation accuracy, %",
            series: [
                Series { name: "unchanged", class: "val", values: &curves.val_accuracy },
                Series {
                    name: "unchanged, balanced",
                    class: "second",
                    values: &curves.val_balanced_accuracy,
                },
                Series { name: "corrupted", class: "corrupted", values: &curves.val_corrupted_accuracy },
            ]
            .into_iter()
            .filter(|series| series.values.iter().any(|value| value.is_finite()))
            .collect(),
            from_zero: false,
            label: |share| short(share * 100.0),
        },
        Panel {
            title: "Learning rate",
            series: vec![Series { name: "learning rate", class: "rate", values: &curves.learning_rate }],
            from_zero: true,
            label: short,
        },
    ];
    let drawn = each(panels.iter(), |panel| panel.draw(curves));
    Some(format!("<div class=\"panels\">{drawn}</div>{}", aid(reading_aid(curves))))
}

fn reading_aid(curves: &Curves) -> String {
    let kept = match curves.best_epoch {
        Some(best) if best.is_finite() => format!(
            " The weights kept are those of epoch <strong>{}</strong>{} (ringed).",
            short(best),
            [
                value_at(curves, &curves.train_loss, best).map(|l| format!(", training loss {}", decimal(l))),
                value_at(curves, &curves.val_loss, best).map(|l| format!(", validation loss {}", decimal(l))),
                value_at(curves, &curves.val_accuracy, best)
                    .map(|a| format!(", validation accuracy {}\u{202f}%", percent_bare(a))),
            ]
            .into_iter()
            .flatten()
            .collect::<String>()
        ),
        _ => String::new(),
    };
    let finite = |values: &[f64], i: usize| values.get(i).is_some_and(|v| v.is_finite());
    let lost = |i: &usize| !finite(&curves.train_loss, *i) || !finite(&curves.val_loss, *i);
    let broken = (0..curves.epoch.len()).filter(lost).count();
    let gaps = match broken {
        0 => String::new(),
        n => format!(" Gaps: {} without a finite loss.", counted(n as u64, "epoch")),
    };
    format!(
        "Both losses should fall together. A validation loss that rises while the training loss keeps falling is \
         learning by heart; two flat, high losses are learning too little.{kept}{gaps}"
    )
}

fn value_at(curves: &Curves, values: &[f64], epoch: f64) -> Option<f64> {
    let index = curves.epoch.iter().position(|e| *e == epoch)?;
    values.get(index).copied().filter(|v| v.is_finite())
}

impl Panel<'_> {
    fn draw(&self, curves: &Curves) -> String {
        let values = self.series.iter().flat_map(|s| s.values.iter().copied());
        let Some([low, high]) = svg::range(values) else {
            return format!(
                "<figure><figcaption>{}</figcaption><p class=\"empty\">no values</p></figure>",
                self.title
            );
        };
        let y_ticks = svg::ticks([if self.from_zero { low.min(0.0) } else { low }, high], 4, 0.0);
        let y = Scale { values: ends(&y_ticks), pixels: [BOTTOM, TOP] };
        let x = epoch_scale(&curves.epoch);
        let body = [
            self.y_axis(&y_ticks, y),
            x_axis(&curves.epoch, x),
            stages(curves, x),
            each(&self.series, |s| s.draw(curves, x, y)),
        ]
        .concat();
        let legend = each(&self.series, |s| format!("<span class=\"key {}\">{}</span>", s.class, s.name));
        format!(
            "<figure><figcaption>{}<span class=\"legend\">{legend}</span></figcaption>{}</figure>",
            self.title,
            svg::figure(WIDTH, HEIGHT, &format!("{} by epoch", self.title), &self.finding(), &body)
        )
    }

    fn y_axis(&self, ticks: &[f64], y: Scale) -> String {
        each(ticks, |tick| {
            let at = y.at(*tick);
            svg::line("grid", [LEFT, at], [RIGHT, at])
                + &svg::text("tick end", [LEFT - 6.0, at + 4.0], &(self.label)(*tick))
        })
    }

    /// First and last value of every curve, for those who cannot see it.
    fn finding(&self) -> String {
        let sentences = self.series.iter().filter_map(|s| {
            let mut finite = s.values.iter().filter(|v| v.is_finite());
            let first = finite.next()?;
            let last = finite.next_back().unwrap_or(first);
            Some(format!("{}: from {} to {}.", s.name, (self.label)(*first), (self.label)(*last)))
        });
        sentences.collect::<Vec<_>>().join(" ")
    }
}

impl Series<'_> {
    fn draw(&self, curves: &Curves, x: Scale, y: Scale) -> String {
        let points: Vec<[f64; 2]> =
            curves.epoch.iter().zip(self.values).map(|(epoch, value)| [x.at(*epoch), y.at(*value)]).collect();
        let kept = curves.best_epoch.and_then(|best| {
            let value = value_at(curves, self.values, best)?;
            let tip = format!("{} at the epoch kept", self.name);
            Some(svg::dot(&format!("kept {}", self.class), [x.at(best), y.at(value)], 4.5, &tip))
        });
        svg::polyline(&format!("curve {}", self.class), &points) + &kept.unwrap_or_default()
    }
}

/// The horizontal scale; a single epoch stands in the middle.
fn epoch_scale(epochs: &[f64]) -> Scale {
    let [first, last] = svg::range(epochs.iter().copied()).unwrap_or([0.0, 1.0]);
    let values = if first == last { [first - 1.0, last + 1.0] } else { [first, last] };
    Scale { values, pixels: [LEFT + 4.0, RIGHT - 4.0] }
}

fn x_axis(epochs: &[f64], x: Scale) -> String {
    let [first, last] = svg::range(epochs.iter().copied()).unwrap_or(x.values);
    let inside = |tick: &f64| (first..=last).contains(tick);
    let labels = svg::ticks(x.values, 6, 1.0).into_iter().filter(inside);
    each(labels, |tick| svg::text("tick middle", [x.at(tick), BOTTOM + 16.0], &short(tick)))
        + &svg::line("axis", [LEFT, BOTTOM], [RIGHT, BOTTOM])
        + &svg::text("tick middle", [f64::midpoint(LEFT, RIGHT), HEIGHT - 4.0], "epoch")
}

/// A dashed line where a stage ends, and its name above its epochs where there is room.
fn stages(curves: &Curves, x: Scale) -> String {
    let mut starts: Vec<(f64, &str)> = Vec::new();
    let mut previous = x.values[0];
    for (epoch, stage) in curves.epoch.iter().zip(&curves.stage).filter(|(e, _)| e.is_finite()) {
        if starts.last().is_none_or(|(_, name)| name != stage) {
            let start = if starts.is_empty() { x.values[0] } else { f64::midpoint(previous, *epoch) };
            starts.push((start, stage));
        }
        previous = *epoch;
    }
    if starts.len() < 2 {
        return String::new();
    }
    let ends = starts.iter().skip(1).map(|s| s.0).chain([x.values[1]]);
    each(starts.iter().zip(ends).enumerate(), |(i, ((start, name), end))| {
        let (from, to) = (x.at(*start), x.at(end));
        let boundary =
            if i > 0 { svg::line("boundary", [from, TOP - 14.0], [from, BOTTOM]) } else { String::new() };
        let fits = name.chars().count() as f64 * 6.0 + 8.0 < to - from;
        boundary + &if fits { svg::text("stage", [from + 4.0, TOP - 6.0], name) } else { String::new() }
    })
}

fn ends(ticks: &[f64]) -> [f64; 2] {
    [ticks[0], ticks[ticks.len() - 1]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tick_labels_are_short() {
        for (value, text) in
            [(0.0, "0"), (20.0, "20"), (0.05, "0.05"), (1e-5, "1e-5"), (7.6e-4, "0.00076"), (99.5, "99.5")]
        {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn an_empty_log_draws_nothing_and_one_epoch_draws_dots() {
        assert!(draw(&Curves::default()).is_none());
        let one =
            Curves { epoch: vec![1.0], train_loss: vec![0.5], val_loss: vec![f64::NAN], ..Curves::default() };
        let drawn = draw(&one).unwrap();
        assert!(drawn.contains("<circle") && !drawn.contains("<polyline") && !drawn.contains("NaN"));
        assert!(drawn.contains("1 epoch without a finite loss"));
    }
}
