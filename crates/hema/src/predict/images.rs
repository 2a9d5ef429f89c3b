//! Images as the members of a predictor see them.

use hema_core::data::Dataset;
use hema_core::error::Result;

/// Images as the members of a predictor see them: decoded once for each distinct size, crop and filter.
#[derive(Clone)]
pub struct Images {
    pub(super) datasets: Vec<Dataset>,
    /// Position among the data sets of each member's.
    pub(super) of_member: Vec<usize>,
}

impl Images {
    /// The images as the first member sees them.
    pub fn first(&self) -> &Dataset {
        &self.datasets[0]
    }

    /// The images as the member at this position sees them.
    pub fn of_member(&self, member: usize) -> &Dataset {
        &self.datasets[self.of_member[member]]
    }

    /// A hash of the pixels and labels that the members see.
    ///
    /// # Errors
    /// An image that cannot be read.
    pub(crate) fn hash(&self) -> Result<String> {
        let hashes: Vec<String> = self.datasets.iter().map(Dataset::hash).collect::<Result<_>>()?;
        Ok(format!("{} {:?}", hashes.join(" "), self.of_member))
    }

    /// Some of the images, by their positions; pixels are shared, not copied.
    pub(crate) fn subset(&self, positions: &[usize]) -> Self {
        let datasets = self.datasets.iter().map(|data| data.subset(positions)).collect();
        Self { datasets, of_member: self.of_member.clone() }
    }
}
