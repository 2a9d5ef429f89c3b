//! `hema data info`: what a data set holds.

use std::path::PathBuf;

use hema::data::info::{Info, contact_sheet, describe};
use hema::data::{self, Source};
use hema::error::{Error, Result};
use hema::file;
use hema::split::Part;

use crate::commands::args::{White, output};
use crate::output::{Printer, printable, table};
use crate::places::{Kind, Places};
use crate::status::Status;

/// Say what a data set holds: classes, parts, sizes, colours
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Image folder, or any other form of `hema list readers`
    data: PathBuf,
    /// PNG file for a contact sheet: a row of images for every class
    #[arg(long, value_parser = output(), value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    white: White,
    /// Seed for choosing the images that are looked at
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

impl Args {
    /// What it reads and writes.
    pub(crate) fn places(&self) -> Places {
        Places::default().data([&self.data]).writes(Kind::Picture, self.out.as_ref())
    }
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    let mut source = data::open_as(&args.data, args.white.number)?;
    printer.warn_of_notices(source.notices());
    if let Some(split) = source.read_split_inside()? {
        source = source.with_split(&split)?;
    }
    let info = describe(&source, args.seed)?;
    printer.warn_of_notices(&source.picture_notices());
    if let Some(out) = &args.out {
        printer.leave_stdout_to(out);
        let png = contact_sheet(&source, args.seed)?.to_png()?;
        file::write_atomic(out, |w| w.write_all(&png))?;
        printer.note(&format!("contact sheet: {}", out.display()));
    }
    if printer.is_json() {
        printer.result(&serde_json::to_string_pretty(&info).map_err(|e| Error::new(e.to_string()))?);
    } else {
        printer.result(&text(&source, &info));
    }
    Ok(Status::Done)
}

/// The description for people.
fn text(source: &Source, info: &Info) -> String {
    let Info { images, form, sampled, unreadable, .. } = info;
    let data = printable(&source.path().display().to_string());
    let mut lines =
        vec![format!("{data}: {images} images, {form}"), String::new(), counts(info), String::new()];
    if info.numbered {
        lines.push("labels  numbers alone: the data has no names for them".to_owned());
    }
    let shown: Vec<String> =
        info.sizes.iter().take(5).map(|s| format!("{}x{} ({})", s.width, s.height, s.images)).collect();
    let more = info.sizes.len().saturating_sub(shown.len());
    let more = if more > 0 { format!(", and {more} more sizes") } else { String::new() };
    lines.push(format!("sizes   {}{more}", shown.join(", ")));
    let channels = |values: [f64; 3]| values.map(|v| format!("{v:.3}")).join(" ");
    lines.push(format!("mean    {}  (red, green, blue from 0 to 1)", channels(info.mean)));
    lines.push(format!("std     {}", channels(info.std)));
    if info.groups > 0 {
        lines.push(format!("groups  {}", info.groups));
    }
    let of = if sampled == images {
        "all images".to_owned()
    } else {
        format!("{sampled} images, drawn with seed {}", info.seed)
    };
    lines.push(format!("        sizes and colours from {of}"));
    if *unreadable > 0 {
        lines.push(format!("        {unreadable} of them cannot be read: see `hema audit`"));
    }
    lines.join("\n")
}

/// Images per class, and per part where there are parts.
fn counts(info: &Info) -> String {
    let has_parts = info.classes.iter().any(|class| class.parts.iter().any(|n| *n > 0));
    let parts = if has_parts { &Part::ALL[..] } else { &[] };
    let header =
        ["class".to_owned(), "images".to_owned()].into_iter().chain(parts.iter().map(Part::to_string));
    let mut rows: Vec<Vec<String>> = vec![header.collect()];
    for class in &info.classes {
        let name = class.name.as_deref().unwrap_or("(no label)");
        let numbers = class.parts.iter().take(parts.len()).map(u64::to_string);
        rows.push([printable(name), class.images.to_string()].into_iter().chain(numbers).collect());
    }
    table(&rows)
}
