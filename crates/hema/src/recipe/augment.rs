//! From the entries of `augment` and `select.operators` to the steps that images go through.

use hema_core::augment;
use hema_core::augment::mixing::{self, Mixing};
use hema_core::error::{Error, Result};

use super::check::prefixed;
use super::{Augment, Mix, Operator, Select};

impl Augment {
    /// The augmentation that the entries describe.
    ///
    /// # Errors
    /// The first entry that makes no sense, by its key.
    pub fn build(&self) -> Result<augment::Augment> {
        Ok(augment::Augment::new(build_steps(&self.operators, "augment.operators")?))
    }

    /// What comes before it.
    ///
    /// # Errors
    /// The first entry that makes no sense, by its key.
    pub fn build_base(&self) -> Result<augment::Augment> {
        Ok(augment::Augment::new(build_steps(&self.base, "augment.base")?))
    }

    /// How images are mixed.
    ///
    /// # Errors
    /// The first entry that makes no sense, by its key.
    pub fn build_mixing(&self) -> Result<Mixing> {
        let entry = |(index, mix): (usize, &Mix)| {
            mixing::Entry::named(&mix.name, mix.probability, mix.alpha, mix.area, mix.within_class)
                .map_err(|e| prefixed(&format!("augment.mix.{index}.name"), &e))
        };
        Ok(Mixing::new(self.mix.iter().enumerate().map(entry).collect::<Result<_>>()?))
    }
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
        let step = match (self.name.as_str(), &self.some_of[..]) {
            ("", []) => return Err(fail(Error::new("an operator has neither `name` nor `some_of`"), "name")),
            ("", several) => {
                let [least, most] = self.count;
                if least > most || most > several.len() {
                    let expected = format!("expected the least and the most of {}", several.len());
                    return Err(fail(Error::new(format!("found [{least}, {most}], {expected}")), "count"));
                }
                augment::Step::some_of(least..=most, build_steps(several, &format!("{key}.some_of"))?)
            }
            (name, []) => {
                let fill = self.fill.as_deref().map(str::parse).transpose().map_err(|e| fail(e, "fill"))?;
                augment::Step::named(name, self.strength as f32, fill).map_err(|e| fail(e, "name"))?
            }
            (name, _) => {
                return Err(fail(
                    Error::new(format!("found `{name}` beside `some_of`, expected one of them")),
                    "name",
                ));
            }
        };
        Ok(step.with_probability(self.probability as f32))
    }
}
