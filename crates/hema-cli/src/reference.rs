//! `docs/reference.md`, written from the program itself: its arguments, its tables, its recipe format.
//!
//! A test holds the file to this text; `UPDATE_REFERENCE=1 cargo test -p hema-cli reference` writes it anew.

use std::fmt::Write;
use std::path::Path;

use clap::CommandFactory;

use crate::commands::list;

/// The recipe format's own source: one struct a TOML table, one field a key.
const RECIPE_SOURCES: [&str; 2] =
    [include_str!("../../hema/src/recipe/mod.rs"), include_str!("../../hema/src/recipe/stage.rs")];

#[test]
fn the_reference_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference.md");
    let expected = reference();
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "docs/reference.md is stale: UPDATE_REFERENCE=1 cargo test -p hema-cli reference"
    );
}

fn reference() -> String {
    let mut text = String::from(
        "# Reference\n\nWritten by the program from its own tables; do not edit by hand (see CONTRIBUTING.md).\n",
    );
    commands(&mut text);
    tables(&mut text);
    recipe(&mut text);
    text
}

/// Every command's help, as it prints it.
fn commands(text: &mut String) {
    text.push_str("\n## Commands\n");
    let mut program = crate::Cli::command().term_width(100);
    program.build();
    subcommands(&mut program, "hema", text);
}

fn subcommands(command: &mut clap::Command, name: &str, text: &mut String) {
    for command in command.get_subcommands_mut().filter(|c| c.get_name() != "help") {
        let name = format!("{name} {}", command.get_name());
        let help = command.render_long_help().to_string();
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        write!(text, "\n### {name}\n\n```text\n{}\n```\n", lines.join("\n").trim()).unwrap();
        subcommands(command, &name, text);
    }
}

/// Every kind of thing that has a name.
fn tables(text: &mut String) {
    for (kind, rows) in list::KINDS {
        write!(text, "\n## {kind}\n\n| name | |\n|---|---|\n").unwrap();
        for (name, about) in rows() {
            writeln!(text, "| `{name}` | {about} |").unwrap();
        }
    }
}

/// The recipe's keys with their doc comments.
fn recipe(text: &mut String) {
    text.push_str("\n## Suite files\n\nSee `crates/hema/suites/dusty-lens.toml` for one that explains itself.\n\n## Recipe keys\n\nSee `crates/hema/recipes/v2b0.toml` for \
         one that explains itself.\n");
    let mut about = String::new();
    let mut table = false;
    for line in RECIPE_SOURCES.iter().flat_map(|source| source.lines()) {
        if let Some(doc) = line.trim().strip_prefix("///") {
            about = format!("{about} {}", doc.trim()).trim().to_owned();
        } else if line.starts_with("pub struct") {
            table = true;
            write!(text, "\n{about}\n\n| key | |\n|---|---|\n").unwrap();
            about.clear();
        } else if line.starts_with('}') || line.starts_with("pub enum") {
            table = false;
        } else if let (true, Some((key, _))) =
            (table, line.trim().strip_prefix("pub ").and_then(|f| f.split_once(':')))
        {
            let key = if key == "stages" { "stage" } else { key };
            writeln!(text, "| `{key}` | {about} |").unwrap();
            about.clear();
        } else if !line.trim().starts_with("#[") {
            about.clear();
        }
    }
}
