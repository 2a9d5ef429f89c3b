//! Copies: which images of a data set show the same picture, and the kind that each group of them is reported
//! as.

pub(crate) mod altered;
mod best;
mod detail;
pub(crate) mod duplicates;
pub(crate) mod found;
pub(crate) mod frequencies;
pub(crate) mod groups;
pub(crate) mod hash;
pub(crate) mod search;
