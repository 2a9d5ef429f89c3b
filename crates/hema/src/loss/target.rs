//! Targets: what an image shows.

/// The true class of an image, or of all images of a mixture.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Classes and their shares, which sum to 1; the image's own first.
    pub(super) shares: Vec<(usize, f32)>,
}

impl Target {
    /// The class of the image that others are mixed into.
    pub fn label(&self) -> usize {
        self.shares[0].0
    }

    /// Classes and shares of the images that are mixed into it.
    pub fn mixed(&self) -> &[(usize, f32)] {
        &self.shares[1..]
    }

    /// Mixes another image's target into this one; the other gets a share of 0 to 1.
    pub fn mix(&mut self, other: &Self, share: f32) {
        for (_, own) in &mut self.shares {
            *own *= 1.0 - share;
        }
        self.shares.extend(other.shares.iter().map(|(label, of_other)| (*label, of_other * share)));
    }
}

impl From<usize> for Target {
    fn from(label: usize) -> Self {
        Self { shares: vec![(label, 1.0)] }
    }
}
