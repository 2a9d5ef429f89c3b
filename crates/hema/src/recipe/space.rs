//! What a search over recipes may try: keys of the recipe, and the values each may take, as a TOML file.
//!
//! ```toml
//! "stage.0.lr" = { log = [1e-5, 1e-2] }
//! "loss.label_smoothing" = { uniform = [0, 0.2] }
//! "model.dropout" = { choice = [0, 0.2, 0.5] }
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use hema_core::error::{Error, Result};
use hema_core::rng::{Purpose, Rng, stream};
use rand::RngExt as _;
use toml::Value;

use super::key::{FINITE, Kind, MOST_ENTRIES};
use super::parse::{locate_at, parse_toml, read_text};
use super::read::{Author, Field, Place, Problem, unknown, unlike};
use super::top::Recipe;

/// Keys of a recipe and the values to try of each.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    keys: BTreeMap<String, Values>,
}

/// The two ends of a range.
const ENDS: Kind = Kind::List { of: &FINITE, count: Some(2) };

/// The values to try of a key.
#[derive(Clone, Debug, PartialEq)]
enum Values {
    /// Between two numbers above 0, every factor as likely.
    Log([f64; 2]),
    /// Between two numbers, all as likely.
    Uniform([f64; 2]),
    /// One of these, all as likely.
    Choice(Vec<Value>),
}

/// Keys that decide how trials are compared, with what they decide: a search over them would compare unlike
/// things.
const FIXED: &[(&str, &str)] = &[
    ("name", "what the recipe is called"),
    ("about", "what the recipe is for"),
    ("seed", "the random choices that all trials share; `hema train --seeds` varies it"),
    ("select", "which trial is the best"),
    ("data.validation", "the split, which all trials share"),
    ("data.test", "the split, which all trials share"),
];

impl Space {
    /// Reads a space from a file; also gives the file's text.
    ///
    /// # Errors
    /// A file that cannot be read, and everything [`Space::parse`] refuses.
    pub fn read(path: &Path) -> Result<(Self, String)> {
        let text = read_text(path)?;
        Ok((Self::parse(&text, path)?, text))
    }

    /// Reads a space from TOML text. `origin` stands for the text in errors.
    ///
    /// # Errors
    /// Text that is not TOML, a range without a value in it, a value that is not finite, no key at all; with
    /// the key.
    pub fn parse(text: &str, origin: impl AsRef<Path>) -> Result<Self> {
        let hint = "for example:\n\"stage.0.lr\" = { log = [1e-5, 1e-2] }\n\"model.dropout\" = { choice = [0, 0.2] }";
        let table = parse_toml(text).map_err(|e| e.at(&origin).hint(hint))?;
        let mut keys = BTreeMap::new();
        for (key, value) in &table {
            let values = Values::read(key, value)
                .map_err(|problem| locate_at(text, &[key], problem).at(&origin).hint(hint))?;
            keys.insert(key.clone(), values);
        }
        if keys.len() > MOST_ENTRIES {
            let found = format!("names {} keys to search, expected at most {MOST_ENTRIES}", keys.len());
            return Err(Error::new(found).at(&origin));
        }
        if keys.is_empty() {
            return Err(Error::new("names no key to search").at(&origin).hint(hint));
        }
        for (key, values) in &keys {
            let of = |fixed: &str| {
                key.strip_prefix(fixed).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            if let Some((_, decides)) = FIXED.iter().find(|(fixed, _)| of(fixed)) {
                return Err(
                    Error::new(format!("{key}: cannot be searched, as it decides {decides}")).at(&origin)
                );
            }
            values.check().map_err(|found| Error::new(format!("{key}: {found}")).at(&origin))?;
        }
        Ok(Self { keys })
    }

    /// The keys, in order, each with whether its values are drawn by their logarithm.
    pub fn keys(&self) -> impl Iterator<Item = (&str, bool)> {
        self.keys.iter().map(|(key, values)| (key.as_str(), matches!(values, Values::Log(_))))
    }

    /// Checks that a recipe takes both ends of every range and every choice.
    ///
    /// # Errors
    /// A key that the recipe lacks, a value it refuses.
    pub fn check(&self, recipe: &Recipe) -> Result<()> {
        for (key, values) in &self.keys {
            let ends = match values {
                Values::Log(ends) | Values::Uniform(ends) => ends.map(number).to_vec(),
                Values::Choice(all) => all.iter().map(text).collect(),
            };
            for end in ends {
                recipe.with(&[format!("{key}={end}")])?;
            }
        }
        Ok(())
    }

    /// The values of a trial as TOML, one for every key in order. They follow from the seed and the trial's
    /// number.
    pub fn draw(&self, seed: u64, trial: u64) -> Vec<String> {
        let mut rng = stream(seed, Purpose::Tune, 0, trial);
        self.keys.values().map(|values| values.draw(&mut rng)).collect()
    }

    /// Values of a trial as what [`Recipe::with`] takes.
    pub fn assign(&self, values: &[String]) -> Vec<String> {
        self.keys.keys().zip(values).map(|(key, value)| format!("{key}={value}")).collect()
    }
}

impl Values {
    /// Reads the values to try of a key: a table of one key.
    fn read(key: &str, value: &Value) -> Result<Self, Problem> {
        let place = Place::top(Author::Person).below(key);
        let ways = value.as_table().filter(|ways| ways.len() == 1).and_then(|ways| ways.iter().next());
        let Some((way, values)) = ways else {
            return Err(unlike(value, "a table with one of `log`, `uniform` and `choice`", &place));
        };
        let place = place.below(way);
        let ends = || <[f64; 2]>::read(values, &ENDS, &place);
        match way.as_str() {
            "log" => Ok(Self::Log(ends()?)),
            "uniform" => Ok(Self::Uniform(ends()?)),
            "choice" => match values {
                Value::Array(all) if all.len() <= MOST_ENTRIES => Ok(Self::Choice(all.clone())),
                other => Err(unlike(other, &format!("a list of at most {MOST_ENTRIES} values"), &place)),
            },
            other => Err(unknown("value", other, ["log", "uniform", "choice"], &place)),
        }
    }

    /// What is wrong, in words.
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Log([low, high]) | Self::Uniform([low, high]) if low >= high => {
                Err(format!("found {low} to {high}, expected the lower number first and another one second"))
            }
            Self::Log([low, _]) if *low <= 0.0 => {
                Err(format!("a logarithmic range starts at {low}, expected a number above 0"))
            }
            // a range of which no number is left in between
            Self::Log([low, high]) if low.ln() >= high.ln() => {
                Err(format!("found {low} to {high}, expected numbers further apart"))
            }
            Self::Choice(all) if all.is_empty() => Err("found no choice, expected at least one value".into()),
            Self::Choice(all) => {
                match all.iter().find(|value| value.as_float().is_some_and(|v| !v.is_finite())) {
                    Some(value) => Err(format!("found {value}, expected a finite number")),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn draw(&self, rng: &mut Rng) -> String {
        match self {
            Self::Log([low, high]) => {
                number(readable(rng.random_range(low.ln()..high.ln()).exp()).clamp(*low, *high))
            }
            Self::Uniform([low, high]) => number(readable(rng.random_range(*low..*high)).clamp(*low, *high)),
            Self::Choice(all) => text(&all[rng.random_range(0..all.len())]),
        }
    }
}

/// A number with four digits that count, which is all a search can tell apart.
fn readable(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// A value as TOML; its own form writes out every zero of 1e-30.
fn text(value: &toml::Value) -> String {
    value.as_float().map_or_else(|| value.to_string(), number)
}

/// A number as TOML.
fn number(value: f64) -> String {
    format!("{value:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: &str = r#"
"stage.0.lr" = { log = [1e-5, 1e-2] }
"loss.label_smoothing" = { uniform = [0, 0.2] }
"model.dropout" = { choice = [0, 0.25, 0.5] }
"stage.0.optimizer" = { choice = ["lion", "adamw"] }
"#;

    fn space() -> Space {
        Space::parse(SPACE, "space.toml").unwrap()
    }

    #[test]
    fn trials_follow_from_the_seed_and_stay_in_their_ranges() {
        let space = space();
        let recipe = Recipe::load("cnn", &[] as &[&str]).unwrap();
        space.check(&recipe).unwrap();
        assert_eq!(space.draw(3, 1), space.draw(3, 1));
        assert!(space.draw(3, 1) != space.draw(3, 2) && space.draw(3, 1) != space.draw(4, 1));
        let (mut low, mut dropouts) = (0, Vec::new());
        for trial in 0..200 {
            let drawn = recipe.with(&space.assign(&space.draw(0, trial))).unwrap();
            let lr = drawn.stages[0].lr;
            assert!((1e-5..=1e-2).contains(&lr) && (0.0..=0.2).contains(&drawn.loss.label_smoothing));
            low += usize::from(lr < 1e-4);
            dropouts.extend(drawn.model.dropout);
        }
        // a third of the decades holds a third of the trials
        assert!((45..90).contains(&low), "{low}");
        assert!([0.0, 0.25, 0.5].iter().all(|dropout| dropouts.contains(dropout)));
    }

    #[test]
    fn what_cannot_be_searched_is_refused_by_name() {
        for (text, expected) in [
            ("", "names no key to search"),
            (r#""stage.0.lr" = { log = [0, 1] }"#, "stage.0.lr: a logarithmic range starts at 0"),
            (r#""stage.0.lr" = { log = [-1, 1] }"#, "stage.0.lr: a logarithmic range starts at -1"),
            (r#""stage.0.lr" = { log = [1e300, 1.0000000000000002e300] }"#, "expected numbers further apart"),
            (r#""stage.0.lr" = { log = [1, 0.1] }"#, "stage.0.lr: found 1 to 0.1"),
            (r#""stage.0.lr" = { uniform = [1, 1] }"#, "stage.0.lr: found 1 to 1"),
            (
                r#""stage.0.lr" = { uniform = [nan, 1] }"#,
                "stage.0.lr.uniform.0: found `NaN`, expected a finite number",
            ),
            (r#""stage.0.lr" = { uniform = [0, inf] }"#, "stage.0.lr.uniform.1: found `inf`"),
            (r#""stage.0.lr" = { uniform = [1] }"#, "line 1: stage.0.lr"),
            (r#""stage.0.lr" = { choice = [] }"#, "stage.0.lr: found no choice"),
            (r#""stage.0.lr" = { choice = [1, nan] }"#, "stage.0.lr: found nan"),
            (r#""stage.0.lr" = { normal = [0, 1] }"#, "unknown value `normal`"),
            (r#""stage.0.lr" = 3"#, "line 1: stage.0.lr"),
            ("stage.0.lr = { log = [1e-5, 1] }", "line 1: stage"),
            (r#""select.metric" = { choice = ["nll"] }"#, "select.metric: cannot be searched"),
            (r#""seed" = { choice = [1, 2] }"#, "seed: cannot be searched"),
            ("not toml", "line 1"),
        ] {
            let error = Space::parse(text, "space.toml").unwrap_err().to_string();
            assert!(error.starts_with("space.toml: ") && error.contains(expected), "{text}: {error}");
        }
        let recipe = Recipe::load("cnn", &[] as &[&str]).unwrap();
        for (text, expected) in [
            (r#""stage.9.lr" = { log = [1e-5, 1] }"#, "stage.9.lr"),
            (r#""loss.smoothing" = { uniform = [0, 0.1] }"#, "loss.smoothing"),
            (
                r#""loss.label_smoothing" = { uniform = [0, 1] }"#,
                "loss.label_smoothing=1.0: found `1`, expected 0 or more and less than 1",
            ),
            (r#""stage.0.epochs" = { uniform = [1, 5] }"#, "stage.0.epochs"),
            (r#""stage.0.optimizer" = { choice = ["adam", "adem"] }"#, "adem"),
        ] {
            let error = Space::parse(text, "space.toml").unwrap().check(&recipe).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("--set"), "{text}: {error}");
        }
    }
}
