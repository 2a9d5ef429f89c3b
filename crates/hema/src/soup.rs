//! Model soups: one network whose weights are the mean of several (Wortsman et al., ICML 2022).
//!
//! Members must have been trained from the same start, as runs of one recipe with several seeds from the same
//! pretrained weights: means of unrelated networks are noise. Running statistics are averaged like weights.
//! The soup costs what one member costs.

use hema_core::data::are_same_classes;
use hema_core::error::{Error, Result};

use crate::model::ModelSpec;
use crate::model_file::{Bundle, Manifest};
use crate::recipe::{Recipe, Weights};
use crate::weights::StateDict;

/// A soup and what went into it.
#[derive(Clone, Debug)]
pub struct Soup {
    /// The mean of the weights.
    pub tensors: StateDict,
    /// Numbers of the models in it, in the order in which they came in.
    pub members: Vec<usize>,
}

/// Checks that the mean of the models' weights could be a model.
///
/// # Errors
/// Models that differ in architecture, classes, preprocessing or the names and shapes of their tensors; the
/// number of the first that differs from the first model, and in what.
pub fn check(models: &[Bundle]) -> Result<(), (usize, Error)> {
    let Some((first, others)) = models.split_first() else {
        return Err((0, Error::new("no model was given")));
    };
    for (number, model) in (1..).zip(others) {
        let (a, b) = (&model.manifest, &first.manifest);
        let differs = if network(a) != network(b) {
            "another network"
        } else if !are_same_classes(&a.classes, &b.classes) {
            "other classes"
        } else if a.preprocess != b.preprocess {
            "another preprocessing"
        } else if shapes(model) != shapes(first) {
            "other tensors"
        } else {
            continue;
        };
        let error = Error::new(format!("has {differs} than the first model"))
            .hint("the weights of a soup are averaged: give runs of one recipe, or make an ensemble of them");
        return Err((number, error));
    }
    Ok(())
}

/// The architecture, without what matters to training alone and without the classes.
fn network(manifest: &Manifest) -> ModelSpec {
    ModelSpec { dropout: vec![0.0], drop_path: 0.0, classes: 0, ..manifest.model.clone() }
}

/// What speaks against averaging models whose weights could be: the number of a model that began from other
/// weights than the first one, or was trained by another recipe, and that in words to read after its name.
/// Nothing is said of models whose recipe is not known.
pub fn doubts(models: &[Bundle]) -> Vec<(usize, &'static str)> {
    let recipe = |model: &Bundle| Recipe::parse_saved(&model.manifest.recipe, "recipe").ok();
    let Some(first) = models.first().and_then(recipe) else { return Vec::new() };
    let doubt = |other: &Recipe| {
        let is_first_with_its_seed = Recipe { seed: first.seed, ..other.clone() } == first;
        if start(other) != start(&first) {
            Some(
                "began from other weights than the first model: the mean of networks without a common start is \
                 seldom a model (start all from one `model.weights`)",
            )
        } else if is_first_with_its_seed {
            None
        } else {
            Some("was trained by another recipe than the first model")
        }
    };
    let numbered = (1..).zip(models.iter().skip(1));
    numbered.filter_map(|(number, model)| Some((number, doubt(&recipe(model)?)?))).collect()
}

/// Where a run began: random weights are those of its seed.
fn start(recipe: &Recipe) -> (&Weights, Option<u64>) {
    let weights = &recipe.model.weights;
    (weights, (*weights == Weights::None).then_some(recipe.seed))
}

fn shapes(model: &Bundle) -> Vec<(&String, &Vec<usize>)> {
    model.tensors.iter().map(|(name, array)| (name, &array.shape)).collect()
}

/// The mean of all models.
pub fn uniform(models: &[Bundle]) -> Soup {
    let members: Vec<usize> = (0..models.len()).collect();
    Soup { tensors: mean(models, &members), members }
}

/// The greedy soup: starting from the model with the best score, each further one, from good to bad, stays in
/// the soup if the soup's score does not drop. `score` judges weights; larger is better.
///
/// # Errors
/// Those of `score`.
pub fn greedy(models: &[Bundle], mut score: impl FnMut(&StateDict) -> Result<f64>) -> Result<Soup> {
    let alone: Vec<f64> = models.iter().map(|model| score(&model.tensors)).collect::<Result<_>>()?;
    let mut order: Vec<usize> = (0..models.len()).collect();
    order.sort_by(|a, b| alone[*b].total_cmp(&alone[*a]));
    let mut order = order.into_iter();
    let mut members: Vec<usize> = order.by_ref().take(1).collect();
    let mut tensors = mean(models, &members);
    let mut best = members.first().map_or(f64::NAN, |first| alone[*first]);
    for candidate in order {
        let with: Vec<usize> = members.iter().copied().chain([candidate]).collect();
        let mixed = mean(models, &with);
        let found = score(&mixed)?;
        if found >= best {
            (members, tensors, best) = (with, mixed, found);
        }
    }
    Ok(Soup { tensors, members })
}

/// The mean of the tensors of some models.
fn mean(models: &[Bundle], members: &[usize]) -> StateDict {
    let Some((first, others)) = members.split_first() else { return StateDict::new() };
    let mut mean = models[*first].tensors.clone();
    for (name, array) in &mut mean {
        for (i, value) in array.values.iter_mut().enumerate() {
            let sum = others.iter().fold(f64::from(*value), |sum, member| {
                sum + f64::from(models[*member].tensors[name].values[i])
            });
            *value = (sum / members.len() as f64) as f32;
        }
    }
    mean
}

#[cfg(test)]
mod tests {
    use hema_core::likeness::Likeness;
    use hema_core::preprocess::Preprocess;
    use hema_core::provenance::Provenance;
    use hema_core::seen::Seen;

    use super::*;
    use crate::model::tests::spec;
    use crate::weights::Array;

    fn model(values: [f32; 2]) -> Bundle {
        let array = Array { shape: vec![2], values: values.to_vec() };
        Bundle {
            manifest: Manifest {
                format: 1,
                model: spec("cnn_gap"),
                classes: (0..8).map(|class| class.to_string()).collect(),
                preprocess: Preprocess::imagenet(32),
                temperature: 1.0,
                prevalence: Vec::new(),
                tta: "none".into(),
                augmentations: Vec::new(),
                synthetic: false,
                fitted_on: None,
                seen: Seen::default(),
                likeness: Likeness::default(),
                trust: None,
                origins: None,
                trained: None,
                metrics: [].into(),
                recipe: String::new(),
                provenance: Provenance::now("", ""),
            },
            tensors: [("bn.running_mean".to_owned(), array)].into(),
        }
    }

    #[test]
    fn a_greedy_soup_keeps_what_does_no_harm() {
        let models = [model([4.0, 0.0]), model([0.0, 1.0]), model([-100.0, 0.0]), model([-2.0, 1.0])];
        // the closer to zero the better
        let score = |tensors: &StateDict| {
            let square = tensors["bn.running_mean"].values.iter().map(|v| f64::from(v * v)).sum::<f64>();
            Ok(-square)
        };
        // alone the second is best, and any other makes it worse
        let soup = greedy(&models, score).unwrap();
        assert_eq!(soup.members, [1]);
        let soup =
            greedy(&models[..], |tensors| Ok(-f64::from(tensors["bn.running_mean"].values[0].abs() > 10.0)))
                .unwrap();
        assert_eq!(soup.members, [0, 1, 3]);
        let values = &soup.tensors["bn.running_mean"].values;
        assert!((values[0] - 2.0 / 3.0).abs() < 1e-6 && (values[1] - 2.0 / 3.0).abs() < 1e-6, "{values:?}");
        assert_eq!(uniform(&models).tensors["bn.running_mean"].values, [-24.5, 0.5]);
    }

    #[test]
    fn only_models_alike_can_be_averaged() {
        let [first, mut second] = [model([1.0, 2.0]), model([1.0, 2.0])];
        second.manifest.model.dropout = vec![0.5];
        assert!(check(&[first.clone(), second.clone()]).is_ok());
        let differs = |change: fn(&mut Bundle)| {
            let mut other = second.clone();
            change(&mut other);
            let (number, error) = check(&[first.clone(), second.clone(), other]).unwrap_err();
            assert_eq!(number, 2);
            error.to_string()
        };
        assert!(differs(|m| m.manifest.model.head = vec![4]).contains("another network"));
        assert!(differs(|m| m.manifest.classes.swap(0, 1)).contains("other classes"));
        let fewer = |m: &mut Bundle| {
            m.manifest.classes.pop();
            m.manifest.model.classes -= 1;
        };
        assert!(differs(fewer).contains("other classes"));
        assert!(differs(|m| m.manifest.preprocess.size = 64).contains("another preprocessing"));
        assert!(differs(|m| m.tensors.clear()).contains("other tensors"));
    }

    #[test]
    fn models_without_a_common_start_or_recipe_are_doubted() {
        let by = |overrides: &[&str]| {
            let mut model = model([1.0, 2.0]);
            model.manifest.recipe = Recipe::load("cnn", overrides).unwrap().to_toml().unwrap();
            model
        };
        let from_a = ["model.weights=a.safetensors", "seed=1"];
        let found = |models: &[Bundle]| {
            doubts(models).into_iter().map(|(number, text)| format!("{number} {text}")).collect::<Vec<_>>()
        };
        // of one start, whose seeds may differ
        assert!(found(&[by(&from_a), by(&["model.weights=a.safetensors", "seed=2"])]).is_empty());
        assert!(found(&[by(&[]), by(&[]), model([0.0, 0.0])]).is_empty());
        let lr = by(&["model.weights=a.safetensors", "stage.0.lr=0.5"]);
        assert_eq!(found(&[by(&from_a), lr]), ["1 was trained by another recipe than the first model"]);
        let scratch = found(&[by(&[]), by(&[]), by(&["seed=7"])]);
        assert!(scratch.len() == 1 && scratch[0].starts_with("2 began from other weights"), "{scratch:?}");
        let other = found(&[by(&from_a), by(&["model.weights=b.safetensors"])]);
        assert!(other.len() == 1 && other[0].starts_with("1 began from other weights"), "{other:?}");
    }
}
