//! How many images can be left to the model: the share that is kept against the accuracy of what is kept.

use super::findings::Findings;
use super::html::{aid, count, each, interval, percent, percent_bare, scroll_box, words};
use super::plot::{Axis, Plot};
use super::svg;
use crate::metrics::{Kept, REFERRED, RISK, Selective};
use crate::trust::{Covered, Held};

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
        + &sets(findings)
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

/// How often sets of classes hold the right one; nothing of a model that certifies none.
fn sets(findings: &Findings) -> String {
    let of = findings.evaluation.sets();
    let Some((_, first)) = of.first() else { return String::new() };
    let level = format!("{:.0}\u{202f}%", first.level * 100.0);
    let classes = &findings.evaluation.data.classes;
    let rows = each(&of, |(images, covered)| set_row(&words(images), covered, classes));
    let head = |text: &str| format!("<th scope=\"col\" class=\"n\">{text}</th>");
    let caption = format!("Sets of classes for {level} of the images");
    let columns =
        each(["Hold the right class", "Least of a class", "Mean size", "One class alone", "Several"], head);
    let table = format!(
        "<table><caption>{caption}</caption><thead><tr><th scope=\"col\">Images</th>{columns}</tr></thead>\
         <tbody>{rows}</tbody></table>"
    );
    scroll_box(&caption, &table)
        + &aid(format!(
            "<code>hema predict --sets</code> gives every image the classes among which the right one should be, for {level} \
             of images like those that certify the model. Several: of the sets with more than one class, the share that \
             holds the right one. All conditions of a suite count together."
        ))
}

fn set_row(name: &str, covered: &Covered, classes: &[String]) -> String {
    let share = |held: &Held| percent(held.share().unwrap_or(f64::NAN));
    let shares = classes.iter().zip(&covered.by_class);
    let least = shares
        .filter_map(|(class, held)| Some((class, held.share()?)))
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(String::new(), |(class, share)| format!("{}<small>{}</small>", percent(share), words(class)));
    let several = covered.by_size.iter().skip(1).fold(Held::default(), |sum, held| Held {
        images: sum.images.saturating_add(held.images),
        held: sum.held.saturating_add(held.held),
    });
    let range = interval(covered.all.interval()).unwrap_or_default();
    format!(
        "<tr><th scope=\"row\">{name}</th><td class=\"n\">{}<small>{range}</small></td><td class=\"n\">{least}</td>\
         <td class=\"n\">{:.2}</td><td class=\"n\">{}</td><td class=\"n\">{}<small>{}</small></td></tr>",
        share(&covered.all),
        covered.mean_size(),
        percent(covered.single()),
        share(&several),
        count(several.images)
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
