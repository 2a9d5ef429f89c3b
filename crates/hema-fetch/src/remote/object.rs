//! Parts of an object on another machine: one request each, taken up at the same byte when the line breaks.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Read as _};
use std::ops::Range;
use std::sync::Arc;
use std::thread::sleep;

use hema_core::error::{Error, ErrorKind, Result};
use ureq::http::{HeaderMap, Response, StatusCode, header};
use ureq::{Agent, Body};

use crate::attempt::{self, Failure, content_range, failure, passing, text};
use crate::request::Options;
use crate::s3::{Listing, S3};

/// Most bytes that are read of an answer that is no part of a file.
const MOST_ANSWER: u64 = 16 << 20;
/// Most objects under a prefix.
const MOST_OBJECTS: usize = 1_000_000;

/// Fetches parts of one version of an object.
pub(super) trait Fetch: Send + Sync {
    /// The bytes of a part, all of them.
    fn fetch(&self, range: Range<u64>) -> Result<Vec<u8>>;
}

/// An object that was opened, with its first bytes.
pub(super) struct Opened {
    pub(super) size: u64,
    pub(super) first: Vec<u8>,
    pub(super) fetch: Arc<dyn Fetch>,
}

/// Where an object is.
pub(super) enum Place {
    Web { url: String },
    S3 { s3: Arc<S3>, bucket: String, key: String },
}

/// What tells one version of an object from another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    size: u64,
    /// `ETag`, or else `Last-Modified`.
    validator: Option<String>,
}

/// Makes requests, as often as they are worth it.
pub(super) struct Client {
    agent: Agent,
    options: Options,
}

struct Object {
    client: Arc<Client>,
    /// The address as it may be shown.
    address: String,
    place: Place,
    version: Version,
}

impl Fetch for Object {
    fn fetch(&self, range: Range<u64>) -> Result<Vec<u8>> {
        let mut version = Some(self.version.clone());
        self.client.part(&self.address, &self.place, range, &mut version)
    }
}

impl Client {
    pub(super) fn new(options: &Options) -> Result<Self> {
        Ok(Self { agent: attempt::agent(options)?, options: *options })
    }

    /// Opens an object, with its first bytes, at most `first` of them.
    pub(super) fn open(self: &Arc<Self>, address: &str, place: Place, first: u64) -> Result<Opened> {
        let mut version = None;
        let first = self.part(address, &place, 0..first, &mut version)?;
        let version = version.unwrap_or(Version { size: first.len() as u64, validator: None });
        let (size, client) = (version.size, Arc::clone(self));
        let object = Object { client, address: address.to_owned(), place, version };
        Ok(Opened { size, first, fetch: Arc::new(object) })
    }

    /// The keys of all objects whose keys begin like this.
    pub(super) fn list(&self, address: &str, s3: &S3, bucket: &str, prefix: &str) -> Result<Vec<String>> {
        let (mut keys, mut token): (Vec<String>, Option<String>) = (Vec::new(), None);
        loop {
            let page = self.persist(address, &Cell::new(keys.len()), || {
                let url = s3.list(bucket, prefix, token.as_deref())?;
                let response = self.get(&url, None, false)?;
                if response.status() != StatusCode::OK {
                    return Err(refused(response, Some(s3)));
                }
                let what = "it answered with something else than a list of objects: it is no S3 endpoint";
                Listing::read(&body(response)?).ok_or_else(|| Failure::Final(what.to_owned()))
            })?;
            keys.extend(page.keys);
            if keys.len() > MOST_OBJECTS {
                return Err(Error::new(format!("holds more than {MOST_OBJECTS} objects")).at(address));
            }
            token = page.next;
            if token.is_none() {
                return Ok(keys);
            }
        }
    }

    /// The bytes of a part of an object; fewer only where the object ends. The version is checked, or found
    /// out.
    fn part(
        &self,
        address: &str,
        place: &Place,
        range: Range<u64>,
        version: &mut Option<Version>,
    ) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let arrived = Cell::new(0);
        self.persist(address, &arrived, || {
            let was_there = version.is_some();
            let continued = self.continue_part(place, &range, version, &mut bytes);
            arrived.set(bytes.len());
            match continued {
                // the network was there a moment ago
                Err(Failure::Unreachable(why)) if was_there => Err(passing(&why)),
                continued => continued,
            }
        })?;
        Ok(bytes)
    }

    /// Asks for what is missing of a part, and appends what comes.
    fn continue_part(
        &self,
        place: &Place,
        range: &Range<u64>,
        version: &mut Option<Version>,
        bytes: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let start = range.start + bytes.len() as u64;
        let end = version.as_ref().map_or(range.end, |known| range.end.min(known.size));
        if start >= end {
            return Ok(());
        }
        let part = Some(start..end);
        let (response, s3) = match place {
            Place::Web { url } => (self.get(url, part, true)?, None),
            Place::S3 { s3, bucket, key } => (self.get(&s3.get(bucket, key)?, part, false)?, Some(&**s3)),
        };
        let size = match (response.status(), content_range(response.headers())) {
            (StatusCode::PARTIAL_CONTENT, Some((Some(first), Some(size)))) if first == start => size,
            (StatusCode::PARTIAL_CONTENT, _) => {
                return Err(passing("it sent another part of the file than was asked for"));
            }
            (StatusCode::RANGE_NOT_SATISFIABLE, Some((_, Some(0)))) if start == 0 => 0,
            _ => return Err(refused(response, s3)),
        };
        let found = Version { size, validator: validator(response.headers()) };
        match version {
            Some(known) if *known != found => {
                let why = format!("it changed while it was read: it had {known}, and has {found}");
                return Err(Failure::Final(why));
            }
            _ => *version = Some(found),
        }
        receive(response, size.min(range.end) - start, bytes)
    }

    /// Asks for what is at an address, or for a part of it.
    fn get(&self, url: &str, part: Option<Range<u64>>, follows: bool) -> Result<Response<Body>, Failure> {
        // a secure address must not lead to an insecure one
        let mut config = self.agent.get(url).config().https_only(url.starts_with("https://"));
        if !follows {
            config = config.max_redirects(0);
        }
        let mut get = config.build().header(header::ACCEPT_ENCODING, "identity");
        if let Some(part) = part {
            get = get.header(header::RANGE, format!("bytes={}-{}", part.start, part.end - 1));
        }
        get.call().map_err(|e| failure(&e, attempt::proxy(&self.agent, url).as_deref()))
    }

    /// Tries until it succeeds or makes no sense any more: at once where bytes have arrived since the last
    /// attempt, else after a while.
    fn persist<T>(
        &self,
        address: &str,
        arrived: &Cell<usize>,
        mut attempt: impl FnMut() -> Result<T, Failure>,
    ) -> Result<T> {
        let mut in_vain = 0;
        loop {
            let before = arrived.get();
            let (why, wait) = match attempt() {
                Ok(done) => return Ok(done),
                Err(Failure::Passing { why, wait }) => (why, wait),
                Err(Failure::Unreachable(why)) => {
                    return Err(Error::new(why).at(address).with_kind(ErrorKind::Io).hint(
                        "check the address and the network; AWS_ENDPOINT_URL_S3 and HTTPS_PROXY, where they are set",
                    ));
                }
                Err(failure) => {
                    let told = failure.of_the_server().map(|why| Error::new(why).with_kind(ErrorKind::Io));
                    return Err(told.unwrap_or_else(|error| error).at(address));
                }
            };
            if arrived.get() > before {
                in_vain = 0;
                continue;
            }
            in_vain += 1;
            if in_vain >= self.options.attempts {
                return Err(Error::new(format!("cannot be read on after {in_vain} attempts: {why}"))
                    .at(address)
                    .with_kind(ErrorKind::Io)
                    .hint("run it again when the server or the line is better"));
            }
            sleep(self.options.wait(in_vain, wait));
        }
    }
}

/// Appends the body, which is to have this many bytes.
fn receive(response: Response<Body>, wanted: u64, bytes: &mut Vec<u8>) -> Result<(), Failure> {
    let before = bytes.len() as u64;
    let room = usize::try_from(wanted).unwrap_or(usize::MAX);
    bytes.try_reserve_exact(room).map_err(|e| Failure::Other(Error::new(e.to_string())))?;
    // what arrives before the line breaks is kept
    let read = response.into_body().into_reader().take(wanted).read_to_end(bytes);
    let arrived = bytes.len() as u64 - before;
    match read {
        Err(e) if e.kind() != io::ErrorKind::UnexpectedEof => Err(failure(&e.into(), None)),
        _ if arrived < wanted => Err(passing(&format!("the line broke after {arrived} of {wanted} bytes"))),
        _ => Ok(()),
    }
}

/// The text of an answer that is no part of a file.
fn body(response: Response<Body>) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = response.into_body().into_reader().take(MOST_ANSWER).read_to_end(&mut bytes);
    read.map_err(|e| failure(&e.into(), None))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn validator(headers: &HeaderMap) -> Option<String> {
    text(headers, header::ETAG).or_else(|| text(headers, header::LAST_MODIFIED)).map(str::to_owned)
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.size)?;
        self.validator.iter().try_for_each(|validator| write!(f, " of the version {validator}"))
    }
}

/// The meaning of an answer without what was asked for: of an S3 endpoint, or of a web server.
fn refused(response: Response<Body>, s3: Option<&S3>) -> Failure {
    let (status, headers) = (response.status(), response.headers().clone());
    let is_page = text(&headers, header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/html"));
    let told = |error: Error| Failure::Other(error.with_kind(ErrorKind::Io));
    if status == StatusCode::OK && is_page {
        return told(
            Error::new("the server sent a web page (expected an archive)")
                .hint("give the address of the file itself, not that of a page about it or of a login"),
        );
    }
    if status.is_success() {
        let message =
            format!("the server answered {status} to a request for a part: it sends whole files alone");
        return told(Error::new(message).hint("download the file first, and give its path"));
    }
    if status == StatusCode::RANGE_NOT_SATISFIABLE {
        return told(Error::new("it changed while it was read: it is shorter than it was"));
    }
    let answer = attempt::refused(status, &headers);
    let Failure::Final(answer) = answer else { return answer };
    let error = match s3 {
        Some(s3) => {
            let region = headers.get("x-amz-bucket-region").and_then(|region| region.to_str().ok());
            s3.refusal(&answer, region, &body(response).unwrap_or_default())
        }
        None => Error::new(answer).hint("the address may be wrong or have expired, or want a login"),
    };
    let is_absent = status == StatusCode::NOT_FOUND || status == StatusCode::GONE;
    Failure::Other(error.with_kind(if is_absent { ErrorKind::NotFound } else { ErrorKind::Io }))
}
