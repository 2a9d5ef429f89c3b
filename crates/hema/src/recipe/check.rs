//! Rules across the keys of a recipe: what no key can be judged for alone. Everything else is refused when it
//! is read.

use super::augment::Pipeline;
use super::data::Data;
use super::model::Model;
use super::read::{Problem, require};
use super::select::{On, Select};
use super::stage::Stage;
use super::steps::build_steps;
use super::top::Recipe;
use crate::schedule::Shape;

impl Recipe {
    /// The first key whose value does not go with the others.
    pub(super) fn check(&self) -> Result<(), Problem> {
        check_data(&self.data)?;
        check_model(&self.model)?;
        self.check_augment()?;
        self.check_consistency()?;
        self.check_stages()?;
        check_select(&self.select)
    }

    fn check_augment(&self) -> Result<(), Problem> {
        let augment = &self.augment;
        build_steps(&augment.base, "augment.base")?;
        build_steps(&augment.last, "augment.last")?;
        let Pipeline { operators, mix, .. } = &augment.pipeline;
        let alone = augment.one_of.is_empty() || (operators.is_empty() && mix.is_empty());
        let expected = "nothing, as `augment.operators` or `augment.mix` stands beside it";
        require(alone, "augment.one_of", format!("{} entries", augment.one_of.len()), expected)?;
        for (pipeline, key) in augment.pipelines() {
            let total: f64 = pipeline.mix.iter().map(|mix| mix.probability).sum();
            require(
                pipeline.mix_all || total <= 1.0 + 1e-9,
                &format!("{key}.mix: sum of the probabilities"),
                total,
                "at most 1, as one of them is chosen",
            )?;
        }
        augment.try_pipelines().map(drop)
    }

    fn check_consistency(&self) -> Result<(), Problem> {
        let consistency = self.loss.consistency;
        if consistency == 0.0 {
            return Ok(());
        }
        let pipelines = self.augment.try_pipelines()?;
        let apart = pipelines.iter().all(|(_, mixing)| mixing.rounds() == 0);
        require(apart, "loss.consistency", consistency, "0, as `augment.mix` mixes images").map_err(|e| {
            e.hint("views of a mixture are not views of one image: leave out `augment.mix` or `loss.consistency`")
        })?;
        let differ = pipelines.iter().all(|(operators, _)| !operators.is_empty());
        require(differ, "loss.consistency", consistency, "0, as there is nothing in `augment.operators`")
            .map_err(|e| {
                e.hint("the views differ by `augment.operators`: add one, for example { name = \"augmix\" }")
            })
    }

    fn check_stages(&self) -> Result<(), Problem> {
        if self.stages.is_empty() {
            let message = "there is no stage, expected at least one `[[stage]]` with name, epochs and lr";
            let hint = "add:\n[[stage]]\nname = \"train\"\nepochs = 5\nlr = 1e-3";
            return Err(Problem::new("", message).hint(hint));
        }
        for (index, stage) in self.stages.iter().enumerate() {
            let taken = self.stages[..index].iter().any(|earlier| earlier.name == stage.name);
            require(!taken, &format!("stage.{index}.name"), &stage.name, "a name no other stage has")?;
            check_stage(stage, index, self.data.size)?;
        }
        Ok(())
    }
}

fn check_data(data: &Data) -> Result<(), Problem> {
    if let Some(side) = data.enlarge {
        let expected = format!("the {} of `data.size` to 2048 pixels", data.size);
        require(side >= data.size, "data.enlarge", side, &expected)?;
    }
    let held_out = data.validation + data.test;
    let expected = "less than 1, to leave images to train on";
    require(held_out < 1.0, "data.validation + data.test", held_out, expected)
}

fn check_model(model: &Model) -> Result<(), Problem> {
    let (rates, layers) = (model.dropout.len(), model.head.len() + 1);
    let expected = format!("1 or {layers} rates: one for each of `model.head` and one for the classifier");
    require(rates == 1 || rates == layers, "model.dropout", format!("{rates} rates"), &expected)
}

fn check_stage(stage: &Stage, index: usize, data_size: usize) -> Result<(), Problem> {
    let key = |name: &str| format!("stage.{index}.{name}");
    if let Some(part) = stage.micro_batch {
        let expected = format!("1 to the {} of `batch_size`", stage.batch_size);
        require(part <= stage.batch_size, &key("micro_batch"), part, &expected)?;
    }
    if let Some(size) = stage.size {
        let expected = format!("1 to the {data_size} pixels of `data.size`");
        require(size <= data_size, &key("size"), size, &expected)?;
    }
    if let Some(share) = stage.final_lr {
        let moves = stage.schedule != Shape::Constant;
        require(moves, &key("final_lr"), share, "no such key, as the schedule is `constant`")?;
    }
    Ok(())
}

fn check_select(select: &Select) -> Result<(), Problem> {
    let corrupts = select.try_corruption()?.is_some();
    let word = if select.on == On::Both { "both" } else { "corrupted" };
    let expected = "`clean`, as `select.operators` says of no corruption";
    require(corrupts || select.on == On::Clean, "select.on", word, expected).map_err(|e| {
        e.hint("add under [select]:\noperators = [{ name = \"gaussian-noise\" }, { name = \"jpeg\" }]")
    })
}
