//! The headline of a run in numbers, one picture and a few plain sentences.

use super::assumed;
use super::findings::{Findings, condition_name, overconfidence};
use super::html::{capital, counted, each, escape, interval, percent, points, words};
use super::svg::{self, Scale};

/// Confidence and accuracy this close are called honest.
const HONEST: f64 = 0.01;

/// The headline numbers, the range of the conditions, and the verdict.
pub(super) fn draw(findings: &Findings) -> String {
    let verdict = each(sentences(findings), |sentence| format!("<li>{sentence}</li>"));
    let range = if findings.degraded.len() > 1 { range_figure(findings) } else { String::new() };
    format!(
        "<div class=\"headline\"><div class=\"numbers\">{}</div>{range}</div><ul class=\"verdict\">{verdict}</ul>",
        numbers(findings)
    )
}

fn numbers(findings: &Findings) -> String {
    let clean = findings.clean.map(|c| {
        let note = interval(c.scores.accuracy_interval()).map(|i| format!("95\u{202f}% interval {i}"));
        number("Accuracy on unchanged images", &percent(c.scores.accuracy()), &note.unwrap_or_default())
    });
    let Some(accuracy) = findings.degraded_accuracy() else {
        return clean.unwrap_or_else(|| number("Accuracy", super::html::UNKNOWN, "no condition was scored"));
    };
    let headline = number("Accuracy under degradation", &percent(accuracy), &degraded_note(findings));
    let cost = findings
        .clean_accuracy()
        .map(|clean| number("Change by degradation", &points(accuracy - clean), "percentage points"));
    headline + &clean.unwrap_or_default() + &cost.unwrap_or_default()
}

/// One headline number with its name above and a note below.
pub(super) fn number(label: &str, value: &str, note: &str) -> String {
    format!("<p class=\"number\"><span>{label}</span> <strong>{value}</strong> <small>{note}</small></p>")
}

/// The interval of a single degraded condition, the span of several.
fn degraded_note(findings: &Findings) -> String {
    if let [only] = findings.degraded.as_slice() {
        let range = interval(only.scores.accuracy_interval());
        return range.map_or("one condition".into(), |i| format!("95\u{202f}% interval {i}, one condition"));
    }
    let accuracies = findings.degraded.iter().map(|c| c.scores.accuracy());
    let range =
        svg::range(accuracies).map(|[low, high]| format!(", from {} to {}", percent(low), percent(high)));
    let conditions = counted(findings.degraded.len() as u64, "condition");
    let of_suite = findings.degraded_interval().and_then(interval);
    let of_suite = of_suite.map_or(String::new(), |i| format!("95\u{202f}% interval {i}; "));
    format!("{of_suite}mean of {conditions}{}", range.unwrap_or_default())
}

fn sentences(findings: &Findings) -> Vec<String> {
    [overall(findings), worst_trouble(findings), weakest(findings), honesty(findings)]
        .into_iter()
        .flatten()
        .collect()
}

fn overall(findings: &Findings) -> Option<String> {
    let on_clean = findings.clean.filter(|c| c.scores.accuracy().is_finite()).map(|c| {
        format!(
            "Of {}, the model names <strong>{}</strong> correctly.",
            counted(c.scores.n, "unchanged image"),
            percent(c.scores.accuracy())
        )
    });
    let Some(degraded) = findings.degraded_accuracy() else {
        return on_clean.map(|clean| {
            format!("{clean} No degraded condition was scored, so nothing is known of worse images.")
        });
    };
    let under = if findings.degraded.len() == 1 {
        "When the images get worse"
    } else {
        "When the images get worse, on average"
    };
    let rest = format!("{under}, it names <strong>{}</strong> correctly.", percent(degraded));
    Some(on_clean.map_or(rest.clone(), |clean| format!("{clean} {rest}")))
}

fn worst_trouble(findings: &Findings) -> Option<String> {
    let corruptions = findings.corruptions();
    let worst = findings.worst_corruption().filter(|_| corruptions.len() > 1)?;
    let condition = findings.worst_condition()?;
    let name = words(worst.name);
    let mean = percent(worst.accuracy()?);
    let lowest = percent(condition.scores.accuracy());
    let rest = match condition.corruption.as_deref() {
        Some(other) if other != worst.name => {
            format!("; the single worst condition is {} ({lowest})", escape(&condition_name(condition)))
        }
        _ if worst.conditions.len() > 1 => format!(", and {lowest} at severity {}", condition.severity),
        _ => String::new(),
    };
    Some(format!("<strong>{}</strong> hurts it most: {mean} on average{rest}.", capital(&name)))
}

fn weakest(findings: &Findings) -> Option<String> {
    let class = findings.weakest_class()?;
    let where_from =
        if findings.clean.is_some() { "On unchanged images" } else { "Under the first condition" };
    let range = interval(class.interval).map_or(String::new(), |i| format!(" (95\u{202f}% interval {i})"));
    let taken = class.taken_for.map_or(String::new(), |(name, n)| {
        format!(
            "; {} taken for <strong>{}</strong>",
            if n == 1 { "one is".into() } else { format!("{n} are") },
            words(name)
        )
    });
    Some(format!(
        "{where_from} the class missed most is <strong>{}</strong>: {} are found{range}{taken}.",
        words(class.name),
        percent(class.recall)
    ))
}

/// Whether the probabilities can be believed, judged where it is hardest.
fn honesty(findings: &Findings) -> Option<String> {
    let (bins, images) = if findings.degraded.is_empty() {
        (findings.clean?.scores.reliability.clone(), "unchanged")
    } else {
        (findings.degraded_reliability(), "degraded")
    };
    let excess = overconfidence(&bins)?;
    let size = format!("{:.1} percentage points", excess.abs() * 100.0);
    Some(match excess {
        e if e.abs() < HONEST => {
            format!("On {images} images its probabilities match its accuracy within one percentage point.")
        }
        e if e > 0.0 => format!(
            "On {images} images its probabilities are <strong>{size} too high</strong>: it claims more than it gets right."
        ),
        _ => format!(
            "On {images} images its probabilities are {size} too low: it gets more right than it claims."
        ),
    })
}

fn range_figure(findings: &Findings) -> String {
    format!(
        "<figure class=\"range\"><figcaption>Accuracy in every condition, %<span class=\"legend\">\
         <span class=\"key spot condition\">a degraded condition</span><span class=\"key spot mean\">their mean</span>\
         {}</span></figcaption>{}</figure>",
        if findings.clean.is_some() { "<span class=\"key spot clean\">unchanged images</span>" } else { "" },
        strip(findings, true)
    )
}

/// Every degraded condition as a dot between 0 and 100 %, their mean and the accuracy on unchanged images.
pub(super) fn strip(findings: &Findings, labelled: bool) -> String {
    let (width, height) = if labelled { (360.0, 70.0) } else { (200.0, 28.0) };
    let middle = if labelled { 26.0 } else { height / 2.0 };
    let half = if labelled { 20.0 } else { 10.0 };
    let x = Scale { values: [0.0, 1.0], pixels: [12.0, width - 12.0] };
    let grid = each([0.0, 0.25, 0.5, 0.75, 1.0], |m| {
        let label = svg::text("tick middle", [x.at(m), middle + half + 15.0], &format!("{:.0}", m * 100.0));
        svg::line("grid", [x.at(m), middle - half], [x.at(m), middle + half])
            + if labelled { &label } else { "" }
    });
    let finite = findings.degraded.iter().filter(|c| c.scores.accuracy().is_finite()).enumerate();
    let dots = each(finite, |(i, c)| {
        let tip = format!("{}: {:.1} %", condition_name(c), c.scores.accuracy() * 100.0);
        // a fixed up-and-down keeps dots of equal accuracy apart
        let lift = [0.0, -0.5, 0.4, -0.25, 0.65][i % 5] * half;
        svg::dot(
            "condition",
            [x.at(c.scores.accuracy()), middle + lift],
            if labelled { 4.0 } else { 2.5 },
            &tip,
        )
    });
    let mark = |class: &str, at: f64, what: &str| {
        let tip = format!("{what}: {:.1} %", at * 100.0);
        svg::rect(class, [x.at(at) - 2.0, middle - half], [x.at(at) + 2.0, middle + half], &tip)
    };
    let mean = findings.degraded_accuracy();
    let clean = findings.clean_accuracy();
    let body = grid
        + &dots
        + &mean.map_or(String::new(), |a| mark("mean", a, "mean under degradation"))
        + &clean.map_or(String::new(), |a| mark("clean", a, "unchanged images"));
    let said = [mean.map(|a| ("mean under degradation", a)), clean.map(|a| ("unchanged images", a))];
    let finding = said.into_iter().flatten().map(|(what, a)| format!("{what} {:.1} %", a * 100.0));
    svg::figure(width, height, "Accuracy in every condition", &finding.collect::<Vec<_>>().join(", "), &body)
}

/// What of the model was chosen or fitted on the images it is judged on.
fn fitted(findings: &Findings) -> Option<String> {
    let sentence = findings.evaluation.flattered()?;
    Some(format!("<strong>{}</strong>", escape(&sentence)))
}

/// Warnings to read before any number is believed.
pub(super) fn warnings(findings: &Findings) -> String {
    let data = &findings.evaluation.data;
    let mut warnings = Vec::new();
    if data.synthetic {
        warnings.push(
            "<strong>These cells are synthetic:</strong> the scores say nothing about real blood."
                .to_string(),
        );
    }
    if data.skipped > 0 {
        warnings.push(format!(
            "<strong>{} could not be read</strong> and {} not scored.",
            counted(data.skipped, "image"),
            if data.skipped == 1 { "is" } else { "are" }
        ));
    }
    warnings.extend(findings.evaluation.excluded.as_ref().and_then(assumed::excluded));
    warnings
        .extend(findings.evaluation.notices.iter().map(|notice| format!("{}.", escape(&notice.to_string()))));
    warnings.extend(fitted(findings));
    let evaluation = &findings.evaluation;
    let sentences = evaluation.perhaps_trained_on().into_iter().chain(evaluation.unfinished());
    warnings.extend(sentences.map(|sentence| escape(&sentence)));
    each(warnings, |w| format!("<p class=\"warning\" role=\"note\">{w}</p>"))
}
