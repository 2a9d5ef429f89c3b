//! The settings in a policy's word, such as `m9` and `n3` of `rand-m9-n3`.

use crate::error::{Error, Result};

/// The settings of a policy's word that nobody has taken yet.
pub(super) struct Settings<'a> {
    pub(super) parts: Vec<&'a str>,
}

impl Settings<'_> {
    /// Takes the number behind `key`, within `low` to `high`; `default` when the word does not have it.
    pub(super) fn number(&mut self, key: &str, default: f32, [low, high]: [f32; 2]) -> Result<f32> {
        let is_number = |part: &&str| {
            part.strip_prefix(key).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        let Some(position) = self.parts.iter().position(is_number) else { return Ok(default) };
        let text = &self.parts.remove(position)[key.len()..];
        text.parse()
            .ok()
            .filter(|number| (low..=high).contains(number))
            .ok_or_else(|| Error::new(format!("{key} is `{text}` (expected a number from {low} to {high})")))
    }

    /// Takes the count behind `key`, 1 to 16; `default` when the word does not have it.
    pub(super) fn count(&mut self, key: &str, default: usize) -> Result<usize> {
        let number = self.number(key, default as f32, [1.0, 16.0])?;
        if number.fract() == 0.0 {
            Ok(number as usize)
        } else {
            Err(Error::new(format!("{key} is {number} (expected a whole number)")))
        }
    }
}
