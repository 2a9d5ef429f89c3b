//! `hema data convert`: the same images in another form.

use std::path::PathBuf;

use hema::data::write::{self, Change, Encoding, Form};
use hema::data::{self, Notice, Skipped};
use hema::error::{Error, Result};
use hema::preprocess::{Crop, Filter};
use hema::split::Part;

use super::writing::{Writing, choose, with_parts, write_images};
use crate::commands::args::output;
use crate::output::Printer;
use crate::places::{Kind, Places};
use crate::status::Status;

/// Write a data set in another form: folder, archive, array, shards
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Image folder, or any other form of `hema list readers`; an archive may lie
    /// at an address, as `s3://bucket/cells.tar`
    input: PathBuf,
    /// What to write; must not exist
    #[arg(value_parser = output())]
    output: PathBuf,
    #[command(flatten)]
    writing: Writing,
    /// Region kept of every image: none (all of it), square or a number of pixels
    #[arg(long, default_value = "none", value_parser = parse_crop)]
    crop: Crop,
    /// Resize to squares of this many pixels
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u16).range(1..=4096))]
    size: Option<u16>,
    /// Filter for resizing
    #[arg(long, value_parser = parse_filter, default_value = "bicubic", value_name = "bilinear|bicubic|lanczos")]
    filter: Filter,
    /// Write JPEG files of this quality; without it nothing is lost: files stay as they are, changed images
    /// become PNG
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: Option<u8>,
    /// CSV with the columns path and split, or `none` to leave parts out; by default the split inside the
    /// data
    #[arg(long, value_name = "FILE")]
    split: Option<PathBuf>,
    /// Write only this part, as a data set without parts; several, separated by commas, keep theirs
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    part: Vec<Part>,
}

impl Args {
    /// What it reads and writes.
    pub(crate) fn places(&self) -> Places {
        Places::default().data([&self.input]).reads(&self.split).writes(Kind::New, Some(&self.output))
    }
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    let form = args.writing.form(&args.output)?;
    let source = with_parts(data::open_as(&args.input, args.writing.white.number)?, args.split.as_deref())?;
    printer.warn_of_notices(source.notices());
    let (source, chosen) = choose(source, &args.part)?;
    let writer = args.writing.create(&args.output, form, &source, printer)?;

    let order = source.reading_order(Some(&chosen))?;
    let skipped = write_images(printer, "converting", order.len(), writer, |writer, progress| {
        write::copy(&source, &order, &change(args), args.writing.on_bad_image.into(), writer, progress)
    })?;
    let Some(skipped) = skipped else { return Ok(Status::Interrupted) };
    printer.warn_of_notices(&source.picture_notices());
    let written =
        Written { form, images: order.len() - skipped.len(), skipped, notices: source.all_notices() };
    report(args, &written, printer)?;
    Ok(Status::Done)
}

fn change(args: &Args) -> Change {
    Change {
        crop: args.crop,
        size: args.size.map(usize::from),
        filter: args.filter,
        encoding: args.quality.map_or(Encoding::Exact, Encoding::Jpeg),
    }
}

/// The outcome of a conversion.
struct Written {
    form: &'static Form,
    images: usize,
    skipped: Vec<Skipped>,
    notices: Vec<Notice>,
}

fn report(args: &Args, written: &Written, printer: &Printer) -> Result<()> {
    let Written { form, images, skipped, notices } = written;
    let out = args.output.display();
    if !printer.is_json() {
        printer.result(&format!("{images} images: {out} ({})", form.name));
        return Ok(());
    }
    let result = serde_json::json!({"out": out.to_string(), "form": form.name, "images": images, "skipped": skipped,
        "notices": notices});
    printer.result(&serde_json::to_string_pretty(&result).map_err(|e| Error::new(e.to_string()))?);
    Ok(())
}

fn parse_crop(text: &str) -> Result<Crop, String> {
    match text {
        "none" => Ok(Crop::None),
        "square" => Ok(Crop::Square),
        pixels => pixels
            .parse()
            .ok()
            .filter(|pixels| *pixels > 0)
            .map(Crop::Pixels)
            .ok_or_else(|| "expected none, square or a number of pixels".to_owned()),
    }
}

fn parse_filter(text: &str) -> Result<Filter, String> {
    match text {
        "bilinear" => Ok(Filter::Bilinear),
        "bicubic" => Ok(Filter::Bicubic),
        "lanczos" => Ok(Filter::Lanczos),
        _ => Err("expected bilinear, bicubic or lanczos".to_owned()),
    }
}
