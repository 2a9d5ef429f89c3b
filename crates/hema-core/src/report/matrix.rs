//! Coloured tables: the confusion matrix, and accuracy by corruption and severity.
//!
//! These are tables and not pictures on purpose: their cells are numbers that people read out, copy and
//! print. Orange always means wrong, the stronger the more; blue marks what is right.

use super::findings::{Corruption, Findings};
use super::html::{beside, count, each, percent, percent_bare, scroll_box, words};

/// Upper ends of the shares of wrong images that the orange steps stand for, after the step for none.
const ERROR_STEPS: [f64; 7] = [0.01, 0.02, 0.05, 0.10, 0.20, 0.40, 0.60];

/// Upper ends of the shares of right images that the blue steps stand for.
const RIGHT_STEPS: [f64; 4] = [0.50, 0.80, 0.90, 0.95];

/// More classes than this leave no room for the share under each count.
const ROOMY: usize = 10;

/// The colour class of a share of wrong images; none for a share that is not finite.
pub(super) fn error_colour(share: f64) -> String {
    match share {
        _ if !share.is_finite() => String::new(),
        share if share <= 0.0 => "e0".into(),
        share => format!("e{}", 1 + ERROR_STEPS.partition_point(|end| *end < share)),
    }
}

fn right_colour(share: f64) -> String {
    format!("r{}", 1 + RIGHT_STEPS.partition_point(|end| *end <= share))
}

/// The legend of the orange steps; `blue` adds the steps of the diagonal.
pub(super) fn legend(blue: bool) -> String {
    let swatches = |letter: char, first: &str, ends: &[f64], last: &str| {
        let middle = each(ends.windows(2).enumerate(), |(i, pair)| {
            format!("<i class=\"{letter}{}\">{:.0}–{:.0}</i>", i + 2, pair[0] * 100.0, pair[1] * 100.0)
        });
        format!(
            "<i class=\"{letter}1\">{first}</i>{middle}<i class=\"{letter}{}\">{last}</i>",
            ends.len() + 1
        )
    };
    let wrong = swatches('e', "&lt; 1", &ERROR_STEPS, "&gt; 60");
    let right = if blue {
        format!("<span>right, %</span>{}", swatches('r', "&lt; 50", &RIGHT_STEPS, "&ge; 95"))
    } else {
        String::new()
    };
    format!("<p class=\"steps\"><span>wrong, %</span>{wrong}{right}</p>")
}

/// The confusion matrix `counts[truth][prediction]` of the named classes. Classes without an image have no
/// row, and no column unless images were taken for them.
pub(super) fn confusion(label: &str, classes: &[String], counts: &[Vec<u64>]) -> String {
    let dense = classes.len() > ROOMY;
    let longest = classes.iter().map(|c| c.chars().count()).max().unwrap_or(0);
    let upright = if dense || longest * classes.len() > 90 { " upright" } else { "" };
    let total_of = |row: &Vec<u64>| row.iter().sum::<u64>();
    let occurs = |class: usize| {
        counts.get(class).is_some_and(|row| total_of(row) > 0)
            || counts.iter().any(|row| row.get(class).is_some_and(|n| *n > 0))
    };
    let columns: Vec<usize> = (0..classes.len()).filter(|class| occurs(*class)).collect();
    let heads =
        each(&columns, |class| format!("<th scope=\"col\"><span>{}</span></th>", words(&classes[*class])));
    let of_images = classes.iter().zip(counts).enumerate().filter(|(_, (_, row))| total_of(row) > 0);
    let rows = each(of_images, |(truth, (name, row))| {
        let total = total_of(row);
        let cells = each(&columns, |predicted| {
            row.get(*predicted).map_or(String::new(), |n| cell(*n, total, truth == *predicted, dense))
        });
        format!(
            "<tr><th scope=\"row\">{}</th>{cells}<td class=\"total\">{}</td></tr>",
            words(name),
            count(total)
        )
    });
    let table = format!(
        "<table class=\"matrix{upright}\"><thead><tr><th class=\"corner\" scope=\"col\">named as →<br>true class ↓</th>{heads}\
         <th scope=\"col\" class=\"total\"><span>images</span></th></tr></thead><tbody>{rows}</tbody></table>"
    );
    scroll_box(label, &table) + &legend(true)
}

fn cell(n: u64, total: u64, right: bool, dense: bool) -> String {
    let share = n as f64 / total.max(1) as f64;
    let colour = if right { format!("right {}", right_colour(share)) } else { error_colour(share) };
    let below = if dense || n == 0 { String::new() } else { format!("<small>{}</small>", percent(share)) };
    format!("<td class=\"{colour}\">{}{below}</td>", count(n))
}

/// Accuracy by corruption and severity, one table per suite, the worst corruption first.
pub(super) fn heat_maps(findings: &Findings) -> String {
    let corruptions = findings.corruptions();
    let of = |suite: &str| corruptions.iter().filter(|c| c.suite == suite).collect();
    let maps = each(findings.suites(), |suite| heat_map(suite.name, of(suite.name)));
    let trained = if corruptions.iter().any(|c| c.trained_on) {
        " Rows marked † use only operators that training also used: the model has seen that kind of trouble."
    } else {
        ""
    };
    let strength = if findings.degraded.iter().any(|c| c.severity > 0) {
        " and severity (column, 5 is the strongest)"
    } else {
        ""
    };
    let text = format!(
        "Accuracy in percent for each kind of degradation (row){strength}, the worst row first. The stronger the \
         orange, the more images are named wrongly.{trained} The intervals stand below, under all scores."
    );
    beside(&(maps + &legend(false)), text)
}

fn heat_map(suite: &str, mut rows: Vec<&Corruption>) -> String {
    rows.sort_by(|a, b| a.accuracy().unwrap_or(2.0).total_cmp(&b.accuracy().unwrap_or(2.0)));
    let mut severities: Vec<u8> = rows.iter().flat_map(|r| r.conditions.iter().map(|c| c.severity)).collect();
    severities.sort_unstable();
    severities.dedup();
    let scaled = severities.iter().any(|severity| *severity > 0);
    let heads = each(&severities, |severity| match severity {
        0 if scaled => "<th scope=\"col\">one strength</th>".into(),
        0 => "<th scope=\"col\">accuracy</th>".into(),
        _ => format!("<th scope=\"col\">{severity}</th>"),
    });
    // with one column the mean is that column
    let several = severities.len() > 1;
    let body = each(&rows, |row| {
        let mean = percent_bare(row.accuracy().unwrap_or(f64::NAN));
        let mean = if several { format!("<td class=\"total\">{mean}</td>") } else { String::new() };
        let cells = each(&severities, |severity| heat_cell(row, *severity));
        let mark = if row.trained_on { "<sup>†</sup>" } else { "" };
        format!("<tr><th scope=\"row\">{}{mark}</th>{cells}{mean}</tr>", words(row.name))
    });
    let table = format!(
        "<table class=\"matrix heat\"><caption>Suite: {}</caption><thead><tr>\
         <th class=\"corner\" scope=\"col\">{}</th>{heads}{}\
         </tr></thead><tbody>{body}</tbody></table>",
        words(suite),
        if scaled { "severity →" } else { "condition" },
        if several { "<th scope=\"col\" class=\"total\">mean</th>" } else { "" }
    );
    scroll_box(&format!("Accuracy by corruption and severity, suite {suite}"), &table)
}

fn heat_cell(row: &Corruption, severity: u8) -> String {
    let Some(condition) = row.conditions.iter().find(|c| c.severity == severity) else {
        return "<td class=\"absent\">–</td>".into();
    };
    let accuracy = condition.scores.accuracy();
    format!("<td class=\"{}\">{}</td>", error_colour(1.0 - accuracy), percent_bare(accuracy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_follow_the_share() {
        for (share, colour) in
            [(0.0, "e0"), (0.01, "e1"), (0.011, "e2"), (0.6, "e7"), (0.61, "e8"), (f64::NAN, "")]
        {
            assert_eq!(error_colour(share), colour);
        }
        assert_eq!([0.1, 0.5, 0.95, 1.0].map(right_colour), ["r1", "r2", "r5", "r5"]);
    }

    #[test]
    fn a_confusion_matrix_shows_counts_shares_and_the_diagonal() {
        let classes = ["a".to_string(), "b".to_string()];
        let drawn = confusion("m", &classes, &[vec![9, 1], vec![0, 0]]);
        assert!(drawn.contains("\">1<small>10.0\u{202f}%</small>"), "{drawn}");
        assert_eq!(drawn.matches("class=\"right").count(), 1, "an absent class has no right or wrong");
        assert_eq!(drawn.matches("<th scope=\"row\">").count(), 1, "an absent class has no row");
        assert_eq!(drawn.matches("<span>b</span>").count(), 1, "but a column, where images are taken for it");
        let never_named = confusion("m", &classes, &[vec![10, 0], vec![0, 0]]);
        assert!(!never_named.contains("<span>b</span>"), "{never_named}");
    }
}
