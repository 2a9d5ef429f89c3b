//! Several runs side by side: who is said to be the best, and who is not.

use super::{RunReport, assert_well_formed, fixture, render};
use crate::tta;

/// A run on few images, all alike but for the share that is right.
fn few(title: &str, accuracy: f64) -> RunReport {
    let mut run = fixture::run(title, &[("a", 24), ("b", 24)], accuracy, 0.0);
    (run.curves, run.evaluation.data.part) = (None, "test".into());
    run
}

fn on(data: &str, mut run: RunReport) -> RunReport {
    run.evaluation.data.hash = data.into();
    run
}

fn of_series(series: &str, mut run: RunReport) -> RunReport {
    run.series = Some(series.into());
    run
}

#[test]
fn runs_that_score_the_same_have_no_best() {
    let page = render(&[few("One", 0.9), few("Other", 0.9)]);
    assert!(
        page.contains("<strong>One</strong> and <strong>Other</strong> score the same on unchanged images")
    );
    assert!(!page.contains("scores highest") && !page.contains("0.0 percentage points"));
}

#[test]
fn one_run_on_other_images_leaves_the_others_their_test() {
    let page = render(&[few("A", 0.95), few("B", 0.5), on("elsewhere", few("C", 0.99))]);
    assert_well_formed(&page);
    assert!(page.contains("Not the same images"));
    assert!(
        page.contains(
            "Of A, B, judged on the same images: <strong>A</strong> is the best on unchanged images"
        ),
        "{page}"
    );
    assert!(!page.contains("<strong>C</strong> scores"));
    assert!(!page.contains("cannot be compared"));
}

#[test]
fn a_run_beside_an_evaluation_with_more_conditions_is_paired_on_the_unchanged_images() {
    let mut degraded = fixture::run("Degraded too", &[("a", 24), ("b", 24)], 0.5, 1.0);
    degraded.curves = None;
    let page = render(&[few("Clean", 0.95), degraded]);
    assert!(page.contains("Not the same conditions"));
    assert!(page.contains("<strong>Clean</strong> is the best on unchanged images"), "{page}");
}

#[test]
fn of_three_runs_every_pair_is_told() {
    let page = render(&[few("A", 0.95), few("B", 0.8), few("C", 0.5)]);
    let (_, pairs) = page.split_once("Runs in pairs</summary>").unwrap();
    let pairs = pairs.split_once("</table>").unwrap().0;
    for pair in ["A<small>against B", "A<small>against C", "B<small>against C"] {
        assert!(pairs.contains(pair), "{pair}: {pairs}");
    }
}

#[test]
fn a_series_is_a_row_with_mean_and_deviation_and_none_of_its_runs_is_named_the_best() {
    let runs: Vec<RunReport> =
        [("s1", 0.95, "first"), ("s2", 0.9, "first"), ("s1b", 0.92, "second"), ("s2b", 0.7, "second")]
            .map(|(title, accuracy, series)| of_series(series, few(title, accuracy)))
            .into();
    let page = render(&runs);
    assert_well_formed(&page);
    assert!(page.contains("<strong>first</strong><small>mean of 2 runs</small>"), "{page}");
    assert!(page.contains("<small>± "), "{page}");
    assert!(page.contains("their runs overlap, so the difference can be chance"), "{page}");
    assert!(!page.contains("is the best") && !page.contains("scores highest"));
    assert_eq!(page.matches("<tr class=\"member\">").count(), 4);
}

#[test]
fn how_a_model_was_asked_and_by_what_it_was_chosen_stands_beside_its_name() {
    let mut asked = few("Asked", 0.9);
    let model = &mut asked.evaluation.model;
    (model.tta, model.adapted, model.among) = ("dihedral".into(), true, vec!["a".into(), "<b>".into()]);
    asked.evaluation.data.part = "val".into();
    asked.evaluation.model.fitted_here = None;
    let mut usual = few("Usual", 0.8);
    usual.evaluation.model.tta = tta::NONE.name.into();
    let page = render(&[asked, usual]);
    assert!(page.contains(
        "48 images of the part val, views: dihedral, among a, &lt;b&gt;, classes weighed by the images"
    ));
    assert!(page.contains("48 images of the part test</small>"));
    assert!(page.contains("<strong>Chosen by these images:</strong> Asked may have been judged"));
}
