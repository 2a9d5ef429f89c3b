//! Parity with scikit-learn and statsmodels (`scripts/reference/sklearn_metrics.py`), and refusals.

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Case {
    name: String,
    classes: usize,
    labels: Vec<usize>,
    probabilities: Vec<f32>,
    accuracy: f64,
    balanced_accuracy: f64,
    macro_f1: f64,
    auroc: Option<f64>,
    nll: f64,
    brier: f64,
    ece: f64,
    confusion: Vec<Vec<u64>>,
    precision: Vec<f64>,
    recall: Vec<f64>,
    f1: Vec<f64>,
    class_auroc: Vec<Option<f64>>,
    precision_interval: Vec<Option<[f64; 2]>>,
    recall_interval: Vec<Option<[f64; 2]>>,
}

fn predictions(classes: usize, labels: &[usize], probabilities: &[f32]) -> Predictions {
    Predictions {
        classes: (0..classes).map(|class| format!("class {class}")).collect(),
        labels: labels.to_vec(),
        probabilities: probabilities.to_vec(),
    }
}

fn close(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() < 1e-9, "{what}: {found}, expected {expected}");
}

fn close_if_defined(found: Option<f64>, expected: Option<f64>, what: &str) {
    assert_eq!(found.is_some(), expected.is_some(), "{what}");
    close(found.unwrap_or(0.0), expected.unwrap_or(0.0), what);
}

#[test]
fn scores_are_those_of_scikit_learn() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../../tests/fixtures/metrics.json")).unwrap();
    assert_eq!(cases.len(), 10);
    for case in cases {
        let scores = score(&predictions(case.classes, &case.labels, &case.probabilities)).unwrap();
        let what = |metric: &str| format!("{}, {metric}", case.name);
        assert_eq!(scores.n, case.labels.len() as u64);
        close(scores.value(&ACCURACY).unwrap(), case.accuracy, &what("accuracy"));
        close(scores.value(&BALANCED_ACCURACY).unwrap(), case.balanced_accuracy, &what("balanced accuracy"));
        close(scores.value(&MACRO_F1).unwrap(), case.macro_f1, &what("macro F1"));
        close_if_defined(scores.value(&AUROC), case.auroc, &what("AUROC"));
        close(scores.value(&NLL).unwrap(), case.nll, &what("NLL"));
        close(scores.value(&BRIER).unwrap(), case.brier, &what("Brier"));
        close(scores.value(&ECE).unwrap(), case.ece, &what("ECE"));
        assert_eq!(scores.confusion, case.confusion, "{}", case.name);
        for (class, found) in scores.per_class.iter().enumerate() {
            let what = |metric: &str| format!("{}, {metric} of class {class}", case.name);
            assert_eq!(found.support, case.confusion[class].iter().sum::<u64>());
            close(found.precision, case.precision[class], &what("precision"));
            close(found.recall, case.recall[class], &what("recall"));
            close(found.f1, case.f1[class], &what("F1"));
            close_if_defined(found.auroc, case.class_auroc[class], &what("AUROC"));
            for (found, expected) in [
                (found.precision_interval, case.precision_interval[class]),
                (found.recall_interval, case.recall_interval[class]),
            ] {
                let expected = expected.unwrap_or([0.0, 1.0]);
                close(found[0], expected[0], &what("interval"));
                close(found[1], expected[1], &what("interval"));
            }
        }
        let [low, high] = scores.accuracy_interval();
        assert!(low <= scores.accuracy() && scores.accuracy() <= high, "{}", case.name);
    }
}

#[test]
fn equal_probabilities_predict_the_lowest_class() {
    assert_eq!(argmax(&[0.2, 0.4, 0.4]), 1);
    assert_eq!(predictions(2, &[0, 1], &[0.5; 4]).predicted(), [0, 0]);
}

#[test]
fn certain_predictions_fall_into_the_last_bin() {
    let scores = score(&predictions(2, &[0, 1, 0], &[0.5, 0.5, 1.0, 0.0, 1.0, 0.0])).unwrap();
    let counts: Vec<u64> = scores.reliability.iter().map(|bin| bin.count).collect();
    assert_eq!((counts[7], counts[14], counts.iter().sum::<u64>()), (1, 2, 3));
    assert_eq!((scores.reliability[14].confidence, scores.reliability[14].accuracy), (1.0, 0.5));
    close(scores.value(&ECE).unwrap(), (0.5 + 2.0 * 0.5) / 3.0, "ECE");
}

#[test]
fn a_few_images_that_are_all_right_do_not_make_a_model_perfect() {
    let labels = [0, 1, 0, 1, 0, 1, 0, 1];
    let right: Vec<f32> = labels.iter().flat_map(|l| if *l == 0 { [0.9, 0.1] } else { [0.1, 0.9] }).collect();
    let scores = score(&predictions(2, &labels, &right)).unwrap();
    let [low, high] = scores.accuracy_interval();
    assert!((low - 0.6756).abs() < 1e-4 && high > 0.999, "{low} {high}");
}

#[test]
fn a_class_without_images_has_no_recall_and_no_f1_in_a_file() {
    // the class 1 does not occur, and is named once
    let scores = score(&predictions(3, &[0, 2], &[0.2, 0.8, 0.0, 0.1, 0.0, 0.9])).unwrap();
    let file = serde_json::to_value(&scores).unwrap();
    let absent = &file["per_class"][1];
    assert!(
        absent["recall"].is_null() && absent["recall_interval"].is_null() && absent["f1"].is_null(),
        "{absent}"
    );
    assert_eq!((absent["support"].as_u64(), absent["precision"].as_f64()), (Some(0), Some(0.0)));
    assert_eq!(file["per_class"][0]["recall"].as_f64(), Some(0.0));
    assert_eq!(serde_json::from_value::<Scores>(file).unwrap(), scores);
    // files from before this have numbers
    let old = r#"{"name": "a", "support": 0, "precision": 0.0, "precision_interval": [0.0, 1.0], "recall": 0.0,
                  "recall_interval": [0.0, 1.0], "f1": 0.0, "auroc": null}"#;
    assert_eq!(serde_json::from_str::<ClassScores>(old).unwrap().recall_interval, [0.0, 1.0]);
}

#[test]
fn means_over_classes_are_taken_over_the_classes_that_have_images_whatever_is_predicted() {
    // two of the four classes have images, two of each; one image is taken for a class without any
    let labels = [0, 0, 1, 1];
    let row = |class: usize| (0..4).map(move |k| if k == class { 0.7 } else { 0.1 });
    let of = |named: [usize; 4]| {
        let probabilities: Vec<f32> = named.into_iter().flat_map(row).collect();
        score(&predictions(4, &labels, &probabilities)).unwrap()
    };
    let scores = of([0, 2, 1, 1]);
    // the class 0 has precision 1 and recall 1/2, the class 1 both 1, and the class 2 enters nothing
    close(scores.value(&MACRO_F1).unwrap(), f64::midpoint(2.0 / 3.0, 1.0), "macro F1");
    close(scores.value(&BALANCED_ACCURACY).unwrap(), 0.75, "balanced accuracy");
    // the same mistake within the two classes costs the other one precision as well
    assert!(of([0, 1, 1, 1]).value(&MACRO_F1) < scores.value(&MACRO_F1));
    for metric in METRICS {
        let expected = (metric.over == Over::Classes).then(|| "over 2 of 4 classes".to_owned());
        assert_eq!(scores.coverage(metric), expected, "{}", metric.name);
    }
    let all = score(&predictions(2, &[0, 1], &[0.9, 0.1, 0.2, 0.8])).unwrap();
    assert_eq!(all.coverage(&MACRO_F1), None);
}

#[test]
fn impossible_predictions_are_refused() {
    let refused = |classes, labels: &[usize], probabilities: &[f32]| {
        score(&predictions(classes, labels, probabilities)).unwrap_err().to_string()
    };
    assert_eq!(refused(2, &[], &[]), "found 0 images and 2 classes, expected at least 1 and 2");
    assert_eq!(refused(2, &[0], &[1.0]), "found 1 probabilities, expected 1 images x 2 classes");
    assert_eq!(refused(2, &[0, 2], &[0.5; 4]), "image 1: found label 2, expected less than 2");
    assert_eq!(refused(2, &[0], &[f32::NAN, 1.0]), "image 0: found probability NaN, expected 0 to 1");
    assert_eq!(refused(2, &[0], &[-0.5, 1.5]), "image 0: found probability -0.5, expected 0 to 1");
    assert_eq!(refused(2, &[0], &[0.5, 0.25]), "image 0: probabilities sum to 0.75, expected 1");
}

#[test]
fn metrics_are_found_by_name_and_know_their_direction() {
    let scores = score(&predictions(2, &[0, 1], &[0.9, 0.1, 0.2, 0.8])).unwrap();
    for metric in METRICS {
        assert!(scores.value(metric).is_some(), "{}", metric.name);
        assert_eq!(find(metric.name).unwrap().name, metric.name);
    }
    assert_eq!(find("acuracy").unwrap_err().hint_text(), Some("did you mean `accuracy`?"));
    assert!(find("nll").unwrap().improves(0.1, 0.2) && find("auroc").unwrap().improves(0.2, 0.1));
    assert!(!find("nll").unwrap().improves(f64::NAN, 0.2));
}

#[test]
fn metrics_stand_flat_in_a_file_in_the_order_of_the_table() {
    let scores = score(&predictions(2, &[0, 1], &[0.75, 0.25, 0.5, 0.5])).unwrap();
    let text = serde_json::to_string(&scores).unwrap();
    let keys = [
        "n",
        "accuracy",
        "accuracy_interval",
        "balanced_accuracy",
        "macro_f1",
        "auroc",
        "nll",
        "brier",
        "ece",
        "per_class",
        "confusion",
        "reliability",
    ];
    let places = keys.map(|key| text.find(&format!("\"{key}\":")).unwrap());
    assert!(places.is_sorted(), "{text}");
    assert_eq!(serde_json::from_str::<Scores>(&text).unwrap(), scores);
    for metric in METRICS {
        assert!(text.contains(&format!("\"{}\":", metric.key())), "{}", metric.name);
    }
}

#[test]
fn a_file_from_before_a_metric_is_read() {
    let old = r#"{"n": 2, "accuracy": 0.5, "accuracy_interval": [0.0, 1.0], "auroc": null,
                  "per_class": [], "confusion": [], "reliability": []}"#;
    let scores: Scores = serde_json::from_str(old).unwrap();
    assert_eq!((scores.accuracy(), scores.accuracy_interval()), (0.5, [0.0, 1.0]));
    assert!(scores.value(&AUROC).is_none() && scores.value(&ECE).is_none() && scores.number(&ECE).is_nan());
}

#[test]
fn a_record_without_an_accuracy_is_refused() {
    let refused = |text: &str| serde_json::from_str::<Scores>(text).unwrap_err().to_string();
    let rest = r#""n": 2, "per_class": [], "confusion": [], "reliability": []"#;
    assert!(refused(&format!("{{{rest}}}")).contains("missing field `accuracy`"));
    let null = refused(&format!(r#"{{"accuracy": null, "accuracy_interval": [0.0, 1.0], {rest}}}"#));
    assert!(null.contains("missing field `accuracy`"), "{null}");
    let bare = refused(&format!(r#"{{"accuracy": 0.5, {rest}}}"#));
    assert!(bare.contains("missing field `accuracy_interval`"), "{bare}");
}
