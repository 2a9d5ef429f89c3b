//! Statistics that the checks share: robust centres and spreads, clusters, associations and whether they are
//! chance, confident learning.

pub(crate) mod confident;
pub(crate) mod contingency;
pub(crate) mod permutation;
pub(crate) mod robust;
pub(crate) mod scatter;
pub(crate) mod two_means;
