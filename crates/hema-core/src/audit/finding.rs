//! A finding, and what is to be done about it.

/// One fault of one image, or of the data set as a whole.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Finding {
    /// Name of the check.
    pub check: &'static str,
    /// Index of the image's entry; `None` where the data set as a whole is at fault.
    pub image: Option<usize>,
    /// How sound the image or the data set is in this respect: 0 (bad) to 1 (fine).
    pub score: f64,
    /// Number, within the check, of the group of images that were found together.
    pub cluster: Option<usize>,
    /// The entry it was compared with: the copy that stays, the other label's image ...
    pub partner: Option<usize>,
    /// The fault in words and numbers.
    pub detail: String,
    /// The policy's action for the image.
    pub action: Action,
}

/// Sorts findings, worst first; equally bad ones stay in order.
pub(super) fn worst_first(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|a, b| a.score.total_cmp(&b.score));
    findings
}

/// The action for an image that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// The image stays.
    Keep,
    /// A person should look at it; it stays until then.
    Review,
    /// The image does not go into the cleaned set.
    Drop,
}

impl Action {
    /// Every action with its name in `findings.csv`.
    pub const NAMES: [(Self, &'static str); 3] =
        [(Self::Keep, "keep"), (Self::Review, "review"), (Self::Drop, "drop")];

    /// Name in `findings.csv`.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize].1
    }
}
