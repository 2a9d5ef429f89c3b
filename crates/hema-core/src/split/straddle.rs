//! Refusal of a split that has images in different parts which belong together: a model would be tested on
//! the twins of images it learned from.

use std::collections::{BTreeMap, BTreeSet};

use super::membership::Split;
use crate::data::{Part, Source};
use crate::error::{Error, Result};

impl Split {
    /// Refuses groups, named by the data or by the split itself, with images in more than one part.
    ///
    /// # Errors
    /// The number of such groups, the first few of them with their parts.
    pub fn check_groups(&self, source: &Source) -> Result<()> {
        let mut parts_of: BTreeMap<&str, BTreeSet<Part>> = BTreeMap::new();
        for (entry, part) in source.entries().iter().zip(self.parts(source)) {
            if let (Some(group), Some(part)) = (entry.group, part) {
                parts_of.entry(group).or_default().insert(part);
            }
        }
        for row in &self.rows {
            if let Some(group) = row.group.as_deref() {
                parts_of.entry(group).or_default().insert(row.part);
            }
        }
        let torn = parts_of.iter().filter(|(_, parts)| parts.len() > 1);
        let described = torn.map(|(group, parts)| {
            let parts: Vec<String> = parts.iter().map(Part::to_string).collect();
            format!("`{group}` ({})", parts.join(", "))
        });
        self.refuse(["group is", "groups are"], &described.collect::<Vec<_>>())
    }

    /// Refuses sets of images that show the same picture, see [`crate::audit::copies`], in more than one
    /// part.
    ///
    /// # Errors
    /// The number of such sets, the first few of them with an image from either part.
    pub fn check_copies(&self, source: &Source, copies: &[Vec<usize>]) -> Result<()> {
        let parts = self.parts(source);
        let torn = copies.iter().filter_map(|set| {
            let mut placed = set.iter().filter_map(|i| Some((*i, parts[*i]?)));
            let (first, part) = placed.next()?;
            let (other, other_part) = placed.find(|(_, other)| *other != part)?;
            let path = |i: usize| source.entry(i).path;
            Some(format!("{} ({part}) and {} ({other_part})", path(first), path(other)))
        });
        self.refuse(["set of copies is", "sets of copies are"], &torn.collect::<Vec<_>>())
    }

    fn refuse(&self, [one, several]: [&str; 2], torn: &[String]) -> Result<()> {
        if torn.is_empty() {
            return Ok(());
        }
        let first: Vec<&str> = torn.iter().take(3).map(String::as_str).collect();
        let what = if torn.len() == 1 { one } else { several };
        let message = format!("{} {what} in more than one part, first: {}", torn.len(), first.join("; "));
        Err(Error::new(message).at(&self.origin).hint(
            "what a model learns from one image it already knows of the other; make a split that keeps them together with \
             `hema split`",
        ))
    }
}
