//! `hema data sample`: the cells that the program carries.

use std::path::PathBuf;

use hema::builtin;
use hema::error::Result;

use crate::commands::args::output;
use crate::next;
use crate::output::Printer;
use crate::status::Status;

/// Write the real cells that the program carries, some of each of eight classes, with their terms
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder to write, which is not there yet or empty: a folder for each class, and a split.csv; of its
    /// part `test` the model in the box has learned nothing
    #[arg(value_parser = output(), value_name = "DIR")]
    folder: PathBuf,
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    let cells = builtin::write_cells(&args.folder)?;
    if printer.is_json() {
        let written = serde_json::json!({"data": args.folder, "images": cells});
        printer.result(&written.to_string());
    }
    printer.note(&format!("{cells} cells: {}", args.folder.display()));
    printer.next(&next::predict_by_builtin(&args.folder));
    Ok(Status::Done)
}
