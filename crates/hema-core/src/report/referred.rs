//! What the model's own thresholds refer to a person, and how many of the rest are wrong.

use super::findings::Findings;
use super::html::{aid, count, each, percent, scroll_box, words};
use crate::trust::{Outcome, USUAL_SHARE};

/// The table of the unchanged images and of each suite; nothing where the model carries no thresholds.
pub(super) fn draw(findings: &Findings) -> String {
    let clean =
        findings.clean.and_then(|clean| clean.referred).map(|outcome| row("Unchanged images", &outcome));
    let Some(clean) = clean else { return String::new() };
    let suites = each(findings.suites(), |suite| {
        let name = format!("Under the suite {}", words(suite.name));
        let outcome = Outcome::together(suite.conditions.iter().map(|condition| condition.referred));
        outcome.map(|outcome| row(&name, &outcome)).unwrap_or_default()
    });
    let heads =
        ["Referred", "Unsure", "Unlike training", "Poor picture", "Wrong of all", "Wrong of the rest"];
    let heads = each(heads, |head| format!("<th scope=\"col\" class=\"n\">{head}</th>"));
    let caption = "What the model refers to a person";
    let table = format!(
        "<table><caption>{caption}</caption><thead><tr><th scope=\"col\">Images</th>{heads}</tr></thead>\
         <tbody>{clean}{suites}</tbody></table>"
    );
    scroll_box(caption, &table)
        + &aid(format!(
            "By three thresholds that the model carries: the probability is low, the cell is unlike those of training, or the \
             picture is poorer than those it was tried on. They refer at most {} of clean cells like training's \
             (<code>hema predict --max-refer</code> sets another share). That many more are referred of other images is a \
             finding: the model says itself that it does not know them.",
            percent(USUAL_SHARE)
        ))
}

fn row(name: &str, outcome: &Outcome) -> String {
    let [referred, unsure, unlike, poor, wrong, left] = outcome.shares().map(percent);
    let left = format!("{left}<small>of {}</small>", count(outcome.accepted()));
    let cells = [referred, unsure, unlike, poor, wrong, left];
    let cells = each(cells, |cell| format!("<td class=\"n\">{cell}</td>"));
    format!("<tr><th scope=\"row\">{name}</th>{cells}</tr>")
}
