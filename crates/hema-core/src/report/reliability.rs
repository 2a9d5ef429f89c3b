//! Reliability diagrams: is a cell called with 90 % right nine times in ten?

use super::findings::{Findings, mean_probability};
use super::honesty::error_by_chance;
use super::html::{aid, count, counted, each, metric, metric_range, percent, probability, scroll_box, words};
use super::svg::{self, Scale};
use crate::metrics::{BRIER, CLASSWISE_ECE, ECE, ECE_MASS, Metric, NLL, ReliabilityBin, mean};
use crate::record::ConditionScores;

/// Bins with fewer predictions are drawn hollow: their accuracy is mostly chance.
const FEW: u64 = 20;

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 350.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 234.0;
const COUNTS_TOP: f64 = 250.0;
const COUNTS_BOTTOM: f64 = 300.0;

/// Conditions that are drawn as one, under their name.
struct Group<'a> {
    title: String,
    /// Head of its column.
    head: String,
    bins: Vec<ReliabilityBin>,
    conditions: Vec<&'a ConditionScores>,
}

/// The unchanged images, and those of each suite.
fn groups<'a>(findings: &Findings<'a>) -> Vec<Group<'a>> {
    let clean = findings.clean.map(|c| Group {
        title: "Unchanged images".into(),
        head: "Unchanged".into(),
        bins: c.scores.reliability.clone(),
        conditions: vec![c],
    });
    let suites = findings.suites();
    let many = suites.len() > 1;
    let degraded = suites.into_iter().map(|suite| {
        let of = if many { format!(", suite {}", words(suite.name)) } else { String::new() };
        Group {
            title: format!("Degraded images{of}, all conditions together"),
            head: format!("Degraded{of}, mean"),
            bins: suite.reliability(),
            conditions: suite.conditions,
        }
    });
    clean.into_iter().chain(degraded).collect()
}

/// The diagrams of the unchanged images and of the degraded ones of each suite, with the scores of the
/// probabilities.
pub(super) fn draw(findings: &Findings) -> String {
    let groups = groups(findings);
    let diagrams = each(&groups, |group| diagram(&group.title, &group.bins));
    let numbers = each(&groups, |group| numbers(&group.title, &group.bins));
    format!("<div class=\"panels\">{diagrams}</div>{}", scores(&groups))
        + &format!("<details><summary>The bars in numbers</summary>{numbers}</details>")
        + &aid(
            "Each bar gathers the images that the model named with a similar probability and shows how many of those \
             names are right. Bars on the diagonal mean true probabilities; the orange part is what the model claims \
             and does not get right. Dashed bars hold fewer than 20 images. Below, where the probabilities lie. By \
             chance: true probabilities too have a calibration error, as a few images of 90\u{202f}% are never right \
             in just 90\u{202f}%; below the number that stands there, an error shows nothing. True ones: the range of 95 of \
             100 models whose probabilities are all true, on as many images.",
        )
}

fn scores(groups: &[Group]) -> String {
    let row = |of: &Metric, about: &str| {
        let cells = each(groups, |group| {
            let values = group.conditions.iter().filter_map(|c| c.scores.value(of));
            let range = match group.conditions.as_slice() {
                [only] => only.scores.metrics.interval(of),
                _ => None,
            };
            let range = range.and_then(|range| metric_range(of, range));
            let chance = by_chance(of, &group.conditions);
            let below = each(range.into_iter().chain(chance), |text| format!("<small>{text}</small>"));
            format!("<td class=\"n\">{}{below}</td>", metric(of, mean(values).unwrap_or(f64::NAN)))
        });
        format!("<tr><th scope=\"row\">{}<small>{about}</small></th>{cells}</tr>", of.title)
    };
    let rows = [
        row(&ECE, "mean distance of the bars from the diagonal (ECE); 0 is best"),
        row(&ECE_MASS, "the same with as many images in every bar"),
        row(&CLASSWISE_ECE, "the same of every class's probability, mean over the classes"),
        row(&NLL, "negative log-likelihood: punishes confident mistakes hardest; 0 is best"),
        row(&BRIER, "squared distance of the probabilities from the truth; 0 is best, 2 is worst"),
    ]
    .concat();
    let heads = each(groups, |group| format!("<th scope=\"col\" class=\"n\">{}</th>", group.head));
    let table = format!(
        "<table class=\"calibration\"><thead><tr><th scope=\"col\">Score</th>{heads}</tr></thead>\
         <tbody>{rows}</tbody></table>"
    );
    scroll_box("Scores of the probabilities", &table)
}

/// What a metric would be by chance if every probability were true.
fn by_chance(of: &Metric, conditions: &[&ConditionScores]) -> Option<String> {
    if let [only] = conditions
        && let Some([low, high]) = only.if_calibrated.get(&of.key())
    {
        return Some(format!("true ones: {} to {}", metric(of, *low), metric(of, *high)));
    }
    let chance = (of.name == ECE.name).then(|| error_by_chance(conditions));
    let chance = chance.filter(|error| error.is_finite());
    chance.map(|error| format!("by chance up to {}", percent(error)))
}

/// What the bars of a diagram show.
fn numbers(title: &str, bins: &[ReliabilityBin]) -> String {
    let rows = each(filled(bins), |bin| {
        format!(
            "<tr><th scope=\"row\">{:.0}–{:.0}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            bin.low * 100.0,
            bin.high * 100.0,
            count(bin.count),
            probability(bin.confidence),
            percent(bin.accuracy)
        )
    });
    let table = format!(
        "<table><caption>{title}</caption><thead><tr><th scope=\"col\">Probability, %</th>\
         <th scope=\"col\" class=\"n\">Images</th><th scope=\"col\" class=\"n\">Mean probability</th>\
         <th scope=\"col\" class=\"n\">Right</th></tr></thead><tbody>{rows}</tbody></table>"
    );
    scroll_box(&format!("Bars in numbers: {title}"), &table)
}

/// The bins that a diagram can show.
fn filled(bins: &[ReliabilityBin]) -> Vec<&ReliabilityBin> {
    let is_finite =
        |b: &ReliabilityBin| [b.low, b.high, b.accuracy, b.confidence].iter().all(|v| v.is_finite());
    bins.iter().filter(|b| b.count > 0 && is_finite(b)).collect()
}

fn diagram(title: &str, bins: &[ReliabilityBin]) -> String {
    let filled = filled(bins);
    let x = Scale { values: [0.0, 1.0], pixels: [LEFT, RIGHT] };
    let y = Scale { values: [0.0, 1.0], pixels: [BOTTOM, TOP] };
    let body = [
        axes(x, y),
        each(&filled, |bin| bar(bin, x, y)),
        svg::line("diagonal", [x.at(0.0), y.at(0.0)], [x.at(1.0), y.at(1.0)]),
        histogram(&filled, x),
    ]
    .concat();
    let finding = mean_probability(bins).map_or("No predictions.".into(), |claimed| {
        let right: f64 = bins.iter().map(|bin| bin.count as f64 * bin.accuracy).sum();
        let images: u64 = bins.iter().map(|bin| bin.count).sum();
        format!("Mean probability {:.1} %, right {:.1} %.", claimed * 100.0, right / images as f64 * 100.0)
    });
    format!(
        "<figure><figcaption>{title}<span class=\"legend\"><span class=\"key box right\">right</span>\
         <span class=\"key box excess\">claimed, and not right</span></span></figcaption>{}</figure>",
        svg::figure(WIDTH, HEIGHT, &format!("Reliability diagram: {title}"), &finding, &body)
    )
}

fn axes(x: Scale, y: Scale) -> String {
    let marks = [0.0, 0.25, 0.5, 0.75, 1.0];
    let label = |share: f64| format!("{:.0}", share * 100.0);
    let grid = each(marks, |m| {
        svg::line("grid", [LEFT, y.at(m)], [RIGHT, y.at(m)])
            + &svg::text("tick end", [LEFT - 6.0, y.at(m) + 4.0], &label(m))
    });
    let below = each(marks, |m| svg::text("tick middle", [x.at(m), COUNTS_BOTTOM + 15.0], &label(m)));
    let names = svg::text(
        "tick middle",
        [f64::midpoint(LEFT, RIGHT), HEIGHT - 6.0],
        "probability of the name given, %",
    ) + &svg::text("tick", [LEFT + 6.0, TOP + 12.0], "right, %")
        + &svg::text("tick end", [LEFT - 3.0, COUNTS_TOP + 10.0], "images");
    grid + &below + &names
}

fn bar(bin: &ReliabilityBin, x: Scale, y: Scale) -> String {
    let (left, right) = (x.at(bin.low) + 1.0, x.at(bin.high) - 1.0);
    let tip = counted(bin.count, "image");
    let few = if bin.count < FEW { " few" } else { "" };
    let delivered = svg::rect(&format!("right{few}"), [left, y.at(0.0)], [right, y.at(bin.accuracy)], &tip);
    if bin.confidence <= bin.accuracy {
        return delivered;
    }
    delivered
        + &svg::rect(&format!("excess{few}"), [left, y.at(bin.accuracy)], [right, y.at(bin.confidence)], &tip)
}

fn histogram(bins: &[&ReliabilityBin], x: Scale) -> String {
    let most = bins.iter().map(|b| b.count).max().unwrap_or(1);
    let y = Scale { values: [0.0, most as f64], pixels: [COUNTS_BOTTOM, COUNTS_TOP] };
    let bars = each(bins, |bin| {
        let base = [x.at(bin.low) + 1.0, COUNTS_BOTTOM];
        svg::rect("count", base, [x.at(bin.high) - 1.0, y.at(bin.count as f64)], &counted(bin.count, "image"))
    });
    bars + &svg::line("axis", [LEFT, COUNTS_BOTTOM], [RIGHT, COUNTS_BOTTOM])
}
