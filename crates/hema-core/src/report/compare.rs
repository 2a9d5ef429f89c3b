//! Several runs side by side.

use super::findings::{Corruption, Findings};
use super::html::{
    UNKNOWN, aid, beside, counted, decimal, each, escape, interval, percent, percent_bare, scroll_box,
    short_count, words,
};
use super::matrix::{error_colour, legend};
use super::paired::{self, Contest, Right};
use super::run::Outline;
use super::run_report::RunReport;
use super::verdict;
use crate::metrics::{BALANCED_ACCURACY, ECE};
use crate::record::Evaluation;

/// One column of the comparison: how to read it from a run.
struct Column {
    head: &'static str,
    value: fn(&Findings) -> Option<f64>,
    show: fn(f64) -> String,
    /// 95 % interval of the value, where there is one.
    interval: fn(&Findings) -> Option<[f64; 2]>,
    /// What of the images is named rightly, where that decides the column.
    right: fn(&Findings) -> Option<Right>,
}

const COLUMNS: &[Column] = &[
    Column {
        head: "Under degradation",
        value: |f| f.degraded_accuracy(),
        show: percent,
        interval: |f| f.degraded_interval(),
        right: |f| paired::right(f.degraded.iter().copied()),
    },
    Column {
        head: "Unchanged",
        value: |f| f.clean_accuracy(),
        show: percent,
        interval: |f| Some(f.clean?.scores.accuracy_interval()),
        right: |f| paired::right(f.clean),
    },
    Column {
        head: "Worst condition",
        value: |f| f.worst_condition().map(|c| c.scores.accuracy()),
        show: percent,
        interval: |_| None,
        right: |_| None,
    },
    Column {
        head: "Unchanged, balanced",
        value: |f| f.clean?.scores.value(&BALANCED_ACCURACY),
        show: percent,
        interval: |_| None,
        right: |_| None,
    },
    Column {
        head: "Unchanged, ECE",
        value: |f| f.clean?.scores.value(&ECE),
        show: decimal,
        interval: |_| None,
        right: |_| None,
    },
    Column {
        head: "Degraded, ECE",
        value: |f| f.degraded_mean(|c| c.scores.number(&ECE)),
        show: decimal,
        interval: |_| None,
        right: |_| None,
    },
];

/// What bold means in the coloured tables.
const BOLD: &str = "Bold is a best that a paired test over the images tells from every other run; the more rows, the \
                    larger a difference must be.";

/// The comparison of all runs, with links to each.
pub(super) fn draw(runs: &[RunReport]) -> String {
    let findings: Vec<Findings> = runs.iter().map(|r| Findings::of(&r.evaluation)).collect();
    let outline = Outline { prefix: String::new(), level: 2 };
    let overview = warnings(&findings) + &leader(runs, &findings) + &overview(runs, &findings);
    outline.section("comparison", "Side by side", &overview)
        + &outline.section("by-corruption", "By kind of degradation", &by_corruption(runs, &findings))
        + &outline.section("by-class", "By class: recall on unchanged images", &by_class(runs, &findings))
}

/// Why the runs may not be comparable.
fn warnings(findings: &[Findings]) -> String {
    let mut warnings = Vec::new();
    if !are_same_images(findings) {
        warnings.push(
            "<strong>Not the same images:</strong> the runs were scored on different data, so differences \
             between them may come from the images. No paired test can tell them apart.",
        );
    }
    if !are_same_conditions(findings) {
        warnings.push("<strong>Not the same conditions:</strong> the means under degradation are taken over different conditions; compare the rows below instead.");
    }
    if findings.iter().any(|f| f.evaluation.data.synthetic) {
        warnings.push("<strong>Synthetic cells:</strong> at least one run was scored on drawn cells; its scores say nothing about real blood.");
    }
    each(warnings, |w| format!("<p class=\"warning\" role=\"note\">{w}</p>"))
}

/// Whether the runs were judged on the same images, so that they can be paired. Models that see images at
/// different sizes have different pixels, and the same list of paths and labels.
fn are_same_images(findings: &[Findings]) -> bool {
    let same = |a: &Evaluation, b: &Evaluation| {
        let is_same_listing = !a.data.listing.is_empty() && a.data.listing == b.data.listing;
        a.data.hash == b.data.hash || (a.model.size != b.model.size && is_same_listing)
    };
    findings.windows(2).all(|pair| same(pair[0].evaluation, pair[1].evaluation))
}

fn are_same_conditions(findings: &[Findings]) -> bool {
    let conditions = |f: &Findings| {
        let mut names: Vec<_> =
            f.degraded.iter().map(|c| format!("{:?}", (&c.suite, &c.corruption, c.severity))).collect();
        names.sort();
        names
    };
    findings.windows(2).all(|pair| conditions(&pair[0]) == conditions(&pair[1]))
}

/// Which run is the best when the images get worse, or else on unchanged images, and whether that is more
/// than chance.
fn leader(runs: &[RunReport], findings: &[Findings]) -> String {
    let degraded = findings.iter().all(|f| f.degraded_accuracy().is_some());
    let (column, when) = if degraded {
        (&COLUMNS[0], "when the images get worse")
    } else {
        (&COLUMNS[1], "on unchanged images")
    };
    let values: Vec<Option<f64>> = findings.iter().map(|f| column.finite(f)).collect();
    let scored = values.iter().enumerate().filter_map(|(run, value)| Some((run, (*value)?)));
    let name = |run: usize| format!("<strong>{}</strong>", escape(&runs[run].title));
    let Some((best, accuracy)) = scored.max_by(|a, b| a.1.total_cmp(&b.1)) else { return String::new() };
    let sentence = match paired::contest(&values, &column.rights(findings), 1) {
        None => format!(
            "{} scores highest {when}, {}. The runs cannot be compared image by image, so whether that is more than \
             chance is not known: look at the intervals.",
            name(best),
            percent(accuracy)
        ),
        Some(Contest { best, rival, p, is_clear }) => {
            let lead = (accuracy - values[rival].unwrap_or(f64::NAN)) * 100.0;
            let images = counted(findings[best].shown().map_or(0, |c| c.scores.n), "image");
            let (opening, verdict) = if is_clear {
                ("holds up best", "tells it from every other run; the closest is")
            } else {
                ("scores highest", "does <strong>not</strong> tell it from")
            };
            let is_chance = if is_clear { "" } else { ": a difference like this can be chance" };
            format!(
                "{} {opening} {when}: {}. A paired test over the {images} {verdict} {}, {lead:.1} percentage points \
                 behind ({}){is_chance}.",
                name(best),
                percent(accuracy),
                name(rival),
                paired::p_text(p)
            )
        }
    };
    format!("<p class=\"verdict\">{sentence}</p>")
}

fn overview(runs: &[RunReport], findings: &[Findings]) -> String {
    let best: Vec<Option<usize>> = COLUMNS.iter().map(|column| column.clear_best(findings)).collect();
    let rows = each(runs.iter().zip(findings).enumerate(), |(i, (run, f))| {
        let cells = each(COLUMNS.iter().zip(&best), |(column, best)| column.cell(f, *best == Some(i)));
        let model = &f.evaluation.model;
        let enlarged = model.enlarged.map(|side| format!(" enlarged to {side}")).unwrap_or_default();
        format!(
            "<tr><th scope=\"row\"><a href=\"#run-{}\">{}</a><small>{}, {} parameters, {} px{enlarged}</small></th>\
             {cells}<td class=\"strip\">{}</td></tr>",
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
         <th scope=\"col\">0–100\u{202f}%</th></tr></thead><tbody>{rows}</tbody></table>"
    );
    scroll_box("Runs side by side", &table)
        + &aid(
            "Accuracy of every run, with its 95\u{202f}% interval below. Bold is a best that a paired test over \
             the images tells from every other run; columns without such a test have no bold. In the small picture \
             each dot is one degraded condition, the plain bar their mean, the blue bar the accuracy on unchanged images.",
        )
}

impl Column {
    fn finite(&self, findings: &Findings) -> Option<f64> {
        (self.value)(findings).filter(|v| v.is_finite())
    }

    /// What each run names rightly; nothing where the runs cannot be paired.
    fn rights(&self, findings: &[Findings]) -> Vec<Option<Right>> {
        let are_pairs = are_same_images(findings) && are_same_conditions(findings);
        findings.iter().map(|f| if are_pairs { (self.right)(f) } else { None }).collect()
    }

    fn clear_best(&self, findings: &[Findings]) -> Option<usize> {
        let values: Vec<Option<f64>> = findings.iter().map(|f| self.finite(f)).collect();
        paired::clear_best(&values, &self.rights(findings), 1)
    }

    fn cell(&self, findings: &Findings, is_best: bool) -> String {
        let class = if is_best { "n best" } else { "n" };
        let range = (self.interval)(findings).and_then(interval);
        let range = range.map_or(String::new(), |range| format!("<small>{range}</small>"));
        format!(
            "<td class=\"{class}\">{}{range}</td>",
            self.finite(findings).map_or(UNKNOWN.into(), self.show)
        )
    }
}

/// A cell of a coloured table: a share, and which images it is of.
type Cell = (Option<f64>, Option<Right>);

/// A coloured table with one column per run; `rows` are names as HTML, cells are `cell(row, run)`.
fn shares(
    label: &str,
    about: &str,
    runs: &[RunReport],
    rows: &[String],
    cell: impl Fn(usize, usize) -> Cell,
) -> String {
    let heads = each(runs, |r| format!("<th scope=\"col\"><span>{}</span></th>", escape(&r.title)));
    let body = each(rows.iter().enumerate(), |(row, name)| {
        let (values, rights): (Vec<Option<f64>>, Vec<Option<Right>>) = (0..runs.len())
            .map(|run| cell(row, run))
            .map(|(value, right)| (value.filter(|v| v.is_finite()), right))
            .unzip();
        let best = paired::clear_best(&values, &rights, rows.len());
        let cells = each(values.iter().enumerate(), |(run, value)| match value {
            Some(share) => {
                let bold = if best == Some(run) { " best" } else { "" };
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
    let are_pairs = are_same_images(findings) && are_same_conditions(findings);
    let cell = |row: usize, run: usize| {
        let (suite, name) = names[row];
        let corruption = corruptions[run].iter().find(|c| c.suite == suite && c.name == name);
        let right = corruption.filter(|_| are_pairs);
        let right = right.and_then(|corruption| paired::right(corruption.conditions.iter().copied()));
        (corruption.and_then(Corruption::accuracy), right)
    };
    let one_suite = names.iter().all(|n| n.0 == names[0].0);
    let label = |(suite, name): &(&str, &str)| {
        if one_suite { words(name) } else { format!("{}<small>{}</small>", words(name), words(suite)) }
    };
    let about = format!("Accuracy in percent, the mean over the severities. {BOLD}");
    let rows: Vec<String> = names.iter().map(label).collect();
    shares("Accuracy by corruption and run", &about, runs, &rows, cell)
}

fn by_class(runs: &[RunReport], findings: &[Findings]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for class in findings.iter().flat_map(|f| &f.evaluation.data.classes) {
        if !names.contains(&class.as_str()) {
            names.push(class);
        }
    }
    let class = |run: usize, name: &str| {
        let classes = &findings[run].clean?.scores.per_class;
        classes.iter().find(|class| class.name == name && class.has_images())
    };
    // a class that no run has an image of has no row
    names.retain(|name| (0..runs.len()).any(|run| class(run, name).is_some()));
    if names.is_empty() {
        return String::new();
    }
    let are_pairs = are_same_images(findings);
    let cell = |row: usize, run: usize| {
        let recall = class(run, names[row]).map(|class| class.recall);
        (recall, if are_pairs { findings[run].right_of_class(names[row]) } else { None })
    };
    let about = format!("The share of each class's unchanged images that is found, in percent. {BOLD}");
    let rows: Vec<String> = names.iter().map(|name| words(name)).collect();
    shares("Recall by class and run", &about, runs, &rows, cell)
}
