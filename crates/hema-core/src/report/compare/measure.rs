//! What runs are compared by: one column of the comparison each.

use super::super::findings::{Findings, SuiteMeans};
use super::super::html::{metric, percent, words};
use super::super::paired::{self, Right};
use crate::metrics::{ACCURACY, BALANCED_ACCURACY, ECE, Metric};
use crate::record::Evaluation;

/// A number of a run.
pub(super) enum Measure {
    /// Mean accuracy under the conditions of a suite.
    Suite(String),
    /// Accuracy on unchanged images.
    Unchanged,
    /// Accuracy under the worst condition.
    Worst,
    /// A metric on unchanged images.
    Metric(&'static Metric),
    /// The mean of a metric under the conditions of a suite.
    SuiteMetric(String, &'static Metric),
}

/// The measures of runs: of every suite that one of them was judged under, and of unchanged images.
pub(super) fn measures(findings: &[Findings]) -> Vec<Measure> {
    let mut suites: Vec<String> = Vec::new();
    for suite in findings.iter().flat_map(Findings::suites) {
        if !suites.iter().any(|known| known == suite.name) {
            suites.push(suite.name.to_owned());
        }
    }
    let worst = (!suites.is_empty()).then_some(Measure::Worst);
    let unchanged = [Measure::Metric(&BALANCED_ACCURACY), Measure::Metric(&ECE)];
    let errors: Vec<Measure> = suites.iter().map(|suite| Measure::SuiteMetric(suite.clone(), &ECE)).collect();
    let accuracies = suites.into_iter().map(Measure::Suite);
    accuracies.chain([Measure::Unchanged]).chain(worst).chain(unchanged).chain(errors).collect()
}

/// Whether two runs were judged on the same images. Models that see images at different sizes have different
/// pixels, and the same list of paths and labels.
pub(super) fn are_same_images(a: &Evaluation, b: &Evaluation) -> bool {
    let is_same_listing = !a.data.listing.is_empty() && a.data.listing == b.data.listing;
    a.data.hash == b.data.hash || (a.model.size != b.model.size && is_same_listing)
}

impl Measure {
    /// Head of its column, as HTML.
    pub(super) fn head(&self) -> String {
        match self {
            Self::Suite(suite) => format!("Suite {}", words(suite)),
            Self::Unchanged => "Unchanged".into(),
            Self::Worst => "Worst condition".into(),
            Self::Metric(metric) => format!("Unchanged, {}", metric.label),
            Self::SuiteMetric(suite, metric) => format!("Suite {}, {}", words(suite), metric.label),
        }
    }

    /// When it is measured, in a sentence, as HTML.
    pub(super) fn when(&self) -> String {
        match self {
            Self::Suite(suite) => format!("under the suite {}", words(suite)),
            _ => "on unchanged images".into(),
        }
    }

    /// The value for a run, where it is finite.
    pub(super) fn value(&self, findings: &Findings) -> Option<f64> {
        let value = match self {
            Self::Suite(name) => suite(findings, name)?.accuracy()?,
            Self::Unchanged => findings.clean_accuracy()?,
            Self::Worst => findings.worst_condition()?.scores.accuracy(),
            Self::Metric(metric) => findings.clean?.scores.value(metric)?,
            Self::SuiteMetric(name, metric) => suite(findings, name)?.mean(|c| c.scores.number(metric))?,
        };
        value.is_finite().then_some(value)
    }

    /// 95 % interval of the value, where there is one.
    pub(super) fn interval(&self, findings: &Findings) -> Option<[f64; 2]> {
        match self {
            Self::Suite(name) => suite(findings, name)?.interval(),
            Self::Unchanged => Some(findings.clean?.scores.accuracy_interval()),
            Self::Worst => Some(findings.worst_condition()?.scores.accuracy_interval()),
            Self::Metric(metric) => findings.clean?.scores.metrics.interval(metric),
            Self::SuiteMetric(..) => None,
        }
    }

    /// Which images are named rightly how often, where that decides the value.
    pub(super) fn right(&self, findings: &Findings) -> Option<Right> {
        match self {
            Self::Suite(name) => paired::right(suite(findings, name)?.conditions),
            Self::Unchanged => paired::right(findings.clean),
            Self::Worst | Self::Metric(_) | Self::SuiteMetric(..) => None,
        }
    }

    /// Whether two runs were measured on the same images under the same conditions.
    pub(super) fn is_shared(&self, a: &Findings, b: &Findings) -> bool {
        let conditions = |findings: &Findings, name: &str| -> Option<Vec<(Option<String>, u8)>> {
            let conditions = suite(findings, name)?.conditions;
            let mut names: Vec<_> = conditions.iter().map(|c| (c.corruption.clone(), c.severity)).collect();
            names.sort();
            Some(names)
        };
        let are_same_conditions = match self {
            Self::Suite(name) => conditions(a, name) == conditions(b, name),
            _ => true,
        };
        are_same_conditions && are_same_images(a.evaluation, b.evaluation)
    }

    /// A value, written for readers.
    pub(super) fn text(&self, value: f64) -> String {
        match self {
            Self::Metric(of) | Self::SuiteMetric(_, of) => metric(of, value),
            Self::Suite(_) | Self::Unchanged | Self::Worst => percent(value),
        }
    }

    /// The metric that it is a value of.
    pub(super) fn metric(&self) -> &'static Metric {
        match self {
            Self::Metric(metric) | Self::SuiteMetric(_, metric) => metric,
            Self::Suite(_) | Self::Unchanged | Self::Worst => &ACCURACY,
        }
    }
}

fn suite<'a>(findings: &Findings<'a>, name: &str) -> Option<SuiteMeans<'a>> {
    findings.suites().into_iter().find(|suite| suite.name == name)
}
