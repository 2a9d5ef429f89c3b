//! From the entries of `augment` and `select.operators` to the steps that images go through.

use hema_core::augment::mixing::{self, Mixing};
use hema_core::augment::{self, Step};
use hema_core::error::Result;

use super::augment::{Augment, Pipeline};
use super::operator::{One, Operator, SomeOf};
use super::read::{Problem, require};
use super::select::Select;

impl Augment {
    /// All that happens to an image by itself: the operators that come first, those of the pipelines, of
    /// which one is drawn, and those that come last. Mixes are left out.
    ///
    /// # Errors
    /// The first entry that makes no sense, by its key.
    pub fn build(&self) -> Result<augment::Augment> {
        self.try_build().map_err(Problem::into_error)
    }

    fn try_build(&self) -> Result<augment::Augment, Problem> {
        let mut steps = build_steps(&self.base, "augment.base")?;
        let pipelines = self.pipelines().into_iter();
        let pipelines: Result<Vec<_>, Problem> =
            pipelines.map(|(each, key)| build_steps(&each.operators, &format!("{key}.operators"))).collect();
        let mut pipelines = pipelines?;
        if pipelines.len() == 1 {
            steps.extend(pipelines.remove(0));
        } else {
            steps.push(Step::some_of(1..=1, pipelines.into_iter().map(Step::all_of).collect()));
        }
        steps.extend(build_steps(&self.last, "augment.last")?);
        Ok(augment::Augment::new(steps))
    }

    /// The operators that come last.
    ///
    /// # Errors
    /// The first entry that makes no sense, by its key.
    pub fn build_last(&self) -> Result<augment::Augment> {
        build_steps(&self.last, "augment.last").map(augment::Augment::new).map_err(Problem::into_error)
    }

    /// The operators that come first.
    ///
    /// # Errors
    /// The first entry that makes no sense, by its key.
    pub fn build_base(&self) -> Result<augment::Augment> {
        build_steps(&self.base, "augment.base").map(augment::Augment::new).map_err(Problem::into_error)
    }

    /// The operators and mixes of each pipeline, of which one is drawn; they stand between those that come
    /// first and those that come last.
    ///
    /// # Errors
    /// The first entry that makes no sense, by its key.
    pub fn build_pipelines(&self) -> Result<Vec<(augment::Augment, Mixing)>> {
        self.try_pipelines().map_err(Problem::into_error)
    }

    pub(super) fn try_pipelines(&self) -> Result<Vec<(augment::Augment, Mixing)>, Problem> {
        let build = |(pipeline, key): (&Pipeline, String)| {
            let steps = build_steps(&pipeline.operators, &format!("{key}.operators"))?;
            Ok((augment::Augment::new(steps), build_mixing(pipeline, &format!("{key}.mix"))?))
        };
        self.pipelines().into_iter().map(build).collect()
    }

    /// The pipelines with their keys: those of `one_of`, or the only one.
    pub(super) fn pipelines(&self) -> Vec<(&Pipeline, String)> {
        if self.one_of.is_empty() {
            return vec![(&self.pipeline, "augment".to_owned())];
        }
        let numbered = self.one_of.iter().enumerate();
        numbered.map(|(index, pipeline)| (pipeline, format!("augment.one_of.{index}"))).collect()
    }
}

fn build_mixing(pipeline: &Pipeline, key: &str) -> Result<Mixing, Problem> {
    let mixes = pipeline.mix.iter().enumerate().map(|(index, mix)| {
        mixing::MixEntry::named(mix.name.as_str(), mix.probability, mix.alpha, mix.area, mix.within_class)
            .map_err(|e| Problem::said(&format!("{key}.{index}.name"), &e))
    });
    let entries = mixes.collect::<Result<_, _>>()?;
    Ok(if pipeline.mix_all { Mixing::all_of(entries) } else { Mixing::one_of(entries) })
}

impl Select {
    /// The operators that corrupt the validation images; nothing where they are judged as they are alone.
    ///
    /// # Errors
    /// The first entry that makes no sense, by its key.
    pub fn corruption(&self) -> Result<Option<augment::Augment>> {
        self.try_corruption().map_err(Problem::into_error)
    }

    pub(super) fn try_corruption(&self) -> Result<Option<augment::Augment>, Problem> {
        if self.operators.is_empty() {
            return Ok(None);
        }
        Ok(Some(augment::Augment::new(build_steps(&self.operators, "select.operators")?)))
    }
}

/// The steps of a list of entries; `key` is the list's.
pub(super) fn build_steps(operators: &[Operator], key: &str) -> Result<Vec<Step>, Problem> {
    operators.iter().enumerate().map(|(index, operator)| operator.build(&format!("{key}.{index}"))).collect()
}

impl Operator {
    fn build(&self, key: &str) -> Result<Step, Problem> {
        match self {
            Self::One(one) => one.build(key),
            Self::SomeOf(some) => some.build(key),
            Self::AllOf(all) => {
                require(!all.entries.is_empty(), &format!("{key}.all_of"), "[]", "at least one entry")?;
                let steps = build_steps(&all.entries, &format!("{key}.all_of"))?;
                Ok(Step::all_of(steps).with_probability(all.probability as f32))
            }
        }
    }
}

impl One {
    fn build(&self, key: &str) -> Result<Step, Problem> {
        let step = Step::named(self.name.as_str(), self.strength as f32, self.fill)
            .map_err(|e| Problem::said(&format!("{key}.name"), &e))?;
        Ok(step.with_probability(self.probability as f32))
    }
}

impl SomeOf {
    fn build(&self, key: &str) -> Result<Step, Problem> {
        let [least, most] = self.count;
        if least > most || most > self.entries.len() {
            let expected = format!("expected the least and the most of {}", self.entries.len());
            let message = format!("found [{least}, {most}], {expected}");
            return Err(Problem::new(&format!("{key}.count"), message));
        }
        let steps = build_steps(&self.entries, &format!("{key}.some_of"))?;
        Ok(Step::some_of(least..=most, steps).with_probability(self.probability as f32))
    }
}
