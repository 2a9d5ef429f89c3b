//! The page of several runs of one recipe, with other seeds or on the folds of the data: what they come to
//! together first, then each in full.
//!
//! Runs of a series are repetitions and no rivals: none is called the best, and that folds validate on
//! different images is how it should be.

use serde::Serialize;

use super::findings::{Findings, mean};
use super::html::{
    aid, capital, decimal, each, escape, interval, noted, percent, percent_bare, points_bare, scroll_box,
    words,
};
use super::origin::Origin;
use super::page::page;
use super::run::{self, Outline};
use super::run_report::RunReport;
use super::verdict::number;
use crate::metrics::{ACCURACY, Metric, Notation, Scores};

/// Runs of one recipe.
#[derive(Clone, Debug)]
pub struct SeriesReport {
    /// What differs between the runs, in a sentence.
    pub about: String,
    /// The scores, the accuracy first.
    pub scores: Vec<SeriesScore>,
    /// The runs, in the order of the scores' values.
    pub runs: Vec<RunReport>,
    /// What made the page.
    pub origin: Origin,
}

/// One score of several runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeriesScore {
    /// Name of the score.
    pub name: String,
    /// How its values are written.
    #[serde(skip)]
    pub notation: Notation,
    /// Which classes it is a mean over, where some have no image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<String>,
    /// The value of every run, in order.
    pub values: Vec<f64>,
    /// Mean of the values.
    pub mean: f64,
    /// Sample standard deviation of the values.
    pub deviation: f64,
}

impl SeriesScore {
    /// Sums up the value of every run, at least one.
    pub fn new(metric: &Metric, name: impl Into<String>, values: Vec<f64>) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (squares / (count - 1.0).max(1.0)).sqrt();
        Self { name: name.into(), notation: metric.notation, coverage: None, values, mean, deviation }
    }

    /// Says which classes the score is a mean over, by the scores of every run.
    pub fn over<'a>(self, metric: &Metric, scores: impl IntoIterator<Item = &'a Scores>) -> Self {
        let mut coverages: Vec<Option<String>> =
            scores.into_iter().map(|scores| scores.coverage(metric)).collect();
        coverages.dedup();
        let coverage = match coverages.as_slice() {
            [same] => same.clone(),
            _ => Some("over the classes that have images in each run".into()),
        };
        Self { coverage, ..self }
    }

    /// The lowest and the highest value.
    pub fn range(&self) -> [f64; 2] {
        let end = |of: fn(f64, f64) -> f64| self.values.iter().copied().reduce(of).unwrap_or(f64::NAN);
        [end(f64::min), end(f64::max)]
    }

    fn text(&self, value: f64) -> String {
        noted(self.notation, value)
    }

    /// The standard deviation, of percentages in percentage points.
    pub(super) fn deviation_text(&self) -> String {
        match self.notation {
            Notation::Percent => points_bare(self.deviation),
            Notation::Number => decimal(self.deviation),
        }
    }
}

/// The page.
pub fn render_series(title: &str, series: &SeriesReport) -> String {
    let outline = Outline { prefix: String::new(), level: 2 };
    let content = [
        run::links(&series.runs),
        warnings(series),
        headline(series),
        outline.section("scores", "Mean and spread", &scores(series)),
        outline.section("by-class", "By class: recall on unchanged images", &by_class(series)),
        run::articles(&series.runs),
        series.origin.draw(),
    ];
    page("series of runs", title, &content.concat())
}

fn warnings(series: &SeriesReport) -> String {
    let synthetic = series.runs.iter().any(|run| run.evaluation.data.synthetic);
    let warning = "<p class=\"warning\" role=\"note\"><strong>These cells are synthetic:</strong> the scores say \
                   nothing about real blood.</p>";
    if synthetic { warning.into() } else { String::new() }
}

fn headline(series: &SeriesReport) -> String {
    let runs = series.runs.len();
    let numbers = each(series.scores.iter().take(2), |score| {
        let [low, high] = score.range().map(|value| score.text(value));
        let note = format!(
            "mean of {runs} runs; standard deviation {}, from {low} to {high}",
            score.deviation_text()
        );
        number(&capital(&score_name(score)), &score.text(score.mean), &note)
    });
    let chosen = "The scores are on the images that each run chose its epoch by, so they flatter the recipe a little; \
                  the test part is for the last look.";
    format!(
        "<div class=\"headline\"><div class=\"numbers\">{numbers}</div></div><ul class=\"verdict\"><li>{}</li>\
         <li>{chosen}</li></ul>",
        escape(&series.about)
    )
}

fn score_name(score: &SeriesScore) -> String {
    let coverage = score.coverage.as_ref().map_or(String::new(), |over| format!(", {over}"));
    escape(&format!("{}{coverage}", score.name))
}

fn scores(series: &SeriesReport) -> String {
    let runs = each(series.runs.iter().enumerate(), |(i, run)| {
        let title = escape(&run.title);
        format!("<th scope=\"col\" class=\"n\"><a href=\"#run-{}\">{title}</a></th>", i + 1)
    });
    let rows = each(&series.scores, |score| {
        let [low, high] = score.range().map(|value| score.text(value));
        let values = each(score.values.iter().zip(&series.runs), |(value, run)| {
            let range = if score.name == ACCURACY.label { own_interval(run) } else { String::new() };
            format!("<td class=\"n\">{}{range}</td>", score.text(*value))
        });
        format!(
            "<tr><th scope=\"row\">{}</th><td class=\"n\"><strong>{}</strong></td><td class=\"n\">{}</td>\
             <td class=\"n\">{low}</td><td class=\"n\">{high}</td>{values}</tr>",
            capital(&score_name(score)),
            score.text(score.mean),
            score.deviation_text()
        )
    });
    let table = format!(
        "<table><thead><tr><th scope=\"col\">Score</th><th scope=\"col\" class=\"n\">Mean</th>\
         <th scope=\"col\" class=\"n\">Standard deviation</th><th scope=\"col\" class=\"n\">Lowest</th>\
         <th scope=\"col\" class=\"n\">Highest</th>{runs}</tr></thead><tbody>{rows}</tbody></table>"
    );
    scroll_box("Scores of all runs", &table)
        + &aid(
            "The standard deviation is that of the runs (n − 1 in its denominator): another run of the recipe would land \
             about so far from the mean. The 95\u{202f}% interval below the accuracy of a single run is another thing: it \
             says how much its few images leave open. The standard deviation of percentages is in percentage points.",
        )
}

/// The interval of a run's accuracy, below the number.
fn own_interval(run: &RunReport) -> String {
    let range = Findings::of(&run.evaluation).clean.map(|c| c.scores.accuracy_interval());
    range.and_then(interval).map_or(String::new(), |range| format!("<small>{range}</small>"))
}

/// Mean and spread of the recall of every class that has images.
fn by_class(series: &SeriesReport) -> String {
    let findings: Vec<Findings> = series.runs.iter().map(|run| Findings::of(&run.evaluation)).collect();
    let mut names: Vec<&str> = Vec::new();
    for class in findings.iter().filter_map(|f| f.clean).flat_map(|c| &c.scores.per_class) {
        if class.has_images() && !names.contains(&class.name.as_str()) {
            names.push(&class.name);
        }
    }
    let rows = each(&names, |name| {
        let recalls: Vec<f64> = findings
            .iter()
            .filter_map(|f| f.clean?.scores.per_class.iter().find(|class| class.name == *name))
            .filter(|class| class.has_images())
            .map(|class| class.recall)
            .collect();
        let score = SeriesScore::new(&ACCURACY, *name, recalls);
        let [low, high] = score.range().map(percent_bare);
        format!(
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{low} to {high}</td></tr>",
            words(name),
            percent(mean(score.values.iter().copied()).unwrap_or(f64::NAN)),
            score.deviation_text()
        )
    });
    if rows.is_empty() {
        return rows;
    }
    let table = format!(
        "<table><thead><tr><th scope=\"col\">Class</th><th scope=\"col\" class=\"n\">Mean recall</th>\
         <th scope=\"col\" class=\"n\">Standard deviation</th><th scope=\"col\" class=\"n\">Lowest to highest, %</th>\
         </tr></thead><tbody>{rows}</tbody></table>"
    );
    scroll_box("Recall of each class over the runs", &table)
}
