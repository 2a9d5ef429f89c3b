//! `hema predict`: classes and probabilities of new images, as a table.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use hema::data::{Notice, Source};
use hema::error::{Error, Result, squashed, suggest};
use hema::spreadsheet::defused;
use hema::{Classifier, Prediction, file};

use super::args::{ModelArgs, OnBadImage};
use crate::output::{Bars, Printer, percent, table};
use crate::status::Status;

/// Classify new images
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Images, image folders, or any other form of `hema list readers`
    #[arg(required = true)]
    input: Vec<PathBuf>,
    /// CSV file to write [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Columns of the CSV, as a challenge asks for them: NAME=COLUMN, or COLUMN alone, where COLUMN is one of
    /// the usual table, or for an id `file` (the path's last part), `stem` (that without its ending) or `row`
    /// (the image's position in the data, from 0: of an array, its index), or for an answer `number` (the
    /// label's, from 0)
    #[arg(long, value_name = "NAME=COLUMN", value_delimiter = ',')]
    columns: Vec<String>,
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    // the table alone goes to stdout, however it is called
    let out =
        args.out.as_ref().filter(|out| ![Path::new("-"), Path::new("/dev/stdout")].contains(&out.as_path()));
    if let Some(out) = out {
        file::prepare(out)?;
    }
    let model = args.model.open(printer)?;
    let columns = columns(&args.columns, model.classes())?;
    let Classified { rows, positions, notices } = classify(&model, args, &columns, printer)?;

    let classes = model.classes();
    if model.predictor().adapts() && !rows.is_empty() {
        printer.note(&format!("estimated shares: {}", shares(classes, &rows)));
    }
    match out {
        Some(path) => {
            file::write_atomic(path, |w| write_csv(w, &columns, &rows, &positions))?;
            printer.note(&format!("{} predictions: {}", rows.len(), path.display()));
            if !printer.is_json() {
                printer.result(&counts(classes, &rows));
            }
        }
        None if !printer.is_json() => printer.write_result(|out| write_csv(out, &columns, &rows, &positions)),
        None => {}
    }
    if printer.is_json() {
        printer.result(&json(classes, &rows, &positions, &notices)?);
    }
    Ok(Status::Done)
}

/// What was found of the inputs.
struct Classified {
    rows: Vec<Prediction>,
    /// Position of each row's image among all of the inputs, from 0; images that were skipped count.
    positions: Vec<usize>,
    /// What of the inputs is not used.
    notices: Vec<Notice>,
}

/// Classifies the inputs with a bar for each phase.
fn classify(
    model: &Classifier,
    args: &Args,
    columns: &[(String, Cell)],
    printer: &Printer,
) -> Result<Classified> {
    let source = model.open_data(&args.input)?;
    if args.model.on_bad_image == OnBadImage::Fail {
        refuse_missing_rows(&source)?;
    }
    refuse_double_ids(columns, &source, printer)?;
    if let Some(hint) = hint_to_rows(columns, &source) {
        printer.warn(&hint);
    }
    let images = model.load(&source, None, &mut Bars::new(printer))?;
    let progress = printer.progress("predicting", images.first().len() as u64);
    let mut rows = Vec::new();
    for prediction in model.predict(&images) {
        rows.push(prediction?);
        progress.set(rows.len() as u64, "images");
    }
    progress.clear();
    let positions = positions(&source, &rows);
    Ok(Classified { rows, positions, notices: source.all_notices() })
}

/// Positions of the rows' images in the data, whose order they keep.
fn positions(source: &Source, rows: &[Prediction]) -> Vec<usize> {
    let mut entries = source.entries().iter().enumerate();
    rows.iter().filter_map(|row| entries.find(|(_, entry)| entry.path == row.path())).map(|(i, _)| i).collect()
}

/// Where a column has the label's number and its name, or that no other column tells images apart, speaks for
/// the image's: says which column that is.
fn hint_to_rows(columns: &[(String, Cell)], source: &Source) -> Option<String> {
    let is_id = |name: &str| {
        ["id", "index", "idx", "row", "image"].contains(&squashed(name).as_str())
            || ["_id", "Id", "ID"].iter().any(|end| name.ends_with(end))
    };
    let is_array = source.entries().iter().next().is_some_and(|entry| entry.path.ends_with(']'));
    let without_id = is_array && columns.iter().all(|(_, cell)| !cell.names_images());
    let mut numbers = columns.iter().filter(|(_, cell)| matches!(cell, Cell::Number));
    let (name, _) = numbers.find(|(name, _)| without_id || is_id(name))?;
    Some(format!(
        "the column `{name}` has the number of the label; the position of the image in the data, from 0, is `row`, as in \
         `--columns Id=row,Label=number`"
    ))
}

/// Refuses inputs with files that would have no row in the table, unless those are skipped on purpose.
fn refuse_missing_rows(source: &Source) -> Result<()> {
    let hidden = source.notices().iter().filter(|notice| notice.subject.hides_images());
    let hidden: Vec<String> = hidden.map(Notice::to_string).collect();
    if hidden.is_empty() {
        return Ok(());
    }
    Err(Error::new(format!("holds files that would have no row ({})", hidden.join("; ")))
        .at(source.path())
        .hint("convert them to PNG or TIFF, or leave them out with `--on-bad-image skip`"))
}

/// The contents of a column of the table.
#[derive(Clone, Copy)]
enum Cell {
    Path,
    File,
    Stem,
    Row,
    Label,
    Number,
    Probability,
    Class(usize),
    /// Empty: reserved for cells that are referred to a person, which no model does yet.
    Empty,
}

impl Cell {
    /// Whether it tells an image from others.
    fn names_images(self) -> bool {
        self.of_image(0, "").is_some()
    }

    /// The text of a cell that an image's position and path decide.
    fn of_image(self, position: usize, path: &str) -> Option<String> {
        let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        match self {
            Self::Path => Some(path.to_owned()),
            Self::File => Some(part(Path::new(path).file_name())),
            Self::Stem => Some(part(Path::new(path).file_stem())),
            Self::Row => Some(position.to_string()),
            Self::Label | Self::Number | Self::Probability | Self::Class(_) | Self::Empty => None,
        }
    }
}

/// The table's usual columns: `path,label,probability,<one a class>,refer,reason`. The last two are part of
/// the file's format.
fn usual_columns(classes: &[String]) -> Vec<(String, Cell)> {
    let fixed = [("path", Cell::Path), ("label", Cell::Label), ("probability", Cell::Probability)];
    let named = |(name, cell): (&str, Cell)| (name.to_owned(), cell);
    let classes = classes.iter().enumerate().map(|(class, name)| (name.clone(), Cell::Class(class)));
    let last = [("refer", Cell::Empty), ("reason", Cell::Empty)];
    fixed.map(named).into_iter().chain(classes).chain(last.map(named)).collect()
}

/// The columns that were asked for, by name; the usual ones when none were.
fn columns(wanted: &[String], classes: &[String]) -> Result<Vec<(String, Cell)>> {
    let usual = usual_columns(classes);
    if wanted.is_empty() {
        return Ok(usual);
    }
    let more =
        [("file", Cell::File), ("stem", Cell::Stem), ("row", Cell::Row), ("number", Cell::Number)];
    let known: Vec<(String, Cell)> =
        usual.into_iter().chain(more.map(|(name, cell)| (name.to_owned(), cell))).collect();
    let column = |word: &String| {
        let (name, column) = word.split_once('=').unwrap_or((word, word));
        let found = known.iter().find(|(known, _)| known == column);
        let (_, cell) = found.ok_or_else(|| {
            let names = known.iter().map(|(name, _)| name.as_str());
            Error::new(format!("there is no column `{column}`")).hint(suggest(column, names))
        })?;
        Ok((name.to_owned(), *cell))
    };
    wanted.iter().map(column).collect()
}

/// Refuses columns by which two images could not be told apart. An image that is given twice has its rows
/// twice.
///
/// # Errors
/// Different images with the same cells in all columns that name images.
fn refuse_double_ids(columns: &[(String, Cell)], source: &Source, printer: &Printer) -> Result<()> {
    let ids: Vec<&(String, Cell)> = columns.iter().filter(|(_, cell)| cell.names_images()).collect();
    let Some((name, _)) = ids.first() else { return Ok(()) };
    let mut paths: HashMap<Vec<String>, &str> = HashMap::new();
    let (mut same_id, mut same_path) = (Vec::new(), 0);
    for (position, entry) in source.entries().iter().enumerate() {
        let id: Vec<String> = ids.iter().filter_map(|(_, cell)| cell.of_image(position, entry.path)).collect();
        match paths.insert(id.clone(), entry.path) {
            Some(before) if before == entry.path => same_path += 1,
            Some(before) => same_id.push((id.join(","), before, entry.path)),
            None => {}
        }
    }
    if same_path > 0 {
        printer.warn(&format!(
            "inputs are given more than once, and have a row each time: {same_path} rows too many"
        ));
    }
    let Some((id, one, other)) = same_id.first() else { return Ok(()) };
    Err(Error::new(format!(
        "{} images have an id in the column `{name}` that another has, first: `{id}` of {one} and {other}",
        same_id.len()
    ))
    .hint("add the column `path` or take it in place of this one, or predict one folder at a time"))
}

fn write_csv(
    w: &mut dyn Write,
    columns: &[(String, Cell)],
    rows: &[Prediction],
    positions: &[usize],
) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(w);
    let text = |text: &str| defused(text).into_owned();
    csv.write_record(columns.iter().map(|(name, _)| text(name))).map_err(file::csv_error)?;
    for (row, &position) in rows.iter().zip(positions) {
        let record = columns.iter().map(|(_, cell)| match cell {
            Cell::Path | Cell::File | Cell::Stem | Cell::Row => {
                text(&cell.of_image(position, row.path()).unwrap_or_default())
            }
            Cell::Label => text(row.label()),
            Cell::Number => row.class().to_string(),
            Cell::Probability => row.probability().to_string(),
            Cell::Class(class) => row.probabilities()[*class].to_string(),
            Cell::Empty => String::new(),
        });
        csv.write_record(record).map_err(file::csv_error)?;
    }
    csv.flush()
}

/// How common each class is among the images, by the mean of its probability.
fn shares(classes: &[String], rows: &[Prediction]) -> String {
    let share = |class: usize| {
        rows.iter().map(|row| f64::from(row.probabilities()[class])).sum::<f64>() / rows.len() as f64
    };
    let named = classes.iter().enumerate().map(|(i, name)| format!("{name} {}", percent(share(i))));
    named.collect::<Vec<_>>().join(", ")
}

/// How many images each class got.
fn counts(classes: &[String], rows: &[Prediction]) -> String {
    let count = |class: usize| rows.iter().filter(|row| row.class() == class).count().to_string();
    table(&classes.iter().enumerate().map(|(i, name)| vec![name.clone(), count(i)]).collect::<Vec<_>>())
}

fn json(
    classes: &[String],
    rows: &[Prediction],
    positions: &[usize],
    notices: &[Notice],
) -> Result<String> {
    let object = |(row, position): (&Prediction, &usize)| {
        let probabilities: serde_json::Map<String, serde_json::Value> =
            classes.iter().cloned().zip(row.probabilities().iter().map(|&p| p.into())).collect();
        serde_json::json!({
            "path": row.path(),
            "row": position,
            "label": row.label(),
            "probability": row.probability(),
            "probabilities": probabilities,
        })
    };
    let rows: Vec<_> = rows.iter().zip(positions).map(object).collect();
    let result = serde_json::json!({"predictions": rows, "notices": notices});
    serde_json::to_string_pretty(&result).map_err(|e| Error::new(e.to_string()))
}
