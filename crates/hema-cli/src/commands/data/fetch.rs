//! `hema data fetch`: public data sets from their homes, with licence and citation.

use std::path::{Path, PathBuf};

use hema::error::{Error, Result};
use hema_fetch::sets::{self, Fetched, PublicSet, SETS};
use hema_fetch::{Options, Outcome};

use crate::commands::args::output;
use crate::commands::download::Watch;
use crate::output::Printer;
use crate::status::Status;

/// Fetch public data sets from their homes, with their licence and citation
///
/// An interrupted download goes on where it stopped.
#[derive(clap::Args)]
#[command(after_long_help = ENVIRONMENT)]
pub(crate) struct Args {
    /// Names of data sets
    #[arg(required_unless_present = "list", value_name = "NAME")]
    names: Vec<String>,
    /// Folder to put them in, a folder each
    #[arg(long, value_parser = output(), value_name = "DIR", default_value = "data")]
    out: PathBuf,
    /// List what there is, with licences
    #[arg(long, conflicts_with = "names")]
    list: bool,
}

const ENVIRONMENT: &str = "\
Environment:
  HEMA_MIRROR    address of a folder that has the files, used instead of their homes
  HTTPS_PROXY    proxy; ALL_PROXY and NO_PROXY work too
  SSL_CERT_FILE  PEM file of the certificate authorities to trust instead of the built-in ones";

/// The variable that names a mirror.
const MIRROR: &str = "HEMA_MIRROR";

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    if args.list {
        list(printer)?;
        return Ok(Status::Done);
    }
    let wanted: Vec<&PublicSet> = args.names.iter().map(|name| sets::find(name)).collect::<Result<_>>()?;
    let mirror = std::env::var(MIRROR).ok().filter(|mirror| !mirror.is_empty());
    let mut results = Vec::new();
    for set in wanted {
        announce(set, printer);
        let fetched = fetch(set, &args.out, mirror.as_deref(), printer)?;
        if printer.is_json() {
            results.push(json(set, &fetched));
        } else {
            printer.result(&fetched.data.display().to_string());
        }
        printer.note(&format!("look at it with: hema data info {}", fetched.data.display()));
    }
    if printer.is_json() {
        printer.result(&serde_json::to_string_pretty(&results).map_err(|e| Error::new(e.to_string()))?);
    }
    Ok(Status::Done)
}

/// Says what is about to be fetched and on what terms.
fn announce(set: &PublicSet, printer: &Printer) {
    let PublicSet { name, about, size, home, licence, citation, .. } = set;
    printer.note(&format!("{name}: {about}; {size} from {home}"));
    printer.note(&format!("licence: {licence}"));
    printer.note(&format!("cite: {citation}"));
}

fn fetch(set: &PublicSet, out: &Path, mirror: Option<&str>, printer: &Printer) -> Result<Fetched> {
    let watch = Watch::new(printer, set.name);
    let fetched = set.fetch(out, mirror, &Options::default(), &mut |event| watch.hear(&event));
    watch.clear();
    let fetched = fetched?;
    let file = fetched.file.display();
    match fetched.outcome {
        Outcome::Downloaded => printer.note(&format!("downloaded {file}")),
        Outcome::Present => printer.note(&format!("{file} is there already")),
    }
    printer.note(&format!("SHA-256 {}", fetched.sha256));
    printer.note(&format!("checked: {}", fetched.proof));
    Ok(fetched)
}

fn json(set: &PublicSet, fetched: &Fetched) -> serde_json::Value {
    serde_json::json!({
        "name": set.name,
        "data": fetched.data,
        "file": fetched.file,
        "sha256": fetched.sha256,
        "proof": fetched.proof,
        "downloaded": fetched.outcome == Outcome::Downloaded,
        "home": set.home,
        "licence": set.licence,
        "citation": set.citation,
    })
}

/// Everything that can be fetched.
fn list(printer: &Printer) -> Result<()> {
    if printer.is_json() {
        let rows: Vec<_> = SETS
            .iter()
            .map(|set| {
                let PublicSet { name, about, contents, size, home, licence, citation, .. } = set;
                serde_json::json!({"name": name, "about": about, "contents": contents, "size": size, "home": home,
                                   "licence": licence, "citation": citation})
            })
            .collect();
        printer.result(&serde_json::to_string_pretty(&rows).map_err(|e| Error::new(e.to_string()))?);
        return Ok(());
    }
    for set in SETS {
        let rows = [("size", set.size), ("home", set.home), ("licence", set.licence), ("cite", set.citation)];
        let rows: Vec<String> = rows.iter().map(|(key, value)| format!("  {key}: {value}")).collect();
        printer.result(&format!("{}: {}\n  {}\n{}\n", set.name, set.about, set.contents, rows.join("\n")));
    }
    Ok(())
}
