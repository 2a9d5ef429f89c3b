//! Policies of a gate: a TOML file of what a model must keep to be let through, see [`crate::gate`].

use std::path::Path;

use hema_core::error::Result;

use super::key::{COUNT, FRACTION, Kind, PART, SHARE};
use super::parse::{locate, read_document, read_text};
use super::read::{Author, Problem, require};
use super::table::table;

table! {
    /// The top of the file.
    pub struct Gate {
        /// Fewest images of every class that the model knows.
        #[key(default = "1", before = "1", in COUNT)]
        pub least_images: u64,
        /// Largest share of the images that the model may have been trained on or chosen by. Of a model that
        /// does not say what it has seen, nothing but 1 is kept.
        #[key(default = "0", before = "0", in SHARE)]
        pub most_seen: f64,
        /// Lowest recalls.
        #[key(default = "[]", before = "[]")]
        pub recall: Vec<LeastRecall>,
        /// Lowest accuracies.
        #[key(default = "[]", before = "[]")]
        pub accuracy: Vec<LeastAccuracy>,
        /// Largest calibration error.
        #[key(unset = "it is not judged")]
        pub calibration: Option<MostError>,
        /// Lowest share of the images that can be left to the model with a promise.
        #[key(unset = "it is not judged")]
        pub promise: Option<LeastCoverage>,
        /// Comparison with another model on the same images, image by image.
        #[key(unset = "no other model is asked")]
        pub baseline: Option<NotWorse>,
    }
}

table! {
    /// `[[recall]]`: the lower end of the 95 % interval of a class's recall.
    pub struct LeastRecall {
        /// Name of the class.
        #[key(unset = "every class that has no entry of its own", in Kind::Name)]
        pub class: Option<String>,
        /// Lowest recall that is enough.
        #[key(required, in PART)]
        pub least: f64,
    }
}

table! {
    /// `[[accuracy]]`: the lower end of the 95 % interval of the accuracy under a suite.
    pub struct LeastAccuracy {
        /// Name of the suite, or its TOML file; `clean` for the unchanged images.
        #[key(default = "clean", before = "clean", in Kind::Text("a suite of `hema list suites`, or a TOML file"))]
        pub suite: String,
        /// Lowest accuracy that is enough.
        #[key(required, in PART)]
        pub least: f64,
    }
}

table! {
    /// `[calibration]`: the upper end of the 95 % interval of the expected calibration error on the unchanged
    /// images.
    pub struct MostError {
        /// Largest error that is borne.
        #[key(required, in SHARE)]
        pub most: f64,
    }
}

table! {
    /// `[promise]`: the share of the unchanged images that the model can keep so that, with the confidence,
    /// at most the risk is named wrongly, as `hema certify` finds it.
    pub struct LeastCoverage {
        /// Largest share of the kept images that may be named wrongly.
        #[key(default = "0.01", before = "0.01", in FRACTION)]
        pub max_risk: f64,
        /// Probability with which that holds.
        #[key(default = "0.95", before = "0.95", in FRACTION)]
        pub confidence: f64,
        /// Lowest share that is enough.
        #[key(required, in PART)]
        pub least: f64,
    }
}

table! {
    /// `[baseline]`: the lower end of the 95 % interval of the difference of the accuracies, the model's less
    /// the other's.
    pub struct NotWorse {
        /// Name of the suite, or its TOML file; `clean` for the unchanged images.
        #[key(default = "clean", before = "clean", in Kind::Text("a suite of `hema list suites`, or a TOML file"))]
        pub suite: String,
        /// By how much the model may be worse.
        #[key(required, in SHARE)]
        pub most_worse: f64,
    }
}

/// Reads a policy from a TOML file.
///
/// # Errors
/// A file that cannot be read, text that is not TOML, unknown or missing keys, values that make no sense;
/// with the path, the line or the key.
pub fn read_gate(path: &Path) -> Result<Gate> {
    let text = read_text(path)?;
    parse(&text).map_err(|e| e.at(path))
}

fn parse(text: &str) -> Result<Gate> {
    let gate: Gate = read_document(text, Author::Person)?;
    gate.check().map_err(|problem| locate(text, problem))?;
    Ok(gate)
}

impl Gate {
    /// Rules across keys.
    fn check(&self) -> Result<(), Problem> {
        let judges = !self.recall.is_empty()
            || !self.accuracy.is_empty()
            || self.calibration.is_some()
            || self.promise.is_some()
            || self.baseline.is_some();
        if !judges {
            let message = "nothing is asked of the model, expected at least one bound";
            return Err(Problem::new("", message).hint("add:\n[[accuracy]]\nleast = 0.95"));
        }
        for (index, entry) in self.recall.iter().enumerate() {
            let is_new = self.recall[..index].iter().all(|earlier| earlier.class != entry.class);
            let class = entry.class.as_deref().unwrap_or_default();
            require(is_new, &format!("recall.{index}.class"), class, "a class that no other entry has")?;
        }
        for (index, entry) in self.accuracy.iter().enumerate() {
            let is_new = self.accuracy[..index].iter().all(|earlier| earlier.suite != entry.suite);
            require(
                is_new,
                &format!("accuracy.{index}.suite"),
                &entry.suite,
                "a suite that no other entry has",
            )?;
        }
        for (key, value) in self.promise.iter().flat_map(|promise| {
            [("promise.max_risk", promise.max_risk), ("promise.confidence", promise.confidence)]
        }) {
            require(value > 0.0, key, value, "a share above 0")?;
        }
        Ok(())
    }

    /// Suites that the model is judged under, each once, besides the unchanged images.
    pub fn suites(&self) -> Vec<&str> {
        let named = self.accuracy.iter().map(|entry| &*entry.suite);
        let named = named.chain(self.baseline.iter().map(|entry| &*entry.suite));
        let mut suites: Vec<&str> = named.filter(|suite| *suite != "clean").collect();
        suites.sort_unstable();
        suites.dedup();
        suites
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: &str = r#"
        least_images = 30
        [[recall]]
        least = 0.9
        [[recall]]
        class = "basophil"
        least = 0.8
        [[accuracy]]
        least = 0.95
        [[accuracy]]
        suite = "degraded"
        least = 0.8
        [promise]
        least = 0.9
        [baseline]
        suite = "degraded"
        most_worse = 0.01
    "#;

    #[test]
    fn a_policy_is_read_with_what_holds_where_nothing_is_said() {
        let gate = parse(STRICT).unwrap();
        assert_eq!((gate.least_images, gate.most_seen, gate.suites()), (30, 0.0, vec!["degraded"]));
        assert_eq!(gate.recall[1].class.as_deref(), Some("basophil"));
        let promise = gate.promise.unwrap();
        assert_eq!((promise.max_risk, promise.confidence, promise.least), (0.01, 0.95, 0.9));
        assert!(gate.calibration.is_none());
    }

    #[test]
    fn the_policy_that_comes_along_is_one() {
        let gate = parse(include_str!("../../gates/laboratory.toml")).unwrap();
        assert_eq!((gate.recall.len(), gate.suites()), (2, vec!["degraded"]));
        assert!(gate.calibration.is_some() && gate.promise.is_some() && gate.baseline.is_some());
    }

    #[test]
    fn what_is_wrong_with_a_policy_is_said_with_its_line() {
        let error = |text: &str| parse(text).unwrap_err();
        let misspelt = error("[[accuracy]]\nleats = 0.9");
        assert!(misspelt.to_string().contains("unknown key `leats`"), "{misspelt}");
        assert!(misspelt.hint_text().is_some_and(|hint| hint.contains("least")), "{misspelt:?}");
        for (text, says) in [
            ("most_seen = 0.5", "nothing is asked of the model"),
            ("[[accuracy]]\nleast = 95", "least"),
            ("[[accuracy]]\nsuite = \"degraded\"", "least"),
            ("[[recall]]\nleast = 0.9\n[[recall]]\nleast = 0.8", "a class that no other entry has"),
            ("[promise]\nmax_risk = 0\nleast = 0.9", "a share above 0"),
        ] {
            let error = error(text).to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
