//! Tells the library which commit it is built from: `HEMA_COMMIT`, and `HEMA_DIRTY` when the source differs from it.
//!
//! Outside a checkout of this source (a release archive, a vendored copy) the commit is `unknown`.

use std::path::Path;
use std::process::Command;

/// Where the source lies, seen from this crate's folder; other files do not make it dirty.
const SOURCE: [&str; 4] = ["../../crates", "../../recipes", "../../Cargo.toml", "../../Cargo.lock"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // a copy inside somebody else's repository is not a checkout of ours
    let tracked = git(&["ls-files", "--error-unmatch", "build.rs"]).is_some();
    let commit = git(&["rev-parse", "HEAD"]).filter(|_| tracked);
    if commit.is_some() {
        rerun_when_git_moves();
    }
    // the default would refresh the index on disk, and with it cause the next build
    let status = [&["--no-optional-locks", "status", "--porcelain", "--"], &SOURCE[..]].concat();
    let dirty = commit.is_some() && git(&status).is_none_or(|changes| !changes.is_empty());
    println!("cargo::rustc-env=HEMA_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
    println!("cargo::rustc-env=HEMA_DIRTY={dirty}");
}

/// A checkout moves `HEAD`, a commit adds to its log, staging changes the index; and an edit of this crate builds
/// it anyway. An edit of another crate shows from the next of these on, as building everything for it is too dear.
fn rerun_when_git_moves() {
    println!("cargo::rerun-if-changed=src");
    for file in ["HEAD", "logs/HEAD", "index"] {
        // cargo takes a missing file for a change
        if let Some(path) = git(&["rev-parse", "--git-path", file]).filter(|path| Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
}

/// What git says, trimmed; `None` when there is no git or it fails.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
}
