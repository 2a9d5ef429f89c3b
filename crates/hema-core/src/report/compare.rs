//! Several runs side by side.

use super::findings::Findings;
use super::html::{
    UNKNOWN, aid, beside, decimal, each, escape, interval, percent, percent_bare, scroll_box, short_count,
    words,
};
use super::matrix::{error_colour, legend};
use super::run::Outline;
use super::run_report::RunReport;
use super::verdict;
use crate::metrics::{BALANCED_ACCURACY, ECE};

/// One column of the comparison: how to read it from a run, and which end is better.
struct Column {
    head: &'static str,
    value: fn(&Findings) -> Option<f64>,
    show: fn(f64) -> String,
    higher_is_better: bool,
}

const COLUMNS: &[Column] = &[
    Column {
        head: "Under degradation",
        value: |f| f.degraded_accuracy(),
        show: percent,
        higher_is_better: true,
    },
    Column { head: "Clean", value: |f| f.clean_accuracy(), show: percent, higher_is_better: true },
    Column {
        head: "Worst condition",
        value: |f| f.worst_condition().map(|c| c.scores.accuracy()),
        show: percent,
        higher_is_better: true,
    },
    Column {
        head: "Clean balanced",
        value: |f| f.clean?.scores.value(&BALANCED_ACCURACY),
        show: percent,
        higher_is_better: true,
    },
    Column {
        head: "Clean ECE",
        value: |f| f.clean?.scores.value(&ECE),
        show: decimal,
        higher_is_better: false,
    },
    Column {
        head: "Degraded ECE",
        value: |f| f.degraded_mean(|c| c.scores.number(&ECE)),
        show: decimal,
        higher_is_better: false,
    },
];

/// The comparison of all runs, with links to each.
pub(super) fn draw(runs: &[RunReport]) -> String {
    let findings: Vec<Findings> = runs.iter().map(|r| Findings::of(&r.evaluation)).collect();
    let outline = Outline { prefix: String::new(), level: 2 };
    let overview = warnings(&findings) + &leader(runs, &findings) + &overview(runs, &findings);
    outline.section("comparison", "Side by side", &overview)
        + &outline.section("by-corruption", "By kind of degradation", &by_corruption(runs, &findings))
        + &outline.section("by-class", "By class: recall on clean images", &by_class(runs, &findings))
}

/// Why the runs may not be comparable.
fn warnings(findings: &[Findings]) -> String {
    let same =
        |key: &dyn Fn(&Findings) -> String| findings.windows(2).all(|pair| key(&pair[0]) == key(&pair[1]));
    let conditions = |f: &Findings| {
        let mut names: Vec<_> =
            f.degraded.iter().map(|c| format!("{:?}", (&c.suite, &c.corruption, c.severity))).collect();
        names.sort();
        names.concat()
    };
    let mut warnings = Vec::new();
    if !same(&|f| f.evaluation.data.hash.clone()) {
        warnings.push("<strong>Not the same images:</strong> the runs were scored on different data, so differences between them may come from the images.");
    }
    if !same(&conditions) {
        warnings.push("<strong>Not the same conditions:</strong> the means under degradation are taken over different conditions; compare the rows below instead.");
    }
    if findings.iter().any(|f| f.evaluation.data.synthetic) {
        warnings.push("<strong>Synthetic cells:</strong> at least one run was scored on drawn cells; its scores say nothing about real blood.");
    }
    each(warnings, |w| format!("<p class=\"warning\" role=\"note\">{w}</p>"))
}

/// Which run holds up best when the images get worse.
fn leader(runs: &[RunReport], findings: &[Findings]) -> String {
    let mut ranked: Vec<(f64, &str)> = findings
        .iter()
        .zip(runs)
        .filter_map(|(f, r)| Some((f.degraded_accuracy()?, r.title.as_str())))
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    match ranked.as_slice() {
        [(best, name), (next, other), ..] => format!(
            "<p class=\"verdict\"><strong>{}</strong> holds up best when the images get worse: {}, {:.1} percentage points \
             before {}.</p>",
            escape(name),
            percent(*best),
            (best - next) * 100.0,
            escape(other)
        ),
        _ => String::new(),
    }
}

fn overview(runs: &[RunReport], findings: &[Findings]) -> String {
    let best: Vec<Option<f64>> = COLUMNS.iter().map(|c| c.best(findings)).collect();
    let rows = each(runs.iter().zip(findings).enumerate(), |(i, (run, f))| {
        let cells = each(COLUMNS.iter().zip(&best), |(column, best)| column.cell(f, *best));
        let model = &f.evaluation.model;
        let enlarged = model.enlarged.map(|side| format!(" enlarged to {side}")).unwrap_or_default();
        let clean = f.clean.and_then(|c| interval(c.scores.accuracy_interval())).unwrap_or(UNKNOWN.into());
        format!(
            "<tr><th scope=\"row\"><a href=\"#run-{}\">{}</a><small>{}, {} parameters, {} px{enlarged}</small></th>\
             {cells}<td class=\"n\">{clean}</td><td class=\"strip\">{}</td></tr>",
            i + 1,
            escape(&run.title),
            escape(&model.architecture),
            short_count(model.parameters),
            model.size,
            verdict::strip(f, false)
        )
    });
    let heads = each(COLUMNS, |c| format!("<th scope=\"col\" class=\"n\">{}</th>", c.head));
    let table = format!(
        "<table class=\"overview\"><thead><tr><th scope=\"col\">Run</th>{heads}\
         <th scope=\"col\" class=\"n\">Clean, 95\u{202f}% interval</th><th scope=\"col\">0–100\u{202f}%</th></tr></thead><tbody>{rows}</tbody></table>"
    );
    scroll_box("Runs side by side", &table)
        + &aid(
            "Accuracy of every run; the best of each column is bold. In the small picture each dot is one degraded \
             condition, the plain bar their mean, the blue bar the clean accuracy. Clean accuracies whose intervals \
             overlap are not clearly different.",
        )
}

impl Column {
    fn finite(&self, findings: &Findings) -> Option<f64> {
        (self.value)(findings).filter(|v| v.is_finite())
    }

    fn best(&self, findings: &[Findings]) -> Option<f64> {
        let values = findings.iter().filter_map(|f| self.finite(f));
        if self.higher_is_better { values.max_by(f64::total_cmp) } else { values.min_by(f64::total_cmp) }
    }

    fn cell(&self, findings: &Findings, best: Option<f64>) -> String {
        let value = self.finite(findings);
        let class = if value.is_some() && value == best { "n best" } else { "n" };
        format!("<td class=\"{class}\">{}</td>", value.map_or(UNKNOWN.into(), self.show))
    }
}

/// A coloured table with one column per run; `rows` are names as HTML, cells are `value(row, run)`.
fn shares(
    label: &str,
    about: &str,
    runs: &[RunReport],
    rows: impl IntoIterator<Item = String>,
    value: impl Fn(usize, usize) -> Option<f64>,
) -> String {
    let heads = each(runs, |r| format!("<th scope=\"col\"><span>{}</span></th>", escape(&r.title)));
    let body = each(rows.into_iter().enumerate(), |(row, name)| {
        let values: Vec<Option<f64>> =
            (0..runs.len()).map(|run| value(row, run).filter(|v| v.is_finite())).collect();
        let best = values.iter().flatten().copied().max_by(f64::total_cmp);
        let cells = each(&values, |value| match value {
            Some(share) => {
                let bold = if Some(*share) == best { " best" } else { "" };
                format!("<td class=\"{}{bold}\">{}</td>", error_colour(1.0 - share), percent_bare(*share))
            }
            None => format!("<td class=\"absent\">{UNKNOWN}</td>"),
        });
        format!("<tr><th scope=\"row\">{name}</th>{cells}</tr>")
    });
    let table = format!(
        "<table class=\"matrix heat runs\"><thead><tr><td class=\"corner\"></td>{heads}</tr></thead><tbody>{body}</tbody></table>"
    );
    beside(&(scroll_box(label, &table) + &legend(false)), about)
}

fn by_corruption(runs: &[RunReport], findings: &[Findings]) -> String {
    let corruptions: Vec<_> = findings.iter().map(Findings::corruptions).collect();
    let mut names: Vec<(&str, &str)> = Vec::new();
    for corruption in corruptions.iter().flatten() {
        if !names.contains(&(corruption.suite, corruption.name)) {
            names.push((corruption.suite, corruption.name));
        }
    }
    if names.is_empty() {
        return String::new();
    }
    let value = |row: usize, run: usize| {
        let (suite, name) = names[row];
        corruptions[run].iter().find(|c| c.suite == suite && c.name == name)?.accuracy()
    };
    let one_suite = names.iter().all(|n| n.0 == names[0].0);
    let label = |(suite, name): &(&str, &str)| {
        if one_suite { words(name) } else { format!("{}<small>{}</small>", words(name), words(suite)) }
    };
    let about = "Accuracy in percent, the mean over the severities. The best of each row is bold.";
    shares("Accuracy by corruption and run", about, runs, names.iter().map(label), value)
}

fn by_class(runs: &[RunReport], findings: &[Findings]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for class in findings.iter().flat_map(|f| &f.evaluation.data.classes) {
        if !names.contains(&class.as_str()) {
            names.push(class);
        }
    }
    let value = |row: usize, run: usize| {
        let class = findings[run].clean?.scores.per_class.iter().find(|c| c.name == names[row])?;
        (class.support > 0).then_some(class.recall)
    };
    if !findings.iter().any(|f| f.clean.is_some()) {
        return String::new();
    }
    let about =
        "The share of each class's clean images that is found, in percent. The best of each row is bold.";
    shares("Recall by class and run", about, runs, names.iter().map(|n| words(n)), value)
}
