//! What a run is about to do, said before its first step: in lines for people, and in what its page shows of
//! the images.

use std::collections::BTreeMap;

use hema_core::error::{Result, counted, thousands};
use hema_core::report::{ShownImage, TrainingData};

use super::setup::model_spec;
use super::task::Task;
use super::training_images::{Labelled, TrainingImages};
use crate::device;
use crate::loss::Target;
use crate::model::Network;
use crate::recipe::{Recipe, Stage, Train, Weights};
use crate::schedule::Shape;
use crate::weights::count_trainable;

/// Most images on the sheet that a run's page shows: about 150 kilobytes.
const SHOWN: usize = 24;

/// Steps of a stage from which its schedule comes near its peak, whatever its shape.
const MOST_STEPS_LOOKED_AT: u64 = 100;

/// Share of a stage's learning rate that some step must come to.
const NEAR: f64 = 0.3;

/// Most classes that are named with their counts.
const NAMED: usize = 20;

/// The lines: classes with their training images, the network, the device and its precision, and every stage
/// with its learning rate.
///
/// # Errors
/// A recipe that makes no sense.
pub(crate) fn outlook(task: &Task) -> Result<Vec<String>> {
    let recipe = task.recipe;
    let spec = model_spec(recipe, task.train.classes().len());
    let parameters = count_trainable(&Network::outline(&spec)?.network) as u64;
    let images = TrainingImages::new(recipe, task.train)?.len();
    let precision = recipe.precision.on(task.device).name();
    let mut lines = vec![
        classes(task),
        format!(
            "network: {}, {} parameters, {}, images of {} pixels",
            recipe.model.name,
            thousands(parameters),
            weights(&recipe.model.weights),
            spec.size
        ),
        format!("device: {}, {precision}", device::name(task.device)),
    ];
    lines.extend(recipe.stages.iter().map(|stage| describe(stage, images)));
    Ok(lines)
}

/// Where the weights start.
fn weights(start: &Weights) -> String {
    match start {
        Weights::None => "from scratch".into(),
        Weights::Imagenet => "from ImageNet weights".into(),
        Weights::Path(path) => format!("from the weights of {}", path.display()),
    }
}

/// How many classes there are, and the training images of each.
fn classes(task: &Task) -> String {
    let (names, counts) = (task.train.classes(), task.train.counts());
    let mut named: Vec<String> =
        names.iter().zip(&counts).take(NAMED).map(|(name, count)| format!("{name} {count}")).collect();
    if names.len() > NAMED {
        named.push(format!("and {} more", names.len() - NAMED));
    }
    format!("classes: {}, training images of each: {}", names.len(), named.join(", "))
}

/// A stage: its epochs and steps, what it trains, and its learning rate.
fn describe(stage: &Stage, images: usize) -> String {
    let Stage { name, epochs, lr, .. } = stage;
    let trains = match &stage.train {
        Train::All => String::new(),
        Train::Head => " the head alone,".into(),
        Train::From(module) => format!(" from `{module}` on,"),
    };
    let schedule = match stage.schedule {
        Shape::Constant => "constant",
        Shape::Cosine => "falling along a cosine",
        Shape::OneCycle => "one cycle",
    };
    let warmup = match stage.warmup {
        Some(share) if share > 0.0 => format!(", rising in the first {:.0} % of the steps", 100.0 * share),
        _ => String::new(),
    };
    let early = stage.early_after().map_or(String::new(), |patience| {
        format!(", ends early after {patience} epochs without a better one")
    });
    format!(
        "stage {name}:{trains} {}, each of {} of {}, {}, learning rate {lr}, {schedule}{warmup}{early}",
        counted(*epochs, "epoch"),
        counted(stage.steps_per_epoch(images), "step"),
        counted(stage.batch_size.min(images) as u64, "image"),
        stage.optimizer.row().name()
    )
}

/// What a person ought to know before the first step: stages that can hardly teach the network anything.
///
/// # Errors
/// A recipe that makes no sense.
pub(crate) fn doubts(task: &Task) -> Result<Vec<String>> {
    let recipe = task.recipe;
    let images = TrainingImages::new(recipe, task.train)?.len();
    let stages = recipe.stages.iter().enumerate();
    let steps = stages.filter_map(|(index, stage)| too_few_steps(index, stage, images));
    Ok(random_features(recipe).into_iter().chain(steps).collect())
}

/// A first stage that trains on top of layers which are random and stay so.
fn random_features(recipe: &Recipe) -> Option<String> {
    let stage = recipe.stages.first()?;
    if recipe.model.weights != Weights::None || stage.train == Train::All {
        return None;
    }
    Some(format!(
        "stage {}: the layers that it leaves frozen have random weights: start from trained ones \
         (`model.weights=imagenet`), or train all of them (`stage.0.train=all`)",
        stage.name
    ))
}

/// A stage of which no step comes near its learning rate: the few that there are lie at the schedule's ends.
fn too_few_steps(index: usize, stage: &Stage, images: usize) -> Option<String> {
    let (steps, schedule) = (stage.total_steps(images), stage.lr_schedule());
    if steps > MOST_STEPS_LOOKED_AT {
        return None;
    }
    let highest = (0..steps).map(|step| schedule.lr_at(step, steps)).fold(0.0, f64::max);
    (highest < NEAR * stage.lr).then(|| {
        format!(
            "stage {}: its {} of {} {} at most, not the learning rate of {}: almost nothing is learnt; \
             lower `stage.{index}.batch_size`, raise `stage.{index}.epochs`, or set `stage.{index}.schedule=constant`",
            stage.name,
            counted(steps, "step"),
            counted(stage.batch_size.min(images) as u64, "image"),
            if steps == 1 { format!("reaches {highest:.1e}") } else { format!("reach {highest:.1e}") },
            stage.lr
        )
    })
}

/// The images that training has, and the first of them as it shows them: those of the first step of the first
/// epoch, whose pictures are mixed with each other as there.
///
/// # Errors
/// A recipe that makes no sense; an image that cannot be read from the data set's store.
pub(crate) fn training_data(task: &Task) -> Result<TrainingData> {
    let (recipe, classes) = (task.recipe, task.train.classes());
    let images = TrainingImages::new(recipe, task.train)?;
    let shown = first_images(recipe, &images)?;
    let shown = shown
        .iter()
        .map(|(labelled, image)| ShownImage::new(label(&labelled.target, classes), image))
        .collect::<Result<_>>()?;
    Ok(TrainingData {
        classes: classes.to_vec(),
        training: task.train.counts(),
        validation: task.val.counts(),
        epoch: images.quotas().to_vec(),
        shown,
    })
}

fn first_images(recipe: &Recipe, images: &TrainingImages) -> Result<Vec<(Labelled, hema_core::Image)>> {
    let Some(stage) = recipe.stages.first() else { return Ok(Vec::new()) };
    let mut draws = images.draw(0, stage.batch_size);
    draws.truncate(stage.batch_size);
    let batch = images.batch(&draws, 0)?;
    // of several views the second has gone through everything
    let skipped = if recipe.loss.consistency > 0.0 { draws.len() } else { 0 };
    Ok(batch.into_iter().skip(skipped).take(draws.len().min(SHOWN)).collect())
}

/// The class of an image, or the shares of those that are mixed in it.
fn label(target: &Target, classes: &[String]) -> String {
    let mixed = target.mixed();
    let mut shares =
        BTreeMap::from([(target.label(), 1.0 - mixed.iter().map(|(_, share)| share).sum::<f32>())]);
    for (class, share) in mixed {
        *shares.entry(*class).or_default() += share;
    }
    let name = |class: usize| classes.get(class).map_or("", String::as_str);
    let percent = |share: f32| (100.0 * share).round();
    let mut shares: Vec<(usize, f32)> =
        shares.into_iter().filter(|(_, share)| percent(*share) > 0.0).collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    match shares.as_slice() {
        [(only, _)] => name(*only).to_owned(),
        several => {
            let parts =
                several.iter().map(|(class, share)| format!("{} % {}", percent(*share), name(*class)));
            parts.collect::<Vec<_>>().join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_label_of_a_mixture_has_the_shares_of_its_classes() {
        let classes = ["a", "b", "c"].map(String::from);
        let mut target = Target::from(0);
        assert_eq!(label(&target, &classes), "a");
        target.mix(&Target::from(1), 0.25);
        assert_eq!(label(&target, &classes), "75 % a, 25 % b");
        target.mix(&Target::from(1), 0.5);
        assert_eq!(label(&target, &classes), "63 % b, 38 % a");
        let mut same = Target::from(2);
        same.mix(&Target::from(2), 0.4);
        assert_eq!(label(&same, &classes), "c");
    }

    fn recipe(overrides: &[&str]) -> Recipe {
        Recipe::load("v2b0", overrides).unwrap()
    }

    #[test]
    fn a_stage_that_never_comes_to_its_learning_rate_is_told() {
        let words = |overrides: &[&str], images| {
            let recipe = recipe(overrides);
            too_few_steps(0, &recipe.stages[0], images)
        };
        let told = words(&["stage.all.epochs=1", "stage.all.lr=1e-3"], 28).unwrap();
        assert!(told.contains("its 1 step of 28 images reaches 4.0e-9 at most"), "{told}");
        assert_eq!(words(&["stage.all.epochs=1", "stage.all.schedule=constant"], 28), None);
        assert_eq!(words(&["stage.all.epochs=1"], 10_000), None);
        // as much of a warm-up as there are steps
        assert_eq!(
            words(&["stage.all.epochs=1", "stage.all.schedule=cosine", "stage.all.warmup=1"], 500),
            None
        );
    }

    #[test]
    fn a_stage_is_described_as_it_will_be() {
        let described = |overrides: &[&str], images| describe(&recipe(overrides).stages[0], images);
        let one = described(&["stage.all.epochs=1", "stage.all.batch_size=5000"], 28);
        assert!(one.contains(" 1 epoch, each of 1 step of 28 images, "), "{one}");
        assert!(described(&["stage.all.batch_size=1"], 2).contains("each of 2 steps of 1 image, "));
        let early = |epochs: &str| described(&["stage.all.patience=3", epochs], 28).contains("ends early");
        assert!(early("stage.all.epochs=4") && !early("stage.all.epochs=3"));
    }

    #[test]
    fn layers_that_stay_random_are_told() {
        let told = |overrides: &[&str]| random_features(&recipe(overrides)).is_some();
        let head = "stage.0.train=head";
        assert!(told(&[head, "model.weights=none"]));
        assert!(
            !told(&[head, "model.weights=imagenet"]) && !told(&["stage.0.train=all", "model.weights=none"])
        );
    }

    #[test]
    fn counts_have_commas() {
        assert_eq!([1, 999, 1000, 20_154_832].map(thousands), ["1", "999", "1,000", "20,154,832"]);
    }
}
