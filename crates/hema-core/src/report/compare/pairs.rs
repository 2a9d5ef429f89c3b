//! Every pair of runs that share their images, with the paired test between them.

use super::super::findings::Findings;
use super::super::html::{aid, each, escape, points, scroll_box};
use super::super::paired;
use super::super::run_report::RunReport;
use super::leader::groups;
use super::measure::Measure;

/// Most runs of a group of which every pair is told; of more, each is told against the best.
const FEW: usize = 4;

/// A pair of runs: its difference in a measure, and how often chance alone would bring it.
struct Pair {
    runs: [usize; 2],
    difference: f64,
    p: f64,
}

/// The table of pairs; nothing where no two runs can be paired, or where there are but two, whose test stands
/// in the verdict.
pub(super) fn draw(runs: &[RunReport], findings: &[Findings], measures: &[Measure]) -> String {
    let rows: Vec<(&Measure, Pair)> =
        measures.iter().flat_map(|m| pairs(findings, m).into_iter().map(move |pair| (m, pair))).collect();
    if runs.len() < 3 || rows.is_empty() {
        return String::new();
    }
    let body = each(&rows, |(measure, pair)| {
        let [first, second] = pair.runs.map(|run| escape(&runs[run].title));
        format!(
            "<tr><th scope=\"row\">{first}<small>against {second}</small></th><td>{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td></tr>",
            measure.head(),
            points(pair.difference),
            paired::p_text(pair.p).trim_start_matches("p ").trim_start_matches("= ")
        )
    });
    let table = format!(
        "<table><thead><tr><th scope=\"col\">Pair</th><th scope=\"col\">Images</th>\
         <th scope=\"col\" class=\"n\">Difference, points</th><th scope=\"col\" class=\"n\">p</th></tr></thead>\
         <tbody>{body}</tbody></table>"
    );
    let expected = rows.len();
    format!("<details><summary>Runs in pairs</summary>{}", scroll_box("Runs in pairs", &table))
        + &aid(format!(
            "A paired test for each of {expected} pairs, taken for itself: p is how often chance alone would bring a \
             difference as large. The more pairs, the more of them come below 0.05 by chance, one in twenty."
        ))
        + "</details>"
}

fn pairs(findings: &[Findings], measure: &Measure) -> Vec<Pair> {
    groups(findings, measure).iter().flat_map(|group| pairs_of(findings, measure, group)).collect()
}

fn pairs_of(findings: &[Findings], measure: &Measure, group: &[usize]) -> Vec<Pair> {
    let value = |run: usize| measure.value(&findings[run]).unwrap_or(f64::NAN);
    let pair = |first: usize, second: usize| {
        let p = paired::p_value(&measure.right(&findings[first])?, &measure.right(&findings[second])?)?;
        Some(Pair { runs: [first, second], difference: value(first) - value(second), p })
    };
    let mut sorted = group.to_vec();
    sorted.sort_by(|a, b| value(*b).total_cmp(&value(*a)));
    let firsts = if sorted.len() <= FEW { sorted.len() } else { 1 };
    let pairs = (0..firsts).flat_map(|first| (first + 1..sorted.len()).map(move |second| (first, second)));
    pairs.filter_map(|(first, second)| pair(sorted[first], sorted[second])).collect()
}
