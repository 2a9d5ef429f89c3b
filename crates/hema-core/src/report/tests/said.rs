//! The sentences of the verdict: none says more than the images show.

use super::{RunReport, assert_well_formed, blood, fixture, render};
use crate::metrics::{ECE, Outcomes, Predictions, kept_by_threshold, score};
use crate::record::ConditionScores;

const TWO: [(&str, u64); 2] = [("a", 24), ("b", 24)];

/// An image: its class, the class named and its probability.
type Named = (usize, usize, f32);

/// A run whose unchanged images are these.
fn of(images: &[Named]) -> RunReport {
    let mut run = fixture::run("Said", &TWO, 0.9, 0.0);
    run.evaluation.data.counts =
        (0..2).map(|class| images.iter().filter(|image| image.0 == class).count() as u64).collect();
    run.evaluation.conditions[0] = condition(&run.evaluation.conditions[0], images);
    run
}

fn condition(like: &ConditionScores, images: &[Named]) -> ConditionScores {
    let labels: Vec<usize> = images.iter().map(|image| image.0).collect();
    let row = |(_, named, p): &Named| if *named == 0 { [*p, 1.0 - p] } else { [1.0 - p, *p] };
    let predictions = Predictions {
        classes: ["a", "b"].map(String::from).to_vec(),
        labels: labels.clone(),
        probabilities: images.iter().flat_map(row).collect(),
    };
    ConditionScores {
        scores: score(&predictions).unwrap(),
        right: Outcomes::new(&labels, &predictions.predicted()),
        kept: kept_by_threshold(&predictions),
        ..like.clone()
    }
}

/// So many images of both classes, of which some are named wrongly.
fn images(all: usize, wrong: usize, probability: f32) -> Vec<Named> {
    (0..all).map(|i| (i % 2, if i < wrong { 1 - i % 2 } else { i % 2 }, probability)).collect()
}

fn verdict(run: &RunReport) -> String {
    let page = render(std::slice::from_ref(run));
    assert_well_formed(&page);
    let (_, verdict) = page.split_once("<ul class=\"verdict\">").unwrap();
    verdict.split_once("</ul>").unwrap().0.to_owned()
}

#[test]
fn probabilities_are_called_wrong_only_where_the_images_show_it() {
    let says = |all, wrong, probability| verdict(&of(&images(all, wrong, probability)));
    let unknown = "do not show whether its probabilities are too high or too low";
    assert!(says(6, 1, 0.9).contains(&format!("these 6 images {unknown}")), "{}", says(6, 1, 0.9));
    assert!(says(84, 12, 0.9).contains(unknown), "{}", says(84, 12, 0.9));
    assert!(says(84, 42, 0.9).contains("claims more than it gets right"), "{}", says(84, 42, 0.9));
    assert!(says(84, 0, 0.6).contains("gets more right than it claims"), "{}", says(84, 0, 0.6));
    assert!(says(20_000, 2000, 0.9).contains("match its accuracy within one percentage point"));
}

#[test]
fn means_that_agree_do_not_hide_a_calibration_error_beyond_chance() {
    // surest where it is wrong: .95 of which half are right, .55 of which all are
    let mixed = [images(60, 30, 0.95), images(60, 0, 0.55)].concat();
    let run = of(&mixed);
    assert!(run.evaluation.conditions[0].scores.number(&ECE) > 0.4);
    let said = verdict(&run);
    assert!(said.contains("do <strong>not hold</strong>: the calibration error is 45.0"), "{said}");
}

#[test]
fn two_suites_have_a_headline_each_with_its_interval_and_no_number_mixes_them() {
    let mut run = blood();
    let mut second: Vec<ConditionScores> = run.evaluation.conditions[1..6].to_vec();
    for condition in &mut second {
        condition.suite = "challenge".into();
    }
    run.evaluation.conditions.extend(second);
    run.evaluation.suites = fixture::suites(&run.evaluation.conditions);
    let page = render(std::slice::from_ref(&run));
    assert_well_formed(&page);
    for suite in &run.evaluation.suites {
        let headline = format!(
            "Accuracy under degradation, suite {}</span> <strong>{:.1}\u{202f}%</strong> <small>95\u{202f}% interval ",
            suite.name,
            suite.accuracy * 100.0
        );
        assert!(page.contains(&headline), "{headline}");
        let change = format!("Change by degradation, suite {}</span>", suite.name);
        let (_, change) = page.split_once(&change).unwrap();
        assert!(
            change.split_once("</p>").unwrap().0.contains("points; 95\u{202f}% interval "),
            "{change:.200}"
        );
    }
    let all = &run.evaluation.conditions[1..];
    let mixed = all.iter().map(|c| c.scores.accuracy()).sum::<f64>() / all.len() as f64;
    assert!(!page.contains(&format!("{:.1}\u{202f}%</strong>", mixed * 100.0)));
}

/// A run with degraded conditions, by name and images.
fn under(clean: &[Named], conditions: &[(&str, Vec<Named>)]) -> RunReport {
    let mut run = of(clean);
    for (name, images) in conditions {
        let mut condition = condition(&run.evaluation.conditions[0], images);
        (condition.suite, condition.corruption, condition.operators) =
            ("mine".into(), Some((*name).into()), 1);
        run.evaluation.conditions.push(condition);
    }
    run.evaluation.suites = fixture::suites(&run.evaluation.conditions);
    run
}

#[test]
fn nothing_hurts_most_where_nothing_hurts_or_where_two_cannot_be_told_apart() {
    let clean = images(60, 6, 0.9);
    let harmless = under(&clean, &[("fog", images(60, 5, 0.9)), ("snow", images(60, 6, 0.9))]);
    let said = verdict(&harmless);
    assert!(
        said.contains("No kind of degradation hurts it by more than chance brings among these 60 images"),
        "{said}"
    );
    let tied = under(
        &clean,
        &[("fog", images(60, 40, 0.9)), ("snow", images(60, 39, 0.9)), ("rain", images(60, 8, 0.9))],
    );
    let said = verdict(&tied);
    assert!(
        said.contains("<strong>Fog</strong> comes out worst") && said.contains("do not tell it from snow"),
        "{said}"
    );
    let clear = under(&clean, &[("fog", images(60, 40, 0.9)), ("rain", images(60, 8, 0.9))]);
    assert!(verdict(&clear).contains("<strong>Fog</strong> hurts it most"));
}

#[test]
fn draws_of_random_operators_are_never_blamed_by_name_and_no_severity_is_spoken_of() {
    let mut run =
        under(&images(60, 6, 0.9), &[("draw-1", images(60, 40, 0.9)), ("draw-2", images(60, 20, 0.9))]);
    for condition in &mut run.evaluation.conditions[1..] {
        condition.is_drawn = true;
    }
    let said = verdict(&run);
    assert!(!said.contains("raw-1") && !said.contains("raw-2"), "{said}");
    let page = render(&[run]);
    assert!(!page.contains("5 is the strongest"), "there are no severities");
}

#[test]
fn classes_that_are_missed_alike_are_named_together_and_few_images_blame_none() {
    let rows = |class: usize, all: usize, right: usize| -> Vec<Named> {
        (0..all).map(|i| (class, if i < right { class } else { 1 - class }, 0.9)).collect()
    };
    let said = verdict(&of(&[rows(0, 100, 95), rows(1, 100, 40)].concat()));
    assert!(said.contains("the class missed most is <strong>b</strong>"), "{said}");
    let said = verdict(&of(&[rows(0, 4, 4), rows(1, 4, 3)].concat()));
    assert!(!said.contains("missed most"), "{said}");
    let mut run = blood();
    for class in [0, 6] {
        let own = &mut run.evaluation.conditions[0].scores.per_class[class];
        (own.recall, own.recall_interval) = (0.0, [0.0, 0.01]);
    }
    let said = verdict(&run);
    assert!(
        said.contains(
            "the classes missed most are <strong>neutrophil</strong> and <strong>basophil</strong>"
        ),
        "{said}"
    );
}

#[test]
fn what_is_left_to_the_model_is_shown_degraded_too() {
    let mut run = under(&images(60, 6, 0.9), &[("fog", images(60, 40, 0.9)), ("rain", images(60, 20, 0.9))]);
    let first = &run.evaluation.conditions[0];
    run.evaluation.kept = first.kept.clone();
    let page = render(&[run]);
    let (_, section) = page.split_once("<section id=\"kept\"").unwrap();
    let section = section.split_once("</section>").unwrap().0;
    assert!(section.contains("<caption>Unchanged images</caption>"), "{section}");
    let (_, degraded) = section.split_once("<caption>Under the suite mine</caption>").unwrap();
    // 60 of 120 are right
    assert!(
        degraded
            .contains("<td class=\"n\">100.0\u{202f}%<small>120</small></td><td class=\"n\">50.0\u{202f}%"),
        "{degraded}"
    );
}

#[test]
fn a_condition_that_shares_one_operator_of_many_was_not_trained_on() {
    let mut run =
        under(&images(60, 6, 0.9), &[("draw-1", images(60, 40, 0.9)), ("blur", images(60, 20, 0.9))]);
    let [_, draw, blur] = run.evaluation.conditions.as_mut_slice() else { panic!() };
    (draw.operators, draw.trained_on) = (20, vec!["flip".into()]);
    blur.trained_on = vec!["blur".into()];
    run.evaluation.suites[0].unseen_accuracy = None;
    run.evaluation.format = 2;
    run.evaluation = run.evaluation.upgraded();
    let unseen = run.evaluation.suites[0].unseen_accuracy.unwrap();
    assert!((unseen - 1.0 / 3.0).abs() < 1e-9, "the draw alone: {unseen}");
    let page = render(&[run]);
    assert!(page.contains("33.3\u{202f}%<small>1 of 20 operators trained on</small>"), "{page}");
    assert!(page.contains("blur<sup>†</sup>") && !page.contains("draw-1<sup>"));
}

#[test]
fn the_bars_in_numbers_stand_by_rising_probability() {
    let conditions = [("fog", images(60, 6, 0.95)), ("rain", images(60, 6, 0.69))];
    let page = render(&[under(&images(60, 6, 0.9), &conditions)]);
    let (_, numbers) =
        page.split_once("<caption>Degraded images, all conditions together</caption>").unwrap();
    let numbers = numbers.split_once("</table>").unwrap().0;
    let at = |range: &str| numbers.find(&format!("<th scope=\"row\">{range}</th>")).unwrap();
    assert!(at("67–73") < at("93–100"), "{numbers}");
}
