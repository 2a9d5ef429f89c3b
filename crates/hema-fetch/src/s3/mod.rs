//! Object storage that answers as Amazon S3 does: requests for objects and lists of them, signed, and the
//! meaning of refusals. Nothing is sent here.
//!
//! The environment: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, or else the profile
//! that `AWS_PROFILE` names in `~/.aws/credentials` and `~/.aws/config`; `AWS_REGION` or
//! `AWS_DEFAULT_REGION`; `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL` for any other store than Amazon's.
//! Without credentials requests are not signed, as public buckets take them.
//!
//! Left out on purpose: credentials of machines in the cloud and of single sign-on, writing.

mod environment;
mod listing;
mod sign;

use std::time::{SystemTime, UNIX_EPOCH};

use hema_core::error::{Error, Result};

pub(crate) use self::listing::Listing;
use self::listing::between;
pub(crate) use self::sign::Header;
use self::sign::{Credentials, Signing, encoded};

/// A store, and what is needed to ask it.
pub(crate) struct S3 {
    /// The address of a store that is not Amazon's, without a slash at its end.
    endpoint: Option<String>,
    region: String,
    credentials: Option<Credentials>,
    /// Where the credentials are from, in words.
    origin: String,
}

/// Bucket and key of an address `s3://bucket/key`; `None` for any other address.
///
/// # Errors
/// An address without a bucket or without a key.
pub(crate) fn split_address(address: &str) -> Result<Option<(String, String)>> {
    let Some(rest) = address.strip_prefix("s3://") else { return Ok(None) };
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    if bucket.is_empty() || !bucket.chars().all(is_plain) {
        return Err(Error::new("names no bucket (expected s3://bucket/key)"));
    }
    if key.is_empty() && !rest.ends_with('/') {
        return Err(Error::new("names a bucket alone (expected s3://bucket/key)")
            .hint("end it with a slash for everything in the bucket"));
    }
    Ok(Some((bucket.to_owned(), key.to_owned())))
}

impl S3 {
    /// The request for an object: its address and headers.
    pub(crate) fn get(&self, bucket: &str, key: &str) -> (String, Vec<Header>) {
        self.request(bucket, key, &[])
    }

    /// The request for a page of the objects whose keys begin with `prefix`.
    pub(crate) fn list(&self, bucket: &str, prefix: &str, token: Option<&str>) -> (String, Vec<Header>) {
        let mut query = vec![("encoding-type", "url"), ("list-type", "2"), ("prefix", prefix)];
        query.extend(token.map(|token| ("continuation-token", token)));
        self.request(bucket, "", &query)
    }

    fn request(&self, bucket: &str, key: &str, query: &[(&str, &str)]) -> (String, Vec<Header>) {
        let (base, path) = self.base(bucket);
        let path = format!("{path}/{}", encoded(key, true));
        let mut query: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name, false), encoded(value, false)))
            .collect();
        query.sort();
        let query = query.join("&");
        let headers = self.credentials.as_ref().map_or(Vec::new(), |credentials| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
            let host = base.split_once("://").map_or("", |(_, host)| host);
            let (host, before) = host.split_at(host.find('/').unwrap_or(host.len()));
            // the client leaves a usual port out of the header `Host`, which is signed
            let usual_port = if base.starts_with("https") { ":443" } else { ":80" };
            let host = host.strip_suffix(usual_port).unwrap_or(host);
            let path = format!("{before}{path}");
            Signing { credentials, region: &self.region, seconds: now }.headers(host, &path, &query, &[])
        });
        let mark = if query.is_empty() { "" } else { "?" };
        (format!("{base}{path}{mark}{query}"), headers)
    }

    /// The address of a bucket: that of its server, and the path there.
    fn base(&self, bucket: &str) -> (String, String) {
        let region = &self.region;
        match &self.endpoint {
            Some(endpoint) => (endpoint.clone(), format!("/{bucket}")),
            // certificates are for names of one part
            None if bucket.contains('.') => {
                (format!("https://s3.{region}.amazonaws.com"), format!("/{bucket}"))
            }
            None => (format!("https://{bucket}.s3.{region}.amazonaws.com"), String::new()),
        }
    }

    /// The meaning of a refusal with this text, of a bucket in that region where it says.
    pub(crate) fn refusal(&self, answer: &str, region: Option<&str>, text: &str) -> Error {
        let code = between(text, "<Code>", "</Code>").unwrap_or_default();
        let message = between(text, "<Message>", "</Message>").unwrap_or_default();
        let region = region.or_else(|| between(text, "<Region>", "</Region>"));
        let said = [code, message].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
        let answer = match said.as_str() {
            "" => answer.to_owned(),
            said => format!("{answer} ({})", self.hidden(said)),
        };
        let signed = match &self.credentials {
            Some(_) => format!("the request was signed with the credentials of {}", self.origin),
            None => "the request was not signed: neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are set, nor is there a \
                     profile"
                .to_owned(),
        };
        let hint = match (code, region) {
            (_, Some(region)) if region != self.region => {
                format!(
                    "the bucket is in the region {region}, and {} was asked: set AWS_REGION={region}",
                    self.region
                )
            }
            ("NoSuchBucket", _) => {
                format!("check the bucket's name and the endpoint, {}", self.endpoint_name())
            }
            ("NoSuchKey", _) => "check the key; a prefix ends with a slash".to_owned(),
            ("ExpiredToken" | "TokenRefreshRequired", _) => format!("log in again: {signed}"),
            ("RequestTimeTooSkewed", _) => "set this machine's clock".to_owned(),
            _ => signed,
        };
        Error::new(answer).hint(hint)
    }

    fn endpoint_name(&self) -> String {
        self.endpoint.clone().unwrap_or_else(|| format!("Amazon S3 in {}", self.region))
    }

    /// A text without the credentials.
    fn hidden(&self, text: &str) -> String {
        self.credentials.iter().flat_map(Credentials::secrets).fold(text.to_owned(), |text, secret| {
            if secret.is_empty() { text } else { text.replace(secret, "***") }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(endpoint: Option<&str>) -> S3 {
        let endpoint = endpoint.map(str::to_owned);
        S3 { endpoint, region: "eu-west-1".into(), credentials: None, origin: String::new() }
    }

    #[test]
    fn an_address_has_a_bucket_and_a_key() {
        let split = |address| split_address(address).unwrap();
        assert_eq!(split("s3://cells/a/b.tar"), Some(("cells".into(), "a/b.tar".into())));
        assert_eq!(split("s3://cells/"), Some(("cells".into(), String::new())));
        assert_eq!(split("https://host/x.tar"), None);
        for wrong in ["s3://", "s3:///x", "s3://cells", "s3://host:80/x", "s3://a@b/x", "s3://a?b/x"] {
            assert!(split_address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_bucket_is_a_host_of_amazons_and_a_path_elsewhere() {
        let url = |endpoint, bucket| store(endpoint).get(bucket, "a b/ü+.tar").0;
        assert_eq!(url(None, "cells"), "https://cells.s3.eu-west-1.amazonaws.com/a%20b/%C3%BC%2B.tar");
        assert_eq!(url(None, "my.cells"), "https://s3.eu-west-1.amazonaws.com/my.cells/a%20b/%C3%BC%2B.tar");
        assert_eq!(url(Some("http://box:9000"), "cells"), "http://box:9000/cells/a%20b/%C3%BC%2B.tar");
        let (url, _) = store(None).list("cells", "a&b/", Some("t="));
        assert!(url.ends_with(
            "amazonaws.com/?continuation-token=t%3D&encoding-type=url&list-type=2&prefix=a%26b%2F"
        ));
    }

    #[test]
    fn a_refusal_says_what_to_do_and_no_secret() {
        let credentials =
            Credentials { id: "AKIDEXAMPLE".into(), secret: "s3cret".into(), token: Some("t0ken".into()) };
        let s3 = S3 { credentials: Some(credentials), origin: "the environment".into(), ..store(None) };
        let text = "<Error><Code>InvalidAccessKeyId</Code><Message>AKIDEXAMPLE with t0ken is unknown</Message></Error>";
        let error = s3.refusal("the server answered 403 Forbidden", None, text);
        assert_eq!(
            error.to_string(),
            "the server answered 403 Forbidden (InvalidAccessKeyId: *** with *** is unknown)"
        );
        assert_eq!(error.hint_text(), Some("the request was signed with the credentials of the environment"));
        let error = s3.refusal("the server answered 301 Moved Permanently", Some("us-west-2"), "");
        assert_eq!(
            error.hint_text(),
            Some("the bucket is in the region us-west-2, and eu-west-1 was asked: set AWS_REGION=us-west-2")
        );
    }
}
