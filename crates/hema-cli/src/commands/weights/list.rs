//! `hema weights list`: what is published, and what of it is on this machine.

use hema::error::{Error, Result};
use hema::model;
use hema::weights::{PUBLISHED, Published, find_pretrained};

use super::terms::other_normalisation;
use crate::output::Printer;
use crate::status::Status;

/// List the architectures with published ImageNet weights: from which repository, with which
/// licence, and where they are on this machine
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args, printer: &Printer) -> Result<Status> {
    if printer.is_json() {
        let rows: Vec<_> = PUBLISHED.iter().map(json).collect();
        printer.result(&serde_json::to_string_pretty(&rows).map_err(|e| Error::new(e.to_string()))?);
        return Ok(Status::Done);
    }
    for published in PUBLISHED {
        let Published { model, licence, .. } = published;
        let repository = published.repository();
        let megabytes = megabytes(model).map_or_else(String::new, |size| format!("{size:.0} MB"));
        let path =
            find_pretrained(model).map_or_else(|_| "not here".to_owned(), |path| path.display().to_string());
        printer.result(&format!("{model:<21}  {repository:<46}  {licence:<12}  {megabytes:>7}  {path}"));
        if let Some(settings) = other_normalisation(published) {
            printer.result(&format!("{:<21}  needs {settings}", ""));
        }
    }
    Ok(Status::Done)
}

/// The size of an architecture's file: four bytes a parameter.
fn megabytes(model: &str) -> Option<f64> {
    let architecture = model::architectures().find(|architecture| architecture.name == model)?;
    Some(architecture.parameters? as f64 * 4.0 / 1e6)
}

fn json(published: &Published) -> serde_json::Value {
    let Published { model, tag, licence, mean, std } = published;
    serde_json::json!({
        "model": model,
        "repository": published.repository(),
        "tag": tag,
        "licence": licence,
        "mean": mean,
        "std": std,
        "path": find_pretrained(model).ok(),
    })
}
