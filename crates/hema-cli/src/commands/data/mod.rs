//! `hema data`: data sets before anything is trained on them, one file per subcommand.

mod augment;
mod balance;
mod convert;
mod fetch;
mod info;

use std::path::Path;
use std::sync::atomic::Ordering;

use clap::Subcommand;
use hema::core::data::write::{self, Form, Options, Writer};
use hema::core::data::{Skipped, Source};
use hema::core::error::{Error, Result};

use super::{OnBadImage, Status, ctrl_c, warn_skipped};
use crate::output::Printer;

/// Fetch data sets, look at them, balance them and change their form
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Fetch(fetch::Args),
    Augment(augment::Args),
    Balance(balance::Args),
    Convert(convert::Args),
    Info(info::Args),
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    match &args.command {
        Command::Fetch(args) => fetch::run(args, printer).map(|()| Status::Done),
        Command::Augment(args) => augment::run(args, printer),
        Command::Balance(args) => balance::run(args, printer),
        Command::Convert(args) => convert::run(args, printer),
        Command::Info(args) => info::run(args, printer).map(|()| Status::Done),
    }
}

/// How a data set is written.
#[derive(clap::Args)]
struct Writing {
    /// Form to write (see `hema list forms`); by default what the name of the output ends in, a folder without an ending
    #[arg(long, value_name = "FORM")]
    to: Option<String>,
    /// Deflate the arrays of a .npz
    #[arg(long)]
    compress: bool,
    /// What to do with an image that cannot be read
    #[arg(long, value_enum, default_value = "fail")]
    on_bad_image: OnBadImage,
}

impl Writing {
    /// The form that was asked for, by its name or the output's.
    fn form(&self, output: &Path) -> Result<&'static Form> {
        self.to.as_deref().map_or_else(|| Form::of_path(output), Form::find)
    }

    /// Begins a data set of images of a source.
    fn create(&self, output: &Path, form: &Form, source: &Source) -> Result<Box<dyn Writer>> {
        let options = Options::default().compress(self.compress).has_groups(source.has_groups());
        write::create(output, form, source.classes(), &options)
    }
}

/// Writes a data set with a bar and completes it: what could not be read, or nothing where Ctrl-C stopped it. `write` calls
/// its second argument with the number of images done.
fn write_images(
    printer: &Printer,
    what: &str,
    images: usize,
    mut writer: Box<dyn Writer>,
    write: impl FnOnce(&mut dyn Writer, &mut dyn FnMut(usize) -> Result<()>) -> Result<Vec<Skipped>>,
) -> Result<Option<Vec<Skipped>>> {
    let stop = ctrl_c(printer, "leave a temporary file beside the output");
    let progress = printer.progress(what, images as u64);
    let written = write(writer.as_mut(), &mut |done| {
        progress.set(done as u64, "images");
        if stop.load(Ordering::Relaxed) { Err(Error::new("interrupted")) } else { Ok(()) }
    });
    progress.clear();
    if stop.load(Ordering::Relaxed) {
        printer.note("interrupted; nothing was written");
        return Ok(None);
    }
    let skipped = written?;
    writer.finish()?;
    warn_skipped(printer, &skipped);
    Ok(Some(skipped))
}
