//! Secure connections: a server whose certificate an authority of its own has signed, as a hospital's proxy
//! does.
//!
//! The authority, the server's certificate and its key lie in `tests/fixtures` and are good for nothing else;
//! they were made with `openssl` for `127.0.0.1` and a hundred years. `SSL_CERT_FILE` is read from the
//! environment, which a test cannot change for itself: it starts this program again to run [`ask`].

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::slice::from_ref;
use std::sync::Arc;
use std::thread;

use hema_fetch::{Options, Proof, Request, download};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

const BODY: &[u8] = b"a file that arrived in secret";

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    path.to_str().unwrap().to_owned()
}

/// Starts a server that gives [`BODY`] for every request; it ends with the process.
fn serve() -> String {
    let certificate = CertificateDer::from_pem_file(fixture("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(fixture("server.key")).unwrap();
    let config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for line in listener.incoming().flatten() {
            let mut line = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), line);
            let (mut request, mut byte) = (Vec::new(), [0]);
            while !request.ends_with(b"\r\n\r\n") && line.read_exact(&mut byte).is_ok() {
                request.push(byte[0]);
            }
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", BODY.len());
            // a client that does not trust the certificate has gone away
            let _ = line.write_all(head.as_bytes()).and_then(|()| line.write_all(BODY));
            line.conn.send_close_notify();
            let _ = line.flush();
        }
    });
    address
}

/// What a process says that downloads from a server and trusts the authorities of a file, by default the
/// built-in ones.
fn ask_with(authorities: Option<&str>) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "tls::ask", "--ignored", "--nocapture"]).env("HEMA_TEST_URL", serve());
    match authorities {
        Some(path) => child.env("SSL_CERT_FILE", path),
        None => child.env_remove("SSL_CERT_FILE"),
    };
    String::from_utf8(child.output().unwrap().stdout).unwrap()
}

#[test]
#[ignore = "run by the tests of this file in a process of its own"]
#[allow(clippy::print_stdout)] // for those tests to read
fn ask() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("file");
    let url = format!("{}/file", std::env::var("HEMA_TEST_URL").unwrap());
    let request = Request {
        urls: from_ref(&url),
        size: Some(BODY.len() as u64),
        most: 1 << 20,
        proof: Proof::Contents(&|_| Ok(())),
        token: None,
    };
    match download(&request, &target, &Options { attempts: 1, ..Options::default() }, &mut |_| ()) {
        Ok(_) => println!("came: {}", std::fs::read(&target).unwrap() == BODY),
        Err(error) => println!("failed: {error}; {}", error.hint_text().unwrap_or_default()),
    }
}

#[test]
fn an_authority_that_ssl_cert_file_names_is_trusted() {
    let said = ask_with(Some(&fixture("authority.pem")));
    assert!(said.contains("came: true"), "{said}");
}

#[test]
fn an_unknown_authority_is_refused_with_what_to_do() {
    let said = ask_with(None);
    assert!(said.contains("failed:") && said.contains("certificate"), "{said}");
    assert!(said.contains("SSL_CERT_FILE"), "{said}");
}

#[test]
fn a_file_without_certificates_is_named() {
    let said = ask_with(Some(&fixture("server.key")));
    assert!(said.contains("server.key: holds no certificate"), "{said}");
}
