//! The audit in a few numbers and sentences.

use super::super::html::{count, counted, each, percent, with_code, words};
use super::super::verdict::number;
use super::subject::AuditReport;
use crate::audit::{Action, CHECKS, Summary};

/// The headline numbers and the sentences below them.
pub(super) fn draw(summary: &Summary, report: &AuditReport) -> String {
    let share =
        |n: u64| format!("of {} ({})", count(summary.images), percent(n as f64 / summary.images as f64));
    let numbers = number("Images that should go", &count(summary.drop), &share(summary.drop))
        + &number("To look at", &count(summary.review), "they stay until you decide")
        + &number("Stay", &count(summary.images - summary.drop), "in the cleaned set");
    let sentences = [
        Some(dropped(summary, report)),
        reviewed(summary),
        data_set(report),
        imbalance(summary),
        untroubled(summary),
        unlooked(summary),
    ];
    let sentences = each(sentences.into_iter().flatten(), |sentence| format!("<li>{sentence}</li>"));
    format!(
        "<div class=\"headline\"><div class=\"numbers\">{numbers}</div></div><ul class=\"verdict\">{sentences}</ul>"
    )
}

/// How many go, by the first check that drops them, so that the numbers add up.
fn dropped(summary: &Summary, report: &AuditReport) -> String {
    if summary.drop == 0 {
        return format!("None of the {} should go.", counted(summary.images, "image"));
    }
    let mut counted_already = vec![false; report.source.len()];
    let mut by_check = vec![0_u64; CHECKS.len()];
    for (number, check) in CHECKS.iter().enumerate() {
        let drops =
            report.audit.findings.iter().filter(|f| f.check == check.name && f.action == Action::Drop);
        for image in drops.filter_map(|finding| finding.image) {
            by_check[number] += u64::from(!std::mem::replace(&mut counted_already[image], true));
        }
    }
    let reasons = CHECKS.iter().zip(by_check).filter(|(_, n)| *n > 0);
    let reasons: Vec<String> =
        reasons.map(|(check, n)| format!("{} by {}", count(n), link(check.name))).collect();
    format!(
        "<strong>{} of {} should go</strong>: {}.",
        count(summary.drop),
        counted(summary.images, "image"),
        reasons.join(", ")
    )
}

fn reviewed(summary: &Summary) -> Option<String> {
    let reasons: Vec<String> = summary
        .checks
        .iter()
        .filter(|check| check.review > 0)
        .map(|check| format!("{} by {}", count(check.review), link(check.name)))
        .collect();
    (summary.review > 0).then(|| {
        format!(
            "<strong>{} should be looked at</strong> by a person: {}.",
            counted(summary.review, "image"),
            reasons.join(", ")
        )
    })
}

/// The faults of the data set as a whole.
fn data_set(report: &AuditReport) -> Option<String> {
    let whole = report.audit.findings.iter().filter(|f| f.image.is_none() && f.action != Action::Keep);
    let sentences: Vec<String> =
        whole.map(|finding| format!("{}: {}", link(finding.check), with_code(&finding.detail))).collect();
    (!sentences.is_empty()).then(|| sentences.join("</li><li>"))
}

/// How uneven the classes are once cleaned.
fn imbalance(summary: &Summary) -> Option<String> {
    let named = || summary.classes.iter().filter_map(|class| Some((class.name.as_deref()?, class.after.all)));
    let (largest, most) = named().max_by_key(|(_, n)| *n)?;
    let (smallest, least) = named().min_by_key(|(_, n)| *n)?;
    match least {
        _ if most <= least + least / 10 => None,
        0 if most > 0 => Some(format!("No image of <strong>{}</strong> stays.", words(smallest))),
        _ => Some(format!(
            "What stays has {:.1} times as many images of {} as of {}.",
            most as f64 / least as f64,
            words(largest),
            words(smallest)
        )),
    }
}

/// The checks that found nothing.
fn untroubled(summary: &Summary) -> Option<String> {
    let names: Vec<String> = summary.nothing_found().into_iter().map(words).collect();
    (!names.is_empty()).then(|| format!("Nothing found: {}.", names.join(", ")))
}

/// The checks that were not run.
fn unlooked(summary: &Summary) -> Option<String> {
    if summary.is_read() {
        return Some("No check was run: these findings were read from a file.".to_owned());
    }
    let left_out = summary.not_looked_for().into_iter();
    let names: Vec<String> = left_out.map(|(name, why)| format!("{} ({why})", words(name))).collect();
    (!names.is_empty()).then(|| format!("Not looked for: {}.", names.join(", ")))
}

/// A check's name as a link to its section.
fn link(check: &str) -> String {
    format!("<a href=\"#{check}\">{}</a>", words(check))
}
