//! From the entries of `augment` and `select.operators` to the steps that images go through.

use hema_core::augment;
use hema_core::augment::mixing::{self, Mixing};
use hema_core::error::{Error, Result};

use super::check::prefixed;
use super::{Augment, Mix, Operator, Select, Way};

impl Augment {
    /// All that happens to an image by itself: what comes first, the operators, what comes last. Mixes are left out.
    ///
    /// # Errors
    /// The first entry that makes no sense, by its key.
    pub fn build(&self) -> Result<augment::Augment> {
        let mut steps = build_steps(&self.base, "augment.base")?;
        let ways: Result<Vec<_>> = self
            .ways()
            .into_iter()
            .map(|(way, key)| build_steps(&way.operators, &format!("{key}.operators")))
            .collect();
        let mut ways = ways?;
        if ways.len() == 1 {
            steps.extend(ways.remove(0));
        } else {
            steps.push(augment::Step::some_of(1..=1, ways.into_iter().map(augment::Step::all_of).collect()));
        }
        steps.extend(build_steps(&self.last, "augment.last")?);
        Ok(augment::Augment::new(steps))
    }

    /// What comes last alone.
    ///
    /// # Errors
    /// The first entry that makes no sense, by its key.
    pub fn build_last(&self) -> Result<augment::Augment> {
        Ok(augment::Augment::new(build_steps(&self.last, "augment.last")?))
    }

    /// What comes first alone.
    ///
    /// # Errors
    /// The first entry that makes no sense, by its key.
    pub fn build_base(&self) -> Result<augment::Augment> {
        Ok(augment::Augment::new(build_steps(&self.base, "augment.base")?))
    }

    /// What comes next: the operators and mixes of each of the ways, of which one is drawn.
    ///
    /// # Errors
    /// The first entry that makes no sense, by its key.
    pub fn build_ways(&self) -> Result<Vec<(augment::Augment, Mixing)>> {
        let build = |(way, key): (Way, String)| {
            let steps = build_steps(&way.operators, &format!("{key}.operators"))?;
            Ok((augment::Augment::new(steps), build_mixing(&way, &format!("{key}.mix"))?))
        };
        self.ways().into_iter().map(build).collect()
    }

    /// The ways with their keys: those of `one_of`, or the only one.
    pub(super) fn ways(&self) -> Vec<(Way, String)> {
        if self.one_of.is_empty() {
            let only =
                Way { operators: self.operators.clone(), mix: self.mix.clone(), mix_all: self.mix_all };
            return vec![(only, "augment".to_owned())];
        }
        let ways = self.one_of.iter().cloned().enumerate();
        ways.map(|(index, way)| (way, format!("augment.one_of.{index}"))).collect()
    }
}

fn build_mixing(way: &Way, key: &str) -> Result<Mixing> {
    let entry = |(index, mix): (usize, &Mix)| {
        mixing::MixEntry::named(&mix.name, mix.probability, mix.alpha, mix.area, mix.within_class)
            .map_err(|e| prefixed(&format!("{key}.{index}.name"), &e))
    };
    let entries = way.mix.iter().enumerate().map(entry).collect::<Result<_>>()?;
    Ok(if way.mix_all { Mixing::all_of(entries) } else { Mixing::one_of(entries) })
}

impl Select {
    /// What corrupts the validation images; nothing where they are judged as they are alone.
    ///
    /// # Errors
    /// The first entry that makes no sense, by its key.
    pub fn corruption(&self) -> Result<Option<augment::Augment>> {
        if self.operators.is_empty() {
            return Ok(None);
        }
        Ok(Some(augment::Augment::new(build_steps(&self.operators, "select.operators")?)))
    }
}

pub(super) fn build_steps(operators: &[Operator], key: &str) -> Result<Vec<augment::Step>> {
    let steps =
        operators.iter().enumerate().map(|(index, operator)| operator.build(&format!("{key}.{index}")));
    steps.collect()
}

impl Operator {
    fn build(&self, key: &str) -> Result<augment::Step> {
        let fail = |e: Error, name: &str| {
            let error = Error::new(format!("{key}.{name}: {e}"));
            if let Some(hint) = e.hint_text() { error.hint(hint) } else { error }
        };
        let step = match (self.name.as_str(), &self.some_of[..], &self.all_of[..]) {
            ("", [], []) => {
                return Err(fail(
                    Error::new("an operator has neither `name`, `some_of` nor `all_of`"),
                    "name",
                ));
            }
            ("", several, []) => {
                let [least, most] = self.count;
                if least > most || most > several.len() {
                    let expected = format!("expected the least and the most of {}", several.len());
                    return Err(fail(Error::new(format!("found [{least}, {most}], {expected}")), "count"));
                }
                augment::Step::some_of(least..=most, build_steps(several, &format!("{key}.some_of"))?)
            }
            ("", [], sequence) => augment::Step::all_of(build_steps(sequence, &format!("{key}.all_of"))?),
            (name, [], []) => {
                let fill = self.fill.as_deref().map(str::parse).transpose().map_err(|e| fail(e, "fill"))?;
                augment::Step::named(name, self.strength as f32, fill).map_err(|e| fail(e, "name"))?
            }
            ("", _, _) => {
                return Err(fail(Error::new("found beside `some_of`, expected one of them"), "all_of"));
            }
            (name, some_of, _) => {
                let other = if some_of.is_empty() { "all_of" } else { "some_of" };
                return Err(fail(
                    Error::new(format!("found `{name}` beside `{other}`, expected one of them")),
                    "name",
                ));
            }
        };
        Ok(step.with_probability(self.probability as f32))
    }
}
