//! Which images train a model, which choose it and which judge it.
//!
//! A [`SplitPlan`] makes splits: of shares or of folds, class by class, with the images of a group and the
//! copies of a picture together (`unit` finds such sets, `deal` hands them out). A [`Split`] is a
//! list of paths and parts (`membership`); `io` is its CSV file, `inside` the split that a data set brings
//! along, `pattern` reads groups out of paths, and `straddle` refuses a split that tears a group or a set of
//! copies apart.
//!
//! Left out on purpose: finding copies, which the audit does.

mod deal;
mod inside;
mod io;
mod membership;
mod pattern;
mod plan;
mod straddle;
#[cfg(test)]
mod tests;
mod unit;

pub use membership::Split;
pub use pattern::GroupPattern;
pub use plan::{Fractions, SplitPlan, redundant_copies};

pub use crate::data::Part;
