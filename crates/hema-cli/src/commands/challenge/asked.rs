//! The arguments that a challenge's folder was made with, and what other ones change.

use std::fs;
use std::path::{Path, PathBuf};

use hema::error::{Error, Result};
use hema::file;
use hema::run_folder::{read_json, write_json};
use serde::{Deserialize, Serialize};

use crate::commands::audit::{FINDINGS, checksum_of, checksum_written};
use crate::places::free;

/// Name of the folder of the audit, inside the folder.
pub(super) const AUDIT: &str = "audit";

/// Name of the record, inside the folder.
const ASKED: &str = "challenge.json";

/// An argument that decides what steps make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The data.
    Data,
    /// The findings of the audit, which a person may edit.
    Findings,
    /// The recipe with its overrides.
    Recipe,
    /// The views that are averaged over.
    Views,
    /// Whether a final model is fitted.
    Final,
}

/// The arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) data: PathBuf,
    /// Checksum of the data's files, see [`contents`]; none in folders from before it was kept.
    #[serde(default)]
    pub(super) contents: Option<u32>,
    /// Checksum of the findings that a person has edited, by which the data were cleaned; none where they are
    /// as the audit wrote them.
    #[serde(default)]
    pub(super) findings: Option<u32>,
    pub(super) recipe: String,
    pub(super) overrides: Vec<String>,
    pub(super) tta: String,
    /// The recipe itself, whose file may change; empty in folders from before it was kept.
    #[serde(default)]
    pub(super) recipe_text: String,
    /// The judged model is submitted; folders from before there were final models have none.
    #[serde(default = "yes")]
    pub(super) no_final: bool,
}

fn yes() -> bool {
    true
}

impl Asked {
    /// What differs from the arguments that the folder was made with, and how, in words; nothing for a new
    /// folder. Findings that were edited are noted, unless other data are to be audited anew.
    ///
    /// # Errors
    /// A record or findings that cannot be read.
    pub(super) fn changes(&mut self, out: &Path) -> Result<Vec<(What, String)>> {
        let path = out.join(ASKED);
        if !path.exists() {
            return Ok(Vec::new());
        }
        let before: Self = read_json(&path)?;
        self.findings = before.edited(&out.join(AUDIT))?;
        let changes = self.differences(&before);
        if changes.iter().any(|(what, _)| *what == What::Data) {
            self.findings = None;
        }
        Ok(changes)
    }

    /// Checksum of the findings in an audit's folder where they are not as the audit wrote them.
    fn edited(&self, audit: &Path) -> Result<Option<u32>> {
        let Some(found) = checksum_of(&audit.join(FINDINGS))? else { return Ok(None) };
        let is_edited = match checksum_written(audit) {
            Some(written) => found != written,
            // once they were applied, their record is no longer the audit's
            None => self.findings.is_some(),
        };
        Ok(is_edited.then_some(found))
    }

    fn differences(&self, before: &Self) -> Vec<(What, String)> {
        let mut found = Vec::new();
        if self.data != before.data {
            let (old, new) = (before.data.display(), self.data.display());
            found.push((What::Data, format!("the data have changed ({old}, now {new})")));
        } else if before.contents.is_some() && self.contents != before.contents {
            found.push((What::Data, format!("the files of {} have changed", self.data.display())));
        }
        if self.findings != before.findings {
            let change = format!("the findings in {AUDIT}/{FINDINGS} have been edited");
            found.push((What::Findings, change));
        }
        if !self.has_recipe_of(before) {
            let change = match (&before.recipe, &self.recipe) {
                (old, new) if old == new => format!("values of the recipe {new} have changed"),
                (old, new) => format!("the recipe has changed ({old}, now {new})"),
            };
            found.push((What::Recipe, change));
        }
        if self.tta != before.tta {
            found.push((What::Views, format!("the views have changed ({}, now {})", before.tta, self.tta)));
        }
        if self.no_final != before.no_final {
            let what = if self.no_final { "the judged model" } else { "a final model" };
            found.push((What::Final, format!("the model to submit has changed (now {what})")));
        }
        found
    }

    fn has_recipe_of(&self, before: &Self) -> bool {
        if before.recipe_text.is_empty() {
            return (&self.recipe, &self.overrides) == (&before.recipe, &before.overrides);
        }
        self.recipe_text == before.recipe_text
    }

    /// Writes the record.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub(super) fn write(&self, out: &Path) -> Result<()> {
        write_json(&out.join(ASKED), self)
    }
}

/// CRC-32C of the names and contents of the files at a path and under it. Of what a manifest names elsewhere
/// it knows nothing.
///
/// # Errors
/// A folder that cannot be listed, a file that cannot be read.
pub(super) fn contents(path: &Path) -> Result<u32> {
    add_contents(0, path)
}

fn add_contents(mut checksum: u32, path: &Path) -> Result<u32> {
    checksum = crc32c::crc32c_append(checksum, path.file_name().unwrap_or_default().as_encoded_bytes());
    if path.is_dir() {
        return file::list(path)?.iter().try_fold(checksum, |checksum, path| add_contents(checksum, path));
    }
    // what is no file is the audit's to refuse
    if path.is_file() {
        checksum = file::add_to_checksum(checksum, path)?;
    }
    Ok(checksum)
}

/// Moves what was made into a new folder inside, and gives its path.
///
/// # Errors
/// A folder that cannot be written.
pub(super) fn put_aside(out: &Path, made: &[PathBuf]) -> Result<PathBuf> {
    let aside = free(|number| out.join(format!("earlier-{number}")));
    file::create_folder(&aside)?;
    for path in made {
        let to = aside.join(path.file_name().unwrap_or_default());
        fs::rename(path, &to).map_err(|e| Error::io(path, &e))?;
    }
    Ok(aside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_changed_is_named_and_a_recipe_is_its_contents() {
        let before = Asked {
            data: "cells".into(),
            contents: Some(1),
            findings: None,
            recipe: "cnn".into(),
            overrides: vec![],
            tta: "flips".into(),
            recipe_text: "seed = 0".into(),
            no_final: false,
        };
        let changes =
            |now: Asked| now.differences(&before).into_iter().map(|(what, _)| what).collect::<Vec<_>>();
        assert_eq!(changes(before.clone()), []);
        assert_eq!(changes(Asked { recipe: "same.toml".into(), ..before.clone() }), []);
        let other = Asked { recipe_text: "seed = 1".into(), tta: "none".into(), ..before.clone() };
        assert_eq!(changes(other), [What::Recipe, What::Views]);
        let moved = Asked { data: "others".into(), no_final: true, ..before.clone() };
        assert_eq!(changes(moved), [What::Data, What::Final]);
        assert_eq!(changes(Asked { contents: Some(2), ..before.clone() }), [What::Data]);
        assert_eq!(changes(Asked { findings: Some(2), ..before.clone() }), [What::Findings]);
    }
}
