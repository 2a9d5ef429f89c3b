//! The files that a command reads and writes, held against each other before it begins: nothing that it
//! reads, no file of a run, and no file of another kind is replaced without a word.
//!
//! Every command says in its `places` what it reads and writes. Left out on purpose: data sets that are
//! written, which never replace anything, and the folders of runs, which have rules of their own.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use hema::error::{Error, Result};
use hema::model_file::{BEST, LAST, SERIES, SUMMARY};
use hema::run_folder::{EVALUATION, SPLIT, TRAINING};
use hema::run_log::METRICS_FILE;
use hema::train::{CHECKPOINT, RECIPE};
use hema::{builtin, file};

use crate::output::Printer;

/// A kind of file that commands write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A table.
    Csv,
    /// A page.
    Page,
    /// A PNG file.
    Picture,
    /// A model card.
    Card,
    /// A record.
    Json,
    /// A model or an ensemble.
    Model,
    /// Weights of a network without a head, as `weights import` writes them.
    Weights,
    /// A submission.
    Submission,
    /// An ONNX file.
    Onnx,
    /// A file that may replace any other but those that are read.
    Any,
    /// A data set or the folder of a run, which other rules keep from replacing anything.
    New,
}

/// Files that belong to the run in whose folder they lie, or to the series of runs.
const OF_RUNS: [&str; 10] =
    [BEST, LAST, CHECKPOINT, RECIPE, METRICS_FILE, TRAINING, SPLIT, EVALUATION, SERIES, SUMMARY];

/// Endings of files that may lie in a folder of images without being taken for data.
const HARMLESS: [&str; 4] = ["csv", "html", "json", "jsonl"];
/// Tables beside images that are part of the data all the same.
const PART_OF_DATA: [&str; 5] = ["groups.csv", "labels.csv", "classes.csv", "metadata.csv", "metadata.jsonl"];

/// What a command reads and writes.
#[derive(Default)]
pub(crate) struct Places {
    reads: Vec<PathBuf>,
    /// Data sets, which may be folders, among what is read.
    data: Vec<PathBuf>,
    writes: Vec<Output>,
}

struct Output {
    path: PathBuf,
    kind: Kind,
}

impl Places {
    /// Adds files and models that are read; a word that may also be a name, as a recipe's, is a file where
    /// there is one.
    pub(crate) fn reads(mut self, paths: impl IntoIterator<Item = impl AsRef<Path>>) -> Self {
        self.reads.extend(paths.into_iter().map(|path| path.as_ref().to_owned()));
        self
    }

    /// Adds data sets that are read.
    pub(crate) fn data(mut self, paths: impl IntoIterator<Item = impl AsRef<Path>>) -> Self {
        self.data.extend(paths.into_iter().map(|path| path.as_ref().to_owned()));
        self
    }

    /// Adds a file that is written, where one is asked for.
    pub(crate) fn writes(mut self, kind: Kind, path: Option<impl AsRef<Path>>) -> Self {
        self.writes.extend(path.map(|path| Output { path: path.as_ref().to_owned(), kind }));
        self
    }

    /// Adds the files that are written into a folder, where one is asked for.
    pub(crate) fn writes_into(mut self, folder: Option<&PathBuf>, files: &[(&str, Kind)]) -> Self {
        if let Some(folder) = folder {
            self.writes
                .extend(files.iter().map(|(name, kind)| Output { path: folder.join(name), kind: *kind }));
        }
        self
    }

    /// Refuses to replace what must stay, and names the models that are replaced.
    ///
    /// # Errors
    /// Two files under one name; a file that the command reads, or that its data would be read with from then
    /// on; a file of a run; a file of another kind; an address.
    pub(crate) fn check(&self, printer: &Printer) -> Result<()> {
        for output in &self.writes {
            file::refuse_address(&output.path)?;
            builtin::check_output(&output.path)?;
        }
        let named = self.writes.iter().filter(|output| !file::is_stream(&output.path));
        let real: Vec<(PathBuf, &Output)> = named.map(|output| (real(&output.path), output)).collect();
        for (i, (path, output)) in real.iter().enumerate() {
            if real[..i].iter().any(|(other, _)| other == path) {
                return Err(refuse(output, "is named twice, for two files to write"));
            }
            self.refuse_inputs(path, output)?;
            refuse_file_of_run(path, output)?;
            if path.is_file() && !output.kind.fits(path) {
                return Err(refuse(
                    output,
                    &format!("is there already, and is no {} that could be replaced", output.kind.name()),
                ));
            }
            if path.is_file() && matches!(output.kind, Kind::Model | Kind::Submission | Kind::Onnx) {
                printer.note(&format!("{} is there already and is replaced", output.path.display()));
            }
        }
        Ok(())
    }

    /// Refuses an output in the place of something that is read, or among the images of a folder.
    fn refuse_inputs(&self, path: &Path, output: &Output) -> Result<()> {
        for input in &self.reads {
            let Ok(input) = input.canonicalize() else { continue };
            let is_of_model = input.is_dir()
                && path.parent() == Some(&input)
                && path.exists()
                && !matches!(output.kind, Kind::Csv | Kind::Page | Kind::Picture | Kind::Card);
            if *path == input || is_of_model {
                return Err(refuse(output, "is read by this very command, and would be replaced"));
            }
        }
        for data in &self.data {
            let Ok(data) = data.canonicalize() else { continue };
            if *path == data && data.is_file() {
                return Err(refuse(output, "holds the data that is read, and would be replaced"));
            }
            if path.starts_with(&data) && !is_harmless(path) {
                return Err(refuse(output, "lies inside the data itself"));
            }
        }
        Ok(())
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Csv => "table",
            Self::Page => "page",
            Self::Picture => "PNG file",
            Self::Card => "model card of hema",
            Self::Json => "record",
            Self::Model => "model of hema",
            Self::Weights => "file of imported weights",
            Self::Submission => "submission of hema",
            Self::Onnx => "ONNX file of hema",
            Self::Any | Self::New => "such file",
        }
    }

    /// Whether a file may be one of this kind; an empty one may be any.
    fn fits(self, path: &Path) -> bool {
        /// Bytes that are looked at, at the beginning and at the end.
        const LOOK: u64 = 4096;
        let Ok(mut file) = File::open(path) else { return true };
        let mut look = |from: SeekFrom| -> std::io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            file.seek(from)?;
            (&mut file).take(LOOK).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let Ok(start) = look(SeekFrom::Start(0)) else { return true };
        let holds = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        let text = start.trim_ascii_start();
        start.is_empty()
            || match self {
                Self::Csv => !start.contains(&0) && !text.starts_with(b"<") && !text.starts_with(b"{"),
                Self::Page => text.starts_with(b"<!"),
                Self::Picture => start.starts_with(b"\x89PNG"),
                Self::Card => start.starts_with(b"---\n") && holds(&start, b"\nlibrary_name: hema\n"),
                Self::Json => text.starts_with(b"{"),
                Self::Model => start.get(8) == Some(&b'{') && holds(&start, b"hema"),
                Self::Submission => {
                    let length = fs::metadata(path).map_or(0, |file| file.len());
                    let end = look(SeekFrom::Start(length.saturating_sub(LOOK)));
                    start.starts_with(b"PK") && end.is_ok_and(|end| holds(&end, b"model.py"))
                }
                // the version of the messages, then the producer's name
                Self::Onnx => start.starts_with(b"\x08\x08\x12\x04hema"),
                Self::Weights => start.get(8) == Some(&b'{') && holds(&start, b"imported_from"),
                Self::Any | Self::New => true,
            }
    }
}

/// Refuses a file that belongs to a run, whoever wants to write it.
fn refuse_file_of_run(path: &Path, output: &Output) -> Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
    let is_run = [BEST, CHECKPOINT, RECIPE, SERIES].iter().any(|file| folder.join(file).is_file());
    let is_own = output.kind != Kind::New && path.is_file() && OF_RUNS.iter().any(|own| name == *own);
    if is_run && is_own {
        return Err(refuse(output, "belongs to the run in this folder, and would be replaced"));
    }
    Ok(())
}

/// Whether a file may lie among images without being taken for data.
fn is_harmless(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let is_kind = |ending: &&str| name.ends_with(&format!(".{ending}"));
    HARMLESS.iter().any(is_kind) && !PART_OF_DATA.contains(&name.as_str())
}

fn refuse(output: &Output, why: &str) -> Error {
    Error::new(why).at(&output.path).hint("choose another place to write to")
}

/// The first of numbered paths, from 1 on, at which nothing is.
pub(crate) fn free(numbered: impl Fn(u32) -> PathBuf) -> PathBuf {
    (1..u32::MAX).map(&numbered).find(|path| path.symlink_metadata().is_err()).unwrap_or_default()
}

/// A path behind all links, of which the last parts need not be there.
fn real(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = absolute.ancestors().find_map(|part| Some((part, part.canonicalize().ok()?)));
    let Some((part, real)) = there else { return absolute };
    // nothing more where all of it is there: joining that would add a separator
    match absolute.strip_prefix(part) {
        Ok(rest) if !rest.as_os_str().is_empty() => real.join(rest),
        _ => real,
    }
}
