//! `hema report`: one page of a run or an evaluation, or several side by side.

use std::path::PathBuf;

use hema::error::Result;
use hema::provenance::Provenance;
use hema::report::RunReport;
use hema::run_folder::{read_report, record_of, write_page};
use hema::{command_line, device, distinct_names, model_file};

use super::args::output;
use super::train::{read_series, write_series};
use crate::output::Printer;
use crate::places::{Kind, Places};
use crate::status::Status;

/// Write a self-contained page about runs or evaluations
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Runs, folders of `--seeds` or `--folds`, evaluations or their evaluation.json; several are compared
    #[arg(required = true, value_name = "RUN_OR_EVAL")]
    inputs: Vec<PathBuf>,
    /// Page to write
    #[arg(long, value_parser = output(), value_name = "FILE", default_value = "report.html")]
    out: PathBuf,
}

impl Args {
    /// What it reads and writes.
    pub(crate) fn places(&self) -> Places {
        Places::default().reads(&self.inputs).writes(Kind::Page, Some(&self.out))
    }
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    printer.leave_stdout_to(&args.out);
    let made_by = Provenance::now(command_line(), device::name(&device::open("cpu")?));
    let series = match &args.inputs[..] {
        [folder] => read_series(folder, made_by)?.map(|series| (folder, series)),
        _ => None,
    };
    if let Some((folder, series)) = series {
        write_series(&args.out, folder, &series)?;
    } else {
        write_page(&args.out, &read_runs(&args.inputs, printer)?)?;
    }
    if printer.is_json() {
        printer.result(&serde_json::json!({ "report": args.out }).to_string());
    } else {
        printer.note(&format!("report: {}", args.out.display()));
    }
    Ok(Status::Done)
}

/// Reads what the inputs mean: of a series every run, and of what is given twice one.
fn read_runs(inputs: &[PathBuf], printer: &Printer) -> Result<Vec<RunReport>> {
    let (mut paths, mut runs, mut records) = (Vec::new(), Vec::new(), Vec::new());
    for (input, name) in inputs.iter().zip(distinct_names(inputs)) {
        let series = model_file::series(input)?;
        let name = series.is_some().then_some(name);
        for path in series.unwrap_or_else(|| vec![input.clone()]) {
            let run = RunReport { series: name.clone(), ..read_report(&path)? };
            let record = record_of(&path).canonicalize().ok();
            if record.is_some() && records.contains(&record) {
                printer.warn(&format!("{} is given twice, and compared once", path.display()));
                continue;
            }
            records.push(record);
            paths.push(path);
            runs.push(run);
        }
    }
    tell_apart(&mut runs, &paths);
    Ok(runs)
}

/// Calls runs of one name by the shortest ends of their paths that differ.
fn tell_apart(runs: &mut [RunReport], inputs: &[PathBuf]) {
    let titles: Vec<String> = runs.iter().map(|run| run.title.clone()).collect();
    let is_clear = |title: &String| titles.iter().filter(|other| *other == title).count() == 1;
    for (run, name) in runs.iter_mut().zip(distinct_names(inputs)) {
        if !is_clear(&run.title) {
            run.title = name;
        }
    }
}
