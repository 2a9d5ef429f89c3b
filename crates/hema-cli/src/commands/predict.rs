//! `hema predict`: classes and probabilities of new images, as a table.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use hema::core::data::{self, Unknown};
use hema::core::error::{Error, Result, suggest};
use hema::core::file;
use hema::core::metrics::argmax;
use hema::nn;
use hema::predict::Predictor;

use super::{Among, Memory, On, OnBadImage, Precision, Prevalence, Tta, load, warn_skipped};
use crate::output::{Printer, percent, table};

/// Classify new images
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Model file or run directory
    model: PathBuf,
    /// Images, image folders, or any other form of `hema list readers`
    #[arg(required = true)]
    input: Vec<PathBuf>,
    /// More models, for an ensemble by mean probability
    #[arg(long = "with", value_name = "MODEL")]
    with: Vec<PathBuf>,
    /// CSV file to write [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What to do with an image that cannot be read
    #[arg(long, value_enum, default_value = "fail")]
    on_bad_image: OnBadImage,
    /// What feature maps are stored in
    #[arg(long, value_enum, default_value = "fp32")]
    precision: Precision,
    #[command(flatten)]
    tta: Tta,
    #[command(flatten)]
    among: Among,
    #[command(flatten)]
    prevalence: Prevalence,
    /// Columns of the CSV, as a challenge asks for them: NAME=COLUMN, or COLUMN alone, where COLUMN is one of the usual table, or
    /// `file` (the path's last part), `stem` (that without its ending) or `number` (of the label, from 0)
    #[arg(long, value_name = "NAME=COLUMN", value_delimiter = ',')]
    columns: Vec<String>,
    #[command(flatten)]
    on: On,
    #[command(flatten)]
    memory: Memory,
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<()> {
    if let Some(out) = &args.out {
        file::prepare(out)?;
    }
    let models: Vec<PathBuf> = std::iter::once(&args.model).chain(&args.with).cloned().collect();
    let device = args.on.open(printer)?;
    nn::Precision::from(args.precision).check(&device)?;
    let (predictor, members) = Predictor::open(&models, &device)?;
    let predictor = args.among.of(args.tta.of(predictor)?)?.with_precision(args.precision.into());
    let predictor = args.prevalence.of(predictor)?;
    let columns = columns(&args.columns, predictor.classes())?;
    let source = data::open_many(&args.input)?.with_classes(predictor.classes(), Unknown::Unlabel)?;
    let options = args.memory.options(args.on_bad_image);
    let views =
        load(printer, source.len(), |progress| predictor.load(&source, None, None, &options, progress))?;
    warn_skipped(printer, views.first().skipped());

    let images = views.first().len();
    let progress = printer.progress("predicting", (images * members.len()) as u64);
    let probabilities = predictor.predict(&views, None, &mut |done| progress.set(done as u64, "images"));
    progress.clear();
    let rows: Vec<Row> = probabilities?
        .chunks_exact(predictor.classes().len())
        .enumerate()
        .map(|(i, row)| Row { path: views.first().entry(i).path.to_owned(), probabilities: row.to_vec() })
        .collect();

    let classes = predictor.classes();
    if predictor.adapts() && !rows.is_empty() {
        printer.note(&format!("estimated shares: {}", shares(classes, &rows)));
    }
    match &args.out {
        Some(path) => {
            file::write_atomic(path, |w| write_csv(w, classes, &columns, &rows))?;
            printer.note(&format!("{images} predictions: {}", path.display()));
            if !printer.is_json() {
                printer.result(&counts(classes, &rows));
            }
        }
        None if !printer.is_json() => printer.write_result(|out| write_csv(out, classes, &columns, &rows)),
        None => {}
    }
    if printer.is_json() {
        printer.result(&json(classes, &rows)?);
    }
    Ok(())
}

/// The prediction for one image.
struct Row {
    path: String,
    probabilities: Vec<f32>,
}

impl Row {
    fn label(&self) -> usize {
        argmax(&self.probabilities)
    }
}

/// What a column of the table holds.
#[derive(Clone, Copy)]
enum Cell {
    Path,
    File,
    Stem,
    Label,
    Number,
    Probability,
    Class(usize),
    /// Empty: these models refer nobody.
    Empty,
}

/// The table's usual columns: `path,label,probability,<one a class>,refer,reason`.
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
    let more = [("file", Cell::File), ("stem", Cell::Stem), ("number", Cell::Number)];
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

fn write_csv(
    w: &mut dyn Write,
    classes: &[String],
    columns: &[(String, Cell)],
    rows: &[Row],
) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(w);
    csv.write_record(columns.iter().map(|(name, _)| name)).map_err(file::csv_error)?;
    for row in rows {
        let label = row.label();
        let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let path = Path::new(&row.path);
        let record = columns.iter().map(|(_, cell)| match cell {
            Cell::Path => row.path.clone(),
            Cell::File => part(path.file_name()),
            Cell::Stem => part(path.file_stem()),
            Cell::Label => classes[label].clone(),
            Cell::Number => label.to_string(),
            Cell::Probability => row.probabilities[label].to_string(),
            Cell::Class(class) => row.probabilities[*class].to_string(),
            Cell::Empty => String::new(),
        });
        csv.write_record(record).map_err(file::csv_error)?;
    }
    csv.flush()
}

/// How common each class is among the images, by the mean of its probability.
fn shares(classes: &[String], rows: &[Row]) -> String {
    let share = |class: usize| {
        rows.iter().map(|row| f64::from(row.probabilities[class])).sum::<f64>() / rows.len() as f64
    };
    let named = classes.iter().enumerate().map(|(i, name)| format!("{name} {}", percent(share(i))));
    named.collect::<Vec<_>>().join(", ")
}

/// How many images each class got.
fn counts(classes: &[String], rows: &[Row]) -> String {
    let count = |class: usize| rows.iter().filter(|row| row.label() == class).count().to_string();
    table(&classes.iter().enumerate().map(|(i, name)| vec![name.clone(), count(i)]).collect::<Vec<_>>())
}

fn json(classes: &[String], rows: &[Row]) -> Result<String> {
    let object = |row: &Row| {
        let probabilities: serde_json::Map<String, serde_json::Value> =
            classes.iter().cloned().zip(row.probabilities.iter().map(|&p| p.into())).collect();
        let label = row.label();
        serde_json::json!({
            "path": row.path,
            "label": classes[label],
            "probability": row.probabilities[label],
            "probabilities": probabilities,
        })
    };
    let rows: Vec<_> = rows.iter().map(object).collect();
    serde_json::to_string_pretty(&rows).map_err(|e| Error::new(e.to_string()))
}
