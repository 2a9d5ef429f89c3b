//! Which run is the best, and whether that is more than chance.

use super::super::findings::Findings;
use super::super::html::{UNKNOWN, counted, each, escape, listed, percent, points_bare};
use super::super::paired::{self, Contest, Right};
use super::super::run_report::RunReport;
use super::entry::Entry;
use super::measure::Measure;

/// Values this close are the same.
const SAME: f64 = 1e-9;

/// A sentence for every measure that all entries have and that is an accuracy.
pub(super) fn draw(
    runs: &[RunReport],
    findings: &[Findings],
    entries: &[Entry],
    measures: &[Measure],
) -> String {
    let of_all = measures
        .iter()
        .filter(|measure| matches!(measure, Measure::Suite(_) | Measure::Unchanged))
        .filter(|measure| entries.iter().all(|entry| entry.mean(findings, measure).is_some()));
    let has_series = entries.iter().any(|entry| entry.only().is_none());
    let sentences = of_all.flat_map(|measure| {
        if has_series { series(findings, entries, measure) } else { of_runs(runs, findings, measure) }
    });
    let sentences = each(sentences, |sentence| format!("<li>{sentence}</li>"));
    if sentences.is_empty() { sentences } else { format!("<ul class=\"verdict\">{sentences}</ul>") }
}

/// The runs that were measured on the same images under the same conditions, group by group.
pub(super) fn groups(findings: &[Findings], measure: &Measure) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (run, own) in findings.iter().enumerate().filter(|(_, f)| measure.value(f).is_some()) {
        match groups.iter_mut().find(|group| measure.is_shared(&findings[group[0]], own)) {
            Some(group) => group.push(run),
            None => groups.push(vec![run]),
        }
    }
    groups
}

/// What can be said of runs that stand for themselves: a sentence for every group that shares its images.
fn of_runs(runs: &[RunReport], findings: &[Findings], measure: &Measure) -> Vec<String> {
    let groups = groups(findings, measure);
    let all = groups.len() == 1;
    let of_group = |group: &Vec<usize>| {
        let names: Vec<String> = group.iter().map(|run| escape(&runs[*run].title)).collect();
        let among =
            if all { String::new() } else { format!("Of {}, judged on the same images: ", names.join(", ")) };
        Some(format!("{among}{}", within(runs, findings, measure, group)?))
    };
    groups.iter().filter(|group| group.len() > 1).filter_map(of_group).collect()
}

/// The best of runs that share their images.
fn within(runs: &[RunReport], findings: &[Findings], measure: &Measure, group: &[usize]) -> Option<String> {
    let name = |at: usize| format!("<strong>{}</strong>", escape(&runs[group[at]].title));
    let values: Vec<Option<f64>> = group.iter().map(|run| measure.value(&findings[*run])).collect();
    let rights: Vec<Option<Right>> = group.iter().map(|run| measure.right(&findings[*run])).collect();
    let accuracy = values.iter().flatten().copied().max_by(f64::total_cmp)?;
    let when = measure.when();
    let is_best = |value: &Option<f64>| value.is_some_and(|value| accuracy - value < SAME);
    let tied: Vec<String> = (0..group.len()).filter(|at| is_best(&values[*at])).map(name).collect();
    if tied.len() > 1 {
        return Some(format!("{} score the same {when}: {}.", listed(&tied), percent(accuracy)));
    }
    let Some(Contest { best, rival, p, is_clear }) = paired::contest(&values, &rights, 1) else {
        return Some(format!(
            "{} scores highest {when}, {}. The records do not say which images were named rightly, so whether that is \
             more than chance is not known: look at the intervals.",
            tied[0],
            percent(accuracy)
        ));
    };
    let images = counted(findings[group[best]].shown().map_or(0, |c| c.scores.n), "image");
    let (opening, verdict, end) = if is_clear {
        ("is the best", "tells it from every other run; the closest is", "")
    } else {
        ("scores highest", "does <strong>not</strong> tell it from", ": a difference like this can be chance")
    };
    Some(format!(
        "{} {opening} {when}: {}. A paired test over the {images} {verdict} {}, {} behind ({}){end}.",
        name(best),
        percent(accuracy),
        name(rival),
        lead(accuracy - values[rival].unwrap_or(f64::NAN)),
        paired::p_text(p)
    ))
}

/// A lead in percentage points; one that is there never reads as none.
fn lead(difference: f64) -> String {
    match format!("{:.1}", difference * 100.0).as_str() {
        "0.0" if difference > 0.0 => "less than 0.1 percentage points".into(),
        digits => format!("{digits} percentage points"),
    }
}

/// What can be said of series, or of runs beside them: whether their runs overlap.
fn series(findings: &[Findings], entries: &[Entry], measure: &Measure) -> Vec<String> {
    let mut sorted: Vec<(&Entry, f64)> =
        entries.iter().filter_map(|entry| Some((entry, entry.mean(findings, measure)?))).collect();
    sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
    let [(first, mean), (second, behind), ..] = sorted.as_slice() else { return Vec::new() };
    let of = |entry: &Entry, mean: f64| match entry.only() {
        Some(_) => format!("{} ({})", entry.name(), percent(mean)),
        None => format!("{} ({}, the mean of {} runs)", entry.name(), percent(mean), entry.runs.len()),
    };
    if mean - behind < SAME {
        return vec![format!(
            "{} and {} score the same {}.",
            of(first, *mean),
            of(second, *behind),
            measure.when()
        )];
    }
    let end = |entry: &Entry, of: fn(f64, f64) -> f64| entry.values(findings, measure).into_iter().reduce(of);
    let overlap = end(first, f64::min) <= end(second, f64::max);
    let verdict = if overlap {
        "their runs overlap, so the difference can be chance"
    } else {
        "every run of the first lies above every run of the second"
    };
    let lead = points_bare(mean - behind);
    let lead = if lead == UNKNOWN { String::new() } else { format!(" by {lead}") };
    vec![format!("{} leads {}{lead} {}: {verdict}.", of(first, *mean), of(second, *behind), measure.when())]
}
