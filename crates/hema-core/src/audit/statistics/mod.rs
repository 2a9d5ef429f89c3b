//! Statistics that the checks share: robust centres and spreads, clusters, associations, confident learning.

pub(crate) mod confident;
pub(crate) mod contingency;
pub(crate) mod robust;
pub(crate) mod scatter;
pub(crate) mod two_means;
