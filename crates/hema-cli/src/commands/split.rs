//! `hema split`: which images train, validate and test, or validate in which fold; and whether a given split
//! holds.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use hema::audit;
use hema::data::{self, Notice, Skipped, Source};
use hema::error::{Error, Result, counted};
use hema::file;
use hema::split::{Fractions, GroupPattern, Part, Split, SplitPlan, redundant_copies};
use serde::Serialize;

use super::args::output;
use crate::next;
use crate::output::{Printer, printable, table};
use crate::places::{Kind, Places};
use crate::status::Status;

/// Copies of one picture that are worth a warning: as many as no laboratory takes of one cell.
const MANY_COPIES: usize = 10;

/// The recipe that is proposed for a new split, as in the README.
const RECIPE: &str = "robust-v2b0";

/// Split a data set into train, val and test, or into folds, or check a split
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Image folder with labels, or any other form of `hema list readers`
    data: PathBuf,
    /// CSV to write, or with --folds or --repeats a new folder of them; without it the counts are only shown
    #[arg(long, value_parser = output(), value_name = "FILE|DIR")]
    out: Option<PathBuf>,
    /// Share of the images for validation
    #[arg(long, value_name = "SHARE", default_value_t = 0.15)]
    val: f64,
    /// Share of the images for the final test [default: 0.15, and none with --folds]
    #[arg(long, value_name = "SHARE")]
    test: Option<f64>,
    /// Make K splits, in each of which another K-th of the images validates and the others train
    #[arg(long, value_name = "K", conflicts_with = "val")]
    folds: Option<usize>,
    /// Draw validation, or the folds, so many times; the test part is the same in all
    #[arg(long, value_name = "R", default_value_t = 1, value_parser = clap::value_parser!(u64).range(..=1000))]
    repeats: u64,
    /// Decides every random choice
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Images whose paths give the same text for the capture group, as in '(slide[0-9]+)_', belong together;
    /// by default those with the same `group` in the manifest
    #[arg(long, value_name = "REGEX")]
    group_by: Option<String>,
    /// What to do with images that show the same picture
    #[arg(long, value_enum, default_value = "together")]
    duplicates: Duplicates,
    /// Refuse this split if a group or copies of a picture are in more than one of its parts; exit status 1
    #[arg(long, value_name = "FILE", conflicts_with_all = ["out", "val", "test", "folds", "repeats", "seed"])]
    check: Option<PathBuf>,
}

impl Args {
    /// What it reads and writes.
    pub(crate) fn places(&self) -> Places {
        // several splits go to a folder, which must be a new one
        let kind = if self.folds.is_some() || self.repeats > 1 { Kind::New } else { Kind::Csv };
        Places::default().data([&self.data]).reads(&self.check).writes(kind, self.out.as_ref())
    }
}

/// `--duplicates`.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Duplicates {
    /// Keep them in the same part: nothing is lost, and nothing leaks
    Together,
    /// Keep the best, as an audit does, and none where their labels differ; the others are in no part
    Drop,
    /// Do not look for them, which is faster: no image is read
    Ignore,
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    let mut source = data::open(&args.data)?;
    printer.warn_of_notices(source.notices());
    if let Some(pattern) = &args.group_by {
        source = GroupPattern::parse(pattern)?.apply(source)?;
    }
    match &args.check {
        Some(path) => check(args, &source, path, printer),
        None => make(args, &source, printer).map(|()| Status::Done),
    }
}

/// Findings from reading the images.
#[derive(Default)]
struct Seen {
    /// Sets of images that show the same picture.
    copies: Vec<Vec<usize>>,
    /// Images that cannot be read, with the reason.
    unreadable: Vec<Skipped>,
}

fn look(args: &Args, source: &Source, printer: &Printer) -> Result<Seen> {
    if args.duplicates == Duplicates::Ignore {
        return Ok(Seen::default());
    }
    let progress = printer.progress("looking for copies", source.len() as u64);
    let measured = audit::measure_all(source, &|done| progress.set(done as u64, "images"));
    progress.clear();
    let measured = measured?;
    printer.warn_of_notices(&source.picture_notices());
    let copies = audit::copies(source, &measured)?;
    let unreadable =
        measured.unreadable().iter().map(|(i, reason)| Skipped::new(source, *i, reason)).collect();
    Ok(Seen { copies, unreadable })
}

/// Says whether a split holds.
fn check(args: &Args, source: &Source, path: &Path, printer: &Printer) -> Result<Status> {
    let split = Split::read(path)?.fitted(source)?;
    split.indices(source, Part::Train)?;
    let seen = look(args, source, printer)?;
    let verdict = split.check_groups(source).and_then(|()| split.check_copies(source, &seen.copies));
    if let Err(torn) = verdict {
        printer.error(&torn);
        return Ok(Status::FoundWanting);
    }
    print(&Counts::of_split("", &split, source), printer);
    let searched = if args.duplicates == Duplicates::Ignore { "no group" } else { "no group and no copy" };
    printer.note(&format!("{searched} is in two parts of {}", printable(&path.display().to_string())));
    Ok(Status::Done)
}

/// Makes the splits, shows their counts and writes them.
fn make(args: &Args, source: &Source, printer: &Printer) -> Result<()> {
    let is_folder = args.folds.is_some() || args.repeats > 1;
    match &args.out {
        Some(folder) if is_folder => refuse_used_folder(folder)?,
        Some(file) => {
            printer.leave_stdout_to(file);
            file::prepare(file)?;
        }
        None => {}
    }
    let seen = look(args, source, printer)?;
    let plan = plan(args, source, &seen);
    let mut made = Vec::new();
    for repeat in 0..args.repeats {
        let plan = SplitPlan { repeat, ..plan.clone() };
        made.extend(splits(args, &plan, repeat).map_err(|e| e.at(source.path()))?);
    }

    report(args, source, &plan, &seen, &made, printer)?;
    let Some(out) = &args.out else {
        printer.note("nothing was written: name a file with --out");
        return Ok(());
    };
    let path = |made: &Made| if is_folder { out.join(format!("{}.csv", made.name)) } else { out.clone() };
    for made in &made {
        made.split.write(&path(made))?;
    }
    printer.note(&format!("split: {}", printable(&out.display().to_string())));
    if let Some(first) = made.first().filter(|_| source.classes().len() > 1 && !file::is_stdout(out)) {
        printer.next(&next::train_on_split(RECIPE, &args.data, &path(first)));
    }
    Ok(())
}

/// A folder of splits must hold those of one command: files of another would look like more folds.
fn refuse_used_folder(folder: &Path) -> Result<()> {
    file::create_folder(folder)?;
    let mut files = std::fs::read_dir(folder).map_err(|e| Error::io(folder, &e))?;
    match files.next() {
        None => Ok(()),
        Some(_) => Err(Error::new("is a folder that holds files already, expected a new or empty one")
            .at(folder)
            .hint("choose another --out")),
    }
}

fn plan<'a>(args: &Args, source: &'a Source, seen: &Seen) -> SplitPlan<'a> {
    let mut left_out: Vec<usize> = seen.unreadable.iter().map(|skipped| skipped.index).collect();
    let mut copies = seen.copies.clone();
    if args.duplicates == Duplicates::Drop {
        left_out.extend(redundant_copies(source.entries(), &copies));
        copies.clear();
    }
    SplitPlan { copies, left_out, ..SplitPlan::new(source, args.seed) }
}

/// A split and the name of its file.
struct Made {
    name: String,
    split: Split,
}

/// The splits of one repeat.
fn splits(args: &Args, plan: &SplitPlan, repeat: u64) -> Result<Vec<Made>> {
    let repeat = if args.repeats > 1 { format!("repeat-{repeat}") } else { String::new() };
    if let Some(count) = args.folds {
        let folds = plan.folds(count, args.test.unwrap_or(0.0))?;
        let dash = if repeat.is_empty() { "" } else { "-" };
        let named = |(fold, split)| Made { name: format!("{repeat}{dash}fold-{fold}"), split };
        return Ok(folds.into_iter().enumerate().map(named).collect());
    }
    let fractions = Fractions { val: args.val, test: args.test.unwrap_or(0.15) };
    let split = plan.parts(fractions)?;
    let [_, val, test] = split.counts();
    for (part, images, share) in [(Part::Val, val, fractions.val), (Part::Test, test, fractions.test)] {
        if images == 0 && share > 0.0 {
            return Err(Error::new(format!(
                "no image is left for the part `{part}`, whose share is {share}"
            ))
            .hint(format!("raise its share, or do without it: --{part} 0")));
        }
    }
    Ok(vec![Made { name: repeat, split }])
}

/// Images of every class in every part or fold.
#[derive(Serialize)]
struct Counts {
    /// Name of the repeat; empty when there is one.
    #[serde(skip_serializing_if = "str::is_empty")]
    repeat: String,
    /// Names of the parts or folds.
    parts: Vec<String>,
    /// Class names.
    classes: Vec<String>,
    /// Images, `[class][part]`.
    images: Vec<Vec<u64>>,
}

impl Counts {
    /// Counts of a split, a column for each part that has images.
    fn of_split(repeat: &str, split: &Split, source: &Source) -> Self {
        let by_class = split.class_counts(source);
        let parts: Vec<Part> = Part::ALL.into_iter().filter(|p| split.counts()[*p as usize] > 0).collect();
        Self {
            repeat: repeat.to_owned(),
            parts: parts.iter().map(Part::to_string).collect(),
            classes: source.classes().to_vec(),
            images: by_class
                .iter()
                .map(|counts| parts.iter().map(|p| counts[*p as usize]).collect())
                .collect(),
        }
    }

    /// Counts of the folds of one repeat: the images that each validates, and the test part, which they
    /// share.
    fn of_folds(repeat: &str, folds: &[Made], source: &Source) -> Self {
        let by_fold: Vec<Vec<[u64; 3]>> = folds.iter().map(|made| made.split.class_counts(source)).collect();
        let has_test = folds[0].split.counts()[Part::Test as usize] > 0;
        let row = |class: usize| {
            let validated = by_fold.iter().map(|counts| counts[class][Part::Val as usize]);
            validated.chain(has_test.then(|| by_fold[0][class][Part::Test as usize])).collect()
        };
        let names = (0..folds.len()).map(|fold| format!("fold {fold}"));
        Self {
            repeat: repeat.to_owned(),
            parts: names.chain(has_test.then(|| Part::Test.to_string())).collect(),
            classes: source.classes().to_vec(),
            images: (0..source.classes().len()).map(row).collect(),
        }
    }

    /// Rows classes, columns parts, with totals.
    fn table(&self) -> String {
        let cells = |name: &str, counts: &[u64]| {
            let total: u64 = counts.iter().sum();
            let cells = counts.iter().chain([&total]).map(u64::to_string);
            std::iter::once(printable(name)).chain(cells).collect::<Vec<String>>()
        };
        let header = ["class"].into_iter().chain(self.parts.iter().map(String::as_str)).chain(["total"]);
        let mut rows = vec![header.map(str::to_owned).collect::<Vec<String>>()];
        rows.extend(self.classes.iter().zip(&self.images).map(|(name, counts)| cells(name, counts)));
        let column = |part: usize| self.images.iter().map(|counts| counts[part]).sum();
        rows.push(cells("total", &(0..self.parts.len()).map(column).collect::<Vec<u64>>()));
        table(&rows)
    }
}

fn print(counts: &Counts, printer: &Printer) {
    if printer.is_json() {
        printer.result(&serde_json::json!(counts).to_string());
    } else {
        printer.result(&counts.table());
    }
}

/// The result that `--json` prints.
#[derive(Serialize)]
struct Summary<'a> {
    splits: Vec<Counts>,
    /// Groups of more than one image, and their images.
    groups: [usize; 2],
    /// Sets of copies, and their images.
    copies: [usize; 2],
    /// Images in no part, as they cannot be read or are copies of others.
    left_out: usize,
    /// Images that cannot be read.
    skipped: &'a [Skipped],
    /// What of the data is not used, and what was assumed of it.
    notices: Vec<Notice>,
}

/// Prints the counts, what was kept together, and what is not as it should be.
fn report(
    args: &Args,
    source: &Source,
    plan: &SplitPlan,
    seen: &Seen,
    made: &[Made],
    printer: &Printer,
) -> Result<()> {
    warn(source, seen, printer);
    let of_repeat = |(repeat, made): (usize, &[Made])| {
        let name = if args.repeats > 1 { format!("repeat {repeat}") } else { String::new() };
        match args.folds {
            Some(_) => Counts::of_folds(&name, made, source),
            None => Counts::of_split(&name, &made[0].split, source),
        }
    };
    let summary = Summary {
        splits: made.chunks(args.folds.unwrap_or(1)).enumerate().map(of_repeat).collect(),
        groups: groups(source),
        copies: [seen.copies.len(), seen.copies.iter().map(Vec::len).sum()],
        left_out: plan.left_out.len(),
        skipped: &seen.unreadable,
        notices: source.all_notices(),
    };
    if printer.is_json() {
        let json = serde_json::to_string_pretty(&summary).map_err(|e| Error::new(e.to_string()))?;
        printer.result(&json);
        return Ok(());
    }
    for counts in &summary.splits {
        if !counts.repeat.is_empty() {
            printer.result(&counts.repeat);
        }
        printer.result(&counts.table());
        printer.result("");
    }
    for line in account(args, &summary) {
        printer.result(&line);
    }
    Ok(())
}

/// Groups of more than one image, and their images.
fn groups(source: &Source) -> [usize; 2] {
    let mut sizes = std::collections::HashMap::new();
    for group in source.entries().iter().filter_map(|e| e.group) {
        *sizes.entry(group).or_insert(0) += 1;
    }
    let several = || sizes.values().filter(|size| **size > 1);
    [several().count(), several().sum()]
}

/// Lines that say which images were kept together and which were left out.
fn account(args: &Args, summary: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    let [groups, images] = summary.groups;
    if groups > 0 {
        lines.push(format!("kept together: {} of {images} images", counted(groups as u64, "group")));
    }
    match (args.duplicates, summary.copies) {
        (Duplicates::Ignore, _) => lines.push("copies were not looked for".into()),
        (_, [0, _]) => lines.push("no two images show the same picture".into()),
        (Duplicates::Together, [sets, images]) => {
            lines.push(format!(
                "kept together: {} of {images} images that show the same picture",
                counted(sets as u64, "set")
            ));
        }
        (Duplicates::Drop, [1, images]) => {
            lines.push(format!("1 set of {images} images shows the same picture"));
        }
        (Duplicates::Drop, [sets, images]) => {
            lines.push(format!("{sets} sets of {images} images show the same picture"));
        }
    }
    if summary.left_out > 0 {
        lines.push(format!("left out: {} images, which are in no part", summary.left_out));
    }
    lines
}

/// Names unreadable images, copies whose labels differ, and pictures that are there too often to be cells.
fn warn(source: &Source, seen: &Seen, printer: &Printer) {
    let path = |i: usize| printable(source.entry(i).path);
    printer.warn_of_skipped(&seen.unreadable);
    let label = |i: usize| source.entry(i).label;
    let conflict = |set: &&Vec<usize>| set.iter().any(|i| label(*i) != label(set[0]));
    let conflicts: Vec<&Vec<usize>> = seen.copies.iter().filter(conflict).collect();
    if let Some(first) = conflicts.first() {
        let one = first_by_name(first);
        let others = first.iter().copied().filter(|i| label(*i) != label(one));
        let conflicts = match conflicts.len() {
            1 => "1 set of copies has".to_owned(),
            n => format!("{n} sets of copies have"),
        };
        printer.warn(&format!(
            "{conflicts} different labels, first {} and {}; see `hema audit`",
            path(one),
            path(others.min().unwrap_or(one))
        ));
    }
    if let Some(largest) = seen.copies.iter().max_by_key(|set| set.len())
        && largest.len() >= MANY_COPIES
    {
        printer.warn(&format!(
            "one picture is there {} times, first as {}; if it is no cell, `hema audit` makes a set without it",
            largest.len(),
            path(first_by_name(largest))
        ));
    }
}

/// The image of a set that a user meets first; the best stands first in it.
fn first_by_name(set: &[usize]) -> usize {
    set.iter().copied().min().unwrap_or_default()
}
