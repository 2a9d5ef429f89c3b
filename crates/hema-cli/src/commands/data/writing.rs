//! The choice of images that `hema data` writes, and how it writes them: what its subcommands share.

use std::path::Path;
use std::sync::atomic::Ordering;

use hema::data::write::{self, Form, Options, Writer};
use hema::data::{Skipped, Source};
use hema::error::{Error, Result};
use hema::split::Part;
use hema::split_choice::with_split;

use crate::commands::args::{OnBadImage, White};
use crate::output::Printer;
use crate::status::{listen_to_ctrl_c, stop_flag};

/// How a data set is written.
#[derive(clap::Args)]
pub(super) struct Writing {
    /// Form to write (see `hema list forms`); by default what the name of the output ends in, a folder
    /// without an ending
    #[arg(long, value_name = "FORM")]
    pub(super) to: Option<String>,
    /// Deflate the arrays of a .npz
    #[arg(long)]
    pub(super) compress: bool,
    /// What to do with an image that cannot be read
    #[arg(long, value_enum, default_value = "fail")]
    pub(super) on_bad_image: OnBadImage,
    #[command(flatten)]
    pub(super) white: White,
}

impl Writing {
    /// The form that was asked for, by its name or the output's.
    pub(super) fn form(&self, output: &Path) -> Result<&'static Form> {
        self.to.as_deref().map_or_else(|| Form::of_path(output), Form::find)
    }

    /// Begins a data set of images of a source.
    pub(super) fn create(
        &self,
        output: &Path,
        form: &Form,
        source: &Source,
        printer: &Printer,
    ) -> Result<Box<dyn Writer>> {
        printer.leave_stdout_to(output);
        let options = Options::default().compress(self.compress).has_groups(source.has_groups());
        write::create(output, form, source.classes(), &options)
    }
}

/// Writes a data set with a bar and completes it: what could not be read, or nothing where Ctrl-C stopped it.
/// `write` calls its second argument with the number of images done.
pub(super) fn write_images(
    printer: &Printer,
    what: &str,
    images: usize,
    mut writer: Box<dyn Writer>,
    write: impl FnOnce(&mut dyn Writer, &mut dyn FnMut(usize) -> Result<()>) -> Result<Vec<Skipped>>,
) -> Result<Option<Vec<Skipped>>> {
    listen_to_ctrl_c(printer, "leave a temporary file beside the output");
    let stop = stop_flag();
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
    printer.warn_of_notices(writer.notice().as_slice());
    writer.finish()?;
    printer.warn_of_skipped(&skipped);
    Ok(Some(skipped))
}

/// The source with the parts that its images will have.
pub(super) fn with_parts(source: Source, split: Option<&Path>) -> Result<Source> {
    match split {
        Some(none) if none == Path::new("none") => Ok(source.without_parts()),
        split => with_split(source, split),
    }
}

/// The images of the parts asked for, all when there are none. A single part is a data set of its own,
/// without parts.
pub(super) fn choose(source: Source, wanted: &[Part]) -> Result<(Source, Vec<usize>)> {
    let is_wanted =
        |i: &usize| wanted.is_empty() || source.entry(*i).part.is_some_and(|p| wanted.contains(&p));
    let chosen: Vec<usize> = (0..source.len()).filter(is_wanted).collect();
    if chosen.is_empty() {
        let names = wanted.iter().map(Part::to_string).collect::<Vec<_>>().join(",");
        return Err(Error::new(format!("no image belongs to the part {names}"))
            .at(source.path())
            .hint("give a split with --split"));
    }
    Ok((if wanted.len() == 1 { source.without_parts() } else { source }, chosen))
}
