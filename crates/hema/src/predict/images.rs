//! Images as the members of a predictor see them.

use hema_core::data::Dataset;
use hema_core::error::Result;
use hema_core::rescale::Rescaling;

/// Images as the members of a predictor see them: decoded once for each distinct size, crop and filter.
#[derive(Clone)]
pub struct Images {
    pub(super) datasets: Vec<Dataset>,
    /// Position among the data sets of each member's.
    pub(super) of_member: Vec<usize>,
    /// How far their field of view was changed, where that was asked for.
    pub(super) rescaling: Option<Rescaling>,
}

/// In what images are shown to members otherwise than each was trained.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Geometry {
    /// Side in pixels in place of each member's own, for images that are edited before they are resized for
    /// the network.
    pub(crate) size: Option<usize>,
    /// Factor that fields of view are rescaled by.
    pub(crate) rescale: Option<f64>,
}

impl Geometry {
    /// With fields of view rescaled so.
    pub(crate) fn rescaled(rescaling: Option<&Rescaling>) -> Self {
        let factor = rescaling.filter(|rescaling| rescaling.changes()).map(|rescaling| rescaling.factor);
        Self { size: None, rescale: factor }
    }
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

    /// How far the field of view was changed for the model, where that was asked for.
    pub fn rescaling(&self) -> Option<&Rescaling> {
        self.rescaling.as_ref()
    }

    /// The images with the record of how far their field of view was changed.
    pub(crate) fn with_rescaling(self, rescaling: Option<Rescaling>) -> Self {
        Self { rescaling, ..self }
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
        Self { datasets, of_member: self.of_member.clone(), rescaling: self.rescaling.clone() }
    }
}
