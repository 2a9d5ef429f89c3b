//! The conditions that an evaluation has judged so far, so that an interrupted one goes on where it stopped.
//!
//! A file of one JSON value a line: first the key of the model, the images and the build, then every
//! condition that is done. A line that was cut off is judged again.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use hema_core::error::{Error, Result};
use hema_core::record::ConditionScores;
use serde::{Deserialize, Serialize};

/// One condition, judged.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Judged {
    /// The condition in every detail.
    pub(super) identity: String,
    pub(super) condition: ConditionScores,
}

/// The conditions judged so far.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    judged: BTreeMap<String, Judged>,
}

impl Journal {
    /// Opens the journal of an evaluation. One of another key, so of another model, other images or another
    /// build of Hema, is begun anew.
    ///
    /// # Errors
    /// A file that cannot be read or written.
    pub(super) fn open(path: &Path, key: &str) -> Result<Self> {
        let text = if path.exists() {
            std::fs::read_to_string(path).map_err(|e| Error::io(path, &e))?
        } else {
            String::new()
        };
        let mut lines = text.lines();
        let known = lines.next().is_some_and(|line| line == key_line(key));
        let judged: BTreeMap<String, Judged> = lines
            .filter(|_| known)
            .filter_map(|line| serde_json::from_str::<Judged>(line).ok())
            .map(|judged| (judged.identity.clone(), judged))
            .collect();
        let failed = |e: std::io::Error| Error::io(path, &e);
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .append(known)
            .truncate(!known)
            .open(path)
            .map_err(failed)?;
        if !known {
            writeln!(file, "{}", key_line(key)).map_err(failed)?;
        } else if !text.ends_with('\n') {
            writeln!(file).map_err(failed)?;
        }
        Ok(Self { path: path.to_owned(), file, judged })
    }

    /// Conditions that it knows.
    pub(super) fn len(&self) -> usize {
        self.judged.len()
    }

    pub(super) fn find(&self, identity: &str) -> Option<&Judged> {
        self.judged.get(identity)
    }

    pub(super) fn add(&mut self, judged: &Judged) -> Result<()> {
        let line = serde_json::to_string(judged).map_err(|e| Error::new(e.to_string()).at(&self.path))?;
        writeln!(self.file, "{line}").map_err(|e| Error::io(&self.path, &e))
    }

    /// Removes the file: the evaluation is written elsewhere.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(super) fn finish(self) -> Result<()> {
        std::fs::remove_file(&self.path).map_err(|e| Error::io(&self.path, &e))
    }
}

fn key_line(key: &str) -> String {
    serde_json::Value::from(key).to_string()
}

#[cfg(test)]
mod tests {
    use hema_core::metrics::{Outcomes, Predictions, score};

    use super::*;

    fn judged(identity: &str) -> Judged {
        let classes = vec!["a".to_owned(), "b".to_owned()];
        let scores =
            score(&Predictions { classes, labels: vec![0, 1], probabilities: vec![0.9, 0.1, 0.8, 0.2] });
        let condition = ConditionScores {
            suite: "s".into(),
            corruption: Some("jpeg".into()),
            severity: 1,
            operators: 1,
            trained_on: Vec::new(),
            thumbnail: String::new(),
            scores: scores.unwrap(),
            right: Outcomes::new(&[0, 1], &[0, 0]),
        };
        Judged { identity: identity.into(), condition }
    }

    #[test]
    fn what_was_judged_is_known_again_unless_the_key_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::open(&path, "a\nkey").unwrap();
        assert_eq!(journal.len(), 0);
        journal.add(&judged("jpeg 1")).unwrap();
        journal.add(&judged("jpeg 2")).unwrap();
        drop(journal);
        let journal = Journal::open(&path, "a\nkey").unwrap();
        assert_eq!(journal.len(), 2);
        assert_eq!(journal.find("jpeg 2").unwrap().condition.right, Outcomes::new(&[0, 1], &[0, 0]));
        assert!(journal.find("jpeg 3").is_none());
        assert_eq!(Journal::open(&path, "another").unwrap().len(), 0);
        assert_eq!(Journal::open(&path, "a\nkey").unwrap().len(), 0, "the other one began anew");
    }

    #[test]
    fn a_line_that_was_cut_off_is_judged_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::open(&path, "key").unwrap();
        journal.add(&judged("jpeg 1")).unwrap();
        journal.add(&judged("jpeg 2")).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 30]).unwrap();
        let mut journal = Journal::open(&path, "key").unwrap();
        assert_eq!(journal.len(), 1);
        journal.add(&judged("jpeg 2")).unwrap();
        let journal = Journal::open(&path, "key").unwrap();
        assert_eq!(journal.len(), 2);
        journal.finish().unwrap();
        assert!(!path.exists());
    }
}
