//! One run in full, section by section.

use super::findings::{Findings, condition_name};
use super::html::{
    self, aid, beside, capital, count, counted, each, escape, probability, scroll_box, short_count, words,
};
use super::run_report::RunReport;
use super::{
    assumed, classes, curves, kept, matrix, referred, reliability, rescaling, suites, training_data,
    unreadable, verdict,
};
use crate::metrics::{METRICS, Metric, Scores};
use crate::provenance::Provenance;
use crate::record::{ConditionScores, Mistake};

/// More mistakes than this make a page nobody scrolls through.
const GALLERY: usize = 48;

/// Where a run stands on the page: its anchors' prefix and the level of its section headings.
pub(super) struct Outline {
    pub(super) prefix: String,
    pub(super) level: u8,
}

impl Outline {
    /// A section with its heading; nothing when it has no content.
    pub(super) fn section(&self, slug: &str, title: &str, content: &str) -> String {
        if content.is_empty() {
            return String::new();
        }
        let Self { prefix, level } = self;
        format!(
            "<section id=\"{prefix}{slug}\" aria-labelledby=\"{prefix}{slug}-title\">\
             <h{level} id=\"{prefix}{slug}-title\">{title}</h{level}>{content}</section>"
        )
    }

    /// Links to the sections that have content.
    pub(super) fn contents(&self, sections: &[(&str, String, String)]) -> String {
        let links = each(sections.iter().filter(|s| !s.2.is_empty()), |(slug, _, _)| {
            format!("<a href=\"#{}{slug}\">{}</a>", self.prefix, capital(&words(slug)))
        });
        format!("<nav aria-label=\"Sections\">{links}</nav>")
    }
}

/// Everything about one run except its title.
pub(super) fn draw(run: &RunReport, outline: &Outline) -> String {
    let findings = Findings::of(&run.evaluation);
    let learning = run.curves.as_ref().and_then(curves::draw).unwrap_or_default();
    let shown = findings.shown();
    let on = shown.map_or(String::new(), |c| format!(": {}", escape(&condition_name(c))));
    let of_shown = |draw: &dyn Fn(&ConditionScores) -> String| shown.map_or(String::new(), draw);
    let sections = [
        ("summary", "Model and data".into(), summary(run)),
        ("degraded", "Degraded images".into(), degraded(&findings)),
        (
            "kept",
            "How many images can be left to it?".into(),
            referred::draw(&findings) + &kept::draw(&findings),
        ),
        ("classes", format!("Classes{on}"), of_shown(&|c| classes::table(&findings, &c.scores))),
        ("weights", "What the class weights changed".into(), assumed::weights(&findings)),
        (
            "crop",
            rescaling::TITLE.into(),
            run.evaluation.model.rescale.as_ref().map_or(String::new(), rescaling::draw),
        ),
        ("confusion", format!("Confusion{on}"), confusions(&findings)),
        ("mistakes", "Most confident mistakes".into(), gallery(&findings)),
        (
            "calibration",
            "Can its probabilities be believed?".into(),
            of_shown(&|_| reliability::draw(&findings)),
        ),
        ("curves", "Learning curves".into(), learning),
        ("training", "What training saw".into(), training_data::draw(run.training_data.as_ref())),
        (
            "unreadable",
            "Files that could not be read".into(),
            unreadable::draw(&run.evaluation.unreadable, "<code>evaluation.json</code>"),
        ),
        ("provenance", "Where these numbers come from".into(), provenance(run, outline.level + 1)),
    ];
    let drawn = each(&sections, |(slug, title, content)| outline.section(slug, title, content));
    subject(run)
        + &outline.contents(&sections)
        + &verdict::warnings(&findings)
        + &verdict::draw(&findings)
        + &drawn
}

/// Links to the articles of several runs.
pub(super) fn links(runs: &[RunReport]) -> String {
    let links = each(runs.iter().enumerate(), |(i, run)| {
        format!("<a href=\"#run-{}\">{}</a>", i + 1, escape(&run.title))
    });
    format!("<nav aria-label=\"Runs\">{links}</nav>")
}

/// Several runs, each in full.
pub(super) fn articles(runs: &[RunReport]) -> String {
    each(runs.iter().enumerate(), |(i, run)| {
        let outline = Outline { prefix: format!("run-{}-", i + 1), level: 3 };
        let (title, content) = (escape(&run.title), draw(run, &outline));
        format!("<article id=\"run-{}\"><h2>{title}</h2>{content}</article>", i + 1)
    })
}

/// Which model was judged on what, and when.
fn subject(run: &RunReport) -> String {
    let (model, data) = (&run.evaluation.model, &run.evaluation.data);
    let day: String = run.evaluation.provenance.time.chars().take("2026-11-30".len()).collect();
    format!(
        "<p class=\"subject\">{} judged on {} of {}, part {}, on {}</p>",
        code(&model.path),
        counted(data.counts.iter().sum(), "image"),
        code(&data.path),
        escape(&data.part),
        escape(&day)
    )
}

pub(super) fn facts(rows: &[(&str, String)]) -> String {
    let rows = each(rows, |(name, value)| format!("<div><dt>{name}</dt><dd>{value}</dd></div>"));
    format!("<dl>{rows}</dl>")
}

pub(super) fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

/// A command line that breaks between its words, not at the hyphens of its options.
fn command(line: &str) -> String {
    let words: Vec<_> = line.split(' ').map(|word| format!("<span>{}</span>", escape(word))).collect();
    format!("<code class=\"command\">{}</code>", words.join(" "))
}

fn summary(run: &RunReport) -> String {
    let (model, data) = (&run.evaluation.model, &run.evaluation.data);
    let images: u64 = data.counts.iter().sum();
    let augmentations = match model.augmentations.as_slice() {
        [] => "none".into(),
        names => names.iter().map(|n| words(n)).collect::<Vec<_>>().join(", "),
    };
    let among = match model.among.as_slice() {
        [] => "all".into(),
        names => escape(&names.join(", ")),
    };
    let enlarged = model.enlarged.map(|side| format!(", enlarged to {side} × {side}")).unwrap_or_default();
    let mix = if model.adapted { "estimated from these images" } else { "as in the training images" };
    let facts = facts(&[
        ("Architecture", code(&model.architecture)),
        ("Parameters", short_count(model.parameters)),
        ("Input", format!("{0} × {0} pixels{enlarged}", model.size)),
        ("Augmentation", augmentations),
        ("Views averaged", escape(&model.tta)),
        ("Classes possible", among),
        ("Assumed mix of classes", mix.into()),
        ("Data", code(&data.path)),
        ("Part", escape(&data.part)),
        ("Images", format!("{} in {}", count(images), classes_in_words(&data.counts))),
        ("Unreadable", count(data.skipped)),
    ]);
    format!("<div class=\"columns\">{facts}{}</div>", class_bars(&data.classes, &data.counts))
}

/// How many classes have images, of how many.
fn classes_in_words(counts: &[u64]) -> String {
    match (counts.iter().filter(|n| **n > 0).count(), counts.len()) {
        (some, all) if some < all => format!("{some} of {all} classes"),
        (_, 1) => "1 class".into(),
        (_, all) => format!("{all} classes"),
    }
}

/// Images per class as a table whose last column is a bar.
fn class_bars(classes: &[String], counts: &[u64]) -> String {
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let rows = each(classes.iter().zip(counts), |(name, n)| {
        let width = *n as f64 / most as f64 * 100.0;
        format!(
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"length\"><i style=\"width:{width:.1}%\"></i></td></tr>",
            words(name),
            count(*n)
        )
    });
    let table = format!(
        "<table class=\"counts\"><thead><tr><th scope=\"col\">Class</th><th scope=\"col\" class=\"n\">Images</th>\
         <td></td></tr></thead><tbody>{rows}</tbody></table>"
    );
    scroll_box("Images per class", &table)
}

fn degraded(findings: &Findings) -> String {
    match findings.degraded.len() {
        0 => String::new(),
        1 => conditions(findings),
        n => {
            let all = conditions(findings);
            let overview = suites::overview(findings);
            let maps = matrix::heat_maps(findings);
            let (curves, samples) = (suites::curves(findings), suites::samples(findings));
            format!(
                "{overview}{maps}{curves}{samples}<details><summary>All scores of the {n} conditions</summary>{all}</details>"
            )
        }
    }
}

/// Every condition with every score.
fn conditions(findings: &Findings) -> String {
    let suites = findings.suites().len();
    let rows = each(findings.clean.into_iter().chain(findings.degraded.iter().copied()), |c| {
        let suite = if suites > 1 { format!("<small>{}</small>", words(&c.suite)) } else { String::new() };
        format!(
            "<tr><th scope=\"row\">{}{suite}</th><td class=\"n\">{}</td>{}</tr>",
            escape(&condition_name(c)),
            count(c.scores.n),
            each(METRICS, |metric| metric_cell(metric, &c.scores))
        )
    });
    let coverage = |metric: &Metric| findings.shown().and_then(|c| c.scores.coverage(metric));
    let heads = each(METRICS, |metric| {
        let over = coverage(metric).map_or(String::new(), |over| format!("<small>{over}</small>"));
        format!("<th scope=\"col\" class=\"n\">{}{over}</th>", metric.title)
    });
    let table = format!(
        "<table><thead><tr><th scope=\"col\">Condition</th>\
         <th scope=\"col\" class=\"n\">Images</th>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    );
    scroll_box("All scores of every condition", &table)
}

/// The value of a metric, and its interval where it has one.
fn metric_cell(metric: &Metric, scores: &Scores) -> String {
    let value = html::metric(metric, scores.number(metric));
    let range = scores.metrics.interval(metric).and_then(|range| html::metric_range(metric, range));
    let range = range.map_or(String::new(), |range| format!("<small>{range}</small>"));
    format!("<td class=\"n\">{value}{range}</td>")
}

fn confusions(findings: &Findings) -> String {
    let Some(shown) = findings.shown() else { return String::new() };
    let classes = &findings.evaluation.data.classes;
    let matrix = matrix::confusion("Confusion matrix", classes, &shown.scores.confusion);
    let first = beside(
        &matrix,
        "Each row is one true class: how many of its images were given which name, and the share of the row. Blue, on \
         the diagonal, is right; orange is wrong, the stronger the more often.",
    );
    if findings.clean.is_none() || findings.degraded.is_empty() {
        return first;
    }
    let all = matrix::confusion("Confusion matrix, degraded images", classes, &findings.degraded_confusion());
    format!(
        "{first}<details><summary>Confusion over all degraded conditions together</summary>{all}</details>"
    )
}

fn gallery(findings: &Findings) -> String {
    let mistakes = &findings.evaluation.mistakes;
    if mistakes.is_empty() {
        return match findings.clean {
            Some(c) if c.scores.accuracy() == 1.0 => {
                "<p>None: every unchanged image is named correctly.</p>".into()
            }
            _ => "<p>None were kept in this evaluation.</p>".into(),
        };
    }
    let cards = each(mistakes.iter().take(GALLERY), |m| card(findings, m));
    let shown = mistakes.len().min(GALLERY) as u64;
    let all = findings.clean.map_or(0, |c| c.scores.mistakes()).max(mistakes.len() as u64);
    let which = if shown < all {
        format!(
            "The {} that the model was surest about, of {} unchanged images that it names wrongly, most confident first.",
            count(shown),
            count(all)
        )
    } else {
        match all {
            1 => "The one unchanged image that is named wrongly.".into(),
            all => {
                format!("All {} unchanged images that are named wrongly, most confident first.", count(all))
            }
        }
    };
    format!("<ul class=\"gallery\">{cards}</ul>")
        + &aid(format!(
            "{which} Look here for labels that are themselves wrong, cells between two classes, and spoilt images."
        ))
}

fn card(findings: &Findings, mistake: &Mistake) -> String {
    let (truth, predicted) =
        (words(findings.class_name(mistake.truth)), words(findings.class_name(mistake.predicted)));
    let path = escape(&mistake.path);
    let picture = if mistake.thumbnail.is_empty() {
        "<div class=\"missing\">no picture kept</div>".into()
    } else {
        format!(
            "<img src=\"data:image/png;base64,{}\" alt=\"{path}: {truth}, named {predicted}\" width=\"128\" height=\"128\">",
            escape(&mistake.thumbnail)
        )
    };
    format!(
        "<li>{picture}<p>named <b class=\"named\">{predicted}</b> {}</p><p>truly <b class=\"truth\">{truth}</b></p>\
         <p class=\"path\">{}</p></li>",
        probability(mistake.probability),
        path.replace('/', "/<wbr>")
    )
}

fn provenance(run: &RunReport, level: u8) -> String {
    let evaluation = &run.evaluation;
    let scored = stamp("Evaluation", level, &evaluation.provenance);
    let trained = run.training.as_ref().map_or(String::new(), |p| stamp("Training", level, p));
    let inputs = facts(&[
        ("Model", code(&evaluation.model.called())),
        ("Data", code(&evaluation.data.path)),
        ("Data SHA-256", code(&evaluation.data.hash)),
        ("Parameters", format!("{} trainable", count(evaluation.model.parameters))),
        ("Record format", evaluation.format.to_string()),
    ]);
    let recipe = run.recipe_toml.as_ref().map_or(String::new(), |toml| text_file("Training recipe", toml));
    format!(
        "<div class=\"stamps\">{trained}{scored}<div><h{level}>Inputs</h{level}>{inputs}</div></div>{recipe}"
    )
}

/// A text file that unfolds.
pub(super) fn text_file(title: &str, text: &str) -> String {
    let lines = counted(text.lines().count() as u64, "line");
    format!(
        "<details><summary>{title} ({lines})</summary><pre tabindex=\"0\"><code>{}</code></pre></details>",
        escape(text)
    )
}

pub(super) fn stamp(title: &str, level: u8, p: &Provenance) -> String {
    let changed = if p.dirty { " with uncommitted changes" } else { "" };
    let facts = facts(&[
        ("Command", command(&p.command)),
        ("Time", escape(&p.time)),
        ("Device", escape(&p.device)),
        ("Hema", escape(&p.version)),
        ("Commit", format!("{}{changed}", code(&p.commit))),
    ]);
    format!("<div><h{level}>{title}</h{level}>{facts}</div>")
}
