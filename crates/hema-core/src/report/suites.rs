//! Suites as a whole: their scores, accuracy over the severities, and what their conditions look like.

use super::findings::{Corruption, Findings, condition_name, mean};
use super::html::{
    UNKNOWN, aid, beside, decimal, each, escape, interval, percent, percent_bare, scroll_box, words,
};
use super::svg::{self, Scale};
use crate::record::{ConditionScores, SuiteScores};

/// One row a suite.
pub(super) fn overview(findings: &Findings) -> String {
    let suites = &findings.evaluation.suites;
    if suites.is_empty() {
        return String::new();
    }
    let relative = suites.iter().any(|suite| suite.relative.is_some());
    let heads = [
        "Accuracy",
        "95\u{202f}% interval",
        "Not trained on",
        "Balanced accuracy",
        "Calibration error",
        "Worst condition",
    ];
    let heads = heads.into_iter().chain(["BE", "rBE"].into_iter().filter(|_| relative));
    let heads = each(heads, |head| format!("<th scope=\"col\" class=\"n\">{head}</th>"));
    let rows = each(suites, |suite| row(findings, suite, relative));
    let table = format!(
        "<table><thead><tr><th scope=\"col\">Suite</th>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    );
    let baseline = if relative {
        " BE is the balanced error over that of a published AlexNet, the mean over the corruptions; rBE the same of \
         what corruption adds to the clean error. Below 1 is better than AlexNet."
    } else {
        ""
    };
    scroll_box("Scores of each suite", &table)
        + &aid(format!(
            "Means over the conditions of a suite. <em>Not trained on</em> leaves out conditions all of whose operators \
             training also used: it says more about trouble nobody thought of.{baseline}"
        ))
}

fn row(findings: &Findings, suite: &SuiteScores, relative: bool) -> String {
    let shared = findings
        .evaluation
        .shared_operators(&suite.name)
        .map_or(String::new(), |[some, all]| format!("<small>{some} of {all} operators trained on</small>"));
    let worst_range = suite.worst_interval.and_then(interval);
    let worst_range = worst_range.map_or(String::new(), |range| format!("<small>{range}</small>"));
    let relative = match suite.relative {
        Some(errors) => each([errors.be, errors.rbe], |error| number(&decimal(error))),
        None if relative => number(UNKNOWN).repeat(2),
        None => String::new(),
    };
    format!(
        "<tr><th scope=\"row\">{}<small>{} conditions at {} px</small></th>{}{}{}{}{}\
         <td class=\"n\">{}<small>{}</small>{worst_range}</td>{relative}</tr>",
        words(&suite.name),
        suite.conditions,
        suite.size,
        number(&percent(suite.accuracy)),
        number(&interval(suite.accuracy_interval).unwrap_or_default()),
        number(&(suite.unseen_accuracy.map_or("none".into(), percent) + &shared)),
        number(&percent(suite.balanced_accuracy)),
        number(&percent(suite.ece)),
        percent(suite.worst_accuracy),
        words(&suite.worst),
    )
}

fn number(text: &str) -> String {
    format!("<td class=\"n\">{text}</td>")
}

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 40.0;
const RIGHT: f64 = 350.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 184.0;

/// Accuracy over the severities, one figure for each suite that has severities.
pub(super) fn curves(findings: &Findings) -> String {
    let corruptions = findings.corruptions();
    let figures = each(findings.suites(), |suite| {
        let rows: Vec<&Corruption> =
            corruptions.iter().filter(|c| c.suite == suite.name && c.conditions.len() > 1).collect();
        if rows.is_empty() { String::new() } else { figure(suite.name, &rows, findings.clean_accuracy()) }
    });
    if figures.is_empty() {
        return figures;
    }
    let text = "How fast accuracy falls as a degradation grows, from unchanged images (0) to the strongest: each thin \
                line is one kind of degradation, the thick one their mean.";
    beside(&format!("<div class=\"panels\">{figures}</div>"), text)
}

fn figure(suite: &str, rows: &[&Corruption], clean: Option<f64>) -> String {
    let at = |row: &Corruption, severity: u8| match severity {
        0 => clean,
        _ => row.conditions.iter().find(|c| c.severity == severity).map(|c| c.scores.accuracy()),
    };
    let strongest = rows.iter().flat_map(|row| row.conditions.iter().map(|c| c.severity)).max().unwrap_or(5);
    let line_of = |row: &Corruption| -> Vec<f64> {
        (0..=strongest).map(|severity| at(row, severity).unwrap_or(f64::NAN)).collect()
    };
    let lines: Vec<Vec<f64>> = rows.iter().map(|row| line_of(row)).collect();
    let [lowest, _] = svg::range(lines.iter().flatten().copied()).unwrap_or([0.0, 1.0]);
    let ticks = svg::ticks([lowest.min(0.9), 1.0], 4, 0.0);
    let y = Scale { values: [ticks[0], ticks[ticks.len() - 1]], pixels: [BOTTOM, TOP] };
    let x = Scale { values: [0.0, f64::from(strongest)], pixels: [LEFT + 4.0, RIGHT - 8.0] };
    let points = |line: &[f64]| -> Vec<[f64; 2]> {
        line.iter().enumerate().map(|(severity, accuracy)| [x.at(severity as f64), y.at(*accuracy)]).collect()
    };
    let grid = each(&ticks, |tick| {
        let height = y.at(*tick);
        svg::line("grid", [LEFT, height], [RIGHT, height])
            + &svg::text("tick end", [LEFT - 6.0, height + 4.0], &format!("{:.0}", tick * 100.0))
    });
    let severities = each(0..=strongest, |severity| {
        svg::text("tick middle", [x.at(f64::from(severity)), BOTTOM + 16.0], &severity.to_string())
    });
    let thin = each(rows.iter().zip(&lines), |(row, line)| {
        let points = points(line);
        let end = points.last().filter(|end| end[1].is_finite());
        let tip = || format!("{}: {:.1} %", row.name.replace('_', " "), line[line.len() - 1] * 100.0);
        svg::polyline("curve kind", &points)
            + &end.map_or(String::new(), |end| svg::dot("kind", *end, 3.5, &tip()))
    });
    let mean: Vec<f64> = (0..=usize::from(strongest))
        .map(|severity| mean(lines.iter().map(|line| line[severity])).unwrap_or(f64::NAN))
        .collect();
    let said = |accuracy: f64| {
        if accuracy.is_finite() { format!("{:.1} %", accuracy * 100.0) } else { "unknown".into() }
    };
    let finding = format!(
        "on average from {} on unchanged images to {} at the strongest",
        said(mean[0]),
        said(mean[mean.len() - 1])
    );
    let axis = svg::line("axis", [LEFT, BOTTOM], [RIGHT, BOTTOM])
        + &svg::text("tick middle", [f64::midpoint(LEFT, RIGHT), HEIGHT - 4.0], "severity");
    let body = grid + &severities + &axis + &thin + &svg::polyline("curve val", &points(&mean));
    format!(
        "<figure><figcaption>Accuracy by severity, %, suite {}</figcaption>{}{}</figure>",
        words(suite),
        svg::figure(WIDTH, HEIGHT, &format!("Accuracy by severity, suite {suite}"), &finding, &body),
        aid(ends(rows, &lines, strongest))
    )
}

/// The lines by name, in the order of their ends.
fn ends(rows: &[&Corruption], lines: &[Vec<f64>], strongest: u8) -> String {
    let mut ends: Vec<(f64, &str)> = rows
        .iter()
        .zip(lines)
        .filter_map(|(row, line)| Some((*line.last()?, row.name)))
        .filter(|(accuracy, _)| accuracy.is_finite())
        .collect();
    ends.sort_by(|a, b| b.0.total_cmp(&a.0));
    let ends: Vec<String> =
        ends.iter().map(|(accuracy, name)| format!("{} {}", words(name), percent_bare(*accuracy))).collect();
    format!("At severity {strongest}, from the top: {}.", ends.join(", "))
}

/// One image under every condition.
pub(super) fn samples(findings: &Findings) -> String {
    let rows = each(findings.corruptions().iter().filter(|row| has_pictures(row)), |row| {
        let pictures = each(&row.conditions, |condition| picture(condition));
        format!(
            "<tr><th scope=\"row\">{}<small>{}</small></th>{pictures}</tr>",
            words(row.name),
            words(row.suite)
        )
    });
    if rows.is_empty() {
        return rows;
    }
    let table = format!("<table class=\"samples\"><tbody>{rows}</tbody></table>");
    format!(
        "<details><summary>What these conditions look like</summary>{}</details>",
        scroll_box("One image under every condition", &table)
    )
}

fn has_pictures(row: &Corruption) -> bool {
    row.conditions.iter().any(|condition| !condition.thumbnail.is_empty())
}

fn picture(condition: &ConditionScores) -> String {
    let accuracy = percent_bare(condition.scores.accuracy());
    let name = escape(&condition_name(condition));
    let severity = if condition.severity > 0 { format!("{}: ", condition.severity) } else { String::new() };
    format!(
        "<td><img alt=\"{name}\" loading=\"lazy\" src=\"data:image/png;base64,{}\"><small>{severity}{accuracy}\u{202f}%</small></td>",
        escape(&condition.thumbnail)
    )
}
