//! `hema predict`: classes and probabilities of new images, as a table.

use std::io::{self, Write};
use std::path::PathBuf;

use hema::Device;
use hema::core::data::{self, Unknown};
use hema::core::error::{Error, Result};
use hema::core::file;
use hema::core::metrics::argmax;
use hema::predict::Predictor;

use super::{Memory, OnBadImage, Precision, load, warn_skipped};
use crate::output::{Printer, table};

/// Classify new images
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Model file or run directory
    model: PathBuf,
    /// Images, folders, archives or .npz files
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
    memory: Memory,
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<()> {
    if let Some(out) = &args.out {
        file::prepare(out)?;
    }
    let models: Vec<PathBuf> = std::iter::once(&args.model).chain(&args.with).cloned().collect();
    let (predictor, _) = Predictor::open(&models, &Device::flex())?;
    let predictor = predictor.with_precision(args.precision.into());
    let source = data::open_many(&args.input)?.with_classes(predictor.classes(), Unknown::Unlabel)?;
    let options = args.memory.options(args.on_bad_image);
    let views =
        load(printer, source.len(), |progress| predictor.load(&source, None, None, &options, progress))?;
    warn_skipped(printer, views.first().skipped());

    let images = views.first().len();
    let progress = printer.progress("predicting", (images * models.len()) as u64);
    let probabilities = predictor.predict(&views, None, &mut |done| progress.set(done as u64, "images"));
    progress.clear();
    let rows: Vec<Row> = probabilities?
        .chunks_exact(predictor.classes().len())
        .enumerate()
        .map(|(i, row)| Row { path: views.first().entry(i).path.clone(), probabilities: row.to_vec() })
        .collect();

    let classes = predictor.classes();
    match &args.out {
        Some(path) => {
            file::write_atomic(path, |w| write_csv(w, classes, &rows))?;
            printer.note(&format!("{images} predictions: {}", path.display()));
            if !printer.is_json() {
                printer.result(&counts(classes, &rows));
            }
        }
        None if !printer.is_json() => printer.write_result(|out| write_csv(out, classes, &rows)),
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

/// `path,label,probability,<one column a class>,refer,reason`; the last two are empty: this model refers nobody.
fn write_csv(w: &mut dyn Write, classes: &[String], rows: &[Row]) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(w);
    let fixed = ["path", "label", "probability"];
    let header = fixed.into_iter().chain(classes.iter().map(String::as_str)).chain(["refer", "reason"]);
    csv.write_record(header).map_err(file::csv_error)?;
    for row in rows {
        let label = row.label();
        let mut record = vec![row.path.clone(), classes[label].clone(), row.probabilities[label].to_string()];
        record.extend(row.probabilities.iter().map(ToString::to_string));
        record.extend([String::new(), String::new()]);
        csv.write_record(record).map_err(file::csv_error)?;
    }
    csv.flush()
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
