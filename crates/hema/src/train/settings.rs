//! The optimizer and the loss that a recipe describes.

use crate::loss::{ClassWeights, Consistency, CrossEntropy, Distillation, Objective, VIEWS};
use crate::optim;
use crate::recipe::{self, LabelledViews, Recipe, Stage};

/// The settings of a stage's optimizer.
pub(super) fn optimizer(stage: &Stage) -> optim::Settings {
    let usual = optim::Settings::new(stage.optimizer.row());
    optim::Settings {
        betas: stage.betas.unwrap_or(usual.betas),
        weight_decay: stage.weight_decay,
        clip_norm: stage.clip_norm,
        layer_decay: stage.layer_decay,
        ..usual
    }
}

/// What a stage minimises, for training images that are distributed over the classes as `counts` says;
/// without a stage, what the recipe says for all of them.
pub(super) fn objective(recipe: &Recipe, stage: Option<&Stage>, counts: &[u64]) -> Objective {
    let (loss, distill) = (&recipe.loss, &recipe.distill);
    let class_weights = match stage.and_then(|stage| stage.class_weights).unwrap_or(loss.class_weights) {
        recipe::ClassWeights::None => ClassWeights::None,
        recipe::ClassWeights::Balanced => ClassWeights::Balanced,
        recipe::ClassWeights::Effective => ClassWeights::Effective { beta: loss.beta },
    };
    let distillation = (!distill.teachers.is_empty())
        .then_some(Distillation { temperature: distill.temperature, weight: distill.weight });
    Objective {
        cross_entropy: CrossEntropy {
            smoothing: loss.label_smoothing,
            focus: loss.focus,
            class_weights: class_weights.weigh(counts),
            labelled_views: match loss.labelled_views {
                LabelledViews::First => 1,
                LabelledViews::All => VIEWS,
            },
            // the teachers' share is taken from the labels
            weight: 1.0 - distillation.as_ref().map_or(0.0, |term| term.weight),
        },
        distillation,
        consistency: (loss.consistency > 0.0).then_some(Consistency { weight: loss.consistency }),
    }
}
