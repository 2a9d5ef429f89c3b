//! Tells the library which commit it is built from: `HEMA_COMMIT`, and `HEMA_DIRTY` when the source differs from it.
//!
//! Outside a checkout of this source (a release archive, a vendored copy) the commit is `unknown`.

use std::path::Path;
use std::process::Command;

/// The workspace, seen from this crate's folder; other files (data, runs) do not make a build dirty.
const SOURCE: [&str; 4] = ["../../crates", "../../recipes", "../../Cargo.toml", "../../Cargo.lock"];

/// What decides a number that Hema computes. An edit of these asks git again; an edit of the command line alone
/// does not, as it would build every library for it.
const WATCHED: [&str; 5] = ["src", "../hema-kernels/src", "../hema/src", "../../recipes", "../../Cargo.lock"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // a copy inside somebody else's repository is not a checkout of ours
    let tracked = git(&["ls-files", "--error-unmatch", "build.rs"]).is_some();
    let commit = git(&["rev-parse", "HEAD"]).filter(|_| tracked);
    let dirty = commit.is_some() && differs_from_commit();
    if commit.is_some() {
        rerun_when_source_or_commit_changes();
    }
    println!("cargo::rustc-env=HEMA_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
    println!("cargo::rustc-env=HEMA_DIRTY={dirty}");
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

/// What git says, trimmed; `None` when there is no git or it fails.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
}
