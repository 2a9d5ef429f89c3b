//! Addresses: names of files that lie on another machine. They are read through
//! [`data::Opener`](crate::data::Opener) and never written to.

use std::path::Path;

use crate::error::{Error, Result};

/// The ways to files elsewhere.
const SCHEMES: [&str; 3] = ["s3://", "https://", "http://"];

/// Whether a path is the address of something on another machine: `s3://bucket/key`, or a web address.
pub fn is_address(path: &Path) -> bool {
    path.to_str().is_some_and(is_address_text)
}

fn is_address_text(text: &str) -> bool {
    SCHEMES.iter().any(|scheme| text.starts_with(scheme))
}

/// An argument of a command, with the web address in it, or behind its `=`, as it may be shown: without the
/// name and password before its host and without its query, where signatures and tokens stand.
pub fn without_secrets(argument: &str) -> String {
    let start = match argument.split_once('=') {
        Some((option, value)) if option.starts_with("--") && is_address_text(value) => option.len() + 1,
        _ => 0,
    };
    let (before, address) = argument.split_at(start);
    match address.split_once("://") {
        Some((scheme @ ("http" | "https"), rest)) => {
            let rest = rest.split(['?', '#']).next().unwrap_or_default();
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = host.rsplit('@').next().unwrap_or_default();
            format!("{before}{scheme}://{host}{path}")
        }
        _ => argument.to_owned(),
    }
}

/// Refuses an address as a place to write to.
///
/// # Errors
/// An address.
pub fn refuse_address(path: &Path) -> Result<()> {
    if !is_address(path) {
        return Ok(());
    }
    Err(Error::new("is an address, to which nothing is written (expected a path on this machine)")
        .at(path)
        .hint("write to a local path, and copy it there afterwards"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_by_its_scheme() {
        for address in ["s3://bucket/cells.tar", "https://host/x.zip", "http://127.0.0.1:80/x"] {
            assert!(is_address(Path::new(address)) && refuse_address(Path::new(address)).is_err());
        }
        for path in ["cells.tar", "s3/cells", "/s3://", "file://x", "C:\\x", "s3:/bucket/x", ""] {
            assert!(!is_address(Path::new(path)) && refuse_address(Path::new(path)).is_ok(), "{path}");
        }
    }

    #[test]
    fn what_may_be_shown_of_an_address_holds_no_secret() {
        for (given, shown) in [
            ("https://me:pw@host:8/x.tar?X-Amz-Signature=12#3", "https://host:8/x.tar"),
            ("--data=https://host/x.tar?sig=a=b", "--data=https://host/x.tar"),
            ("https://host?a@b/c", "https://host"),
            ("https://a@b@host/x@y", "https://host/x@y"),
            ("s3://bucket/what?.tar", "s3://bucket/what?.tar"),
            ("--set=a=b?", "--set=a=b?"),
            ("cells?.tar", "cells?.tar"),
        ] {
            assert_eq!(without_secrets(given), shown);
        }
    }
}
