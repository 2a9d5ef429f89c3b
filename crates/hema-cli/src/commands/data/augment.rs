//! `hema data augment`: a set with augmented copies of its training images.

use std::path::PathBuf;

use hema::data;
use hema::data::write::{self, Copies};
use hema::error::{Error, Result};
use hema::recipe::Recipe;
use hema::split::Part;

use super::writing::{Writing, with_parts, write_images};
use crate::commands::args::{Overrides, output};
use crate::output::{Printer, printable};
use crate::places::{Kind, Places};
use crate::status::Status;

/// Write a data set with augmented copies of its training images
///
/// `hema train` augments by itself, anew in every epoch; this is for other software. The validation and test
/// images are written as they are.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Image folder, or any other form of `hema list readers`
    input: PathBuf,
    /// What to write; must not exist
    #[arg(value_parser = output())]
    output: PathBuf,
    #[command(flatten)]
    writing: Writing,
    /// Recipe whose augmentation is used, a shipped one (see `hema list recipes`) or a TOML file
    #[arg(long)]
    recipe: String,
    #[command(flatten)]
    overrides: Overrides,
    /// Copies of every training image
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    copies: u64,
    /// Write the training images themselves too
    #[arg(long)]
    keep_originals: bool,
    /// Decides every random choice
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// CSV with the columns path and split, or `none` to augment all images; by default the split inside the
    /// data
    #[arg(long, value_name = "FILE")]
    split: Option<PathBuf>,
}

impl Args {
    /// What it reads and writes.
    pub(crate) fn places(&self) -> Places {
        Places::default()
            .data([&self.input])
            .reads([&self.recipe])
            .reads(&self.split)
            .writes(Kind::New, Some(&self.output))
    }
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    let form = args.writing.form(&args.output)?;
    let augment = Recipe::load(&args.recipe, &args.overrides.list)?.augment.build()?;
    let source = with_parts(data::open_as(&args.input, args.writing.white.number)?, args.split.as_deref())?;
    printer.warn_of_notices(source.notices());
    let has_parts = source.entries().iter().any(|entry| entry.part.is_some());
    if !has_parts {
        printer.warn(
            "the data has no parts: all images are augmented; split before you augment, or copies of one image come \
             into training and test",
        );
    }
    let (training, rest): (Vec<usize>, Vec<usize>) =
        (0..source.len()).partition(|i| !has_parts || source.entry(*i).part == Some(Part::Train));
    if training.is_empty() {
        return Err(Error::new("there is no training image to augment").at(source.path()));
    }
    let writer = args.writing.create(&args.output, form, &source, printer)?;

    let copies = Copies { augment, count: args.copies, keep_originals: args.keep_originals, seed: args.seed };
    let of_each = args.copies as usize + usize::from(args.keep_originals);
    let mut written = 0;
    let images = training.len() * of_each + rest.len();
    let skipped = write_images(printer, "augmenting", images, writer, |writer, progress| {
        let parts = [&training[..], &rest];
        write::augment(&source, parts, &copies, args.writing.on_bad_image.into(), writer, |done| {
            written = done;
            progress(done)
        })
    })?;
    printer.warn_of_notices(&source.picture_notices());
    let Some(skipped) = skipped else { return Ok(Status::Interrupted) };
    let out = args.output.display().to_string();
    printer.result(&if printer.is_json() {
        serde_json::json!({
            "out": out, "form": form.name, "images": written, "training": training.len(), "unchanged": rest.len(),
            "copies": args.copies, "skipped": skipped,
        })
        .to_string()
    } else {
        format!("{written} images: {} ({})", printable(&out), form.name)
    });
    Ok(Status::Done)
}
