//! The contract of a metric: its row, and where its value is shown.

use super::percent::share_in_percent;
use super::tally::Tally;

/// A single number that says how good predictions are.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Name in a recipe's `select.metric` and in `hema list metrics`: lowercase words joined by hyphens.
    pub name: &'static str,
    /// Meaning, in one line.
    pub about: &'static str,
    /// Name in the lines and tables of the terminal.
    pub label: &'static str,
    /// Name at the head of a report's column.
    pub title: &'static str,
    /// What it is a mean over.
    pub over: Over,
    /// Whether a larger value means a better model.
    pub higher_is_better: bool,
    /// How a value is written for people, everywhere alike.
    pub notation: Notation,
    /// Places where a value is shown, besides `evaluation.json` and the report, which have every metric.
    pub shown_in: &'static [Place],
    /// The value, where it is defined.
    pub(super) compute: fn(&Tally) -> Option<f64>,
    /// 95 % interval of the value, `[low, high]`, where there is one.
    pub(super) interval: Option<fn(&Tally) -> [f64; 2]>,
}

/// What a metric is a mean over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Images, each counting the same.
    Images,
    /// Classes that have images, each counting the same. A class without an image is left out, whether or not
    /// something was predicted to be of it; such a prediction is a mistake of the class that the image is of.
    Classes,
}

/// How a value is written for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notation {
    /// A share of 0 to 1 as a percentage with one decimal.
    Percent,
    /// A number with three decimals.
    Number,
}

impl Notation {
    /// A value in plain text, as `98.7 %` or `0.987`; `-` for what is no number.
    pub fn text(self, value: f64) -> String {
        match self {
            Self::Percent => share_in_percent(value).map_or("-".into(), |digits| format!("{digits} %")),
            Self::Number if value.is_finite() => format!("{value:.3}"),
            Self::Number => "-".into(),
        }
    }
}

/// A place where metrics are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `metrics.csv` and `TensorBoard`, after every epoch of a training run.
    Log,
    /// The line that a training run prints after every epoch.
    Progress,
    /// The table that `hema evaluate` prints.
    Evaluate,
    /// The table of mean and spread over a series of runs.
    Series,
}

impl Metric {
    /// Name in files, with underscores: `balanced_accuracy`.
    pub fn key(&self) -> String {
        self.name.replace('-', "_")
    }

    /// Whether its value is shown in a place.
    pub fn is_shown_in(&self, place: Place) -> bool {
        self.shown_in.contains(&place)
    }

    /// Whether `new` is strictly better than `best`. A value that is not a number never is.
    pub fn improves(&self, new: f64, best: f64) -> bool {
        if self.higher_is_better { new > best } else { new < best }
    }
}
