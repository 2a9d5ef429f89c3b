//! The whole page, checked as text: it is well-formed, complete, closed to the outside, and says what the
//! record says.

use std::collections::HashSet;

use super::{Curves, RunReport, render, thumbnail_png_base64};
use crate::Image;
use crate::metrics::{BRIER, ClassScores, ECE, METRICS, MetricValues, NLL, ReliabilityBin, Scores};
use crate::provenance::Provenance;
use crate::record::{ConditionScores, DataSummary, EVALUATION_FORMAT, Evaluation, Mistake, ModelSummary};

mod believed;
mod fixture;

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
        format!("Clean accuracy</span> <strong>{:.1}\u{202f}%", clean.accuracy() * 100.0),
        format!("{:.1}–{:.1}\u{202f}%", low * 100.0, high * 100.0),
        format!("title=\"basophil → basophil: {} of 244", clean.confusion[0][0]),
        format!("<td class=\"n\">{:.3}</td>", clean.value(&ECE).unwrap()),
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
        assert!(page.contains(&format!("<td class=\"n\">{:.3}</td>", class.f1)), "{}", class.name);
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
    let scores_of_last = |accuracy| {
        let page = render(&[fixture::run("few", &[("platelet", 90), ("ig", 0)], accuracy, 0.0)]);
        let (_, table) = page.split_once("<table class=\"classes\">").unwrap();
        let (_, row) = table.split_once("<th scope=\"row\">ig</th>").unwrap();
        row[..row.find("</tr>").unwrap()].to_string()
    };
    let never_named = scores_of_last(1.0);
    assert!(!never_named.contains("0.0") && !never_named.contains("<svg"), "{never_named}");
    let named = scores_of_last(0.8);
    assert!(named.contains("0.000") && named.matches("<svg").count() == 1, "{named}");
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
    assert!(render(std::slice::from_ref(&many)).contains("The first 48 of 60 are shown."));
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
    assert!(page.contains("<strong>Strong</strong> holds up best"));
    assert!(!page.contains("role=\"note\""), "same images, same conditions: nothing to warn of");

    let mut other = strong;
    other.evaluation.data.hash = "other".into();
    other.evaluation.data.synthetic = true;
    other.evaluation.conditions.pop();
    other.evaluation.model.enlarged = Some(128);
    let page = render(&[weak, other]);
    assert_eq!(page.matches(" px enlarged to 128</small>").count(), 1);
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
    for warning in ["These cells are synthetic", "1 image could not be read", "Scored on the part"] {
        assert!(page.find(warning).unwrap() < headline, "{warning}");
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
