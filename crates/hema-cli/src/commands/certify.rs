//! `hema certify`: what can be promised of a model on somebody's own verified cells.

use std::path::PathBuf;

use hema::error::{Error, Result};
use hema::predict::Images;
use hema::split_choice::choose_part;
use hema::trust::{Accepted, Certifying, Promise, USUAL_SHARE, Wanted, promise};
use hema::{Classifier, certify, data, file};

use super::args::{ModelArgs, output, parse_between};
use crate::output::{Bars, Printer, percent, table};
use crate::places::{Kind, Places};
use crate::status::Status;

/// Find what can be promised of a model on verified cells: how many it can keep at a risk
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Cells with labels that a person has verified, none of which the model has seen: an image folder, or
    /// any other form of `hema list readers`
    verified: PathBuf,
    /// CSV with the columns path and split; by default the run's own if it fits, else the data's own
    #[arg(long, value_name = "FILE")]
    split: Option<PathBuf>,
    /// train, val, test or all
    #[arg(long, default_value = "all")]
    part: String,
    /// Largest share of the kept cells that may be named wrongly
    #[arg(long, value_name = "SHARE", value_parser = parse_between, default_value_t = Wanted::USUAL.max_risk)]
    max_risk: f64,
    /// Probability with which that holds
    #[arg(long, value_name = "PROBABILITY", value_parser = parse_between, default_value_t = Wanted::USUAL.confidence)]
    confidence: f64,
    /// Model file to write: the same model, whose promises and sets (`hema predict --max-risk`, `--sets`)
    /// rest on these cells
    #[arg(long, value_parser = output(), value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Args {
    /// What it reads and writes.
    pub(crate) fn places(&self) -> Places {
        let places = self.model.places().data([&self.verified]).reads(&self.split);
        places.writes(Kind::Model, self.out.as_ref())
    }
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    if let Some(out) = &args.out {
        printer.leave_stdout_to(out);
        file::prepare(out)?;
    }
    let wanted = Wanted::new(args.max_risk, args.confidence)?;
    let model = args.model.open(printer)?;
    if args.out.is_some() {
        check_can_carry(&model)?;
    }
    let source =
        data::open_as(&args.verified, model.white())?.with_classes(model.classes(), data::Unknown::Fail)?;
    let (_, indices) = choose_part(&source, model.path(), args.split.as_deref(), Some(&args.part))?;
    let images = model.load(&source, indices.as_deref(), &mut Bars::new(printer))?;
    check_unknown(args, &model, &images, printer)?;
    let certifying = certify::certifying(&model, &images)?;
    let found = promise(&certifying, certify::limits(&model, USUAL_SHARE), wanted);
    if let Err(reason) = model.trust() {
        printer.note(&format!("no cell is referred for its picture or its features: {reason}"));
    }
    tell(&found, &certifying, printer)?;
    if let Some(out) = &args.out {
        certify::write(model.path(), certifying, images.first(), out)?;
        printer.note(&format!("model: {}", out.display()));
    }
    // nothing was promised
    Ok(if found.kept.is_some() { Status::Done } else { Status::FoundWanting })
}

/// Refuses to write a model that cannot hold what was found, before the cells are read.
fn check_can_carry(model: &Classifier) -> Result<()> {
    model.trust().map(|_| ()).map_err(|reason| {
        Error::new(format!("--out: {reason}"))
            .at(model.path())
            .hint("`hema calibrate` fits thresholds to a single model, which certifies with its own views and classes")
    })
}

/// Warns of cells that the model has seen, as it is better on those than on new ones, and refuses to write a
/// model that would promise by cells that it was trained on.
fn check_unknown(args: &Args, model: &Classifier, images: &Images, printer: &Printer) -> Result<()> {
    match model.known_of(images.first())? {
        Some(known) if known.trained > 0 && args.out.is_some() => {
            return Err(Error::new(format!(
                "the model was trained on {} of these {} cells, by their prints, and can promise nothing by them",
                known.trained, known.images
            ))
            .at(&args.verified)
            .hint("leave them out, or see what is found without --out"));
        }
        Some(known) if known.trained + known.chosen > 0 => printer.warn(&format!(
            "of these {} cells the model was trained on {} and chosen by {}, by their prints: what is found does not hold \
             for new ones; leave them out",
            known.images, known.trained, known.chosen
        )),
        Some(_) => {}
        None => printer.note("the model does not say which images it has seen: these must be none of them"),
    }
    Ok(())
}

/// Prints what can be promised, or what it would take.
fn tell(found: &Promise, table_of: &Certifying, printer: &Printer) -> Result<()> {
    if printer.is_json() {
        let json = serde_json::to_string_pretty(found).map_err(|e| Error::new(e.to_string()))?;
        printer.result(&json);
        return Ok(());
    }
    printer.result(&found.in_words());
    let wrong = table_of.clean().filter(|image| !image.is_right()).count();
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let mut rows = vec![
        row("verified cells", found.images.to_string()),
        row("of these named wrongly", wrong.to_string()),
        row("referred for picture or features", found.referred.to_string()),
    ];
    if let Some(Accepted { threshold, images, errors, coverage, .. }) = found.kept {
        rows.extend([
            row("kept", format!("{images} ({})", percent(coverage))),
            row("of these named wrongly", errors.to_string()),
            row("lowest probability kept", threshold.to_string()),
        ]);
    }
    rows.push(row("price: fewest kept cells without an error", found.price.to_string()));
    printer.result(&table(&rows));
    Ok(())
}
