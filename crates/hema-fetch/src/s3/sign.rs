//! Signatures of requests, version 4 of Amazon's scheme ("AWS Signature Version 4", in the S3 API reference
//! under "Authenticating Requests: Using the Authorization Header"), for requests without a body.

use std::fmt::Write as _;

use hema_core::provenance::{hex, rfc3339};
use sha2::{Digest, Sha256};

/// Bytes that SHA-256 takes at a time.
const BLOCK: usize = 64;

/// A header's name and text.
pub(crate) type Header = (&'static str, String);

/// What a request is signed with.
pub(super) struct Credentials {
    pub(super) id: String,
    pub(super) secret: String,
    /// Of credentials that hold for some hours.
    pub(super) token: Option<String>,
}

impl Credentials {
    /// What nobody may see.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        [self.id.as_str(), &self.secret].into_iter().chain(self.token.as_deref())
    }
}

/// A signer at a time, in seconds since 1970.
pub(super) struct Signing<'a> {
    pub(super) credentials: &'a Credentials,
    pub(super) region: &'a str,
    pub(super) seconds: u64,
}

impl Signing<'_> {
    /// The headers that sign a GET of an encoded path and query at a host; `others` are signed with it.
    pub(super) fn headers(&self, host: &str, path: &str, query: &str, others: &[Header]) -> Vec<Header> {
        let time: String = rfc3339(self.seconds).chars().filter(|c| !"-:".contains(*c)).collect();
        let day = &time[..8];
        let nothing = hex(&Sha256::digest(b""));
        let mut headers = vec![("x-amz-content-sha256", nothing.clone()), ("x-amz-date", time.clone())];
        headers.extend(self.credentials.token.iter().map(|token| ("x-amz-security-token", token.clone())));
        let mut signed = [headers.as_slice(), others, &[("host", host.to_owned())]].concat();
        signed.sort();
        let names = signed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let lines = signed.iter().fold(String::new(), |mut lines, (name, value)| {
            // writing to a string cannot fail
            let _ = writeln!(lines, "{name}:{}", value.trim());
            lines
        });
        let request = format!("GET\n{path}\n{query}\n{lines}\n{names}\n{nothing}");
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(request)));
        let mut key = hmac(format!("AWS4{}", self.credentials.secret).as_bytes(), day.as_bytes());
        for part in [self.region, "s3", "aws4_request"] {
            key = hmac(&key, part.as_bytes());
        }
        let signature = hex(&hmac(&key, to_sign.as_bytes()));
        let id = &self.credentials.id;
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}");
        headers.push(("authorization", authorization));
        headers
    }
}

/// HMAC with SHA-256 (RFC 2104).
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().into()
}

/// A text as it stands in a path, where slashes stay, or in a query.
pub(super) fn encoded(text: &str, is_path: bool) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        let is_plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || (is_path && byte == b'/');
        // writing to a string cannot fail
        let _ =
            if is_plain { write!(encoded, "{}", char::from(byte)) } else { write!(encoded, "%{byte:02X}") };
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_is_that_of_rfc_4231() {
        let short = hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex(&short), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let long = hmac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex(&long), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }

    #[test]
    fn requests_are_signed_as_in_amazons_examples() {
        let credentials = Credentials {
            id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
            token: None,
        };
        // 24 May 2013
        let signing = Signing { credentials: &credentials, region: "us-east-1", seconds: 1_369_353_600 };
        let host = "examplebucket.s3.amazonaws.com";
        let signature = |path: &str, query: &str, others: &[Header]| {
            let headers = signing.headers(host, path, query, others);
            let (name, value) = headers.last().unwrap().clone();
            assert_eq!((name, &headers[1].1[..]), ("authorization", "20130524T000000Z"));
            value.rsplit('=').next().unwrap().to_owned()
        };
        let range = [("range", "bytes=0-9".to_owned())];
        assert_eq!(
            signature("/test.txt", "", &range),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
        assert_eq!(
            signature("/", "max-keys=2&prefix=J", &[]),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        );
        assert_eq!(
            signature("/", "lifecycle=", &[]),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        );
    }
}
