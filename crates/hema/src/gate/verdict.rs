//! What a gate says of a model: every rule with what was found and wanted.

use hema_core::provenance::Provenance;
use hema_core::record::{DataSummary, ModelSummary};
use serde::Serialize;

/// What a gate says of a model.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// Whether every rule holds.
    pub passes: bool,
    /// Every rule, in the order of the policy.
    pub rules: Vec<Rule>,
    /// The model that was judged.
    pub model: ModelSummary,
    /// The model that it was compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<ModelSummary>,
    /// The images that it was judged on.
    pub data: DataSummary,
    /// Who judged.
    pub provenance: Provenance,
}

/// One rule of a policy, and whether it holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Rule {
    /// Subject, in words.
    pub name: String,
    /// What was found; `None` where it cannot be told.
    pub found: Option<f64>,
    /// End of the interval that is compared; what was found itself where that is a count.
    pub bound: Option<f64>,
    /// What the policy asks for.
    pub wanted: Side,
    /// What the numbers are.
    pub unit: Unit,
    /// Whether it holds.
    pub passes: bool,
    /// What else there is to know.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remark: String,
}

/// A number and the side of it that is good.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// As much or more.
    AtLeast(f64),
    /// As much or less.
    AtMost(f64),
}

/// What the numbers of a rule are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Images.
    Images,
    /// A share, 0 to 1.
    Share,
    /// A difference of two shares, -1 to 1.
    Difference,
}

impl Rule {
    pub(super) fn new(
        name: impl Into<String>,
        found: Option<f64>,
        bound: Option<f64>,
        wanted: Side,
        unit: Unit,
    ) -> Self {
        let passes = bound.is_some_and(|bound| match wanted {
            Side::AtLeast(least) => bound >= least,
            Side::AtMost(most) => bound <= most,
        });
        Self { name: name.into(), found, bound, wanted, unit, passes, remark: String::new() }
    }

    pub(super) fn remark(self, remark: impl Into<String>) -> Self {
        Self { remark: remark.into(), ..self }
    }

    /// What was found, for people; `-` where it cannot be told.
    pub fn found_text(&self) -> String {
        self.text(self.found)
    }

    /// The bound that is compared, for people.
    pub fn bound_text(&self) -> String {
        self.text(self.bound)
    }

    /// What the policy asks for, for people.
    pub fn wanted_text(&self) -> String {
        match self.wanted {
            Side::AtLeast(least) => format!("at least {}", self.text(Some(least))),
            Side::AtMost(most) => format!("at most {}", self.text(Some(most))),
        }
    }

    fn text(&self, number: Option<f64>) -> String {
        let Some(number) = number else { return "-".into() };
        match self.unit {
            Unit::Images => format!("{number:.0}"),
            // two decimals: what decides may be close
            Unit::Share => format!("{:.2} %", 100.0 * number),
            Unit::Difference => format!("{:+.2} points", 100.0 * number),
        }
    }
}
