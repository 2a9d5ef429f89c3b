//! Tells the library which commit it is built from: `HEMA_COMMIT`, and `HEMA_DIRTY` when the source differs
//! from it.
//!
//! In a checkout git is asked. A published package says it itself, in the file that `cargo package` adds. In
//! any other copy (a release archive), and in a build for tests, which every commit would otherwise build
//! anew from here up, the commit is `unknown`.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// The workspace, seen from this crate's folder; other files (data, runs) do not make a build dirty.
const SOURCE: [&str; 3] = ["../../crates", "../../Cargo.toml", "../../Cargo.lock"];

/// The sources that decide a number that Hema computes. An edit of these asks git again; an edit of the
/// command line alone does not, as it would build every library for it.
const WATCHED: [&str; 5] =
    ["src", "../hema-kernels/src", "../hema/src", "../hema/recipes", "../../Cargo.lock"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PROFILE");
    let (commit, dirty) = match published() {
        Some(commit) => (commit, false),
        None if env::var("PROFILE").is_ok_and(|profile| profile == "debug") => ("unknown".into(), false),
        None => checked_out().unwrap_or(("unknown".into(), false)),
    };
    println!("cargo::rustc-env=HEMA_COMMIT={commit}");
    println!("cargo::rustc-env=HEMA_DIRTY={dirty}");
}

/// The commit that a published package was made from.
fn published() -> Option<String> {
    let info = fs::read_to_string(".cargo_vcs_info.json").ok()?;
    let (_, rest) = info.split_once("\"sha1\"")?;
    rest.split('"').nth(1).map(String::from)
}

/// The commit of a checkout, and whether the source differs from it. Watches both.
fn checked_out() -> Option<(String, bool)> {
    // a copy inside somebody else's repository is not a checkout of ours
    git(&["ls-files", "--error-unmatch", "build.rs"])?;
    let commit = git(&["rev-parse", "HEAD"])?;
    rerun_when_source_or_commit_changes();
    Some((commit, differs_from_commit()))
}

fn differs_from_commit() -> bool {
    // a build must not take git's lock: somebody may be committing
    let status = [&["--no-optional-locks", "status", "--porcelain", "--"], &SOURCE[..]].concat();
    git(&status).is_none_or(|changes| !changes.is_empty())
}

/// A checkout moves `HEAD`; a commit adds to its log.
fn rerun_when_source_or_commit_changes() {
    let moved = ["HEAD", "logs/HEAD"].into_iter().filter_map(|file| git(&["rev-parse", "--git-path", file]));
    for path in WATCHED.into_iter().map(String::from).chain(moved) {
        // cargo takes a missing file for a change
        if Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
}

/// The output of a git command, trimmed; `None` when there is no git or it fails.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
}
