//! The whole page, checked as text: it is well-formed, complete, closed to the outside, and says what the
//! record says.

use std::collections::HashSet;

use super::{
    Curves, Origin, RunReport, SeriesReport, SeriesScore, render, render_series, thumbnail_png_base64,
};
use crate::Image;
use crate::metrics::{
    ACCURACY, BRIER, ClassScores, ECE, MACRO_F1, METRICS, Metric, MetricValues, NLL, Outcomes,
    ReliabilityBin, Scores,
};
use crate::provenance::Provenance;
use crate::record::{ConditionScores, DataSummary, EVALUATION_FORMAT, Evaluation, Mistake, ModelSummary};

mod believed;
mod compared;
mod fixture;
mod said;

use fixture::BLOOD;

fn blood() -> RunReport {
    let mut run = fixture::run("Blood", &BLOOD, 0.987, 1.0);
    let picture = thumbnail_png_base64(&Image::filled(200, 100, [200, 150, 190])).unwrap();
    run.evaluation.mistakes = fixture::mistakes(&[picture, String::new()], BLOOD.len());
    run
}

/// Checks that every element is closed in order, that anchors are unique and that every link has its anchor.
pub(super) fn assert_well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let content = page.split_once("<body>").unwrap().1;
    for tag in content.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
        let name = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap();
        match tag {
            _ if tag.starts_with('/') => {
                let opened = open.pop();
                assert!(
                    opened == Some(name) || (opened.is_none() && matches!(name, "body" | "html")),
                    "</{name}> closes {opened:?}"
                );
            }
            _ if tag.ends_with('/') || matches!(name, "img" | "br" | "wbr") => {}
            _ => open.push(name),
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "quotes of <{tag}>");
    }
    assert!(open.is_empty(), "left open: {open:?}");
    let values = |attribute: &str| -> Vec<String> {
        page.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap().to_string()).collect()
    };
    let ids = values(" id=\"");
    let unique: HashSet<&String> = ids.iter().collect();
    assert_eq!(ids.len(), unique.len(), "anchors are unique");
    for target in values("href=\"#") {
        assert!(unique.contains(&target), "#{target} leads nowhere");
    }
}

/// Checks that nothing on the page could make a browser ask for anything.
pub(super) fn assert_closed(page: &str) {
    for forbidden in ["http:", "https:", "url(", "@import", "<script", "<link", "<iframe", "srcset"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert_eq!(page.matches("src=\"").count(), page.matches("src=\"data:image/").count());
    assert_eq!(page.matches("href=\"").count(), page.matches("href=\"#").count());
}

#[test]
fn a_full_run_has_every_section() {
    let page = render(&[blood()]);
    assert_well_formed(&page);
    assert_closed(&page);
    for section in
        ["summary", "degraded", "classes", "confusion", "mistakes", "calibration", "curves", "provenance"]
    {
        assert!(page.contains(&format!("<section id=\"{section}\"")), "{section}");
    }
}

#[test]
fn the_numbers_are_those_of_the_record() {
    let run = blood();
    let page = render(std::slice::from_ref(&run));
    let clean = &run.evaluation.conditions[0].scores;
    let degraded: Vec<f64> = run.evaluation.conditions[1..].iter().map(|c| c.scores.accuracy()).collect();
    let mean = degraded.iter().sum::<f64>() / degraded.len() as f64;
    let [low, high] = clean.accuracy_interval();
    for expected in [
        format!("Accuracy under degradation</span> <strong>{:.1}\u{202f}%", mean * 100.0),
        format!("Accuracy on unchanged images</span> <strong>{:.1}\u{202f}%", clean.accuracy() * 100.0),
        format!("{:.1}–{:.1}\u{202f}%", low * 100.0, high * 100.0),
        format!("\">{}<small>", clean.confusion[0][0]),
        format!("<td class=\"n\">{:.1}\u{202f}%<small>by chance up to ", clean.value(&ECE).unwrap() * 100.0),
        format!("<td class=\"n\">{:.3}</td>", clean.value(&NLL).unwrap()),
        format!("<td class=\"n\">{:.3}</td>", clean.value(&BRIER).unwrap()),
        run.evaluation.data.hash.clone(),
        "architecture = &quot;tf_efficientnetv2_b0&quot;".into(),
        "gaussian noise<sup>†</sup>".into(),
        "<strong>Motion blur</strong> hurts it most".into(),
    ] {
        assert!(page.contains(&expected), "{expected}");
    }
    for class in &clean.per_class {
        let f1 = format!("<td class=\"n\">{:.1}\u{202f}%</td>", class.f1 * 100.0);
        assert!(page.contains(&f1), "{}", class.name);
    }
}

#[test]
fn hostile_text_stays_text_wherever_it_stands() {
    const HOSTILE: &str =
        "\"'><script src=http://evil.example/x>alert(1)</script><img src=x onerror=alert(2)>";
    let mut run = blood();
    run.title = HOSTILE.into();
    run.recipe_toml = Some(HOSTILE.into());
    run.training = Some(Provenance {
        version: HOSTILE.into(),
        commit: HOSTILE.into(),
        device: HOSTILE.into(),
        time: HOSTILE.into(),
        ..fixture::provenance(HOSTILE)
    });
    if let Some(curves) = &mut run.curves {
        curves.stage[10..].fill(HOSTILE.into());
    }
    let evaluation = &mut run.evaluation;
    evaluation.model.path = HOSTILE.into();
    evaluation.model.architecture = HOSTILE.into();
    evaluation.model.augmentations = vec![HOSTILE.into()];
    evaluation.data.path = HOSTILE.into();
    evaluation.data.part = HOSTILE.into();
    evaluation.data.hash = HOSTILE.into();
    evaluation.data.classes[0] = HOSTILE.into();
    for condition in &mut evaluation.conditions {
        condition.suite = HOSTILE.into();
        condition.corruption = condition.corruption.as_ref().map(|_| HOSTILE.into());
        condition.scores.per_class[0].name = HOSTILE.into();
    }
    for mistake in &mut evaluation.mistakes {
        mistake.path = HOSTILE.into();
        mistake.thumbnail = HOSTILE.into();
    }
    let single = render(&[run.clone()]);
    let several = render(&[run, blood()]);
    for page in [single, several] {
        assert_well_formed(&page);
        assert!(!page.contains("<script") && !page.contains("<img src=x"));
        assert!(page.contains("&lt;script"));
    }
}

#[test]
fn what_is_not_a_number_is_never_printed() {
    let mut run = blood();
    for condition in &mut run.evaluation.conditions {
        let scores = &mut condition.scores;
        for metric in METRICS {
            let interval = (metric.name == "accuracy").then_some([f64::NAN, f64::INFINITY]);
            scores.metrics.set(metric, Some(f64::NAN), interval);
        }
        for class in &mut scores.per_class {
            (class.precision, class.recall, class.f1) = (f64::NAN, f64::NAN, f64::NAN);
            (class.precision_interval, class.recall_interval) = ([f64::NAN; 2], [f64::NAN; 2]);
        }
        for bin in &mut scores.reliability {
            (bin.confidence, bin.accuracy) = (f64::NAN, f64::NEG_INFINITY);
        }
    }
    run.evaluation.mistakes[0].probability = f64::NAN;
    if let Some(curves) = &mut run.curves {
        curves.train_loss.fill(f64::NAN);
        curves.val_loss[3] = f64::INFINITY;
        curves.epoch[2] = f64::NAN;
        curves.best_epoch = Some(f64::NAN);
    }
    for page in [render(&[run.clone()]), render(&[run, blood()])] {
        assert_well_formed(&page);
        // the picture's base64 may spell anything
        for text in page
            .split("base64,")
            .map(|part| part.trim_start_matches(|c: char| c.is_alphanumeric() || "+/=".contains(c)))
        {
            assert!(!text.contains("NaN") && !text.contains(">inf") && !text.contains("inf%"), "{text}");
            assert!(!text.contains("=\"inf") && !text.contains("-inf"));
        }
    }
}

#[test]
fn a_share_of_no_images_is_no_score() {
    let classes = |accuracy| {
        let page = render(&[fixture::run("few", &[("platelet", 90), ("ig", 0)], accuracy, 0.0)]);
        let (_, section) = page.split_once("<section id=\"classes\"").unwrap();
        section[..section.find("</section>").unwrap()].to_string()
    };
    let never_named = classes(1.0);
    assert!(!never_named.contains("<th scope=\"row\">ig</th>"), "{never_named}");
    assert!(never_named.contains("No image here is of: ig. Means over classes are taken over the 1 of 2"));
    assert!(classes(0.8).contains("No image here is of: ig (given to "), "{}", classes(0.8));
}

#[test]
fn a_mean_over_classes_says_over_which_classes() {
    let some = fixture::run("some", &[("a", 90), ("b", 80), ("c", 0)], 0.9, 1.0);
    let page = render(std::slice::from_ref(&some));
    for title in ["Balanced accuracy", "Macro F1", "AUROC"] {
        assert!(page.contains(&format!("{title}<small>over 2 of 3 classes</small>")), "{title}");
    }
    assert!(!render(&[blood()]).contains("of 8 classes</small>"));
}

#[test]
fn a_page_is_drawn_from_whatever_there_is() {
    let mut bare = fixture::run("bare", &[], 0.9, 0.0);
    bare.evaluation.conditions.clear();
    bare.curves = Some(Curves::default());
    let mut ragged = blood();
    for condition in &mut ragged.evaluation.conditions {
        condition.scores.confusion = vec![vec![1; 11], vec![], vec![2]];
        condition.scores.per_class.truncate(2);
    }
    ragged.evaluation.mistakes[0].truth = 99;
    let mut degraded_only = blood();
    degraded_only.evaluation.conditions.remove(0);
    let clean_only = fixture::run("clean", &BLOOD, 0.987, 0.0);
    assert!(!render(std::slice::from_ref(&clean_only)).contains("id=\"degraded\""));
    assert!(render(std::slice::from_ref(&clean_only)).contains("nothing is known of worse images"));
    let mut many = blood();
    many.evaluation.mistakes = vec![many.evaluation.mistakes[0].clone(); 60];
    assert!(
        render(std::slice::from_ref(&many))
            .contains("The 48 that the model was surest about, of 60 unchanged images that it names wrongly")
    );
    let runs = [bare, ragged, degraded_only, clean_only, many, blood()];
    assert_well_formed(&render(&[]));
    assert_well_formed(&render(&runs));
    for run in runs {
        assert_well_formed(&render(&[run]));
    }
}

#[test]
fn a_comparison_names_the_best_and_warns_of_what_cannot_be_compared() {
    let strong = fixture::run("Strong", &BLOOD, 0.98, 0.5);
    let weak = fixture::run("Weak", &BLOOD, 0.99, 1.5);
    let page = render(&[weak.clone(), strong.clone()]);
    assert_well_formed(&page);
    assert_closed(&page);
    assert!(page.contains("<strong>Strong</strong> is the best under the suite degraded"));
    assert!(page.contains("tells it from every other run; the closest is <strong>Weak</strong>"));
    // each is the better one in a column: under degradation, and on unchanged images
    assert_eq!(page.matches("class=\"n best\"").count(), 2, "columns with a test alone have bold");
    assert!(!page.contains("role=\"note\""), "same images, same conditions: nothing to warn of");

    // few images, all alike but for four
    let few = |title: &str, accuracy| fixture::run(title, &[("a", 24), ("b", 24)], accuracy, 0.0);
    let chance = render(&[few("One", 0.90), few("Other", 0.75)]);
    assert!(chance.contains("does <strong>not</strong> tell it from <strong>Other</strong>"));
    assert!(!chance.contains("class=\"n best\"") && !chance.contains(" best\">"), "nothing is bold");
    assert!(!chance.contains("Bold is a best"), "and so bold is not explained");

    // at another size the same images have another hash
    let mut smaller = strong.clone();
    (smaller.evaluation.data.hash, smaller.evaluation.model.size) = ("other".into(), 64);
    smaller.evaluation.data.listing = "same".into();
    let mut larger = weak.clone();
    larger.evaluation.data.listing = "same".into();
    assert!(!render(&[larger, smaller]).contains("Not the same images"));

    let mut older = strong.clone();
    older.evaluation.conditions.iter_mut().for_each(|condition| condition.right = Outcomes::default());
    assert!(render(&[weak.clone(), older]).contains("do not say which images were named rightly"));

    let mut other = strong;
    other.evaluation.data.hash = "other".into();
    other.evaluation.data.synthetic = true;
    other.evaluation.conditions.pop();
    other.evaluation.model.enlarged = Some(128);
    let page = render(&[weak, other]);
    assert_eq!(page.matches(" px enlarged to 128, ").count(), 1);
    for warning in
        ["Not the same images", "Not the same conditions", "Synthetic cells", "These cells are synthetic"]
    {
        assert!(page.contains(warning), "{warning}");
    }
}

#[test]
fn warnings_stand_before_the_numbers() {
    let mut run = blood();
    run.evaluation.data.synthetic = true;
    run.evaluation.data.skipped = 1;
    run.evaluation.data.part = "all".into();
    let page = render(&[run]);
    let headline = page.find("class=\"headline\"").unwrap();
    for warning in ["These cells are synthetic", "1 image could not be read", "Scored on all images"] {
        assert!(page.find(warning).unwrap() < headline, "{warning}");
    }
}

#[test]
fn what_was_chosen_on_the_images_that_it_is_judged_on_is_said() {
    let said = |part: &str, fitted: Option<&[&str]>| {
        let mut run = blood();
        run.evaluation.data.part = part.into();
        run.evaluation.model.fitted_here =
            fitted.map(|names| names.iter().map(ToString::to_string).collect());
        render(&[run])
    };
    assert!(said("val", Some(&["epoch", "temperature"])).contains(
        "The epoch and temperature of this model were chosen on these very images: the scores flatter it."
    ));
    assert!(said("all", Some(&["temperature"])).contains("The temperature of this model was chosen"));
    assert!(said("val", None).contains("If these are the images that the model was chosen"));
    assert!(!said("val", Some(&[])).contains("flatter") && !said("test", None).contains("flatter"));
}

#[test]
fn a_series_of_runs_shows_mean_and_spread_first_and_names_no_best() {
    let run = |fold: usize, accuracy| {
        let mut run = fixture::run(&format!("fold-{fold}"), &BLOOD, accuracy, 0.0);
        run.evaluation.data.hash = format!("fold {fold}");
        run
    };
    let runs = vec![run(1, 0.96), run(2, 0.98), run(3, 0.97)];
    let values = |metric: &Metric| -> Vec<f64> {
        runs.iter().map(|run| run.evaluation.conditions[0].scores.value(metric).unwrap()).collect()
    };
    let scores: Vec<SeriesScore> = [&ACCURACY, &MACRO_F1]
        .map(|metric| {
            let scores = runs.iter().map(|run| &run.evaluation.conditions[0].scores);
            SeriesScore::new(metric, metric.label, values(metric)).over(metric, scores)
        })
        .into();
    let (mean, deviation) = (scores[0].mean, scores[0].deviation);
    let about = "Each run validates on another fold of the data.".into();
    let origin = Origin::new(fixture::provenance("hema train --folds 3"));
    let page = render_series("Three folds", &SeriesReport { about, scores, runs, origin });
    assert_well_formed(&page);
    assert_closed(&page);
    let headline = format!(
        "<span>Accuracy</span> <strong>{:.1}\u{202f}%</strong> <small>mean of 3 runs; standard deviation {:.1}\u{202f}points",
        mean * 100.0,
        deviation * 100.0
    );
    let place = page.find(&headline).unwrap_or_else(|| panic!("{headline}"));
    assert!(place < page.find("<section").unwrap() && place < page.find("<article").unwrap());
    assert!(!page.contains("Not the same images") && !page.contains("is the best"));
    for run in ["fold-1", "fold-2", "fold-3"] {
        assert!(page.contains(&format!(">{run}</a>")), "{run}");
    }
}

/// The text that a reader sees without pointing at anything.
fn visible(page: &str) -> String {
    let content = page.split_once("<body>").unwrap().1;
    let mut text = String::new();
    let mut hidden = false;
    for piece in content.split('<').skip(1) {
        let (tag, words) = piece.split_once('>').unwrap();
        match tag {
            "title" | "desc" => hidden = true,
            "/title" | "/desc" => hidden = false,
            _ => {}
        }
        if !hidden {
            text.push_str(words);
        }
        text.push(' ');
    }
    text
}

#[test]
fn no_number_stands_in_a_tip_alone() {
    let page = render(&[blood()]);
    assert!(!page.contains(" title=\""), "title attributes are out of reach on a touch screen");
    let text = visible(&page);
    let is_seen = |number: &str| {
        text.split(|c: char| !(c.is_ascii_digit() || c == '.' || c == ','))
            .any(|word| word.trim_end_matches(['.', ',']) == number)
    };
    let tips = page.split("<title>").skip(2).map(|rest| rest.split("</title>").next().unwrap());
    for tip in tips {
        for number in tip.split(|c: char| !(c.is_ascii_digit() || c == '.' || c == ',')) {
            let number = number.trim_matches(['.', ',']);
            assert!(number.is_empty() || is_seen(number), "{number} of the tip `{tip}`");
        }
    }
}

#[test]
fn a_certain_prediction_is_not_shown_as_certain() {
    let mut run = blood();
    run.evaluation.mistakes[0].probability = 1.0;
    let page = render(&[run]);
    let (_, gallery) = page.split_once("<ul class=\"gallery\">").unwrap();
    assert!(gallery.split_once("</li>").unwrap().0.contains("&gt;99.9\u{202f}%"));
}

/// Relative luminance of a colour `#rrggbb` (WCAG 2.2).
fn luminance(colour: &str) -> f64 {
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

#[test]
fn bars_and_lines_stand_out_from_the_paper_by_three_to_one_in_light_and_dark() {
    let style = include_str!("../report.css");
    let (light, dark) = style.split_once("prefers-color-scheme: dark").unwrap();
    for (mode, style) in [("light", light), ("dark", dark)] {
        let colour = |name: &str| {
            let (_, rest) = style.split_once(&format!("--{name}: ")).unwrap();
            luminance(rest.split(';').next().unwrap())
        };
        for name in ["right", "right-soft", "wrong", "wrong-soft", "train", "soft", "shade"] {
            let mut pair = [colour(name), colour("paper")];
            pair.sort_by(f64::total_cmp);
            let contrast = (pair[1] + 0.05) / (pair[0] + 0.05);
            assert!(contrast >= 3.0, "{name} in {mode}: {contrast:.2}");
        }
    }
}

#[test]
fn a_thumbnail_is_a_small_png() {
    use base64::Engine as _;
    for (width, height, expected) in [(300, 200, (128, 85)), (40, 30, (40, 30)), (1000, 1, (128, 1))] {
        let text = thumbnail_png_base64(&Image::filled(width, height, [9, 99, 199])).unwrap();
        let png = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
        let decoded = image::load_from_memory(&png).unwrap().into_rgb8();
        assert_eq!(decoded.dimensions(), expected);
        assert_eq!(decoded.get_pixel(0, 0).0, [9, 99, 199]);
    }
}
