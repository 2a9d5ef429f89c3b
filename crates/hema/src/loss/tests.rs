//! The terms in every place that names them.

use burn::tensor::Device;

use super::*;
use crate::recipe::Recipe;

#[test]
fn every_key_of_a_term_is_one_of_the_recipes() {
    let text = Recipe::load("v2b0", &[] as &[&str]).unwrap().to_toml().unwrap();
    let recipe: toml::Table = toml::from_str(&text).unwrap();
    let mut seen = Vec::new();
    for row in TERMS {
        assert!(!row.about.is_empty() && !row.keys.is_empty(), "{}", row.name);
        for key in row.keys {
            let (table, name) = key.split_once('.').unwrap();
            assert!(recipe[table].get(name).is_some(), "{}: {key}", row.name);
            seen.push(*key);
        }
    }
    // and every key of the two tables is one of a term's
    for table in ["loss", "distill"] {
        for name in recipe[table].as_table().unwrap().keys() {
            assert!(seen.contains(&&*format!("{table}.{name}")), "{table}.{name}");
        }
    }
}

#[test]
fn every_term_that_is_set_adds_to_the_loss() {
    let device = Device::flex();
    let logits = Tensor::<2>::from_floats([[2.0, 0.5], [0.0, 1.0], [1.0, -1.0]], &device);
    let targets = [0; VIEWS].map(Target::from);
    let taught = [0.5; 2 * VIEWS];
    let part = Part { logits, targets: &targets, taught: &taught, views: VIEWS, batch: &targets[..1] };
    let whole = Objective {
        cross_entropy: CrossEntropy::plain(2),
        distillation: Some(Distillation { temperature: 2.0, weight: 0.7 }),
        consistency: Some(Consistency { weight: 12.0 }),
    };
    assert_eq!(whole.terms().count(), TERMS.len());
    assert_eq!(whole.views(), VIEWS);
    let addends: Vec<f32> = whole.terms().map(|term| term.add(&part).into_scalar()).collect();
    assert!(addends.iter().all(|addend| *addend > 0.0), "{addends:?}");
    let sum: f32 = whole.add(&part).into_scalar();
    assert!((sum - addends.iter().sum::<f32>()).abs() < 1e-5, "{sum}: {addends:?}");
    let plain = Objective { distillation: None, consistency: None, ..whole };
    assert_eq!(plain.add(&part).into_scalar::<f32>(), addends[0]);
    assert_eq!(plain.views(), 1);
}
