//! One request for the missing part of a file, which is appended to the bytes that are there.

use std::io::{ErrorKind, Read as _};
use std::time::Duration;

use hema_core::error::{Error, Result};
use hema_core::file;
use ureq::http::{HeaderMap, StatusCode, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, Timeout};

use crate::partial::{Partial, Version};
use crate::request::{Event, Options, Request};

/// Most redirections that are followed.
const MOST_REDIRECTIONS: u32 = 10;
/// Largest file of certificates, in bytes.
const MOST_CERTIFICATES: u64 = 16 << 20;

/// Why an attempt did not bring the whole file.
pub(crate) enum Failure {
    /// The line or the server may do better next time, perhaps after the time that the server asks for.
    Passing { why: String, wait: Option<Duration> },
    /// There is no way to the server: no network, no such host, nobody listening.
    Unreachable(String),
    /// This address will not give the file.
    Final(String),
    /// The file came whole but is another one.
    Spoiled(String),
    /// An error of its own: nothing can be written here, or the server says what is to be done.
    Other(Error),
}

impl Failure {
    /// Why the server did not give the file.
    ///
    /// # Errors
    /// A failure that is not the server's.
    pub(crate) fn of_the_server(self) -> Result<String> {
        match self {
            Self::Passing { why, .. } | Self::Unreachable(why) | Self::Final(why) | Self::Spoiled(why) => {
                Ok(why)
            }
            Self::Other(error) => Err(error),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// The client that makes requests. Proxies come from the environment.
pub(crate) fn agent(options: &Options) -> Result<Agent> {
    let config = Agent::config_builder()
        .user_agent(concat!("hema/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        .max_redirects(MOST_REDIRECTIONS)
        .timeout_resolve(Some(options.connect))
        .timeout_connect(Some(options.connect))
        .timeout_per_read(Some(options.stall))
        .tls_config(TlsConfig::builder().root_certs(authorities()?).build())
        // a connection that has failed is not used again
        .max_idle_connections(0);
    Ok(config.build().new_agent())
}

/// The certificate authorities of `SSL_CERT_FILE`, else the built-in list.
fn authorities() -> Result<RootCerts> {
    let Some(path) = std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()) else {
        return Ok(RootCerts::WebPki);
    };
    let text = file::read(path.as_ref(), MOST_CERTIFICATES)?;
    let certificates: Vec<Certificate> = parse_pem(&text)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(Error::new("holds no certificate (SSL_CERT_FILE names it; expected PEM)").at(&path));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

/// Asks `url` once for the missing part. When this succeeds, all the bytes that the server promised are
/// there.
pub(crate) fn attempt(
    agent: &Agent,
    url: &str,
    request: &Request,
    partial: &mut Partial,
    report: &mut dyn FnMut(Event),
) -> Result<(), Failure> {
    let version = partial.version().filter(|version| version.url == url);
    // without a checksum, only bytes known to be of the same version may be joined
    if partial.len() > 0 && !request.proof.is_checksum() && version.is_none() {
        partial.restart(None)?;
    }
    let if_range = version.filter(|_| !request.proof.is_checksum());
    let start = partial.len();
    let response = ask(agent, url, request.token, start, if_range.as_ref())?;
    let headers = response.headers();
    let total = match response.status() {
        StatusCode::OK => {
            let total = number(headers, header::CONTENT_LENGTH);
            check_size(total, request)?;
            partial.restart(version_of(url, headers).as_ref())?;
            total
        }
        StatusCode::PARTIAL_CONTENT => {
            let range = content_range(headers);
            let joins = range.is_some_and(|(first, _)| first == Some(start));
            let same = if_range.is_none_or(|old| version_of(url, headers).is_none_or(|new| new == old));
            if !joins || !same {
                partial.restart(None)?;
                return Err(passing("it sent another part of the file than was asked for"));
            }
            let total = range.and_then(|(_, total)| total);
            check_size(total, request)?;
            total
        }
        StatusCode::RANGE_NOT_SATISFIABLE if start > 0 => {
            if content_range(headers) == Some((None, Some(start))) {
                return Ok(());
            }
            partial.restart(None)?;
            return Err(passing("the file there is shorter than what had arrived"));
        }
        status => return Err(refused(status, headers)),
    };
    receive(response.into_body(), total.or(request.size), request.limit(), partial, report)
}

/// Asks for the head of the answer that a GET of `url` would have, a redirection's where it is one.
pub(crate) fn head(
    agent: &Agent,
    url: &str,
    token: Option<&str>,
) -> Result<ureq::http::Response<Body>, Failure> {
    let mut head =
        agent.head(url).config().max_redirects(0).build().header(header::ACCEPT_ENCODING, "identity");
    if let Some(token) = token {
        head = head.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    head.call().map_err(|e| failure(&e, proxy(agent, url).as_deref()))
}

/// The proxy that the way to an address leads through, as `host:port`.
pub(crate) fn proxy(agent: &Agent, url: &str) -> Option<String> {
    let (proxy, target) = (agent.config().proxy()?, url.parse().ok()?);
    (!proxy.is_no_proxy(&target)).then(|| format!("{}:{}", proxy.host(), proxy.port()))
}

/// Sends the request and reads the head of the answer.
fn ask(
    agent: &Agent,
    url: &str,
    token: Option<&str>,
    start: u64,
    if_range: Option<&Version>,
) -> Result<ureq::http::Response<Body>, Failure> {
    let mut get = agent
        .get(url)
        .config()
        // a secure address must not lead to an insecure one
        .https_only(url.starts_with("https://"))
        .build()
        .header(header::ACCEPT_ENCODING, "identity");
    if let Some(token) = token {
        // left out of redirected requests by the agent's default
        get = get.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    if start > 0 {
        get = get.header(header::RANGE, format!("bytes={start}-"));
        if let Some(version) = if_range {
            get = get.header(header::IF_RANGE, version.validator.as_str());
        }
    }
    get.call().map_err(|e| failure(&e, proxy(agent, url).as_deref()))
}

/// Appends the body to the bytes that are there: no more than its total, and no more than `most` in all.
fn receive(
    body: Body,
    total: Option<u64>,
    most: u64,
    partial: &mut Partial,
    report: &mut dyn FnMut(Event),
) -> Result<(), Failure> {
    let mut reader = body.into_reader();
    let mut buffer = vec![0; 1 << 16];
    report(Event::Bytes { done: partial.len(), total });
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                let (arrived, most) = (partial.len() + read as u64, total.unwrap_or(most));
                if arrived > most {
                    partial.restart(None)?;
                    let why = match total {
                        Some(total) => format!("it sent {arrived} bytes and more of a file of {total}"),
                        None => format!("it sent {arrived} bytes and more, at most {most} are expected"),
                    };
                    // it would do so again
                    return Err(Failure::Final(why));
                }
                partial.append(&buffer[..read])?;
            }
            Err(e) => return Err(failure(&e.into(), None)),
        }
        report(Event::Bytes { done: partial.len(), total });
    }
    let done = partial.len();
    match total {
        Some(total) if done < total => Err(passing(&format!("the line broke after {done} of {total} bytes"))),
        _ => Ok(()),
    }
}

/// A failure that need not come again.
pub(crate) fn passing(why: &str) -> Failure {
    Failure::Passing { why: why.to_owned(), wait: None }
}

/// A file of another size than expected is another file, or a page that says sorry.
fn check_size(total: Option<u64>, request: &Request) -> Result<(), Failure> {
    match (total, request.size) {
        (Some(total), Some(size)) if total != size => {
            Err(Failure::Final(format!("its file has {total} bytes, expected {size}")))
        }
        (Some(total), None) if total > request.most => {
            let most = request.most;
            Err(Failure::Final(format!("its file has {total} bytes, at most {most} are expected")))
        }
        _ => Ok(()),
    }
}

/// The meaning of an answer without the file.
pub(crate) fn refused(status: StatusCode, headers: &HeaderMap) -> Failure {
    let why = format!("the server answered {status}");
    let busy = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    if status.is_server_error() || busy.contains(&status) {
        Failure::Passing { why, wait: number(headers, header::RETRY_AFTER).map(Duration::from_secs) }
    } else {
        Failure::Final(why)
    }
}

/// The meaning of an error below HTTP, on a way that leads through a proxy or not.
pub(crate) fn failure(error: &ureq::Error, proxy: Option<&str>) -> Failure {
    let failure = failure_on_the_way(error);
    match (failure, proxy, error) {
        // where there is a proxy, nothing else is looked up or connected to
        (Failure::Unreachable(why), Some(proxy), _) => Failure::Unreachable(format!(
            "the proxy {proxy}, which HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names, cannot be reached: {why}"
        )),
        (Failure::Passing { why, wait }, Some(proxy), ureq::Error::ConnectProxyFailed(_)) => {
            Failure::Passing { why: format!("the proxy {proxy} gives no way through: {why}"), wait }
        }
        (failure, ..) => failure,
    }
}

/// The meaning of an error below HTTP, whatever the way.
fn failure_on_the_way(error: &ureq::Error) -> Failure {
    use ureq::Error::{
        BadUri, Http, InvalidProxyUrl, RedirectFailed, RequireHttpsOnly, Rustls, Tls, TooManyRedirects,
    };
    let unreachable =
        [ErrorKind::ConnectionRefused, ErrorKind::NetworkUnreachable, ErrorKind::HostUnreachable];
    let why = match error {
        ureq::Error::Timeout(_) => "nothing was heard from it for too long".to_owned(),
        ureq::Error::HostNotFound => "the host was not found".to_owned(),
        ureq::Error::Io(e) if e.kind() == ErrorKind::InvalidData => {
            format!(
                "{e} (where a network has a certificate authority of its own, SSL_CERT_FILE has to name its PEM file)"
            )
        }
        ureq::Error::Io(e) => e.to_string(),
        // with what may be a secret in it
        BadUri(_) => "it is no valid address".to_owned(),
        RequireHttpsOnly(_) => "it leads from a secure address to an insecure one".to_owned(),
        error => error.to_string(),
    };
    match error {
        ureq::Error::HostNotFound | ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
            Failure::Unreachable(why)
        }
        ureq::Error::Io(e) if unreachable.contains(&e.kind()) => Failure::Unreachable(why),
        BadUri(_) | Http(_) | InvalidProxyUrl | RedirectFailed | RequireHttpsOnly(_) | Rustls(_) | Tls(_)
        | TooManyRedirects => Failure::Final(why),
        // complaints of rustls about a certificate arrive as input errors
        ureq::Error::Io(e) if e.kind() == ErrorKind::InvalidData => Failure::Final(why),
        _ => Failure::Passing { why, wait: None },
    }
}

/// The text of a header.
pub(crate) fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn number(headers: &HeaderMap, name: header::HeaderName) -> Option<u64> {
    text(headers, name)?.parse().ok()
}

/// `Content-Range: bytes FIRST-LAST/TOTAL`, or `bytes */TOTAL`: the first byte and the size of the whole
/// file, where they are told.
pub(crate) fn content_range(headers: &HeaderMap) -> Option<(Option<u64>, Option<u64>)> {
    let (range, total) = text(headers, header::CONTENT_RANGE)?.strip_prefix("bytes ")?.split_once('/')?;
    let first = range.split_once('-').and_then(|(first, _)| first.parse().ok());
    Some((first, total.parse().ok()))
}

/// The version of the file that an answer holds, if it can be told from others (a weak `ETag` cannot).
fn version_of(url: &str, headers: &HeaderMap) -> Option<Version> {
    let strong = text(headers, header::ETAG).filter(|tag| tag.starts_with('"'));
    let validator = strong.or_else(|| text(headers, header::LAST_MODIFIED))?;
    Some(Version { url: url.to_owned(), validator: validator.to_owned() })
}
