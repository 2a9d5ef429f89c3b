//! `hema report`: one page of a run or an evaluation, or several side by side.

use std::path::PathBuf;

use hema::error::Result;
use hema::report::RunReport;
use hema::run_folder::{read_report, write_page};

use super::args::output;
use crate::output::Printer;
use crate::status::Status;

/// Write a self-contained page about runs or evaluations
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run directories, evaluation directories or evaluation.json files; several are compared
    #[arg(required = true, value_name = "RUN_OR_EVAL")]
    inputs: Vec<PathBuf>,
    /// Page to write
    #[arg(long, value_parser = output(), value_name = "FILE", default_value = "report.html")]
    out: PathBuf,
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    printer.leave_stdout_to(&args.out);
    let runs: Vec<RunReport> = args.inputs.iter().map(|input| read_report(input)).collect::<Result<_>>()?;
    write_page(&args.out, &runs)?;
    if printer.is_json() {
        printer.result(&serde_json::json!({ "report": args.out }).to_string());
    } else {
        printer.note(&format!("report: {}", args.out.display()));
    }
    Ok(Status::Done)
}
