//! Object storage that answers as Amazon S3 does: requests for objects and lists of them, signed, and the
//! meaning of refusals. `rusty-s3` signs; nothing is sent here.
//!
//! The environment: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, or else the profile
//! that `AWS_PROFILE` names in `~/.aws/credentials` and `~/.aws/config`; `AWS_REGION` or
//! `AWS_DEFAULT_REGION`; `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL` for any other store than Amazon's.
//! Without credentials requests are not signed, as public buckets take them.
//!
//! Left out on purpose: credentials of machines in the cloud and of single sign-on, writing.

mod environment;
mod listing;

use std::time::Duration;

use hema_core::error::{Error, Result};
use hema_core::file::without_secrets;
use rusty_s3::{Bucket, Credentials, S3Action as _, UrlStyle};

pub(crate) use self::listing::Listing;

/// How long a signed address holds: as long as clocks may differ, in Amazon's scheme.
const VALIDITY: Duration = Duration::from_mins(15);
/// What Amazon says of an address that holds no longer, or that a clock behind the time has signed.
const EXPIRED: &str = "Request has expired";

/// A store, and what is needed to ask it.
pub(crate) struct S3 {
    /// The address of a store that is not Amazon's.
    endpoint: Option<String>,
    region: String,
    credentials: Option<Credentials>,
    /// Where the credentials are from, in words.
    origin: String,
}

/// Bucket and key of an address `s3://bucket/key`; `None` for any other address.
///
/// # Errors
/// An address without a bucket or without a key, or with a key that no web address can name.
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
    if key.split('/').any(|part| part == "." || part == "..") {
        return Err(Error::new("has a part `.` or `..` in its key, which a web address cannot hold"));
    }
    Ok(Some((bucket.to_owned(), key.to_owned())))
}

impl S3 {
    /// The address of an object, signed now. It is a secret.
    ///
    /// # Errors
    /// An endpoint that is no address.
    pub(crate) fn get(&self, bucket: &str, key: &str) -> Result<String> {
        let bucket = self.bucket(bucket)?;
        Ok(bucket.get_object(self.credentials.as_ref(), key).sign(VALIDITY).into())
    }

    /// The address of a page of the objects whose keys begin with `prefix`, signed now. It is a secret.
    ///
    /// # Errors
    /// An endpoint that is no address.
    pub(crate) fn list(&self, bucket: &str, prefix: &str, token: Option<&str>) -> Result<String> {
        let bucket = self.bucket(bucket)?;
        let mut list = bucket.list_objects_v2(self.credentials.as_ref());
        list.with_prefix(prefix);
        if let Some(token) = token {
            list.with_continuation_token(token);
        }
        Ok(list.sign(VALIDITY).into())
    }

    /// A bucket by its name: a host of Amazon's where the name can be one, else a path.
    fn bucket(&self, name: &str) -> Result<Bucket> {
        // certificates are for names of one part
        let is_host = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        let style = if self.endpoint.is_none() && is_host { UrlStyle::VirtualHost } else { UrlStyle::Path };
        let endpoint = self.endpoint.clone();
        let endpoint = endpoint.unwrap_or_else(|| format!("https://s3.{}.amazonaws.com", self.region));
        let (name, region) = (name.to_owned(), self.region.clone());
        let bucket = endpoint.parse().ok().and_then(|url| Bucket::new(url, style, name, region).ok());
        bucket.ok_or_else(|| {
            Error::new("the S3 endpoint is no web address (expected https://host or http://host:port)")
                .hint("AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or the profile's `endpoint_url` names it")
        })
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
            _ if message == EXPIRED => format!("set this machine's clock: {signed}"),
            _ => signed,
        };
        Error::new(answer).hint(hint)
    }

    fn endpoint_name(&self) -> String {
        let amazon = || format!("Amazon S3 in {}", self.region);
        self.endpoint.as_deref().map_or_else(amazon, without_secrets)
    }

    /// A text of a store without the credentials and without signatures, whose names begin with `X-Amz-`.
    fn hidden(&self, text: &str) -> String {
        let secrets =
            self.credentials.iter().flat_map(|own| [Some(own.key()), Some(own.secret()), own.token()]);
        let text = secrets.flatten().fold(text.to_owned(), |text, secret| text.replace(secret, "***"));
        let word = |word| if str::contains(word, "X-Amz-") { "***" } else { word };
        text.split(' ').map(word).collect::<Vec<_>>().join(" ")
    }
}

/// The text between two others.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(inside, _)| inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(endpoint: Option<&str>) -> S3 {
        let endpoint = endpoint.map(str::to_owned);
        S3 { endpoint, region: "eu-west-1".into(), credentials: None, origin: String::new() }
    }

    fn signing() -> S3 {
        let credentials = Credentials::new_with_token("AKIDEXAMPLE", "s3cret", "t0ken");
        S3 { credentials: Some(credentials), origin: "the environment".into(), ..store(None) }
    }

    #[test]
    fn an_address_has_a_bucket_and_a_key() {
        let split = |address| split_address(address).unwrap();
        assert_eq!(split("s3://cells/a/b.tar"), Some(("cells".into(), "a/b.tar".into())));
        assert_eq!(split("s3://cells/"), Some(("cells".into(), String::new())));
        assert_eq!(split("https://host/x.tar"), None);
        for wrong in
            ["s3://", "s3:///x", "s3://cells", "s3://host:80/x", "s3://a@b/x", "s3://a?b/x", "s3://a/b/../c"]
        {
            assert!(split_address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_bucket_is_a_host_of_amazons_and_a_path_elsewhere() {
        let url = |endpoint, bucket| store(endpoint).get(bucket, "a b/ü+.tar").unwrap();
        assert_eq!(url(None, "cells"), "https://cells.s3.eu-west-1.amazonaws.com/a%20b/%C3%BC%2B.tar");
        for bucket in ["my.cells", "My_cells"] {
            let base = format!("https://s3.eu-west-1.amazonaws.com/{bucket}");
            assert_eq!(url(None, bucket), format!("{base}/a%20b/%C3%BC%2B.tar"));
        }
        assert_eq!(url(Some("http://box:9000"), "cells"), "http://box:9000/cells/a%20b/%C3%BC%2B.tar");
        assert_eq!(url(Some("http://me:pw@box/s3/"), "cells"), "http://box/s3/cells/a%20b/%C3%BC%2B.tar");
        let url = store(None).list("cells", "a&b/", Some("t=")).unwrap();
        assert!(url.ends_with(
            "amazonaws.com/?continuation-token=t%3D&encoding-type=url&list-type=2&prefix=a%26b%2F"
        ));
    }

    #[test]
    fn a_request_holds_for_a_quarter_of_an_hour_in_the_region_and_the_secret_is_not_in_it() {
        let url = signing().get("cells", "x.tar").unwrap();
        let start = "https://cells.s3.eu-west-1.amazonaws.com/x.tar?X-Amz-Algorithm=AWS4-HMAC-SHA256&\
                     X-Amz-Credential=AKIDEXAMPLE%2F";
        assert!(url.starts_with(start), "{url}");
        for part in
            ["%2Feu-west-1%2Fs3%2F", "&X-Amz-Expires=900&X-Amz-Security-Token=t0ken&", "&X-Amz-Signature="]
        {
            assert!(url.contains(part), "{url}");
        }
        assert!(!url.contains("s3cret"), "{url}");
    }

    #[test]
    fn a_refusal_says_what_to_do_and_no_secret() {
        let s3 = signing();
        let text = "<Error><Code>InvalidAccessKeyId</Code><Message>AKIDEXAMPLE with t0ken is unknown</Message></Error>";
        let error = s3.refusal("the server answered 403 Forbidden", None, text);
        assert_eq!(
            error.to_string(),
            "the server answered 403 Forbidden (InvalidAccessKeyId: *** with *** is unknown)"
        );
        assert_eq!(error.hint_text(), Some("the request was signed with the credentials of the environment"));
        let text = "<Message>GET /x?X-Amz-Credential=a&amp;X-Amz-Signature=5ecret is wrong</Message>";
        let error = s3.refusal("the server answered 403 Forbidden", None, text);
        assert_eq!(error.to_string(), "the server answered 403 Forbidden (GET *** is wrong)");
        let error =
            s3.refusal("the server answered 403 Forbidden", None, "<Message>Request has expired</Message>");
        assert!(error.hint_text().unwrap().starts_with("set this machine's clock: "));
        let error = s3.refusal("the server answered 301 Moved Permanently", Some("us-west-2"), "");
        assert_eq!(
            error.hint_text(),
            Some("the bucket is in the region us-west-2, and eu-west-1 was asked: set AWS_REGION=us-west-2")
        );
    }
}
