//! Optimizers: how a gradient changes a weight.
//!
//! A rule is one file and one row of [`RULES`]. State is kept by parameter name, so that it survives being
//! saved and read by another process.

mod adam;
mod adamw;
mod cpu;
mod grouped;
mod layers;
mod lion;
mod optimizer;
mod rmsprop;
mod rule;
mod settings;
mod sgd;

#[cfg(test)]
mod tests;

use hema_core::error::{Error, Result, suggest};

pub use optimizer::Optimizer;
pub use rule::{Rule, Step};
pub use settings::Settings;

/// Every rule, the default of recipes first.
pub const RULES: &[&dyn Rule] = &[&adamw::AdamW, &adam::Adam, &lion::Lion, &sgd::Sgd, &rmsprop::RmsProp];

/// The rule of a name.
///
/// # Errors
/// An unknown name; the hint has the nearest one.
pub fn find(name: &str) -> Result<&'static dyn Rule> {
    RULES.iter().copied().find(|rule| rule.name() == name).ok_or_else(|| {
        Error::new(format!("there is no optimizer `{name}`"))
            .hint(suggest(name, RULES.iter().map(|rule| rule.name())))
    })
}
