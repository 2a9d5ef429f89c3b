//! Downloads that survive bad lines, the public data sets of blood cells, files of the Hugging Face hub, and
//! data read where they lie.
//!
//! [`download`] brings one file from the first of several addresses that gives it: it goes on where it was
//! interrupted, waits for busy servers, and puts a file in its place only when it is whole and proven.
//! [`sets`] is the table of public data sets, and prepares each of them as data for Hema. [`hub`] asks the
//! hub, or a mirror of it, for a file. [`remote`] reads data where they lie, in object storage or on web
//! servers.
//!
//! This is the one crate that opens network connections (over TLS, hence a crate of its own). Left out on
//! purpose: anything asynchronous, several connections at a time, uploads, logins beyond a token.
//!
//! The environment: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` as everywhere; `SSL_CERT_FILE`
//! names a PEM file of the certificate authorities to trust instead of the built-in list (Mozilla's), for
//! networks whose proxy opens TLS connections.

mod attempt;
mod checksum;
mod download;
pub mod hub;
mod partial;
pub mod remote;
mod request;
mod s3;
pub mod sets;

pub use checksum::sha256;
pub use download::download;
pub use request::{Event, Options, Outcome, Proof, Request};
