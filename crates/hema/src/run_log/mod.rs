//! The log of a training run: `metrics.csv`, one row per epoch, and the same numbers as `TensorBoard` events.
//!
//! Besides losses, rates and times, an epoch has every metric whose row says that it is logged
//! ([`Place::Log`]).
//!
//! Both survive an interrupted run. Resuming after a checkpoint drops the log beyond it, as those
//! steps are taken again: rows are cut from `metrics.csv`; events go on in a new file that opens with a
//! session start, at which `TensorBoard` discards everything later.
//!
//! Left out on purpose: rows per step (an epoch is what people compare), and any drawing, which the report
//! does.

use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use hema_core::error::{Error, Result};
use hema_core::file::{create_folder, csv_error, read_text, write_atomic};
use hema_core::metrics::{self, Place};

mod epoch;
mod tensorboard;

use epoch::{CLEAN, CORRUPTED};
use tensorboard::EventFile;

pub use epoch::{Epoch, Validation};

/// File of a run folder that holds one row per epoch.
pub const METRICS_FILE: &str = "metrics.csv";

/// Most bytes of `metrics.csv`, those of a hundred thousand epochs and more.
const MOST_BYTES: u64 = 64 << 20;

/// The log of a run that is under way.
#[derive(Debug)]
pub struct RunLog {
    path: PathBuf,
    table: csv::Writer<File>,
    events: EventFile,
    seconds: f64,
}

impl RunLog {
    /// Opens the log in a run folder, which is made if it is missing. A new run says `None`; one that resumes
    /// says how many epochs its checkpoint has finished.
    ///
    /// # Errors
    /// A new run in a folder that has a log with epochs already, a log that cannot be understood, input or
    /// output errors.
    pub fn open(folder: &Path, resume_after_epoch: Option<u64>) -> Result<Self> {
        create_folder(folder)?;
        let path = folder.join(METRICS_FILE);
        let mut kept = if path.exists() { History::read(&path)?.epochs } else { Vec::new() };
        match resume_after_epoch {
            // not by its step: an epoch's last step may be in the checkpoint and its end not
            Some(last) => kept.retain(|epoch| epoch.epoch <= last),
            None if kept.is_empty() => {}
            None => {
                let hint = "choose another --out, or go on with that run by --resume";
                return Err(Error::new("there is the log of another run").at(path).hint(hint));
            }
        }
        write_atomic(&path, |file| {
            let mut table = csv::WriterBuilder::new().has_headers(false).from_writer(file);
            table.write_record(Epoch::columns()).map_err(csv_error)?;
            kept.iter().try_for_each(|epoch| table.serialize(epoch.cells())).map_err(csv_error)?;
            table.flush()
        })?;
        let file = OpenOptions::new().append(true).open(&path).map_err(|e| Error::io(&path, &e))?;
        let table = csv::WriterBuilder::new().has_headers(false).from_writer(file);
        let last_step = kept.last().map_or(0, |epoch| epoch.step);
        let events = EventFile::create(folder, resume_after_epoch.map(|_| last_step))?;
        let seconds = kept.iter().map(|epoch| epoch.seconds).sum();
        Ok(Self { path, table, events, seconds })
    }

    /// Seconds that the epochs in the log took.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Logs an epoch; nothing of it is held back in memory.
    ///
    /// # Errors
    /// Output errors, with the file's path.
    pub fn log(&mut self, epoch: &Epoch) -> Result<()> {
        let written =
            self.table.serialize(epoch.cells()).map_err(csv_error).and_then(|()| self.table.flush());
        written.map_err(|e| Error::io(&self.path, &e))?;
        self.seconds += epoch.seconds;
        let mut scalars = vec![
            ("epoch".to_owned(), epoch.epoch as f64),
            ("lr".to_owned(), epoch.lr),
            ("loss/train".to_owned(), epoch.train_loss),
        ];
        scalars.extend(tagged(CLEAN, &epoch.val));
        scalars.extend([
            ("images_per_second".to_owned(), epoch.images_per_second),
            ("data_wait".to_owned(), epoch.data_wait),
        ]);
        scalars.extend(epoch.val_corrupted.iter().flat_map(|scores| tagged(CORRUPTED, scores)));
        self.events.scalars(epoch.step, &scalars)
    }
}

/// The tags and numbers of some scores: `loss/val`, `val/accuracy`, ...
fn tagged(name: &str, scores: &Validation) -> Vec<(String, f64)> {
    let logged = metrics::shown_in(Place::Log);
    let values = logged.filter_map(|metric| Some((metric, *scores.metrics.get(metric.name)?)));
    let values = values.map(|(metric, value)| (format!("{name}/{}", metric.key()), value));
    std::iter::once((format!("loss/{name}"), scores.loss)).chain(values).collect()
}

/// The log of a run.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct History {
    /// The epochs, in order.
    pub epochs: Vec<Epoch>,
}

impl History {
    /// Reads a `metrics.csv`. A last row without its line end was cut short by a crash and is left out.
    ///
    /// # Errors
    /// A file that cannot be read, or a row that is not an [`Epoch`].
    pub fn read(path: &Path) -> Result<Self> {
        let text = read_text(path, MOST_BYTES)?;
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let is_no_log = |e: &dyn Display| Error::new(format!("not the log of a run: {e}")).at(path);
        let mut table = csv::Reader::from_reader(whole.as_bytes());
        let header = table.headers().map_err(|e| is_no_log(&e))?.clone();
        let rows = table.records().map(|row| {
            let row = row.map_err(|e| is_no_log(&e))?;
            Epoch::read(&header, &row).map_err(|e| is_no_log(&e))
        });
        Ok(Self { epochs: rows.collect::<Result<_>>()? })
    }

    /// One number of every epoch: `history.column(|epoch| epoch.val.loss)`.
    pub fn column(&self, number: impl Fn(&Epoch) -> f64) -> Vec<f64> {
        self.epochs.iter().map(number).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::io::Write;

    use hema_core::metrics::{ACCURACY, MACRO_F1, METRICS};

    use super::*;

    fn epoch(number: u64) -> Epoch {
        Epoch {
            stage: "fine-tune".into(),
            epoch: number,
            step: number * 10,
            lr: 1e-3,
            train_loss: 1.0 / number as f64,
            val: validation(0.5),
            val_corrupted: None,
            images_per_second: 40.0,
            data_wait: 0.025,
            seconds: 12.5,
        }
    }

    /// Scores with the metrics that have been logged from the beginning.
    fn validation(loss: f64) -> Validation {
        let metrics = [("accuracy", 0.9), ("balanced-accuracy", 0.875), ("macro-f1", 0.85)];
        Validation { loss, metrics: metrics.into() }
    }

    fn files(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn a_run_is_logged_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = RunLog::open(folder.path(), None).unwrap();
        log.log(&epoch(1)).unwrap();
        log.log(&Epoch { val: validation(f64::NAN), ..epoch(2) }).unwrap();
        let path = folder.path().join(METRICS_FILE);
        let text = fs::read_to_string(&path).unwrap();
        let header = "stage,epoch,step,lr,train_loss,val_loss,val_accuracy,val_balanced_accuracy,val_macro_f1,\
                      val_corrupted_loss,val_corrupted_accuracy,val_corrupted_balanced_accuracy,val_corrupted_macro_f1,\
                      images_per_second,data_wait,seconds";
        assert_eq!(text.lines().next(), Some(header));
        assert_eq!(
            text.lines().nth(1),
            Some("fine-tune,1,10,0.001,1.0,0.5,0.9,0.875,0.85,,,,,40.0,0.025,12.5")
        );
        let history = History::read(&path).unwrap();
        assert_eq!(history.column(|epoch| epoch.train_loss), [1.0, 0.5]);
        assert!(history.epochs[1].val.loss.is_nan());
    }

    #[test]
    fn numbers_of_corrupted_images_are_logged_and_a_log_without_them_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let corrupted = Epoch { val_corrupted: Some(validation(0.75)), ..epoch(1) };
        RunLog::open(folder.path(), None).unwrap().log(&corrupted).unwrap();
        let path = folder.path().join(METRICS_FILE);
        assert_eq!(History::read(&path).unwrap().epochs, [corrupted]);
        let old = "stage,epoch,step,lr,train_loss,val_loss,val_accuracy,val_balanced_accuracy,val_macro_f1,\
                   images_per_second,seconds\nfine-tune,1,10,0.001,1.0,0.5,0.9,0.875,0.85,40.0,12.5\n";
        fs::write(&path, old).unwrap();
        let read = History::read(&path).unwrap().epochs.remove(0);
        assert!(read.data_wait.is_nan());
        assert_eq!(Epoch { data_wait: 0.025, ..read }, epoch(1));
    }

    #[test]
    fn every_metric_that_is_logged_has_a_column_and_a_tag() {
        let metrics: BTreeMap<&str, f64> = METRICS.iter().map(|metric| (metric.name, 0.5)).collect();
        let scores = Validation { loss: 1.0, metrics };
        let columns = Epoch::columns();
        for metric in METRICS {
            let is_logged = metric.is_shown_in(Place::Log);
            for prefix in [CLEAN, CORRUPTED] {
                let column = format!("{prefix}_{}", metric.key());
                assert_eq!(columns.contains(&column), is_logged, "{column}");
                let tag = (format!("{prefix}/{}", metric.key()), 0.5);
                assert_eq!(tagged(prefix, &scores).contains(&tag), is_logged, "{tag:?}");
            }
        }
    }

    #[test]
    fn a_log_from_before_a_metric_is_read_and_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(METRICS_FILE);
        let old = "stage,epoch,step,lr,train_loss,val_loss,val_accuracy,images_per_second,seconds\n\
                   fine-tune,1,10,0.001,1.0,0.5,0.9,40.0,12.5\n";
        fs::write(&path, old).unwrap();
        RunLog::open(folder.path(), Some(1)).unwrap().log(&epoch(2)).unwrap();
        let epochs = History::read(&path).unwrap().epochs;
        assert_eq!(epochs[0].val.value(&ACCURACY), 0.9);
        assert!(epochs[0].val.value(&MACRO_F1).is_nan());
        assert_eq!(epochs[1], epoch(2));
    }

    #[test]
    fn resuming_cuts_what_came_after_the_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(METRICS_FILE);
        let mut log = RunLog::open(folder.path(), None).unwrap();
        (1..=3).for_each(|number| log.log(&epoch(number)).unwrap());
        drop(log);
        // a crash in the middle of a row
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"fine-tune,4,4").unwrap();
        let mut log = RunLog::open(folder.path(), Some(2)).unwrap();
        log.log(&Epoch { lr: 0.5, ..epoch(3) }).unwrap();
        let history = History::read(&path).unwrap();
        assert_eq!(history.column(|epoch| epoch.step as f64), [10.0, 20.0, 30.0]);
        assert_eq!(history.epochs[2].lr, 0.5);
        assert_eq!(files(folder.path()), 3, "the table and two event files");
    }

    #[test]
    fn resuming_before_the_first_row_starts_anew() {
        let folder = tempfile::tempdir().unwrap();
        RunLog::open(folder.path(), None).unwrap().log(&epoch(1)).unwrap();
        RunLog::open(folder.path(), Some(0)).unwrap().log(&epoch(1)).unwrap();
        let history = History::read(&folder.path().join(METRICS_FILE)).unwrap();
        assert_eq!(history.epochs, [epoch(1)]);
    }

    #[test]
    fn the_log_of_another_run_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        RunLog::open(folder.path(), None).unwrap().log(&epoch(1)).unwrap();
        let error = RunLog::open(folder.path(), None).unwrap_err();
        assert!(error.to_string().ends_with("metrics.csv: there is the log of another run"));
        assert!(error.hint_text().is_some());
    }

    #[test]
    fn a_table_that_is_no_log_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(METRICS_FILE);
        fs::write(&path, "stage,epoch\na,b\n").unwrap();
        let message = History::read(&path).unwrap_err().to_string();
        assert!(message.contains("metrics.csv: not the log of a run"), "{message}");
    }
}
