//! One epoch of a run, and how a row of `metrics.csv` holds it.

use std::collections::BTreeMap;

use csv::StringRecord;
use hema_core::error::{Error, Result};
use hema_core::metrics::{self, METRICS, Metric, NLL, Place, Scores};
use serde::{Deserialize, Serialize};

/// One epoch of a run: one row of `metrics.csv`. A number that is not known is NaN.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Epoch {
    /// Name of the recipe's stage.
    pub stage: String,
    /// Number of the epoch, from 1, counted through all stages.
    pub epoch: u64,
    /// Steps taken by its end, counted through all stages.
    pub step: u64,
    /// Learning rate of its last step.
    pub lr: f64,
    /// Mean loss of its training batches.
    pub train_loss: f64,
    /// Scores on the validation part.
    pub val: Validation,
    /// Scores on corrupted copies of the validation part, where the recipe asks for them.
    pub val_corrupted: Option<Validation>,
    /// Training images per second.
    pub images_per_second: f64,
    /// Share of the training time, 0 to 1, that the network waited for its images; NaN in logs from before it
    /// was measured.
    pub data_wait: f64,
    /// Seconds the epoch took, validation included.
    pub seconds: f64,
}

/// Scores of an epoch on the validation part: the loss, and each metric that is logged.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Validation {
    /// Mean negative log-likelihood.
    pub loss: f64,
    /// Metrics by name; one that is not defined, or that a log from before it lacks, is left out.
    pub metrics: BTreeMap<&'static str, f64>,
}

impl Validation {
    /// The loss and the metrics that are logged, out of all scores.
    pub fn new(scores: &Scores) -> Self {
        let logged = |metric: &Metric| Some((metric.name, scores.value(metric)?));
        Self {
            loss: scores.number(&NLL),
            metrics: metrics::shown_in(Place::Log).filter_map(logged).collect(),
        }
    }

    /// The value of a metric; NaN where it is not known.
    pub fn value(&self, metric: &Metric) -> f64 {
        self.metrics.get(metric.name).copied().unwrap_or(f64::NAN)
    }
}

/// One cell of a row.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Cell<'a> {
    /// A name.
    Text(&'a str),
    /// A whole number.
    Count(u64),
    /// A number; the cell is empty where there is none.
    Number(Option<f64>),
}

/// Beginning of the columns, and name of the tags, of scores on clean images.
pub(super) const CLEAN: &str = "val";
/// Beginning of the columns, and name of the tags, of scores on corrupted images.
pub(super) const CORRUPTED: &str = "val_corrupted";

/// The columns of a row that are no metric.
#[derive(Deserialize)]
struct Fixed {
    stage: String,
    epoch: u64,
    step: u64,
    lr: f64,
    train_loss: f64,
    val_loss: f64,
    #[serde(default)]
    val_corrupted_loss: Option<f64>,
    images_per_second: f64,
    #[serde(default = "unknown")]
    data_wait: f64,
    seconds: f64,
}

fn unknown() -> f64 {
    f64::NAN
}

impl Epoch {
    /// Names of the columns, in order.
    pub(super) fn columns() -> Vec<String> {
        let scores = |prefix: &str| -> Vec<String> {
            let metrics = metrics::shown_in(Place::Log).map(|metric| column(prefix, metric));
            std::iter::once(format!("{prefix}_loss")).chain(metrics).collect()
        };
        [
            ["stage", "epoch", "step", "lr", "train_loss"].map(String::from).to_vec(),
            scores(CLEAN),
            scores(CORRUPTED),
            ["images_per_second", "data_wait", "seconds"].map(String::from).to_vec(),
        ]
        .concat()
    }

    /// The cell of each of [`Epoch::columns`].
    pub(super) fn cells(&self) -> Vec<Cell<'_>> {
        let number = |number: f64| Cell::Number(Some(number));
        let mut cells = vec![Cell::Text(&self.stage), Cell::Count(self.epoch), Cell::Count(self.step)];
        cells.extend([number(self.lr), number(self.train_loss)]);
        for scores in [Some(&self.val), self.val_corrupted.as_ref()] {
            cells.push(Cell::Number(scores.map(|scores| scores.loss)));
            cells.extend(metrics::shown_in(Place::Log).map(|metric| {
                Cell::Number(scores.and_then(|scores| scores.metrics.get(metric.name).copied()))
            }));
        }
        cells.extend([self.images_per_second, self.data_wait, self.seconds].map(number));
        cells
    }

    /// Reads a row of a table with this header. A column of a metric may be missing.
    ///
    /// # Errors
    /// Another column that is missing, or a cell that is no number.
    pub(super) fn read(header: &StringRecord, row: &StringRecord) -> Result<Self> {
        let fixed: Fixed = row.deserialize(Some(header)).map_err(|e| Error::new(e.to_string()))?;
        Ok(Self {
            stage: fixed.stage,
            epoch: fixed.epoch,
            step: fixed.step,
            lr: fixed.lr,
            train_loss: fixed.train_loss,
            val: Validation { loss: fixed.val_loss, metrics: read_metrics(CLEAN, header, row)? },
            val_corrupted: match fixed.val_corrupted_loss {
                Some(loss) => Some(Validation { loss, metrics: read_metrics(CORRUPTED, header, row)? }),
                None => None,
            },
            images_per_second: fixed.images_per_second,
            data_wait: fixed.data_wait,
            seconds: fixed.seconds,
        })
    }
}

/// The column of a metric.
fn column(prefix: &str, metric: &Metric) -> String {
    format!("{prefix}_{}", metric.key())
}

/// The metrics of a row whose columns begin with `prefix`, as far as the table has them.
fn read_metrics(
    prefix: &str,
    header: &StringRecord,
    row: &StringRecord,
) -> Result<BTreeMap<&'static str, f64>> {
    let mut found = BTreeMap::new();
    for metric in METRICS {
        let column = column(prefix, metric);
        let cell = header.iter().position(|name| name == column).and_then(|index| row.get(index));
        if let Some(text) = cell.filter(|text| !text.is_empty()) {
            let value =
                text.parse().map_err(|_| Error::new(format!("{column} is `{text}` (expected a number)")))?;
            found.insert(metric.name, value);
        }
    }
    Ok(found)
}
