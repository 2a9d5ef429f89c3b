//! `hema gate`: whether a model may be used, by a policy of bounds.

use std::path::PathBuf;

use hema::error::{Error, Result};
use hema::gate::{Judged, Rule, Verdict, judge, junit};
use hema::recipe::read_gate;
use hema::{Classifier, file};

use super::args::{ModelArgs, output};
use crate::output::{Bars, Printer, table};
use crate::places::{Kind, Places};
use crate::status::Status;

/// Let a model through only where the bounds of a policy hold (exit status 1 where one does not)
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// What the model must keep: a TOML file (see `hema list --schema gate`)
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Labelled images that the model has not seen: an image folder, or any other form of `hema list readers`
    #[arg(long)]
    data: PathBuf,
    /// CSV with the columns path and split; by default the run's own if it fits, else the data's own
    #[arg(long, value_name = "FILE")]
    split: Option<PathBuf>,
    /// train, val, test or all [default: val where there is a split, else all]
    #[arg(long)]
    part: Option<String>,
    /// Model to compare with, image by image, as the policy's `[baseline]` asks
    #[arg(long, value_name = "MODEL")]
    baseline: Option<PathBuf>,
    /// `JUnit` XML to write, for build servers
    #[arg(long, value_parser = output(), value_name = "FILE")]
    junit: Option<PathBuf>,
    /// JSON to write, with every rule, the model and the images
    #[arg(long, value_parser = output(), value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Args {
    /// What it reads and writes.
    pub(crate) fn places(&self) -> Places {
        self.model
            .places()
            .reads([&self.policy])
            .reads(&self.split)
            .reads(&self.baseline)
            .data([&self.data])
            .writes(Kind::Any, self.junit.as_ref())
            .writes(Kind::Json, self.out.as_ref())
    }
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    // a policy that is wrong is found before the model is opened
    let policy = read_gate(&args.policy)?;
    for path in args.junit.iter().chain(&args.out) {
        printer.leave_stdout_to(path);
        file::prepare(path)?;
    }
    let model = args.model.open(printer)?;
    let baseline = match &args.baseline {
        Some(path) => Some(Classifier::options().device(model.predictor().device()).open(path)?),
        None => None,
    };
    let judged = Judged { data: args.data.clone(), split: args.split.clone(), part: args.part.clone() };
    let verdict = judge(&policy, &model, baseline.as_ref(), &judged, &mut Bars::new(printer))?;
    let json = serde_json::to_string_pretty(&verdict).map_err(|e| Error::new(e.to_string()))?;
    if let Some(path) = &args.junit {
        file::write_atomic(path, |w| w.write_all(junit(&verdict).as_bytes()))?;
    }
    if let Some(path) = &args.out {
        file::write_atomic(path, |w| w.write_all(json.as_bytes()))?;
    }
    if printer.is_json() {
        printer.result(&json);
    } else {
        tell(&verdict, printer);
    }
    Ok(if verdict.passes { Status::Done } else { Status::FoundWanting })
}

/// Prints every rule, and what they come to.
fn tell(verdict: &Verdict, printer: &Printer) {
    let header = ["rule", "found", "bound", "wanted", "", "remark"];
    let row = |rule: &Rule| {
        let passes = if rule.passes { "holds" } else { "FAILS" };
        [&*rule.name, &rule.found_text(), &rule.bound_text(), &rule.wanted_text(), passes, &rule.remark]
            .map(String::from)
            .to_vec()
    };
    let rows: Vec<Vec<String>> =
        std::iter::once(header.map(String::from).to_vec()).chain(verdict.rules.iter().map(row)).collect();
    printer.result(&table(&rows));
    let failed = verdict.rules.iter().filter(|rule| !rule.passes).count();
    let data = &verdict.data;
    let of = format!(
        "{} on {} images of {} ({})",
        verdict.model.called(),
        data.counts.iter().sum::<u64>(),
        data.path,
        data.part
    );
    printer.result(&match failed {
        0 => format!("passed: {of} keeps all {} rules", verdict.rules.len()),
        _ => format!("not passed: {of} fails {failed} of {} rules", verdict.rules.len()),
    });
}
