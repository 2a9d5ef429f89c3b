//! Coverage as theory has it, parity with MAPIE and crepes (`scripts/reference/conformal_sets.py`), and the
//! places where implementations err: ties, certainty, empty sets, few cells.

use rand::RngExt as _;
use rayon::prelude::*;
use serde::Deserialize;

use super::*;
use crate::rng::{Purpose, Rng, stream};

const CLASSES: usize = 4;

fn by(name: &str) -> &'static SetsBy {
    find_sets_by(name).unwrap()
}

fn image(label: usize, probabilities: &[f64], poor: f32) -> Certified {
    let raw = probabilities.iter().map(|p| p.ln() as f32).collect();
    Certified { label, raw, temperature: 1.0, unlike: 0.0, poor, severity: 0 }
}

fn table(images: Vec<Certified>) -> Certifying {
    Certifying { classes: CLASSES, images }
}

/// A cell whose label is drawn from other probabilities than the model's, the more so the poorer it is.
fn drawn(rng: &mut Rng) -> Certified {
    let poor = rng.random::<f32>();
    let label = rng.random_range(0..CLASSES);
    let mut weights: [f64; CLASSES] = std::array::from_fn(|_| (2.0 * rng.random::<f64>()).exp());
    weights[label] *= (4.0 * (1.0 - f64::from(poor)) * rng.random::<f64>()).exp();
    let sum: f64 = weights.iter().sum();
    image(label, &weights.map(|weight| weight / sum), poor)
}

/// Whether the set of one more cell holds its class, in many draws of a table of so many cells, with the
/// stratum of the cell.
fn covered(name: &str, images: usize, level: f64, draws: u64) -> Vec<(usize, bool)> {
    let of = |draw: u64| {
        let mut rng = stream(11, Purpose::Synthetic, images as u64, draw);
        let conformal =
            Conformal::fit(&table((0..images).map(|_| drawn(&mut rng)).collect()), by(name), level).unwrap();
        let new = drawn(&mut rng);
        let holds = conformal.raw_set(&new.raw, new.poor).contains(&new.label);
        (stratum(&conformal.edges, stored(new.poor).to_f32()), holds)
    };
    (0..draws).into_par_iter().map(of).collect()
}

/// Asserts that a share of these outcomes is as expected, to 4.5 standard deviations.
fn assert_share<'a>(what: &str, outcomes: impl Iterator<Item = &'a (usize, bool)>, expected: f64) {
    let held: Vec<bool> = outcomes.map(|(_, holds)| *holds).collect();
    let share = held.iter().filter(|holds| **holds).count() as f64 / held.len() as f64;
    let deviation = (expected * (1.0 - expected) / held.len() as f64).sqrt();
    assert!((share - expected).abs() < 4.5 * deviation, "{what}: {share}, expected {expected}");
}

#[test]
fn over_ten_thousand_draws_coverage_is_what_theory_says_to_the_digit() {
    // too few for strata: of 19 cells the 18th of 20 places is the quantile
    for name in ["lac", "aps", "raps"] {
        assert_share(name, covered(name, 19, 0.9, 10_000).iter(), 18.0 / 20.0);
    }
}

#[test]
fn coverage_holds_within_every_stratum_of_quality() {
    // 62 cells leave 20 in each stratum, the others set the edges
    let outcomes = covered("lac", 62, 0.9, 6000);
    for own in 0..STRATA {
        let held = outcomes.iter().filter(|(stratum, _)| *stratum == own);
        assert_share(&format!("stratum {own}"), held, 19.0 / 21.0);
    }
}

#[test]
fn coverage_holds_within_every_class() {
    let mut rng = stream(12, Purpose::Synthetic, 0, 0);
    // 19 cells of each class, then one more of any
    let mut outcomes: Vec<(usize, bool)> = Vec::new();
    for _ in 0..2000 {
        let mut left = [19; CLASSES];
        let mut images = Vec::new();
        while left.iter().any(|left| *left > 0) {
            let image = drawn(&mut rng);
            if left[image.label] > 0 {
                left[image.label] -= 1;
                images.push(image);
            }
        }
        let conformal = Conformal::fit(&table(images), by("class"), 0.9).unwrap();
        let new = drawn(&mut rng);
        let holds = conformal.raw_set(&new.raw, new.poor).contains(&new.label);
        outcomes.push((new.label, holds));
    }
    for class in 0..CLASSES {
        let held = outcomes.iter().filter(|(label, _)| *label == class);
        assert_share(&format!("class {class}"), held, 18.0 / 20.0);
    }
}

/// The range within which the number of covered ones among `new` cells lies but for 1 in 1,000 draws, where
/// the quantile is the `rank`-th of `cells`: the covered follow a beta-binomial distribution.
fn band(cells: usize, rank: usize, new: usize) -> [usize; 2] {
    let log_factorials: Vec<f64> = (0..=cells + new + 1)
        .scan(0.0, |sum: &mut f64, n| {
            *sum += (n.max(1) as f64).ln();
            Some(*sum)
        })
        .collect();
    // of whole numbers: B(a, b) = (a - 1)! (b - 1)! / (a + b - 1)!
    let log_beta =
        |a: usize, b: usize| log_factorials[a - 1] + log_factorials[b - 1] - log_factorials[a + b - 1];
    let rest = cells + 1 - rank;
    let mass = |k: usize| {
        let ways = log_factorials[new] - log_factorials[k] - log_factorials[new - k];
        (ways + log_beta(k + rank, new - k + rest) - log_beta(rank, rest)).exp()
    };
    let masses: Vec<f64> = (0..=new).map(mass).collect();
    assert!((masses.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    let beyond = |masses: &mut dyn Iterator<Item = &f64>| {
        let mut sum = 0.0;
        masses
            .take_while(|mass| {
                sum += **mass;
                sum < 5e-4
            })
            .count()
    };
    [beyond(&mut masses.iter()), new - beyond(&mut masses.iter().rev())]
}

#[test]
fn one_fit_covers_as_many_new_cells_as_a_beta_binomial_band_allows() {
    let mut rng = stream(13, Purpose::Synthetic, 0, 0);
    let mut cells = |count: usize| -> Vec<Certified> { (0..count).map(|_| drawn(&mut rng)).collect() };
    // 3 x 200 cells, and two that set the edges
    let (fitted, new) = (cells(602), cells(3000));
    for name in ["lac", "aps", "raps"] {
        let conformal = Conformal::fit(&table(fitted.clone()), by(name), 0.9).unwrap();
        assert_eq!(conformal.basis(), [Basis::Stratum; STRATA]);
        for own in 0..STRATA {
            let of_stratum =
                || new.iter().filter(|image| stratum(&conformal.edges, stored(image.poor).to_f32()) == own);
            let holds = |image: &&Certified| conformal.raw_set(&image.raw, image.poor).contains(&image.label);
            let held = of_stratum().filter(holds).count();
            let [least, most] = band(200, 181, of_stratum().count());
            assert!((least..=most).contains(&held), "{name} {own}: {held} of {least} to {most}");
        }
    }
}

#[test]
fn certain_cells_have_sets_of_one_class_by_every_way() {
    let certain = |label: usize| {
        let mut probabilities = [0.0; CLASSES];
        probabilities[label] = 1.0;
        image(label, &probabilities, 0.0)
    };
    let table = table((0..800).map(|i| certain(i % CLASSES)).collect());
    for by in SETS_BY {
        let conformal = Conformal::fit(&table, by, 0.99).unwrap();
        for class in 0..CLASSES {
            assert_eq!(conformal.set(&certain(class).raw, 0.0), [class], "{}", by.name);
        }
    }
}

#[test]
fn where_certain_answers_are_too_often_wrong_sets_hold_what_has_no_probability() {
    let wrong = |i: usize| image(usize::from(i.is_multiple_of(10)), &[1.0, 0.0, 0.0, 0.0], i as f32);
    let table = table((0..900).map(wrong).collect());
    for name in ["lac", "aps"] {
        let conformal = Conformal::fit(&table, by(name), 0.95).unwrap();
        assert_eq!(conformal.set(&wrong(0).raw, 5.0).len(), CLASSES, "{name}");
        // one in ten is allowed to be wrong
        let conformal = Conformal::fit(&table, by(name), 0.85).unwrap();
        assert_eq!(conformal.set(&wrong(0).raw, 5.0), [0], "{name}");
    }
}

#[test]
fn a_set_that_is_shown_has_a_class_though_the_raw_one_may_have_none() {
    let sure = (0..600).map(|i| image(0, &[0.97, 0.01, 0.01, 0.01], i as f32)).collect();
    let conformal = Conformal::fit(&table(sure), by("lac"), 0.9).unwrap();
    let unsure = image(0, &[0.2, 0.25, 0.3, 0.25], 10.0);
    assert!(conformal.raw_set(&unsure.raw, 10.0).is_empty());
    assert_eq!(conformal.set(&unsure.raw, 10.0), [2]);
}

#[test]
fn classes_of_a_set_stand_by_falling_probability() {
    let hard = (0..600).map(|i| image(i % CLASSES, &[0.1, 0.2, 0.3, 0.4], i as f32)).collect();
    let conformal = Conformal::fit(&table(hard), by("lac"), 0.9).unwrap();
    assert_eq!(conformal.set(&image(0, &[0.1, 0.2, 0.3, 0.4], 0.0).raw, 10.0), [3, 2, 1, 0]);
}

#[test]
fn with_too_few_cells_for_the_level_sets_hold_all_classes() {
    let some = |count: usize| table((0..count).map(|_| image(0, &[0.9, 0.05, 0.03, 0.02], 0.0)).collect());
    let few = Conformal::fit(&some(98), by("lac"), 0.99).unwrap();
    assert!(few.is_void() && few.set(&image(0, &[0.9, 0.05, 0.03, 0.02], 0.0).raw, 0.0).len() == CLASSES);
    let enough = Conformal::fit(&some(99), by("lac"), 0.99).unwrap();
    assert!(!enough.is_void());
    assert_eq!(enough.basis(), [Basis::All; STRATA]);
    assert!(Conformal::fit(&table(Vec::new()), by("aps"), 0.9).unwrap().is_void());
    // a class of which there are too few cells is in every set, the others are not
    let mut images = some(99).images;
    images.push(image(3, &[0.1, 0.1, 0.1, 0.7], 0.0));
    let conformal = Conformal::fit(&table(images), by("class"), 0.99).unwrap();
    assert_eq!(conformal.always_in(), [1, 2, 3]);
    assert_eq!(conformal.set(&image(0, &[0.01, 0.02, 0.96, 0.01], 0.0).raw, 0.0), [2, 1, 3]);
}

#[test]
fn a_quality_with_too_few_cells_is_judged_as_the_worst_that_has_enough() {
    // half of the pictures are equally good: none is better than the first edge
    let cell = |i: usize| image(0, &[0.9, 0.05, 0.03, 0.02], if i < 300 { 0.0 } else { i as f32 });
    let conformal = Conformal::fit(&table((0..600).map(cell).collect()), by("lac"), 0.98).unwrap();
    assert_eq!(conformal.basis(), [Basis::WorstStratum, Basis::Stratum, Basis::Stratum]);
}

#[test]
fn sets_repeat_and_do_not_change_when_the_table_was_stored() {
    let mut rng = stream(14, Purpose::Synthetic, 0, 0);
    let table = table((0..500).map(|_| drawn(&mut rng)).collect());
    let stored: Certifying = serde_json::from_str(&serde_json::to_string(&table).unwrap()).unwrap();
    for by in SETS_BY {
        let [fresh, read] = [&table, &stored].map(|table| Conformal::fit(table, by, 0.9).unwrap());
        for _ in 0..100 {
            let new = drawn(&mut rng);
            assert_eq!(fresh.set(&new.raw, new.poor), read.set(&new.raw, new.poor), "{}", by.name);
        }
    }
}

#[test]
fn a_level_that_is_no_probability_and_an_unknown_way_are_refused() {
    for level in [0.0, 1.0, 99.0, f64::NAN] {
        let error = Conformal::fit(&table(Vec::new()), by("lac"), level).unwrap_err().to_string();
        assert!(error.contains("above 0 and below 1"), "{error}");
    }
    assert!(find_sets_by("rap").unwrap_err().hint_text().is_some_and(|hint| hint.contains("raps")));
}

/// Cells, draws, and what another package makes of them.
#[derive(Deserialize)]
struct Fixture {
    level: f64,
    probabilities: Vec<Vec<f64>>,
    labels: Vec<usize>,
    new: Vec<Vec<f64>>,
    /// Draws of the cells.
    draws: Vec<f64>,
    /// MAPIE: sets by LAC, and scores of the labels by APS and RAPS.
    lac_sets: Vec<Vec<bool>>,
    aps_scores: Vec<f64>,
    raps_scores: Vec<f64>,
    /// crepes: sets by LAC, over all and over classes.
    crepes_sets: Vec<Vec<bool>>,
    crepes_class_sets: Vec<Vec<bool>>,
}

#[test]
fn scores_and_sets_are_those_of_two_other_packages() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/conformal.json");
    let fixture: Fixture = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let answer =
        |row: &[f64], draw: f64| Answer::with_draw(&row.iter().map(|p| *p as f32).collect::<Vec<_>>(), draw);
    let score = |name: &str| -> Vec<f64> {
        let rows = fixture.probabilities.iter().zip(&fixture.draws).zip(&fixture.labels);
        rows.map(|((row, draw), label)| answer(row, *draw).score(by(name), *label)).collect()
    };
    let sets = |largest: &[f64]| -> Vec<Vec<bool>> {
        let set = |row: &Vec<f64>| {
            let answer = answer(row, 0.5);
            (0..row.len()).map(|class| answer.score(by("lac"), class) <= largest[class]).collect()
        };
        fixture.new.iter().map(set).collect()
    };
    let (scores, classes) = (score("lac"), fixture.new[0].len());
    let all = sets(&vec![quantile(scores.clone(), fixture.level); classes]);
    assert_eq!(all, fixture.lac_sets);
    assert_eq!(all, fixture.crepes_sets);
    let of_class = |class: usize| {
        let own = scores.iter().zip(&fixture.labels).filter(|(_, label)| **label == class);
        quantile(own.map(|(score, _)| *score).collect(), fixture.level)
    };
    assert_eq!(sets(&(0..classes).map(of_class).collect::<Vec<_>>()), fixture.crepes_class_sets);
    for (name, expected) in [("aps", &fixture.aps_scores), ("raps", &fixture.raps_scores)] {
        for (found, expected) in score(name).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{name}: {found} {expected}");
        }
    }
}
