//! `hema weights fetch`: published weights from the Hugging Face hub into its cache.

use std::path::{Path, PathBuf};

use hema::error::{Error, Result};
use hema::model;
use hema::weights::{HUB_FILE, HubCache, PUBLISHED, Published, check_fits, find_pretrained};
use hema_fetch::hub::Hub;
use hema_fetch::{Options, Outcome};

use super::terms::other_normalisation;
use crate::commands::download::Watch;
use crate::output::Printer;
use crate::status::Status;

/// Fetch published ImageNet weights from timm's repositories on the Hugging Face hub
///
/// They go into the hub's own cache, where `model.weights = "imagenet"` finds them, and timm too. An
/// interrupted download goes on where it stopped.
#[derive(clap::Args)]
#[command(after_long_help = ENVIRONMENT)]
pub(crate) struct Args {
    /// Architectures, see `hema weights list`
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

const ENVIRONMENT: &str = "\
Environment:
  HF_HUB_CACHE    the cache's folder; else `hub` in HF_HOME, else ~/.cache/huggingface/hub
  HF_ENDPOINT     address of a mirror of the hub
  HF_TOKEN        token, sent to the hub and to no other host
  HF_HUB_OFFLINE  1 to use what is there and ask nobody
  HTTPS_PROXY     proxy; ALL_PROXY and NO_PROXY work too
  SSL_CERT_FILE   PEM file of the certificate authorities to trust instead of the built-in ones";

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    let wanted: Vec<&Published> = args.names.iter().map(|name| find(name)).collect::<Result<_>>()?;
    let mut results = Vec::new();
    for published in wanted {
        let (path, outcome) = fetch(published, printer)?;
        // what is there may be another tag's
        let known = Published::of_file(&path);
        if let Some(settings) = known.and_then(other_normalisation) {
            printer.note(&format!("these weights need a recipe with {settings}"));
        }
        if printer.is_json() {
            results.push(serde_json::json!({
                "model": published.model,
                "path": path,
                "downloaded": outcome == Outcome::Downloaded,
                "repository": known.map(Published::repository),
                "licence": known.map(|known| known.licence),
                "mean": known.map(|known| known.mean),
                "std": known.map(|known| known.std),
            }));
        } else {
            printer.result(&path.display().to_string());
        }
    }
    if printer.is_json() {
        printer.result(&serde_json::to_string_pretty(&results).map_err(|e| Error::new(e.to_string()))?);
    }
    Ok(Status::Done)
}

fn find(name: &str) -> Result<&'static Published> {
    Published::of_model(name).ok_or_else(|| {
        Error::new(format!("no weights of `{name}` are published")).hint(
            match model::architectures().find(|known| known.name == name) {
                Some(_) => "`model.weights=none` trains it from random weights".to_owned(),
                None => model::suggest_among(name, PUBLISHED.iter().map(|published| published.model)),
            },
        )
    })
}

/// Where the weights are now, and whether that took a download.
fn fetch(published: &Published, printer: &Printer) -> Result<(PathBuf, Outcome)> {
    let name = published.model;
    if let Ok(path) = find_pretrained(name) {
        check_fits(name, &path).map_err(|e| e.hint("move it away, and the weights are downloaded"))?;
        printer.note(&format!("{name}: {} is there already", path.display()));
        return Ok((path, Outcome::Present));
    }
    let repository = published.repository();
    printer.note(&format!("{name}: {repository}, licence {}", published.terms()));
    let cache = HubCache::from_environment().ok_or_else(|| {
        Error::new("there is no home folder to keep weights in").hint("set HF_HUB_CACHE to a folder")
    })?;
    let hub = Hub::from_environment();
    let by_hand = |e: Error| e.hint(by_hand(published, &hub));

    let watch = Watch::new(printer, name);
    let options = Options::default();
    let remote = hub.look_up(&repository, HUB_FILE, &options, &mut |event| watch.hear(&event));
    let remote = remote.map_err(by_hand)?;
    let blob = cache.blob(&repository, &remote.sha256);
    let outcome = hub.download(&remote, &blob, &options, &mut |event| watch.hear(&event));
    watch.clear();
    let outcome = outcome.map_err(by_hand)?;
    if let Err(error) = check_fits(name, &blob) {
        discard(&blob, outcome, printer);
        return Err(
            error.hint(format!("what {} has now are no weights of {name}", hub.url(&repository, HUB_FILE)))
        );
    }
    let path = cache.link(&repository, &remote.commit, HUB_FILE, &remote.sha256)?;
    printer.note(&format!("commit {}, SHA-256 {}", remote.commit, remote.sha256));
    Ok((path, outcome))
}

/// Takes away what was downloaded and is of no use; what was there before is not ours.
fn discard(blob: &Path, outcome: Outcome, printer: &Printer) {
    if outcome == Outcome::Downloaded
        && let Err(e) = std::fs::remove_file(blob)
    {
        printer.warn(&format!("{}: cannot be removed: {e}", blob.display()));
    }
}

/// Advice for machines on which the program cannot download.
fn by_hand(published: &Published, hub: &Hub) -> String {
    format!(
        "behind a proxy, set HTTPS_PROXY; where there is a mirror of the hub, set HF_ENDPOINT to its address; or get {} on \
         another machine and put it at weights/{file} here, or as {file} into a folder that HEMA_WEIGHTS names",
        hub.url(&published.repository(), HUB_FILE),
        file = published.file_name(),
    )
}
