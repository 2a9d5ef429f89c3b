//! What stands side by side: a run, or the runs of a series together.

use super::super::findings::{Findings, mean};
use super::super::html::{escape, metric_range};
use super::super::run_report::RunReport;
use super::super::series::SeriesScore;
use super::measure::Measure;

/// A run of its own, or a series of runs: their positions, in order.
pub(super) struct Entry {
    /// Name, not escaped.
    pub(super) title: String,
    /// Positions of its runs.
    pub(super) runs: Vec<usize>,
}

/// The runs, those of a series together.
pub(super) fn entries(runs: &[RunReport]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for (at, run) in runs.iter().enumerate() {
        let of_series = entries.iter_mut().find(|entry| run.series.as_ref() == Some(&entry.title));
        match (of_series, &run.series) {
            (Some(entry), _) => entry.runs.push(at),
            (None, series) => {
                entries.push(Entry {
                    title: series.clone().unwrap_or_else(|| run.title.clone()),
                    runs: vec![at],
                });
            }
        }
    }
    entries
}

impl Entry {
    /// Name in a sentence, as HTML.
    pub(super) fn name(&self) -> String {
        format!("<strong>{}</strong>", escape(&self.title))
    }

    /// Its only run; `None` for a series.
    pub(super) fn only(&self) -> Option<usize> {
        if let [only] = self.runs.as_slice() { Some(*only) } else { None }
    }

    /// The values of its runs that have one.
    pub(super) fn values(&self, findings: &[Findings], measure: &Measure) -> Vec<f64> {
        self.runs.iter().filter_map(|run| measure.value(&findings[*run])).collect()
    }

    /// The mean over its runs.
    pub(super) fn mean(&self, findings: &[Findings], measure: &Measure) -> Option<f64> {
        mean(self.values(findings, measure).into_iter())
    }

    /// The interval of a run, or the deviation and span of a series, below its value; as HTML.
    pub(super) fn spread(&self, findings: &[Findings], measure: &Measure) -> Option<String> {
        if let Some(only) = self.only() {
            return metric_range(measure.metric(), measure.interval(&findings[only])?);
        }
        let score = SeriesScore::new(measure.metric(), String::new(), self.values(findings, measure));
        let range = metric_range(measure.metric(), score.range()).filter(|_| score.deviation.is_finite())?;
        Some(format!("± {}<br>{range}", score.deviation_text()))
    }
}
