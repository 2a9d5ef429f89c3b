//! Several runs side by side, those of a series together.

mod entry;
mod leader;
mod measure;
mod pairs;
mod shares;

use self::entry::{Entry, entries};
use self::measure::{Measure, are_same_images, measures};
use super::findings::Findings;
use super::html::{UNKNOWN, aid, counted, each, escape, scroll_box, short_count, words};
use super::paired::{self, Right};
use super::run::Outline;
use super::run_report::RunReport;
use super::verdict;
use crate::record::{Evaluation, ModelSummary};
use crate::tta;

/// The comparison of all runs, with links to each.
pub(super) fn draw(runs: &[RunReport]) -> String {
    let findings: Vec<Findings> = runs.iter().map(|r| Findings::of(&r.evaluation)).collect();
    let (entries, measures) = (entries(runs), measures(&findings));
    let outline = Outline { prefix: String::new(), level: 2 };
    let overview = warnings(runs, &findings, &entries)
        + &leader::draw(runs, &findings, &entries, &measures)
        + &overview(runs, &findings, &entries, &measures)
        + &if entries.len() == runs.len() { pairs::draw(runs, &findings, &measures) } else { String::new() };
    let by_corruption = shares::by_corruption(&findings, &entries);
    let by_class = shares::by_class(&findings, &entries);
    outline.section("comparison", "Side by side", &overview)
        + &outline.section("by-corruption", "By kind of degradation", &by_corruption)
        + &outline.section("by-class", "By class: recall on unchanged images", &by_class)
}

/// Why the runs may not be comparable.
fn warnings(runs: &[RunReport], findings: &[Findings], entries: &[Entry]) -> String {
    let mut warnings = Vec::new();
    if !entries.windows(2).all(|pair| have_same_images(findings, &pair[0], &pair[1])) {
        warnings.push(
            "<strong>Not the same images:</strong> not all runs were judged on the same ones, so differences \
             between them may come from the images. Tests compare only those that were."
                .to_owned(),
        );
    }
    if !have_same_conditions(findings) {
        warnings.push(
            "<strong>Not the same conditions:</strong> not all runs were judged under the same ones; compare the rows \
             that they share."
                .to_owned(),
        );
    }
    if findings.iter().any(|f| f.evaluation.data.synthetic) {
        warnings.push(
            "<strong>Synthetic cells:</strong> at least one run was scored on drawn cells; its scores say nothing \
             about real blood."
                .to_owned(),
        );
    }
    warnings.extend(flattered(runs));
    each(warnings, |w| format!("<p class=\"warning\" role=\"note\">{w}</p>"))
}

/// The runs that were judged on images by which they were chosen.
fn flattered(runs: &[RunReport]) -> Option<String> {
    let flattered: Vec<String> = runs
        .iter()
        .filter(|run| run.evaluation.flattered().is_some())
        .map(|run| escape(&run.title))
        .collect();
    let who = match flattered.len() {
        0 => return None,
        all if all == runs.len() => "All runs".to_owned(),
        _ => flattered.join(", "),
    };
    Some(format!(
        "<strong>Chosen by these images:</strong> {who} may have been judged on images of the training, or on those that the \
         epoch or the temperature was chosen by, which flatters them. The test part is for the last look."
    ))
}

/// Whether two entries were judged on the same images, run by run.
fn have_same_images(findings: &[Findings], a: &Entry, b: &Entry) -> bool {
    let sorted = |entry: &Entry| -> Vec<&Evaluation> {
        let mut of: Vec<&Evaluation> = entry.runs.iter().map(|run| findings[*run].evaluation).collect();
        of.sort_by(|a, b| (&a.data.listing, &a.data.hash).cmp(&(&b.data.listing, &b.data.hash)));
        of.dedup_by(|a, b| are_same_images(a, b));
        of
    };
    let (a, b) = (sorted(a), sorted(b));
    a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| are_same_images(a, b))
}

fn have_same_conditions(findings: &[Findings]) -> bool {
    let conditions = |f: &Findings| {
        let mut names: Vec<_> =
            f.degraded.iter().map(|c| format!("{:?}", (&c.suite, &c.corruption, c.severity))).collect();
        names.sort();
        names
    };
    findings.windows(2).all(|pair| conditions(&pair[0]) == conditions(&pair[1]))
}

fn overview(runs: &[RunReport], findings: &[Findings], entries: &[Entry], measures: &[Measure]) -> String {
    let best: Vec<Option<usize>> =
        measures.iter().map(|measure| clear_best(findings, entries, measure)).collect();
    let rows = each(entries, |entry| {
        let whole =
            if entry.only().is_none() { series_row(findings, entry, measures) } else { String::new() };
        whole + &each(&entry.runs, |run| row(runs, findings, *run, measures, &best))
    });
    let heads = each(measures, |m| format!("<th scope=\"col\" class=\"n\">{}</th>", m.head()));
    let table = format!(
        "<table class=\"overview\"><thead><tr><th scope=\"col\">Run</th>{heads}\
         <th scope=\"col\">Accuracy, 0–100\u{202f}%</th></tr></thead><tbody>{rows}</tbody></table>"
    );
    let bold = if best.iter().any(Option::is_some) { format!(" {}", paired::BOLD) } else { String::new() };
    let of_series = if entries.len() < runs.len() {
        " A series stands as the mean of its runs ± their standard deviation, the lowest and the highest; its runs \
         follow."
    } else {
        ""
    };
    let strips = if findings.iter().any(|f| !f.degraded.is_empty()) {
        " In the small picture each dot is one degraded condition, the plain bar the mean of a suite, the blue bar the \
         accuracy on unchanged images."
    } else {
        " In the small picture the blue bar is the accuracy on unchanged images."
    };
    scroll_box("Runs side by side", &table)
        + &aid(format!(
            "Accuracy of every run, where nothing else is said, with its 95\u{202f}% interval below.{of_series}{bold}{strips}"
        ))
}

/// A series as a whole.
fn series_row(findings: &[Findings], entry: &Entry, measures: &[Measure]) -> String {
    let cells = each(measures, |measure| {
        let mean = entry.mean(findings, measure).map_or(UNKNOWN.into(), |mean| measure.text(mean));
        let spread = entry.spread(findings, measure);
        let spread = spread.map_or(String::new(), |spread| format!("<small>{spread}</small>"));
        format!("<td class=\"n\"><strong>{mean}</strong>{spread}</td>")
    });
    let runs = counted(entry.runs.len() as u64, "run");
    format!("<tr><th scope=\"row\">{}<small>mean of {runs}</small></th>{cells}<td></td></tr>", entry.name())
}

fn row(
    runs: &[RunReport],
    findings: &[Findings],
    at: usize,
    measures: &[Measure],
    best: &[Option<usize>],
) -> String {
    let (run, own) = (&runs[at], &findings[at]);
    let entry = Entry { title: run.title.clone(), runs: vec![at] };
    let cells = each(measures.iter().zip(best), |(measure, best)| {
        let class = if *best == Some(at) { "n best" } else { "n" };
        let range = entry.spread(findings, measure);
        let range = range.map_or(String::new(), |range| format!("<small>{range}</small>"));
        let value = measure.value(own).map_or(UNKNOWN.into(), |value| measure.text(value));
        format!("<td class=\"{class}\">{value}{range}</td>")
    });
    let indent = if run.series.is_some() { " class=\"member\"" } else { "" };
    format!(
        "<tr{indent}><th scope=\"row\"><a href=\"#run-{}\">{}</a><small>{}</small></th>\
         {cells}<td class=\"strip\">{}</td></tr>",
        at + 1,
        escape(&run.title),
        about(&run.evaluation),
        verdict::strip(own, false)
    )
}

/// The model of a run and how it was asked, as far as that differs from the usual; and the images.
fn about(evaluation: &Evaluation) -> String {
    let ModelSummary { architecture, parameters, size, enlarged, tta, adapted, among, rescale, .. } =
        &evaluation.model;
    let images = counted(evaluation.data.counts.iter().sum(), "image");
    let enlarged = enlarged.map(|side| format!(" enlarged to {side}")).unwrap_or_default();
    let views = (tta != tta::NONE.name).then(|| format!("views: {}", words(tta)));
    let among = (!among.is_empty()).then(|| format!("among {}", escape(&among.join(", "))));
    let adapted = adapted.then(|| "classes weighed by the images".to_owned());
    let rescaled = rescale.as_ref().map(|rescaling| format!("rescaled by {}", rescaling.factor));
    let always = [
        escape(architecture),
        format!("{} parameters", short_count(*parameters)),
        format!("{size} px{enlarged}"),
        format!("{images} of the part {}", escape(&evaluation.data.part)),
    ];
    always.into_iter().chain(views).chain(among).chain(adapted).chain(rescaled).collect::<Vec<_>>().join(", ")
}

/// The run that a paired test tells from every other, where all stand for themselves and share their images.
fn clear_best(findings: &[Findings], entries: &[Entry], measure: &Measure) -> Option<usize> {
    if entries.len() < findings.len()
        || !findings.windows(2).all(|pair| measure.is_shared(&pair[0], &pair[1]))
    {
        return None;
    }
    let values: Vec<Option<f64>> = findings.iter().map(|f| measure.value(f)).collect();
    let rights: Vec<Option<Right>> = findings.iter().map(|f| measure.right(f)).collect();
    paired::clear_best(&values, &rights, 1)
}
