//! The conditions that an evaluation has judged so far, so that an interrupted one goes on where it stopped.
//!
//! A file of one JSON value a line, for every condition that is done. Each line carries the key of its
//! evaluation, which is all that decides a number: the model, the images, the build. So lines of several
//! evaluations may stand in one file, and none is taken for another's. One process at a time holds the file:
//! the lock is the operating system's, and goes with the process.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use hema_core::error::{Error, ErrorKind, Result};
use hema_core::record::ConditionScores;
use serde::{Deserialize, Serialize};

/// Most bytes of a journal, enough for the conditions of a suite on a million images.
const MOST_BYTES: u64 = 1 << 30;

/// One condition, judged.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Judged {
    /// The condition in every detail, and the images it was judged on.
    pub(super) identity: String,
    pub(super) condition: ConditionScores,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    /// Checksum of the evaluation's key.
    key: String,
    /// Checksum of what follows.
    checksum: String,
    judged: Judged,
}

/// The conditions judged so far.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    key: String,
    judged: BTreeMap<String, Judged>,
    foreign: usize,
}

impl Journal {
    /// Opens the journal of the evaluation with this key. Lines of other evaluations, of another model, other
    /// images or another build of Hema, are counted and left alone, and so is what was cut off or damaged.
    ///
    /// # Errors
    /// Another process judges there; a file that cannot be read or written, or is far too long for a journal.
    pub(super) fn open(path: &Path, key: &str) -> Result<Self> {
        let failed = |e: std::io::Error| Error::io(path, &e);
        let mut file = claim(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        if bytes.last().is_some_and(|last| *last != b'\n') {
            writeln!(file).map_err(failed)?;
        }
        let mut journal =
            Self { path: path.to_owned(), file, key: checksum(key), judged: BTreeMap::new(), foreign: 0 };
        for line in String::from_utf8_lossy(&bytes).lines() {
            let Ok(line) = serde_json::from_str::<Line>(line) else { continue };
            if line.key != journal.key {
                journal.foreign += 1;
            } else if line.checksum == checksum_of(&line.judged)? {
                journal.judged.insert(line.judged.identity.clone(), line.judged);
            }
        }
        Ok(journal)
    }

    /// Conditions that it knows.
    pub(super) fn len(&self) -> usize {
        self.judged.len()
    }

    /// Conditions of other evaluations in the file.
    pub(super) fn foreign(&self) -> usize {
        self.foreign
    }

    pub(super) fn find(&self, identity: &str) -> Option<&Judged> {
        self.judged.get(identity)
    }

    pub(super) fn add(&mut self, judged: &Judged) -> Result<()> {
        let line = Line { key: self.key.clone(), checksum: checksum_of(judged)?, judged: judged.clone() };
        let line = serde_json::to_string(&line).map_err(|e| Error::new(e.to_string()).at(&self.path))?;
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

/// Opens a file that no other process holds, to read and to append; where the file system has no locks, any.
fn claim(path: &Path) -> Result<File> {
    let failed = |e: std::io::Error| Error::io(path, &e);
    loop {
        let file = File::options().read(true).append(true).create(true).open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() || metadata.len() > MOST_BYTES {
            return Err(Error::new("is no record of an evaluation under way").at(path).hint("remove it"));
        }
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(Error::new("another hema is judging a model there")
                .at(path.parent().unwrap_or(path))
                .hint("wait until it is done, or choose another --out")
                .with_kind(ErrorKind::AlreadyExists));
        }
        // one that ended in between has taken the file away, and the next would make it anew
        if path.exists() {
            return Ok(file);
        }
    }
}

fn checksum_of(judged: &Judged) -> Result<String> {
    serde_json::to_string(judged).map(|json| checksum(&json)).map_err(|e| Error::new(e.to_string()))
}

fn checksum(text: &str) -> String {
    format!("{:08x}", crc32c::crc32c(text.as_bytes()))
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
            is_drawn: false,
            thumbnail: String::new(),
            scores: scores.unwrap(),
            right: Outcomes::new(&[0, 1], &[0, 0]),
            kept: Vec::new(),
            selective: None,
            sets: None,
            if_calibrated: std::collections::BTreeMap::new(),
            referred: None,
        };
        Judged { identity: identity.into(), condition }
    }

    #[test]
    fn lines_of_another_evaluation_are_counted_and_never_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::open(&path, "a\nkey").unwrap();
        assert_eq!((journal.len(), journal.foreign()), (0, 0));
        journal.add(&judged("jpeg 1")).unwrap();
        journal.add(&judged("jpeg 2")).unwrap();
        drop(journal);
        let mut other = Journal::open(&path, "another").unwrap();
        assert_eq!((other.len(), other.foreign()), (0, 2));
        other.add(&judged("jpeg 1")).unwrap();
        drop(other);
        let journal = Journal::open(&path, "a\nkey").unwrap();
        assert_eq!((journal.len(), journal.foreign()), (2, 1));
        assert_eq!(journal.find("jpeg 2").unwrap().condition.right, Outcomes::new(&[0, 1], &[0, 0]));
        assert!(journal.find("jpeg 3").is_none());
    }

    #[test]
    fn one_process_at_a_time_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let journal = Journal::open(&path, "key").unwrap();
        let error = Journal::open(&path, "key").unwrap_err();
        assert!(error.to_string().ends_with(": another hema is judging a model there"), "{error}");
        journal.finish().unwrap();
        Journal::open(&path, "key").unwrap();
    }

    #[test]
    fn a_line_that_was_cut_off_or_damaged_is_judged_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::open(&path, "key").unwrap();
        journal.add(&judged("jpeg 1")).unwrap();
        journal.add(&judged("jpeg 2")).unwrap();
        drop(journal);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 30]).unwrap();
        let mut journal = Journal::open(&path, "key").unwrap();
        assert_eq!((journal.len(), journal.foreign()), (1, 0));
        journal.add(&judged("jpeg 2")).unwrap();
        drop(journal);
        let journal = Journal::open(&path, "key").unwrap();
        assert_eq!(journal.len(), 2);
        journal.finish().unwrap();
        assert!(!path.exists());

        std::fs::write(&path, text.replacen("jpeg 1", "jpeg 3", 1)).unwrap();
        assert_eq!(Journal::open(&path, "key").unwrap().len(), 1);
        std::fs::write(&path, [0xff, b'\n', b'[', b'3']).unwrap();
        assert_eq!(Journal::open(&path, "key").unwrap().len(), 0);
    }
}
