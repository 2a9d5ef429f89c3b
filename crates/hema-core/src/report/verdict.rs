//! The headline of a run in numbers, one picture and a few plain sentences.

use super::findings::{Findings, SuiteMeans, condition_name};
use super::html::{counted, each, escape, interval, listed, percent, points, words};
use super::svg::{self, Scale};
use super::{assumed, honesty, trouble};

/// More classes than this that are found equally seldom are counted, not named.
const NAMED: usize = 3;

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
    let suites = findings.suites();
    if suites.is_empty() {
        return clean.unwrap_or_else(|| number("Accuracy", super::html::UNKNOWN, "no condition was scored"));
    }
    let named = |what: &str, suite: &SuiteMeans| match suites.len() {
        1 => what.to_owned(),
        _ => format!("{what}, suite {}", words(suite.name)),
    };
    let degraded = |suite: &SuiteMeans| {
        let accuracy = suite.accuracy().map_or(super::html::UNKNOWN.into(), percent);
        number(&named("Accuracy under degradation", suite), &accuracy, &degraded_note(suite))
    };
    let costs = each(&suites, |suite| {
        let change = suite.accuracy().zip(findings.clean_accuracy()).map(|(under, clean)| under - clean);
        change.map_or(String::new(), |change| {
            number(&named("Change by degradation", suite), &points(change), &change_note(suite))
        })
    });
    let (first, others) = (each(&suites[..1], degraded), each(&suites[1..], degraded));
    first + &clean.unwrap_or_default() + &others + &costs
}

/// The unit of a change, and its interval.
fn change_note(suite: &SuiteMeans) -> String {
    match suite.scores.and_then(|scores| scores.change_interval) {
        Some([low, high]) => {
            format!("percentage points; 95\u{202f}% interval {} to {}", points(low), points(high))
        }
        None => "percentage points".into(),
    }
}

/// One headline number with its name above and a note below.
pub(super) fn number(label: &str, value: &str, note: &str) -> String {
    format!("<p class=\"number\"><span>{label}</span> <strong>{value}</strong> <small>{note}</small></p>")
}

/// The interval of a suite's accuracy, and the span of its conditions.
fn degraded_note(suite: &SuiteMeans) -> String {
    let of_suite = suite.interval().and_then(interval);
    let of_suite = of_suite.map_or(String::new(), |i| format!("95\u{202f}% interval {i}; "));
    if suite.conditions.len() == 1 {
        return format!("{of_suite}one condition");
    }
    let accuracies = suite.conditions.iter().map(|c| c.scores.accuracy());
    let range =
        svg::range(accuracies).map(|[low, high]| format!(", from {} to {}", percent(low), percent(high)));
    let conditions = counted(suite.conditions.len() as u64, "condition");
    format!("{of_suite}mean of {conditions}{}", range.unwrap_or_default())
}

fn sentences(findings: &Findings) -> Vec<String> {
    let found = [overall(findings), trouble::sentence(findings), weakest(findings)];
    found.into_iter().flatten().chain(honesty::sentences(findings)).collect()
}

fn overall(findings: &Findings) -> Option<String> {
    let on_clean = findings.clean.filter(|c| c.scores.accuracy().is_finite()).map(|c| {
        format!(
            "Of {}, the model names <strong>{}</strong> correctly.",
            counted(c.scores.n, "unchanged image"),
            percent(c.scores.accuracy())
        )
    });
    let suites = findings.suites();
    if suites.is_empty() {
        return on_clean.map(|clean| {
            format!("{clean} No degraded condition was scored, so nothing is known of worse images.")
        });
    }
    let under = |suite: &SuiteMeans| {
        let accuracy = format!("<strong>{}</strong>", percent(suite.accuracy()?));
        let average = if suite.conditions.len() > 1 { ", on average" } else { "" };
        Some(match suites.len() {
            1 => format!("When the images get worse{average}, it names {accuracy} correctly."),
            _ => format!("Under the suite {}{average}, it names {accuracy} correctly.", words(suite.name)),
        })
    };
    let sentences: Vec<String> = on_clean.into_iter().chain(suites.iter().filter_map(under)).collect();
    (!sentences.is_empty()).then(|| sentences.join(" "))
}

fn weakest(findings: &Findings) -> Option<String> {
    let weakest = findings.weakest_class()?;
    let where_from =
        if findings.clean.is_some() { "On unchanged images" } else { "Under the first condition" };
    let strong = |name: &&str| format!("<strong>{}</strong>", words(name));
    let recall = percent(weakest.recall);
    if weakest.names.len() > NAMED {
        return Some(format!(
            "{where_from} {} classes are missed most: {recall} of each are found.",
            weakest.names.len()
        ));
    }
    let names = listed(&weakest.names.iter().map(strong).collect::<Vec<_>>());
    if weakest.names.len() > 1 {
        return Some(format!(
            "{where_from} the classes missed most are {names}: {recall} of each are found."
        ));
    }
    let range = interval(weakest.interval).map_or(String::new(), |i| format!(" (95\u{202f}% interval {i})"));
    let taken = weakest.taken_for.map_or(String::new(), |(name, n)| {
        let many = if n == 1 { "one is".into() } else { format!("{n} are") };
        format!("; {many} taken for <strong>{}</strong>", words(name))
    });
    Some(format!("{where_from} the class missed most is {names}: {recall} are found{range}{taken}."))
}

fn range_figure(findings: &Findings) -> String {
    format!(
        "<figure class=\"range\"><figcaption>Accuracy in every condition, %<span class=\"legend\">\
         <span class=\"key spot condition\">a degraded condition</span><span class=\"key spot mean\">{}</span>\
         {}</span></figcaption>{}</figure>",
        if findings.suites().len() > 1 { "the mean of a suite" } else { "their mean" },
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
    let suites = findings.suites();
    let means: Vec<(String, f64)> = suites
        .iter()
        .filter_map(|suite| {
            let of = if suites.len() > 1 { format!(", suite {}", suite.name) } else { String::new() };
            Some((format!("mean under degradation{of}"), suite.accuracy()?))
        })
        .collect();
    let clean = findings.clean_accuracy().map(|accuracy| ("unchanged images".to_owned(), accuracy));
    let body = grid
        + &dots
        + &each(&means, |(what, accuracy)| mark("mean", *accuracy, what))
        + &each(&clean, |(what, accuracy)| mark("clean", *accuracy, what));
    let finding = means.iter().chain(&clean).map(|(what, a)| format!("{what} {:.1} %", a * 100.0));
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
