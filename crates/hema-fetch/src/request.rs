//! A request for a file: addresses and proof, patience, and the events that are reported meanwhile.

use std::path::Path;
use std::time::Duration;

use hema_core::error::{Error, Result};

use crate::checksum;

/// A file to download.
pub struct Request<'a> {
    /// Where it can be had, the best address first.
    pub urls: &'a [String],
    /// The file's size in bytes, when it is known for certain: a server with another one is not asked
    /// further.
    pub size: Option<u64>,
    /// Most bytes that it can have: of a server that tells no size, no more are taken.
    pub most: u64,
    /// The proof that it is the file.
    pub proof: Proof<'a>,
    /// A bearer token for the addresses; where they redirect to, it is not sent.
    pub token: Option<&'a str>,
}

impl Request<'_> {
    /// Most bytes that are taken.
    pub(crate) fn limit(&self) -> u64 {
        self.size.unwrap_or(self.most)
    }
}

/// The proof that a file is the one that was asked for. Checksums are in hexadecimal.
pub enum Proof<'a> {
    /// The file's MD5 checksum.
    Md5(&'a str),
    /// The file's SHA-256 checksum.
    Sha256(&'a str),
    /// A look at its contents, where no checksum was published.
    Contents(&'a dyn Fn(&Path) -> Result<()>),
}

impl Proof<'_> {
    /// Checks a file.
    pub(crate) fn check(&self, path: &Path) -> Result<()> {
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

    /// Whether it is a checksum, which tells bytes of one version from those of another.
    pub(crate) fn is_checksum(&self) -> bool {
        matches!(self, Proof::Md5(_) | Proof::Sha256(_))
    }
}

/// How patient a download is.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Time for a connection to be made.
    pub connect: Duration,
    /// Time for the next byte to arrive.
    pub stall: Duration,
    /// Attempts in a row at one address that bring nothing new.
    pub attempts: u32,
    /// Wait between the first two attempts; twice as long each time after.
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

/// An event during a download.
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
        /// The reason of the failure.
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
    /// The file was there before, and is proven.
    Present,
}
