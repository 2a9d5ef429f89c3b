//! The download of one file: addresses in order, attempts, proof, and the file in its place.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use hema_core::error::{Error, Result};
use ureq::Agent;

use crate::attempt::{Failure, agent, attempt};
use crate::partial::Partial;
use crate::request::{Event, Options, Outcome, Request};

/// Brings a file to `path`.
///
/// Until it is whole and proven its bytes are in `PATH.part`; a download that was stopped, in whatever way,
/// goes on from there. A file that does not pass its proof is thrown away and asked for once more before the
/// next address is tried.
///
/// # Errors
/// No address gave the file (with the answer of each; the hint is left to the caller); the file at `path` is
/// another one; another process downloads it; it cannot be written.
pub fn download(
    request: &Request,
    path: &Path,
    options: &Options,
    report: &mut dyn FnMut(Event),
) -> Result<Outcome> {
    if path.exists() {
        return present(request, path);
    }
    let mut partial = Partial::open(path)?;
    if path.exists() {
        // another process finished it just before this one got the lock
        partial.discard()?;
        return present(request, path);
    }
    let agent = agent(options)?;
    let mut reasons = Vec::new();
    for url in request.urls {
        match from(&agent, url, request, options, &mut partial, report) {
            Ok(()) => return partial.finish(path).map(|()| Outcome::Downloaded),
            Err(failure) => reasons.push(format!("{url}: {}", failure.of_the_server()?)),
        }
    }
    if partial.len() == 0 {
        partial.discard()?;
    }
    Err(Error::new(format!("cannot be downloaded from {}", reasons.join("; nor from "))).at(path))
}

/// A file that is there already must be the right one.
fn present(request: &Request, path: &Path) -> Result<Outcome> {
    let hint = "move it away or delete it, and it is downloaded again";
    request.proof.check(path).map_err(|e| e.at(path).hint(hint))?;
    Ok(Outcome::Present)
}

/// Downloads from one address, with as many attempts as are worth it.
fn from(
    agent: &Agent,
    url: &str,
    request: &Request,
    options: &Options,
    partial: &mut Partial,
    report: &mut dyn FnMut(Event),
) -> Result<(), Failure> {
    if partial.len() > request.limit() {
        partial.restart(None)?;
    }
    let before = partial.len();
    let (mut furthest, mut in_vain, mut spoiled) = (before, 0, false);
    loop {
        let complete = partial.len() > 0 && request.size == Some(partial.len());
        let result = if complete { Ok(()) } else { attempt(agent, url, request, partial, report) };
        let result = match result {
            // the network was there a moment ago
            Err(Failure::Unreachable(why)) if furthest > before => Err(Failure::Passing { why, wait: None }),
            result => result,
        };
        let (why, wait) = match result.and_then(|()| prove(request, partial)) {
            Err(Failure::Spoiled(why)) if !spoiled => {
                spoiled = true;
                (why, Duration::ZERO)
            }
            Err(Failure::Passing { why, wait }) => {
                in_vain = if partial.len() > furthest { 1 } else { in_vain + 1 };
                furthest = furthest.max(partial.len());
                if in_vain >= options.attempts {
                    return Err(Failure::Final(why));
                }
                (why, options.wait(in_vain, wait))
            }
            done_or_hopeless => return done_or_hopeless,
        };
        report(Event::Retry { why: &why, wait });
        sleep(wait);
    }
}

/// Proves the bytes that have arrived, or throws them away.
fn prove(request: &Request, partial: &mut Partial) -> Result<(), Failure> {
    let Err(error) = request.proof.check(partial.path()) else { return Ok(()) };
    partial.restart(None)?;
    Err(Failure::Spoiled(error.message().to_owned()))
}
