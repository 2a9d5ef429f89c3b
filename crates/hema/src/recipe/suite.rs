//! Suites that people write: a TOML file of conditions, each made of operators as in `augment.operators`.

use std::path::Path;

use hema_core::augment;
use hema_core::error::Result;
use hema_core::suite::{Condition, SEVERITIES, Suite};

use super::key::{Kind, SIDE};
use super::operator::{AllOf, One, Operator, SomeOf};
use super::parse::{locate, read_document, read_text};
use super::read::{Author, Problem, require};
use super::steps::build_steps;
use super::table::table;

table! {
    /// The top of the file.
    pub(super) struct File {
        /// Name in reports.
        #[key(required, in Kind::Name)]
        name: String,
        /// Purpose, in one line.
        #[key(default = "", before = "")]
        about: String,
        /// Side in pixels that images are brought to before they are damaged.
        #[key(unset = "the network's own", in SIDE)]
        size: Option<usize>,
        /// Conditions that the images are judged under, at least one.
        #[key(default = "[]", before = "[]", as "condition")]
        conditions: Vec<Entry>,
    }
}

table! {
    /// `[[condition]]`: one thing that is done to all images.
    struct Entry {
        /// Name in reports; no two conditions share one.
        #[key(required, in Kind::Name)]
        name: String,
        /// Judge it at five severities, 1/5 to 5/5 of every `strength`, instead of once at the full one.
        #[key(default = "false", before = "false")]
        severities: bool,
        /// Operators in their order, as `augment.operators`. Unlike in training, a corruption is done at
        /// exactly its strength.
        #[key(required)]
        operators: Vec<Operator>,
    }
}

/// Reads a suite from a TOML file.
///
/// # Errors
/// A file that cannot be read, text that is not TOML, unknown or missing keys, values that make no sense;
/// with the path, the line or the key.
pub fn read_suite(path: &Path) -> Result<Suite> {
    let text = read_text(path)?;
    parse(&text).map_err(|e| e.at(path))
}

fn parse(text: &str) -> Result<Suite> {
    let file: File = read_document(text, Author::Person)?;
    let conditions = file.check().map_err(|problem| locate(text, problem))?;
    Ok(Suite { name: file.name, about: file.about, size: file.size, conditions })
}

impl File {
    /// The conditions, checked.
    fn check(&self) -> Result<Vec<Condition>, Problem> {
        if self.conditions.is_empty() {
            let hint = "add:\n[[condition]]\nname = \"dim\"\noperators = [{ name = \"brightness-down\" }]";
            let message = "there is no condition, expected at least one `[[condition]]`";
            return Err(Problem::new("", message).hint(hint));
        }
        let mut conditions = Vec::new();
        for (index, entry) in self.conditions.iter().enumerate() {
            let key = format!("condition.{index}");
            let taken = self.conditions[..index].iter().any(|earlier| earlier.name == entry.name);
            require(!taken, &format!("{key}.name"), &entry.name, "a name no other condition has")?;
            conditions.extend(entry.build(&format!("{key}.operators"))?);
        }
        Ok(conditions)
    }
}

impl Entry {
    fn build(&self, key: &str) -> Result<Vec<Condition>, Problem> {
        require(!self.operators.is_empty(), key, "[]", "at least one operator")?;
        if !self.severities {
            return Ok(vec![self.at(1.0, None, key)?]);
        }
        let most = f64::from(*SEVERITIES.end());
        SEVERITIES.map(|severity| self.at(f64::from(severity) / most, Some(severity), key)).collect()
    }

    /// The condition at a share of its strengths.
    fn at(&self, share: f64, severity: Option<u8>, key: &str) -> Result<Condition, Problem> {
        let operators: Vec<Operator> =
            self.operators.iter().map(|operator| operator.weakened(share)).collect();
        let steps = build_steps(&operators, key)?.into_iter().map(augment::Step::exactly).collect();
        Ok(Condition::steps(&self.name, severity, augment::Augment::new(steps)))
    }
}

impl Operator {
    /// The operator at a share of its strength.
    fn weakened(&self, share: f64) -> Self {
        let weakened = |several: &[Self]| several.iter().map(|operator| operator.weakened(share)).collect();
        match self {
            Self::One(one) => Self::One(One { strength: one.strength * share, ..one.clone() }),
            Self::SomeOf(some) => Self::SomeOf(SomeOf { entries: weakened(&some.entries), ..some.clone() }),
            Self::AllOf(all) => Self::AllOf(AllOf { entries: weakened(&all.entries), ..all.clone() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hema_core::Image;

    const DUSTY: &str = r#"
        name = "attic"
        size = 64
        [[condition]]
        name = "dim and soft"
        severities = true
        operators = [{ name = "brightness-down" }, { name = "defocus-blur", strength = 0.5 }]
        [[condition]]
        name = "anything"
        operators = [{ some_of = [{ name = "jpeg" }, { name = "rotate" }], count = [1, 2] }]
    "#;

    #[test]
    fn conditions_are_built_at_each_severity_and_do_the_same_to_an_image_every_time() {
        let suite = parse(DUSTY).unwrap();
        assert_eq!((suite.name.as_str(), suite.size, suite.conditions.len()), ("attic", Some(64), 6));
        let severities: Vec<_> = suite.conditions.iter().map(Condition::severity).collect();
        assert_eq!(severities, [Some(1), Some(2), Some(3), Some(4), Some(5), None]);
        let mean = |condition: &Condition| {
            let mut image = Image::filled(16, 16, [200; 3]);
            condition.apply(&mut image, 0, 7);
            image.pixels().iter().map(|value| u32::from(*value)).sum::<u32>() / (16 * 16 * 3)
        };
        // a corruption at exactly its strength, not at any up to it
        assert_eq!(suite.conditions[..5].iter().map(mean).collect::<Vec<_>>(), [180, 160, 140, 120, 100]);
        assert_eq!(suite.conditions[5].operators(), ["jpeg", "rotate"]);
    }

    #[test]
    fn the_example_is_a_suite() {
        let example = parse(include_str!("../../suites/dusty-lens.toml")).unwrap();
        assert_eq!((example.name.as_str(), example.conditions.len()), ("dusty-lens", 11));
    }

    #[test]
    fn mistakes_are_named() {
        let error = |text: &str| parse(text).unwrap_err().to_string();
        assert!(error("name = \"x\"").contains("there is no condition"));
        assert!(error("name = \"x\"\nsise = 3").contains("line 2"));
        let condition = |rest: &str| error(&format!("name = \"x\"\n[[condition]]\n{rest}"));
        assert!(condition("name = \"a\"\noperators = []").contains("condition.0.operators: found `[]`"));
        let unknown = condition("name = \"a\"\noperators = [{ name = \"jpg\" }]");
        assert!(unknown.contains("condition.0.operators.0.name: unknown operator `jpg`"), "{unknown}");
        let strong = condition("name = \"a\"\noperators = [{ name = \"jpeg\", strength = 2 }]");
        assert!(strong.contains("condition.0.operators.0.strength: found `2`"), "{strong}");
        let twice = r#"
            name = "a"
            operators = [{ name = "jpeg" }]
            [[condition]]
            name = "a"
            operators = [{ name = "jpeg" }]"#;
        assert!(condition(twice).contains("condition.1.name: found `a`"));
    }
}
