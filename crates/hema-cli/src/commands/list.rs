//! `hema list`: every name that a recipe or a flag can hold, out of the tables that the code itself uses.

use hema::audit::CHECKS;
use hema::augment::AUGMENTATIONS;
use hema::augment::mixing::MIXES;
use hema::augment::policy::POLICIES;
use hema::corrupt::CORRUPTIONS;
use hema::data::READERS;
use hema::data::write::FORMS;
use hema::device;
use hema::error::{Error, Result, suggest};
use hema::export::EXPORTS;
use hema::loss::TERMS;
use hema::metrics::METRICS;
use hema::model::{self, Architecture};
use hema::optim::RULES;
use hema::recipe::{SCHEMAS, SHIPPED};
use hema::sampler::SAMPLERS;
use hema::suite::SUITES;
use hema::trust::SETS_BY;
use hema::tta::VIEW_SETS;
use hema::weights::{PUBLISHED, Published};
use hema_fetch::sets::SETS;

use super::weights;
use crate::output::Printer;
use crate::status::Status;

/// Arguments of `hema list`.
#[derive(clap::Args)]
#[command(about = about(), long_about = None)]
pub(crate) struct Args {
    /// What to list; everything when left out
    kind: Option<String>,
    /// Print the JSON Schema of a file that people write, `recipe`, `suite` or `gate`, for editors that
    /// complete and check TOML
    #[arg(long, value_name = "FILE", conflicts_with = "kind")]
    schema: Option<String>,
}

/// The command's line in the help, with every kind.
fn about() -> String {
    let kinds: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
    format!("List what is there: {}", kinds.join(", "))
}

/// Names, each with a line about it.
pub(crate) type Rows = Vec<(&'static str, String)>;

/// A kind of thing, and where its names come from.
pub(crate) type Kind = (&'static str, fn() -> Rows);

/// Everything that can be listed.
pub(crate) const KINDS: &[Kind] = &[
    ("models", || model::architectures().map(|a| (a.name, about_model(a))).collect()),
    ("weights", || PUBLISHED.iter().map(|p| (p.model, about_weights(p))).collect()),
    ("devices", || device::KINDS.iter().map(|kind| (kind.name, about_device(kind))).collect()),
    ("checks", || CHECKS.iter().map(|check| (check.name, check.about.into())).collect()),
    ("augmentations", || AUGMENTATIONS.iter().map(|op| (op.name(), op.about().into())).collect()),
    ("policies", || POLICIES.iter().map(|kind| (kind.name, kind.about.into())).collect()),
    ("mixes", || MIXES.iter().map(|mix| (mix.name, mix.about.into())).collect()),
    ("corruptions", || CORRUPTIONS.iter().map(|op| (op.name(), op.about().into())).collect()),
    ("suites", || SUITES.iter().map(|s| (s.name, s.about.into())).collect()),
    ("tta", || VIEW_SETS.iter().map(|set| (set.name, set.about.into())).collect()),
    ("optimizers", || RULES.iter().map(|rule| (rule.name(), rule.about().into())).collect()),
    ("losses", || TERMS.iter().map(|term| (term.name, term.about.into())).collect()),
    ("samplers", || SAMPLERS.iter().map(|sampler| (sampler.name, sampler.about.into())).collect()),
    ("metrics", || METRICS.iter().map(|m| (m.name, m.about.into())).collect()),
    ("sets", || SETS_BY.iter().map(|by| (by.name, by.about.into())).collect()),
    ("datasets", || SETS.iter().map(|s| (s.name, format!("{} ({})", s.about, s.licence))).collect()),
    ("readers", || READERS.iter().map(|reader| (reader.name, reader.about.into())).collect()),
    ("exports", || EXPORTS.iter().map(|export| (export.name, export.about.into())).collect()),
    ("forms", || FORMS.iter().map(|form| (form.name, form.about.into())).collect()),
    ("recipes", || SHIPPED.iter().map(|r| (r.name, r.about())).collect()),
];

/// What a network is, and its size where that does not depend on the images'.
fn about_model(model: &Architecture) -> String {
    match model.parameters {
        Some(count) => format!("{}, {:.1} M parameters", model.about, count as f64 / 1e6),
        None => model.about.to_owned(),
    }
}

/// Where weights are from, and what they need where that is out of the ordinary.
fn about_weights(published: &Published) -> String {
    let from = format!("ImageNet weights from {} ({})", published.repository(), published.terms());
    match weights::other_normalisation(published) {
        Some(settings) => format!("{from}, for {settings}"),
        None => from,
    }
}

/// A way to compute, with the cards it has here in the order of their numbers.
fn about_device(kind: &device::Kind) -> String {
    let cards = kind.cards();
    match (kind.name, cards.is_empty()) {
        ("cpu", _) => kind.about.into(),
        (_, true) => format!("{}: none here", kind.about),
        (_, false) => format!("{}: {}", kind.about, cards.join("; ")),
    }
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    if let Some(name) = &args.schema {
        print_schema(name, printer)?;
        return Ok(Status::Done);
    }
    let wanted: Vec<_> = match &args.kind {
        Some(kind) => KINDS.iter().filter(|(name, _)| name == kind).collect(),
        None => KINDS.iter().collect(),
    };
    if let (true, Some(kind)) = (wanted.is_empty(), &args.kind) {
        return Err(Error::new(format!("there is nothing called `{kind}` to list"))
            .hint(suggest(kind, KINDS.iter().map(|(name, _)| *name))));
    }
    if printer.is_json() {
        let named = |rows: Rows| {
            rows.into_iter().map(|(name, about)| serde_json::json!({"name": name, "about": about}))
        };
        let kinds: serde_json::Map<String, serde_json::Value> =
            wanted.iter().map(|(kind, rows)| ((*kind).to_owned(), named(rows()).collect())).collect();
        printer.result(&serde_json::to_string_pretty(&kinds).map_err(|e| Error::new(e.to_string()))?);
        return Ok(Status::Done);
    }
    let sections = wanted.iter().map(|(kind, rows)| {
        let rows: Vec<String> = rows().iter().map(|(name, about)| format!("  {name:<22}  {about}")).collect();
        format!("{kind}\n{}", rows.join("\n"))
    });
    printer.result(&sections.collect::<Vec<_>>().join("\n\n"));
    Ok(Status::Done)
}

fn print_schema(name: &str, printer: &Printer) -> Result<()> {
    let schema = SCHEMAS.iter().find(|schema| schema.name == name).ok_or_else(|| {
        Error::new(format!("there is no schema of `{name}`"))
            .hint(suggest(name, SCHEMAS.iter().map(|schema| schema.name)))
    })?;
    printer.result(&serde_json::to_string_pretty(&schema.json()).map_err(|e| Error::new(e.to_string()))?);
    Ok(())
}
