//! The public data sets of blood cells: their addresses, proofs, licences and citations.
//!
//! Adding one is a row of `table`. Left out on purpose: sets behind a login.

mod bccd;
mod public_set;
mod table;

use hema_core::error::{Error, Result, suggest};

pub use public_set::{Fetched, PublicSet};
pub use table::SETS;

/// The data set of a name.
///
/// # Errors
/// There is none; the hint names the nearest.
pub fn find(name: &str) -> Result<&'static PublicSet> {
    SETS.iter().find(|set| set.name == name).ok_or_else(|| {
        Error::new(format!("there is no public data set `{name}`"))
            .hint(suggest(name, SETS.iter().map(|set| set.name)))
    })
}
