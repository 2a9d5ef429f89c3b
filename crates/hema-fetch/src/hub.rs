//! Files on the Hugging Face hub, or on a mirror that answers as it does.
//!
//! The hub is asked first for the version of a file that it has, and its checksum; then exactly that version
//! is downloaded, whatever happens to the repository meanwhile.
//!
//! The environment: `HF_ENDPOINT` is the address of a mirror, `HF_TOKEN` a token, `HF_HUB_OFFLINE` forbids
//! asking. Left out on purpose: uploads, private clients' protocols (Xet), and where files are kept.

use std::env;
use std::path::Path;
use std::slice::from_ref;
use std::thread::sleep;

use hema_core::error::{Error, Result};
use ureq::http::{HeaderMap, StatusCode};

use crate::attempt::{self, Failure};
use crate::download::download;
use crate::request::{Event, Options, Outcome, Proof, Request};

/// The hub's own address.
const HOME: &str = "https://huggingface.co";

/// Most bytes that are taken of a file: the largest that a network of the zoo has are 2.7 GB.
const MOST: u64 = 4 << 30;

/// A hub.
#[derive(Clone)]
pub struct Hub {
    /// Address of the hub, without a slash at the end.
    endpoint: String,
    /// A token, sent to that address and to no other.
    token: Option<String>,
    /// Whether it must not be asked.
    offline: bool,
}

/// A file as the hub has it now.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Remote {
    /// The commit of the repository: 40 hexadecimal digits.
    pub commit: String,
    /// The file's SHA-256 checksum in hexadecimal.
    pub sha256: String,
    /// The file's size in bytes, where the hub says.
    pub size: Option<u64>,
    /// Where this version is.
    url: String,
}

impl Hub {
    /// The hub at an address, with a token where it takes one.
    pub fn new(endpoint: &str, token: Option<&str>) -> Self {
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        Self { endpoint, token: token.map(str::to_owned), offline: false }
    }

    /// The hub that the environment names.
    pub fn from_environment() -> Self {
        let text = |name: &str| env::var(name).ok().map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let yes = |value: String| ["1", "on", "yes", "true"].contains(&value.to_lowercase().as_str());
        let offline = text("HF_HUB_OFFLINE").is_some_and(yes);
        let endpoint = text("HF_ENDPOINT").unwrap_or_else(|| HOME.into());
        Self { offline, ..Self::new(&endpoint, text("HF_TOKEN").as_deref()) }
    }

    /// The address of a file's newest version.
    pub fn url(&self, repository: &str, file: &str) -> String {
        self.url_at(repository, "main", file)
    }

    fn url_at(&self, repository: &str, revision: &str, file: &str) -> String {
        format!("{}/{repository}/resolve/{revision}/{file}", self.endpoint)
    }

    /// Asks which version of a file there is.
    ///
    /// # Errors
    /// Asking is forbidden, the hub is out of reach, has no such file or does not give it, or another server
    /// answers. The hint is left to the caller.
    pub fn look_up(
        &self,
        repository: &str,
        file: &str,
        options: &Options,
        report: &mut dyn FnMut(Event),
    ) -> Result<Remote> {
        let url = self.url(repository, file);
        if self.offline {
            return Err(Error::new(format!("{url} cannot be asked for: HF_HUB_OFFLINE forbids it")));
        }
        let agent = attempt::agent(options)?;
        let mut in_vain = 0;
        loop {
            let answer = attempt::head(&agent, &url, self.token.as_deref());
            let answer =
                answer.and_then(|answer| self.read(repository, file, answer.status(), answer.headers()));
            match answer {
                Ok(remote) => return Ok(remote),
                Err(Failure::Passing { why, wait }) if in_vain + 1 < options.attempts => {
                    in_vain += 1;
                    let wait = options.wait(in_vain, wait);
                    report(Event::Retry { why: &why, wait });
                    sleep(wait);
                }
                Err(failure) => return Err(Error::new(format!("{url}: {}", failure.of_the_server()?))),
            }
        }
    }

    /// Reads the description of a file from the head of an answer.
    fn read(
        &self,
        repository: &str,
        file: &str,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<Remote, Failure> {
        let answers = |why: &str| Failure::Final(format!("the server answered {status}{why}"));
        match status {
            StatusCode::NOT_FOUND => {
                return Err(answers(&format!(": it has no `{file}` in a repository `{repository}`")));
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let token = if self.token.is_some() { "with the token in" } else { "without a token in" };
                return Err(answers(&format!(
                    ": {token} HF_TOKEN it does not open a repository `{repository}`"
                )));
            }
            status if !status.is_success() && !status.is_redirection() => {
                return Err(attempt::refused(status, headers));
            }
            _ => {}
        }
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let checksum = text("x-linked-etag")
            .or_else(|| text("etag"))
            .map(|tag| tag.trim_start_matches("W/").trim_matches('"'));
        let (Some(commit), Some(sha256)) =
            (text("x-repo-commit").filter(|c| is_hex(c, 40)), checksum.filter(|c| is_hex(c, 64)))
        else {
            let why = " without a commit and a SHA-256 checksum (X-Repo-Commit, X-Linked-Etag): it is no Hugging Face hub, or \
                       something before it wants a login";
            return Err(answers(why));
        };
        let size = text("x-linked-size").and_then(|size| size.parse().ok());
        if let Some(size) = size.filter(|size| *size > MOST) {
            return Err(Failure::Final(format!("its file has {size} bytes, at most {MOST} are expected")));
        }
        Ok(Remote {
            commit: commit.to_owned(),
            sha256: sha256.to_lowercase(),
            size,
            url: self.url_at(repository, commit, file),
        })
    }

    /// Downloads a file to `path`, as [`download`] does.
    ///
    /// # Errors
    /// The errors of [`download`].
    pub fn download(
        &self,
        remote: &Remote,
        path: &Path,
        options: &Options,
        report: &mut dyn FnMut(Event),
    ) -> Result<Outcome> {
        let Remote { sha256, size, url, .. } = remote;
        let request = Request {
            urls: from_ref(url),
            size: *size,
            most: MOST,
            proof: Proof::Sha256(sha256),
            token: self.token.as_deref(),
        };
        download(&request, path, options, report)
    }
}

/// Whether a text is this many hexadecimal digits; commits and checksums become names of files.
fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
