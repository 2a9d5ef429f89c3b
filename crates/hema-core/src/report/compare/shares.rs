//! Coloured tables of several runs: accuracy by kind of degradation, recall by class.

use super::super::findings::{Corruption, Findings, mean};
use super::super::html::{UNKNOWN, beside, each, escape, percent_bare, scroll_box, words};
use super::super::matrix::{error_colour, legend};
use super::super::paired::{self, Right};
use super::entry::Entry;
use super::measure::Measure;

/// A cell of a coloured table: a share, and which images it is of.
type Cell = (Option<f64>, Option<Right>);

/// A coloured table with one column for each entry; `rows` are names as HTML, cells are `cell(row, run)`. Of
/// a series the mean is shown.
fn shares(
    label: &str,
    about: &str,
    entries: &[Entry],
    rows: &[String],
    cell: impl Fn(usize, usize) -> Cell,
) -> String {
    let heads = each(entries, |e| format!("<th scope=\"col\"><span>{}</span></th>", escape(&e.title)));
    let of_entry = |row: usize, entry: &Entry| match entry.only() {
        Some(run) => cell(row, run),
        None => (mean(entry.runs.iter().filter_map(|run| cell(row, *run).0)), None),
    };
    let body = each(rows.iter().enumerate(), |(row, name)| {
        let (values, rights): (Vec<Option<f64>>, Vec<Option<Right>>) = entries
            .iter()
            .map(|entry| of_entry(row, entry))
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
        "<table class=\"matrix heat runs\"><thead><tr><td class=\"corner\"></td>{heads}</tr></thead>\
         <tbody>{body}</tbody></table>"
    );
    let bold = if table.contains(" best\">") { format!(" {}", paired::BOLD) } else { String::new() };
    beside(&(scroll_box(label, &table) + &legend(false)), format!("{about}{bold}"))
}

/// Mean accuracy under each kind of degradation.
pub(super) fn by_corruption(findings: &[Findings], entries: &[Entry]) -> String {
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
    let are_pairs = |suite: &str| {
        findings.windows(2).all(|pair| Measure::Suite(suite.into()).is_shared(&pair[0], &pair[1]))
    };
    let cell = |row: usize, run: usize| {
        let (suite, name) = names[row];
        let corruption = corruptions[run].iter().find(|c| c.suite == suite && c.name == name);
        let right = corruption.filter(|_| are_pairs(suite));
        let right = right.and_then(|corruption| paired::right(corruption.conditions.iter().copied()));
        (corruption.and_then(Corruption::accuracy), right)
    };
    let one_suite = names.iter().all(|n| n.0 == names[0].0);
    let label = |(suite, name): &(&str, &str)| {
        if one_suite { words(name) } else { format!("{}<small>{}</small>", words(name), words(suite)) }
    };
    let about = "Accuracy in percent, the mean over the severities.";
    let rows: Vec<String> = names.iter().map(label).collect();
    shares("Accuracy by corruption and run", about, entries, &rows, cell)
}

/// Recall of each class on the unchanged images.
pub(super) fn by_class(findings: &[Findings], entries: &[Entry]) -> String {
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
    names.retain(|name| (0..findings.len()).any(|run| class(run, name).is_some()));
    if names.is_empty() {
        return String::new();
    }
    let are_pairs = findings.windows(2).all(|pair| Measure::Unchanged.is_shared(&pair[0], &pair[1]));
    let cell = |row: usize, run: usize| {
        let recall = class(run, names[row]).map(|class| class.recall);
        (recall, if are_pairs { findings[run].right_of_class(names[row]) } else { None })
    };
    let about = "The share of each class's unchanged images that is found, in percent.";
    let rows: Vec<String> = names.iter().map(|name| words(name)).collect();
    shares("Recall by class and run", about, entries, &rows, cell)
}
