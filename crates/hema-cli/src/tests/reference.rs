//! `docs/reference.md`, written from the program itself: its arguments, its tables, the keys of its files.
//!
//! A test holds the file to this text; `UPDATE_REFERENCE=1 cargo test -p hema-cli reference` writes it anew.

use std::fmt::Write;
use std::path::Path;

use clap::CommandFactory;
use hema::recipe::{Key, SCHEMAS};

use crate::commands::list;

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
        "# Reference\n\n\
         Written by the program from its own tables; do not edit by hand (see CONTRIBUTING.md).\n",
    );
    commands(&mut text);
    tables(&mut text);
    files(&mut text);
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

/// The tables and keys of the files that people write.
fn files(text: &mut String) {
    for (schema, example) in
        SCHEMAS.iter().zip(["recipes/v2b0.toml", "suites/dusty-lens.toml", "gates/laboratory.toml"])
    {
        let name = schema.name;
        write!(
            text,
            "\n## Keys of a {name}\n\n`crates/hema/{example}` explains itself; \
             `hema list --schema {name}` prints the JSON Schema.\n"
        )
        .unwrap();
        for table in schema.tables() {
            write!(text, "\n{}\n\n", table.about).unwrap();
            text.push_str("| key | values | when left out | |\n|---|---|---|---|\n");
            for key in table.keys() {
                let (values, absent) = (key.kind.describe(), key.absent.describe());
                writeln!(text, "| `{}` | {values} | {absent} | {} |", key.name, key.about).unwrap();
            }
            for key in table.keys() {
                words(key, text);
            }
        }
    }
}

/// The words that a key can hold, where no list of names has them.
fn words(key: &Key, text: &mut String) {
    let words = key.kind.words();
    if !words.is_empty() {
        write!(text, "\nValues of `{}`:\n\n", key.name).unwrap();
    }
    for word in words {
        writeln!(text, "- `{}`: {}", word.name, word.about).unwrap();
    }
}
