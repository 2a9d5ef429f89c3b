//! Scores by class, with a small bar for each interval.

use super::findings::Findings;
use super::html::{aid, count, counted, decimal, each, interval, percent, scroll_box, words};
use super::svg::{self, Scale};
use crate::metrics::{ClassScores, Scores};

const BAR: [f64; 2] = [120.0, 16.0];

/// The table of the scores' classes; recall under degradation is the mean over the degraded conditions.
pub(super) fn table(findings: &Findings, scores: &Scores) -> String {
    let floor = bar_floor(scores);
    let from = format!("{:.0}–100\u{202f}%", floor * 100.0);
    let suites = if findings.clean.is_some() { findings.suites() } else { Vec::new() };
    let head = each(&suites, |suite| {
        let of = if suites.len() > 1 { format!(", suite {}", words(suite.name)) } else { String::new() };
        format!("<th scope=\"col\" class=\"n\">Recall, degraded{of}</th>")
    });
    let of_images = scores.per_class.iter().enumerate().filter(|(_, c)| c.has_images());
    let rows = each(of_images, |(class, c)| {
        let under = each(&suites, |suite| {
            let range = findings.recall_interval(class, &suite.conditions).and_then(interval);
            let range = range.map_or(String::new(), |range| format!("<small>{range}</small>"));
            format!("<td class=\"n\">{}{range}</td>", percent(suite.recall(class).unwrap_or(f64::NAN)))
        });
        row(c, scores.named(class), floor, &under)
    });
    let table = format!(
        "<table class=\"classes\"><thead><tr><th scope=\"col\">Class</th><th scope=\"col\" class=\"n\">Images</th>\
         <th scope=\"col\" class=\"n\">Recall</th><th scope=\"col\">{from}</th>{head}\
         <th scope=\"col\" class=\"n\">Precision</th><th scope=\"col\">{from}</th>\
         <th scope=\"col\" class=\"n\">F1</th><th scope=\"col\" class=\"n\">AUROC</th></tr></thead><tbody>{rows}</tbody></table>"
    );
    scroll_box("Scores by class", &table)
        + &absent(scores)
        + &aid(
            "Recall: of the cells that truly are of this class, the share that is found. Precision: of the cells \
             given this name, the share that deserves it. The small range is the 95\u{202f}% interval (Wilson): the \
             fewer images, the wider. F1 balances the two; AUROC tells how well the class's probability ranks it \
             before the rest (1 is perfect, 0.5 is chance).",
        )
}

/// The classes without an image, apart from the others: there is nothing of them that could be found.
fn absent(scores: &Scores) -> String {
    let absent = scores.per_class.iter().enumerate().filter(|(_, class)| !class.has_images());
    let names: Vec<String> = absent
        .map(|(class, c)| match scores.named(class) {
            0 => words(&c.name),
            n => format!("{} (given to {}, wrongly)", words(&c.name), counted(n, "image")),
        })
        .collect();
    if names.is_empty() {
        return String::new();
    }
    format!(
        "<p class=\"absent\">No image here is of: {}. Means over classes are taken over the {} of {} classes that have \
         images.</p>",
        names.join(", "),
        scores.classes_with_images(),
        scores.per_class.len()
    )
}

/// A class that no image was named after has no precision.
fn row(class: &ClassScores, named: u64, floor: f64, under: &str) -> String {
    format!(
        "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td>{}{under}{}<td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
        words(&class.name),
        count(class.support),
        score(class.recall, class.recall_interval, floor, class.support),
        score(class.precision, class.precision_interval, floor, named),
        percent(class.f1),
        decimal(class.auroc.unwrap_or(f64::NAN)),
    )
}

/// Two cells: the number with its interval, and the bar. A share of no images is no score at all.
fn score(value: f64, range: [f64; 2], floor: f64, images: u64) -> String {
    if images == 0 {
        return format!("<td class=\"n\">{}</td><td></td>", percent(f64::NAN));
    }
    let range_text = interval(range).map_or(String::new(), |i| format!("<small>{i}</small>"));
    format!(
        "<td class=\"n\">{}{range_text}</td><td class=\"bar\">{}</td>",
        percent(value),
        bar(value, range, floor)
    )
}

/// A mark on its interval; the numbers stand beside it, so screen readers skip it.
fn bar(value: f64, [low, high]: [f64; 2], floor: f64) -> String {
    let [width, height] = BAR;
    let middle = height / 2.0;
    let x = Scale { values: [floor, 1.0], pixels: [4.0, width - 4.0] };
    let at = |share: f64| [x.at(share.clamp(floor, 1.0)), middle];
    let range = if low.is_finite() && high.is_finite() {
        svg::line("whisker", at(low), at(high))
    } else {
        String::new()
    };
    let [here, _] = at(value);
    let mark = if value.is_finite() {
        svg::line("value", [here, middle - 5.0], [here, middle + 5.0])
    } else {
        String::new()
    };
    let track = svg::line("grid", [x.pixels[0], middle], [x.pixels[1], middle]);
    format!(
        "<svg class=\"spark\" viewBox=\"0 0 {width} {height}\" aria-hidden=\"true\">{track}{range}{mark}</svg>"
    )
}

/// The lowest end of any interval, rounded down to ten percent, so that the bars use their room.
fn bar_floor(scores: &Scores) -> f64 {
    let classes = || scores.per_class.iter().enumerate();
    let recalls =
        classes().filter(|(_, c)| c.has_images()).flat_map(|(_, c)| [c.recall, c.recall_interval[0]]);
    let precisions = classes()
        .filter(|(class, c)| c.has_images() && scores.named(*class) > 0)
        .flat_map(|(_, c)| [c.precision, c.precision_interval[0]]);
    let lowest = svg::range(recalls.chain(precisions)).map_or(0.0, |[low, _]| low);
    ((lowest * 10.0).floor() / 10.0).clamp(0.0, 0.9)
}
