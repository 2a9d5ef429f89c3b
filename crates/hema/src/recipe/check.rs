//! What values a recipe may hold, beyond their types: every rule in one list.

use hema_core::error::{Error, Result, suggest};
use hema_core::{metrics, sampler, tta};

use super::{Crop, Data, Model, On, Operator, Recipe, Select, Stage, Way, Weights};
use crate::schedule::Shape;

impl Recipe {
    /// Checks every value against its range.
    ///
    /// # Errors
    /// The first key whose value makes no sense, with the value and what was expected.
    pub fn check(&self) -> Result<()> {
        require(!self.name.trim().is_empty(), "name", &self.name, "a short name")?;
        tta::find(&self.tta).map_err(|e| e.at("tta"))?;
        check_data(&self.data)?;
        check_model(&self.model)?;
        self.check_augment()?;
        fraction(self.loss.label_smoothing, "loss.label_smoothing")?;
        within(self.loss.focus, 0.0, 10.0, "loss.focus")?;
        fraction(self.loss.beta, "loss.beta")?;
        positive(self.distill.temperature, "distill.temperature")?;
        let weight = self.distill.weight;
        require(weight > 0.0 && weight <= 1.0, "distill.weight", weight, "more than 0, at most 1")?;
        self.check_stages()?;
        fraction(self.average.decay, "average.decay")?;
        require(self.average.epochs > 0, "average.epochs", self.average.epochs, "at least 1")?;
        check_select(&self.select)
    }

    fn check_augment(&self) -> Result<()> {
        let augment = &self.augment;
        check_operators(&augment.base, "augment.base")?;
        augment.build_base()?;
        check_operators(&augment.last, "augment.last")?;
        augment.build_last()?;
        require(augment.copies <= 100, "augment.copies", augment.copies, "at most 100")?;
        let alone = augment.one_of.is_empty() || (augment.operators.is_empty() && augment.mix.is_empty());
        let expected = "nothing, as `augment.operators` or `augment.mix` stands beside it";
        require(alone, "augment.one_of", format!("{} entries", augment.one_of.len()), expected)?;
        for (way, key) in augment.ways() {
            check_operators(&way.operators, &format!("{key}.operators"))?;
            check_mixes(&way, &format!("{key}.mix"))?;
        }
        let ways = augment.build_ways()?;
        let consistency = self.loss.consistency;
        let holds = consistency.is_finite() && consistency >= 0.0;
        require(holds, "loss.consistency", consistency, "a number of at least 0")?;
        let apart = consistency == 0.0 || ways.iter().all(|(_, mixing)| mixing.rounds() == 0);
        require(apart, "loss.consistency", consistency, "0, as `augment.mix` mixes images").map_err(|e| {
            e.hint("views of a mixture are not views of one image: leave out `augment.mix` or `loss.consistency`")
        })?;
        let differ = consistency == 0.0 || ways.iter().all(|(operators, _)| !operators.is_empty());
        require(differ, "loss.consistency", consistency, "0, as there is nothing in `augment.operators`")
            .map_err(|e| {
                e.hint("the views differ by `augment.operators`: add one, for example { name = \"augmix\" }")
            })
    }

    fn check_stages(&self) -> Result<()> {
        if self.stages.is_empty() {
            return Err(Error::new(
                "there is no stage, expected at least one `[[stage]]` with name, epochs and lr",
            )
            .hint("add:\n[[stage]]\nname = \"train\"\nepochs = 5\nlr = 1e-3"));
        }
        for (index, stage) in self.stages.iter().enumerate() {
            let taken = self.stages[..index].iter().any(|earlier| earlier.name == stage.name);
            require(!taken, &format!("stage.{index}.name"), &stage.name, "a name no other stage has")?;
            check_stage(stage, index)?;
            if let Some(size) = stage.size {
                let largest = self.data.size;
                let expected = format!("1 to the {largest} pixels of `data.size`");
                require((1..=largest).contains(&size), &format!("stage.{index}.size"), size, &expected)?;
            }
        }
        Ok(())
    }
}

fn check_select(select: &Select) -> Result<()> {
    metrics::find(&select.metric).map_err(|e| prefixed("select.metric", &e))?;
    check_operators(&select.operators, "select.operators")?;
    let corrupts = select.corruption()?.is_some();
    let word = if select.on == On::Both { "both" } else { "corrupted" };
    require(
        corrupts || select.on == On::Clean,
        "select.on",
        word,
        "`clean`, as `select.operators` says of no corruption",
    )
    .map_err(|e| {
        e.hint("add under [select]:\noperators = [{ name = \"gaussian-noise\" }, { name = \"jpeg\" }]")
    })
}

pub(super) fn check_operators(operators: &[Operator], key: &str) -> Result<()> {
    for (index, operator) in operators.iter().enumerate() {
        within(operator.probability, 0.0, 1.0, &format!("{key}.{index}.probability"))?;
        within(operator.strength, 0.0, 1.0, &format!("{key}.{index}.strength"))?;
        check_operators(&operator.some_of, &format!("{key}.{index}.some_of"))?;
        check_operators(&operator.all_of, &format!("{key}.{index}.all_of"))?;
    }
    Ok(())
}

fn check_mixes(way: &Way, key: &str) -> Result<()> {
    for (index, mix) in way.mix.iter().enumerate() {
        within(mix.probability, 0.0, 1.0, &format!("{key}.{index}.probability"))?;
        if let Some(alpha) = mix.alpha {
            within(alpha, 0.01, 100.0, &format!("{key}.{index}.alpha"))?;
        }
    }
    let total: f64 = way.mix.iter().map(|mix| mix.probability).sum();
    let at_most_one = "at most 1, as one of them is chosen";
    require(
        way.mix_all || total <= 1.0 + 1e-9,
        &format!("{key}: sum of the probabilities"),
        total,
        at_most_one,
    )
}

fn check_data(data: &Data) -> Result<()> {
    require((1..=2048).contains(&data.size), "data.size", data.size, "1 to 2048 pixels")?;
    if let Some(side) = data.enlarge {
        let expected = format!("the {} of `data.size` to 2048 pixels", data.size);
        require((data.size..=2048).contains(&side), "data.enlarge", side, &expected)?;
    }
    if let Crop::Pixels(side) = data.crop {
        require(side > 0, "data.crop", side, "at least 1 pixel")?;
    }
    for channel in 0..3 {
        let (mean, std) = (data.mean[channel], data.std[channel]);
        require(mean.is_finite(), &format!("data.mean.{channel}"), mean, "a finite number")?;
        require(std.is_finite() && std > 0.0, &format!("data.std.{channel}"), std, "a number above 0")?;
    }
    sampler::find(&data.sampler).map(drop).map_err(|e| prefixed("data.sampler", &e))?;
    fraction(data.validation, "data.validation")?;
    fraction(data.test, "data.test")?;
    let held_out = data.validation + data.test;
    require(
        held_out < 1.0,
        "data.validation + data.test",
        held_out,
        "less than 1, to leave images to train on",
    )
}

fn check_model(model: &Model) -> Result<()> {
    if let Weights::Path(path) = &model.weights {
        // a word is a misspelt keyword rather than a file
        let is_word = path.components().count() == 1 && path.extension().is_none();
        let name = path.to_string_lossy();
        let expected = "`none`, `imagenet` or the path of a file";
        require(!is_word, "model.weights", &name, expected)
            .map_err(|e| e.hint(suggest(&name, ["none", "imagenet"])))?;
    }
    for (index, width) in model.head.iter().enumerate() {
        require(*width > 0, &format!("model.head.{index}"), width, "at least 1 unit")?;
    }
    let (rates, layers) = (model.dropout.len(), model.head.len() + 1);
    let expected = format!("1 or {layers} rates: one for each of `model.head` and one for the classifier");
    require(rates == 1 || rates == layers, "model.dropout", format!("{rates} rates"), &expected)?;
    for (index, rate) in model.dropout.iter().enumerate() {
        fraction(*rate, &if rates == 1 { "model.dropout".into() } else { format!("model.dropout.{index}") })?;
    }
    fraction(model.drop_path, "model.drop_path")
}

fn check_stage(stage: &Stage, index: usize) -> Result<()> {
    let key = |name: &str| format!("stage.{index}.{name}");
    require(!stage.name.trim().is_empty(), &key("name"), &stage.name, "a short name")?;
    require(stage.epochs > 0, &key("epochs"), stage.epochs, "at least 1")?;
    require(stage.batch_size > 0, &key("batch_size"), stage.batch_size, "at least 1")?;
    if let Some(part) = stage.micro_batch {
        let fits = (1..=stage.batch_size).contains(&part);
        require(fits, &key("micro_batch"), part, &format!("1 to the {} of `batch_size`", stage.batch_size))?;
    }
    positive(stage.lr, &key("lr"))?;
    require(
        stage.layer_decay > 0.0 && stage.layer_decay <= 1.0,
        &key("layer_decay"),
        stage.layer_decay,
        "more than 0, at most 1",
    )?;
    let decay = stage.weight_decay;
    require(decay.is_finite() && decay >= 0.0, &key("weight_decay"), decay, "a number of at least 0")?;
    for (position, beta) in stage.betas.iter().flatten().enumerate() {
        fraction(*beta, &key(&format!("betas.{position}")))?;
    }
    if let Some(warmup) = stage.warmup {
        within(warmup, 0.0, 1.0, &key("warmup"))?;
    }
    if let Some(share) = stage.final_lr {
        within(share, 0.0, 1.0, &key("final_lr"))?;
        let moves = stage.schedule != Shape::Constant;
        require(moves, &key("final_lr"), share, "no such key, as the schedule is `constant`")?;
    }
    if let Some(norm) = stage.clip_norm {
        positive(norm, &key("clip_norm"))?;
    }
    if let Some(patience) = stage.patience {
        require(patience > 0, &key("patience"), patience, "at least 1")?;
    }
    Ok(())
}

pub(super) fn require(holds: bool, key: &str, found: impl std::fmt::Display, expected: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::new(format!("{key}: found `{found}`, expected {expected}"))) }
}

fn within(value: f64, low: f64, high: f64, key: &str) -> Result<()> {
    require((low..=high).contains(&value), key, value, &format!("{low} to {high}"))
}

fn fraction(value: f64, key: &str) -> Result<()> {
    require((0.0..1.0).contains(&value), key, value, "0 or more and less than 1")
}

fn positive(value: f64, key: &str) -> Result<()> {
    require(value.is_finite() && value > 0.0, key, value, "a number above 0")
}

pub(super) fn prefixed(key: &str, error: &Error) -> Error {
    let named = Error::new(format!("{key}: {error}"));
    match error.hint_text() {
        Some(hint) => named.hint(hint),
        None => named,
    }
}
