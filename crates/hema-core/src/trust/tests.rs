//! Trust as a whole, fitted to answers that are made up.

use rand::RngExt as _;

use super::*;
use crate::rng::{Purpose, stream};

const CLASSES: usize = 4;
const WIDTH: usize = 24;

/// Answers about images of known classes, of which every third is damaged: its picture has more grain, its
/// features are moved, and its logits, which claim the same as ever, are right less often.
fn answers(seed: u64, count: usize) -> Vec<Answered> {
    let mut rng = stream(seed, Purpose::Synthetic, 0, 0);
    (0..count)
        .map(|i| {
            let (label, severity) = (i % CLASSES, if i % 3 == 0 { 1 + (i / 3 % 5) as u8 } else { 0 });
            let damage = f32::from(severity);
            let mut statistics: Statistics = std::array::from_fn(|_| rng.random::<f32>());
            statistics[4] += damage;
            let mut features = features(label, &mut rng);
            features[WIDTH - 1] += damage / 4.0;
            let wrong = rng.random::<f32>() < 0.01 + 0.06 * damage;
            let named = if wrong { (label + 1) % CLASSES } else { label };
            let sure = 2.0 + 5.0 * rng.random::<f32>();
            let raw: Vec<f32> = (0..CLASSES).map(|class| if class == named { 0.0 } else { -sure }).collect();
            Answered { statistics, features, raw, label, severity }
        })
        .collect()
}

fn features(class: usize, rng: &mut impl rand::Rng) -> Vec<f32> {
    (0..WIDTH).map(|i| f32::from(u8::from(i == class)) + 0.2 * (rng.random::<f32>() - 0.5)).collect()
}

fn trust() -> Trust {
    Trust::fit("none", "abc", &answers(1, 900), &answers(2, 900), &answers(3, 900)).unwrap()
}

#[test]
fn a_strange_cell_is_unlike_and_less_sure_and_damage_that_training_knew_is_neither() {
    let trust = trust();
    let mut rng = stream(9, Purpose::Synthetic, 0, 0);
    let mut usual: Statistics = [0.5; STATISTICS.len()];
    let known = features(1, &mut rng);
    let sure = [0.0, -6.0, -6.0, -6.0];
    let marks = |picture: &Statistics, features: &[f32]| trust.marks(&trust.look(picture, features), &sure);
    let clean = marks(&usual, &known);
    let strange = marks(&usual, &features(11, &mut rng));
    let mut moved = known.clone();
    moved[WIDTH - 1] += 1.2;
    let damaged = marks(&usual, &moved);
    usual[4] = 500.0;
    let ruined = marks(&usual, &known);
    assert!(strange.temperature > 1.2 * clean.temperature, "{clean:?} {strange:?}");
    assert!(damaged.temperature < 1.2 * clean.temperature, "{clean:?} {damaged:?}");
    let thresholds = trust.thresholds(0.03);
    let question = |marks: &Marks| thresholds.question(&trust.doubts(0.999, marks));
    assert_eq!((question(&clean), question(&damaged)), (None, None), "{clean:?} {damaged:?}");
    assert_eq!(question(&strange), Some(Question::Unlike), "{strange:?}");
    assert_eq!(question(&ruined), Some(Question::Poor), "{ruined:?}");
    assert_eq!(thresholds.question(&trust.doubts(0.3, &clean)), Some(Question::Confidence));
}

#[test]
fn of_images_that_nothing_was_fitted_on_about_the_share_is_referred_that_was_allowed() {
    let trust = trust();
    assert_eq!(trust.certifying.images.len(), 900);
    for share in [0.02, 0.1, 0.3] {
        let outcome = trust.outcome(&trust.thresholds(share), 0);
        let referred = 1.0 - outcome.accepted() as f64 / outcome.images as f64;
        assert!((referred - share).abs() < 0.02 + 0.3 * share, "{share}: {outcome:?}");
    }
    let none = trust.outcome(&trust.thresholds(0.0), 0);
    assert!(none.accepted() >= none.images - 6 && none.wrong_of_accepted <= none.wrong, "{none:?}");
}

#[test]
fn trust_survives_in_a_file_and_is_refused_where_it_does_not_fit() {
    let trust = trust();
    let text = serde_json::to_string(&trust).unwrap();
    let read: Trust = serde_json::from_str(&text).unwrap();
    read.check(CLASSES).unwrap();
    let marks = |trust: &Trust| {
        let look = trust.look(&[0.3; STATISTICS.len()], &[0.5; WIDTH]);
        trust.marks(&look, &[-0.1, -3.0, -4.0, -5.0])
    };
    assert_eq!(marks(&read), marks(&trust));
    assert_eq!((read.views(), read.images(), read.width()), ("none", "abc", WIDTH));
    let error = read.check(7).unwrap_err();
    assert!(error.message().contains("expected 7"), "{error}");
    let fewer = text.replacen("\"width\":24", "\"width\":25", 1);
    assert!(serde_json::from_str::<Trust>(&fewer).unwrap().check(CLASSES).is_err());
    assert!(trust.weights().any(|(_, weight)| weight > 0.05), "{:?}", trust.weights().collect::<Vec<_>>());
}

#[test]
fn few_images_are_refused_with_their_numbers() {
    let error = Trust::fit("none", "abc", &answers(1, 900), &answers(2, 120), &answers(3, 900)).unwrap_err();
    assert_eq!(
        error.message(),
        "900 images of training and 80 and 600 of validation (expected at least 150 each)"
    );
}
