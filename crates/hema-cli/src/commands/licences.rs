//! `hema licences`: whose work is in the program, and under which terms.

use hema::builtin;
use hema::error::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::output::{Printer, wrapped};
use crate::status::Status;

/// The packages that are compiled in, which `scripts/licences` gathers.
const THIRD_PARTY: &str = include_str!("../../third-party.json");

/// Columns of a line.
const WIDTH: usize = 100;

/// Say whose work is in this program and under which licences, which go along where it is handed on
#[derive(clap::Args)]
pub(crate) struct Args {}

/// What is in the program, and whose it is.
#[derive(Serialize)]
struct Licences {
    program: Program,
    /// What else rides along, as models and data, each with its notice.
    notices: Vec<Notice>,
    #[serde(flatten)]
    third_party: ThirdParty,
}

/// The program itself.
#[derive(Serialize)]
struct Program {
    name: &'static str,
    version: &'static str,
    licence: &'static str,
    by: &'static str,
}

/// The notice of something that rides along and is no program.
#[derive(Serialize)]
pub(crate) struct Notice {
    title: &'static str,
    text: &'static str,
}

/// Everything that rides along beside the packages.
fn notices() -> Vec<Notice> {
    let model = builtin::notice().map(|text| Notice { title: "The model in the box and its cells", text });
    model.into_iter().collect()
}

#[derive(Serialize, Deserialize)]
struct ThirdParty {
    packages: Vec<Package>,
    /// The text of each licence once.
    texts: Vec<Text>,
}

#[derive(Serialize, Deserialize)]
struct Package {
    name: String,
    version: String,
    /// SPDX expression.
    licence: String,
    repository: Option<String>,
    /// Who holds the copyright, as the package says.
    by: Vec<String>,
    /// Titles of the texts that go with it.
    texts: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Text {
    title: String,
    text: String,
}

pub(crate) fn run(_: &Args, printer: &Printer) -> Result<Status> {
    let licences = Licences {
        program: Program {
            name: "hema",
            version: env!("CARGO_PKG_VERSION"),
            licence: env!("CARGO_PKG_LICENSE"),
            by: "Copyright (c) 2026 The Hema contributors",
        },
        notices: notices(),
        third_party: third_party()?,
    };
    if printer.is_json() {
        printer.result(&serde_json::to_string_pretty(&licences).map_err(|e| Error::new(e.to_string()))?);
    } else {
        printer.result(&licences.to_text());
    }
    Ok(Status::Done)
}

fn third_party() -> Result<ThirdParty> {
    serde_json::from_str(THIRD_PARTY).map_err(|e| Error::new(format!("third-party.json: {e}")))
}

impl Licences {
    fn to_text(&self) -> String {
        let Program { name, version, licence, by } = &self.program;
        let ThirdParty { packages, texts } = &self.third_party;
        let mut parts = vec![format!("{name} {version}: {licence}\n{by}")];
        parts.extend(
            self.notices
                .iter()
                .map(|notice| format!("{}\n\n{}", headline(notice.title), notice.text.trim_end())),
        );
        parts.push(headline(&format!("{} packages of others are compiled in", packages.len())));
        parts.extend(packages.iter().map(Package::to_text));
        parts.push(headline("Texts of the licences"));
        parts.extend(texts.iter().map(|text| format!("--- {}\n\n{}", text.title, text.text.trim_end())));
        parts.join("\n\n")
    }
}

impl Package {
    fn to_text(&self) -> String {
        let Self { name, version, licence, repository, by, texts } = self;
        let repository = repository.as_ref().map_or(String::new(), |address| format!("  {address}"));
        let mut lines = vec![format!("{name} {version}: {licence}{repository}")];
        lines.extend(by.iter().map(|holder| wrapped(holder, 2, WIDTH)));
        lines.push(format!("  texts: {}", texts.join(", ")));
        lines.join("\n")
    }
}

fn headline(text: &str) -> String {
    format!("{text}\n{}", "=".repeat(text.chars().count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_has_a_licence_and_its_texts() {
        let ThirdParty { packages, texts } = third_party().unwrap();
        assert!(packages.len() > 100);
        for package in &packages {
            let has = |title: &String| texts.iter().any(|text| text.title == *title && !text.text.is_empty());
            assert!(!package.licence.is_empty(), "{}", package.name);
            assert!(!package.texts.is_empty() && package.texts.iter().all(has), "{}", package.name);
        }
        // some name no holder in any of their files: then their home says it
        let is_named = |package: &Package| !package.by.is_empty() || package.repository.is_some();
        assert!(packages.iter().all(is_named));
    }
}
