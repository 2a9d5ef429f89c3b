//! Runs the program in a temporary folder and reads what it says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::files;

/// The program under test.
pub(crate) const HEMA: &str = env!("CARGO_BIN_EXE_hema");

/// What `hema train` is given for a run of a fraction of a second.
pub(crate) const QUICK: &str = "--recipe cnn --set model.name=cnn_gap --set precision=fp32 --set data.size=24 \
                                --set stage.all.epochs=1 --set stage.all.batch_size=16";

/// A temporary folder that commands run in, so that the paths they print are short and always the same.
pub(crate) struct Place {
    folder: TempDir,
}

/// How a command ended and what it said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A folder with `cells/`: eight drawn cells of every class.
    pub(crate) fn with_cells() -> Self {
        let place = Self::empty();
        files::write_cells(&place.path("cells"), 8, 24);
        place
    }

    /// A folder with `cells/` and `run/`, trained on them for one epoch.
    pub(crate) fn with_run() -> Self {
        let place = Self::with_cells();
        place.train("--data cells --out run").succeeds();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The names in a folder, hidden ones too; none when it is missing.
    pub(crate) fn list(&self, folder: &str) -> BTreeSet<String> {
        let Ok(files) = fs::read_dir(self.path(folder)) else { return BTreeSet::new() };
        files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    /// `hema` with these words, split at spaces.
    pub(crate) fn command(&self, words: &str) -> Command {
        let mut command = Command::new(HEMA);
        command.args(words.split_whitespace());
        self.set_up(command)
    }

    /// Runs `hema` with these words, split at spaces.
    pub(crate) fn hema(&self, words: &str) -> Said {
        self.finish(self.command(words))
    }

    /// Runs a quick `hema train` with more words.
    pub(crate) fn train(&self, words: &str) -> Said {
        self.hema(&format!("train {QUICK} {words}"))
    }

    /// Runs a line of bash in which `hema` is the program.
    pub(crate) fn bash(&self, line: &str) -> Said {
        let mut command = Command::new("bash");
        command.args(["-c", &format!("hema() {{ '{HEMA}' \"$@\"; }}; {line}")]);
        self.finish(self.set_up(command))
    }

    fn set_up(&self, mut command: Command) -> Command {
        command.current_dir(self.folder.path());
        command.env_remove("HEMA_WEIGHTS").env("HOME", self.folder.path()).env("COLUMNS", "100");
        command
    }

    fn finish(&self, mut command: Command) -> Said {
        let said = Said::of(&command.output().unwrap());
        assert!(!said.err.contains("panicked"), "{said:?}");
        let litter = litter(self.folder.path());
        assert!(litter.is_empty(), "left behind: {litter:?}");
        said
    }
}

impl Said {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { status: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// What was said, of a command that must have ended well.
    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        assert_eq!(self.status, Some(0), "{self:?}");
        assert!(!self.err.contains("error: "), "{self:?}");
        self
    }

    /// The error and its hint, of a command that must have ended with status 2, one error and no result.
    #[track_caller]
    pub(crate) fn error(&self) -> String {
        assert_eq!(self.status, Some(2), "{self:?}");
        assert_eq!(self.out, "", "{self:?}");
        let is_error = |line: &&str| line.starts_with("error: ");
        assert_eq!(self.err.lines().filter(is_error).count(), 1, "{self:?}");
        let from_error: Vec<&str> = self.err.lines().skip_while(|line| !is_error(line)).collect();
        from_error.join("\n")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// Temporary files that a failed write should have taken away.
fn litter(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for file in fs::read_dir(folder).unwrap().flatten() {
        let path = file.path();
        if file.file_name().to_string_lossy().starts_with(".hema-") {
            found.push(path);
        } else if path.is_dir() {
            found.extend(litter(&path));
        }
    }
    found
}

/// Text without what changes from run to run: numbers become `#`, columns are one space apart.
pub(crate) fn shape(text: &str) -> String {
    let is_number = |c: char| c.is_ascii_digit();
    let word = |word: &str| {
        let bare = word.trim_start_matches('(');
        let starts = bare.starts_with(is_number);
        let opening = &word[..word.len() - bare.len()];
        if starts { format!("{opening}#") } else { word.to_owned() }
    };
    let line = |line: &str| line.split_whitespace().map(word).collect::<Vec<_>>().join(" ");
    text.trim_end().lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The words of a text that are numbers.
pub(crate) fn numbers(text: &str) -> Vec<f64> {
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// What training says, without the line about the machine.
pub(crate) fn without_device(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with("device: ")).collect::<Vec<_>>().join("\n")
}
