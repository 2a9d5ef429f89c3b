//! How many images can be left to the model: the share that is kept against the accuracy of what is kept.

use super::findings::Findings;
use super::html::{aid, count, each, interval, percent, percent_bare, scroll_box, words};
use super::plot::{Axis, Plot};
use super::svg;
use crate::metrics::{Kept, REFERRED, RISK, Selective};

/// The tables of the unchanged images, with their curve, and of each suite; nothing for a record from before
/// there were any.
pub(super) fn draw(findings: &Findings) -> String {
    let kept = &findings.evaluation.kept;
    if kept.is_empty() {
        return String::new();
    }
    let curve = curve(kept).unwrap_or_default();
    let degraded = each(findings.suites(), |suite| {
        let kept = findings.evaluation.kept_under(suite.name);
        if kept.is_empty() {
            String::new()
        } else {
            table(&format!("Under the suite {}", words(suite.name)), &kept)
        }
    });
    let warning = if degraded.is_empty() {
        ""
    } else {
        "On worse images a probability means something else: the tables of the suites show what is left of it. Their \
         images are counted once a condition, their intervals once. "
    };
    format!("<div class=\"kept\">{}{degraded}{curve}</div>", table("Unchanged images", kept))
        + &aid(format!(
            "{warning}Each row keeps the images whose name has at least that probability and leaves the others to a person \
             (<code>hema predict --sure 0.9</code> splits new images so). Right: of the kept images, the share that is \
             named rightly, with its 95\u{202f}% interval (Wilson). Choose the row whose errors you can bear, and look \
             at the lower end of its interval: it holds for images like these alone."
        ))
        + &selective(findings)
}

/// How well probabilities tell right answers from wrong ones; nothing where the record does not say.
fn selective(findings: &Findings) -> String {
    let of = findings.evaluation.selective();
    if of.is_empty() {
        return String::new();
    }
    let head = |text: &str| format!("<th scope=\"col\" class=\"n\">{text}</th>");
    let caught = |share: f64| head(&format!("Errors caught by referring {:.0}\u{202f}%", share * 100.0));
    let rows = each(of, |(images, Selective { aurc, augrc, coverage_at_risk, caught, .. })| {
        let cell = |share: f64| format!("<td class=\"n\">{}</td>", percent(share));
        let small = |share: f64| format!("<td class=\"n\">{:.2}\u{202f}%</td>", share * 100.0);
        let caught = each(caught.unwrap_or([f64::NAN; REFERRED.len()]), cell);
        let name = words(images);
        format!(
            "<tr><th scope=\"row\">{name}</th>{}{}{}{caught}</tr>",
            small(augrc),
            small(aurc),
            cell(coverage_at_risk)
        )
    });
    let columns = [head("AUGRC"), head("AURC"), head(&format!("Kept at {:.0}\u{202f}% risk", RISK * 100.0))]
        .concat()
        + &each(REFERRED, caught);
    let caption = "Does a low probability find the errors?";
    let table = format!(
        "<table><caption>{caption}</caption><thead><tr><th scope=\"col\">Images</th>{columns}</tr></thead>\
         <tbody>{rows}</tbody></table>"
    );
    scroll_box(caption, &table)
        + &aid(
            "The images of the lowest probabilities are referred to a person, and the errors among them are caught. Kept: \
             the largest share of the images of which at most so many are named wrongly; it was found on these images and \
             is no promise (<code>hema certify</code> makes one). Suites are means over their conditions.",
        )
}

/// The lowest probability of a row, in words.
fn threshold(kept: &Kept) -> String {
    if kept.threshold > 0.0 { format!("{:.0}\u{202f}%", kept.threshold * 100.0) } else { "any".into() }
}

fn table(caption: &str, kept: &[Kept]) -> String {
    let rows = each(kept, |row| {
        let range = row.accuracy.and_then(|_| interval(row.accuracy_interval));
        let range = range.map_or(String::new(), |range| format!("<small>{range}</small>"));
        format!(
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}<small>{}</small></td><td class=\"n\">{}{range}</td>\
             <td class=\"n\">{}</td></tr>",
            threshold(row),
            percent(row.share),
            count(row.images),
            percent(row.accuracy.unwrap_or(f64::NAN)),
            count(row.errors)
        )
    });
    let table = format!(
        "<table><caption>{caption}</caption><thead><tr><th scope=\"col\">Probability at least</th>\
         <th scope=\"col\" class=\"n\">Images kept</th>\
         <th scope=\"col\" class=\"n\">Right of these</th><th scope=\"col\" class=\"n\">Errors left</th></tr></thead>\
         <tbody>{rows}</tbody></table>"
    );
    scroll_box(&format!("{caption}: images kept and their accuracy, by the lowest probability"), &table)
}

/// Accuracy over the share that is kept, with the interval of every point.
fn curve(kept: &[Kept]) -> Option<String> {
    let points: Vec<(&Kept, f64)> = kept.iter().filter_map(|row| Some((row, row.accuracy?))).collect();
    let shares = points.iter().map(|(row, _)| row.share * 100.0).chain([0.0, 100.0]);
    let ends = points.iter().flat_map(|(row, _)| row.accuracy_interval);
    let plot = Plot::new(Axis::Linear, shares, ends, "share of the images kept, %", percent_tick)?;
    let at = |row: &Kept, accuracy: f64| plot.at(row.share * 100.0, accuracy);
    let whiskers = each(&points, |(row, _)| {
        let [low, high] = row.accuracy_interval;
        svg::line("whisker", at(row, low), at(row, high))
    });
    let line: Vec<[f64; 2]> = points.iter().map(|(row, accuracy)| at(row, *accuracy)).collect();
    let dots = each(&points, |(row, accuracy)| {
        let tip =
            format!("at least {}: {} % kept, {} % right", threshold(row), tip(row.share), tip(*accuracy));
        svg::dot("mean", at(row, *accuracy), 3.5, &tip)
    });
    let finding = points.iter().map(|(row, accuracy)| {
        format!("at least {}: {} % kept, {} % right", threshold(row), tip(row.share), tip(*accuracy))
    });
    let finding = finding.collect::<Vec<_>>().join("; ");
    let body = whiskers + &svg::polyline("curve val", &line) + &dots;
    Some(plot.draw("Right of the kept unchanged images, %, with 95 % intervals", &finding, &body))
}

fn tip(share: f64) -> String {
    percent_bare(share).replace("&gt;", "over ").replace("&lt;", "under ")
}

fn percent_tick(share: f64) -> String {
    svg::short(share * 100.0)
}
