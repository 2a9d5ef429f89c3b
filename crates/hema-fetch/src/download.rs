//! The download of one file: addresses in order, attempts, proof, and the file in its place.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use hema_core::error::{Error, Result};
use ureq::Agent;

use crate::attempt::{Failure, agent, attempt};
use crate::checksum;
use crate::partial::Partial;

/// A file to download.
pub struct Request<'a> {
    /// Where it can be had, the best address first.
    pub urls: &'a [String],
    /// Its size in bytes, when it is known for certain: a server with another one is not asked further.
    pub size: Option<u64>,
    /// What proves that it is the file.
    pub proof: Proof<'a>,
    /// A bearer token for the addresses; where they redirect to, it is not sent.
    pub token: Option<&'a str>,
}

/// What proves that a file is the one that was asked for. Checksums are in hexadecimal.
pub enum Proof<'a> {
    /// Its MD5 checksum.
    Md5(&'a str),
    /// Its SHA-256 checksum.
    Sha256(&'a str),
    /// A look at its contents, where no checksum was published.
    Contents(&'a dyn Fn(&Path) -> Result<()>),
}

/// How patient a download is.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// For a connection to be made.
    pub connect: Duration,
    /// For the next byte to arrive.
    pub stall: Duration,
    /// Attempts in a row at one address that bring nothing new.
    pub attempts: u32,
    /// Between the first two attempts; twice as long each time after.
    pub first_wait: Duration,
    /// The longest wait, whatever a server asks for.
    pub longest_wait: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            stall: Duration::from_secs(30),
            attempts: 5,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_mins(1),
        }
    }
}

impl Options {
    /// How long to wait after this many attempts in vain, where the server may have asked for a time.
    pub(crate) fn wait(&self, in_vain: u32, asked: Option<Duration>) -> Duration {
        let doubled = self.first_wait.saturating_mul(1 << (in_vain - 1).min(16));
        asked.unwrap_or(doubled).min(self.longest_wait)
    }
}

/// What happens during a download.
#[derive(Debug)]
pub enum Event<'a> {
    /// More of the file is there.
    Bytes {
        /// Bytes there so far, those of an earlier run included.
        done: u64,
        /// Bytes of the whole file, where the server says.
        total: Option<u64>,
    },
    /// An attempt failed, and there will be another.
    Retry {
        /// What went wrong.
        why: &'a str,
        /// When the next attempt comes.
        wait: Duration,
    },
}

/// How a download ended that met no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The file is there now.
    Downloaded,
    /// It was there before, and is proven.
    Present,
}

/// Brings a file to `path`.
///
/// Until it is whole and proven its bytes are in `PATH.part`; a download that was stopped, in whatever way, goes on from
/// there. A file that does not pass its proof is thrown away and asked for once more before the next address is tried.
///
/// # Errors
/// No address gave the file (what each said; the hint is left to the caller); the file at `path` is another one; another
/// process downloads it; it cannot be written.
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

impl Proof<'_> {
    /// Checks a file.
    fn check(&self, path: &Path) -> Result<()> {
        let (kind, found, expected) = match self {
            Proof::Md5(expected) => ("MD5", checksum::md5(path)?, *expected),
            Proof::Sha256(expected) => ("SHA-256", checksum::sha256(path)?, *expected),
            Proof::Contents(check) => return check(path),
        };
        if found.eq_ignore_ascii_case(expected) {
            return Ok(());
        }
        Err(Error::new(format!("the {kind} checksum is {found}, expected {expected}")))
    }
}
