//! The split that a data set brings along.

use std::io::Cursor;

use super::membership::Split;
use crate::data::Source;
use crate::error::Result;

impl Source {
    /// The split that the data brings along: parts named by its folders, arrays or manifest, else a
    /// `split.csv` at its root.
    ///
    /// # Errors
    /// A `split.csv` that is not a split, or that names images the data lacks.
    pub fn read_split_inside(&self) -> Result<Option<Split>> {
        if self.entries().iter().any(|e| e.part.is_some()) {
            return Ok(Some(Split::of_entries(self.entries(), self.classes(), self.path())));
        }
        let Some(text) = self.split_csv() else { return Ok(None) };
        let split = Split::parse(Cursor::new(text.to_vec()), &self.path().join("split.csv"))?;
        split.fitted(self).map(Some)
    }

    /// Gives the entries the parts that a split names; the others have none.
    ///
    /// # Errors
    /// A split that names files the data lacks, or under another label.
    pub fn with_split(self, split: &Split) -> Result<Self> {
        split.check_against(&self)?;
        let parts = split.parts(&self);
        Ok(self.with_parts(&parts))
    }
}
