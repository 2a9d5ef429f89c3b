//! Hubs that answer well, and what is made of those that do not.

use std::fs;

use hema_core::error::Result;
use hema_fetch::hub::{Hub, Remote};
use hema_fetch::{Event, Outcome};

use crate::OPTIONS;
use crate::server::{Answer, Server};

/// The SHA-256 checksum of `weights`.
const SHA256: &str = "9a1bb3d56619307a85a8d35ccf58b2dbd5bad0e3cf7de8e3b1b3cde4c6b63a6e";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What the hub says of the file, and where it keeps it.
fn told(commit: &str, etag: &str, elsewhere: &str) -> Answer {
    let headers = format!(
        "X-Repo-Commit: {commit}\r\nX-Linked-Etag: \"{etag}\"\r\nX-Linked-Size: 7\r\nLocation: {elsewhere}/blob\r\n"
    );
    Answer { status: Some("302 Found"), headers, ..Answer::default() }
}

fn serves(file: &[u8]) -> Answer {
    Answer { file: file.to_vec(), ..Answer::default() }
}

fn look_up(server: &Server, token: Option<&str>) -> (Hub, Result<Remote>, usize) {
    let hub = Hub::new(&format!("{}/", server.address), token);
    let mut retries = 0;
    let remote = hub.look_up("timm/x.y", "model.safetensors", &OPTIONS, &mut |event| {
        retries += usize::from(matches!(event, Event::Retry { .. }));
    });
    (hub, remote, retries)
}

#[test]
fn the_version_that_was_told_of_is_downloaded_and_the_token_stays_with_the_hub() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    fs::write(&path, "weights").unwrap();
    let sha256 = hema_fetch::sha256(&path).unwrap();
    fs::remove_file(&path).unwrap();

    let elsewhere = Server::start(vec![serves(b"weights")]);
    let server = Server::start(vec![told(COMMIT, &sha256, &elsewhere.address)]);
    let (hub, remote, _) = look_up(&server, Some("secret"));
    let remote = remote.unwrap();
    assert_eq!((remote.commit.as_str(), &remote.sha256, remote.size), (COMMIT, &sha256, Some(7)));
    // nothing has been fetched
    assert!(elsewhere.requests().is_empty());
    let outcome = hub.download(&remote, &path, &OPTIONS, &mut |_| {}).unwrap();
    assert_eq!((outcome, fs::read(&path).unwrap().as_slice()), (Outcome::Downloaded, &b"weights"[..]));

    let asked = server.requests();
    assert!(asked[0].starts_with("head /timm/x.y/resolve/main/model.safetensors "), "{asked:?}");
    assert!(asked[1].starts_with(&format!("get /timm/x.y/resolve/{COMMIT}/model.safetensors ")), "{asked:?}");
    assert!(asked.iter().all(|request| request.contains("authorization: bearer secret")), "{asked:?}");
    let sent = elsewhere.requests();
    assert!(sent[0].starts_with("get /blob ") && !sent[0].contains("secret"), "{sent:?}");
}

#[test]
fn a_checksum_that_lies_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = Server::start(vec![serves(b"weights")]);
    let server = Server::start(vec![told(COMMIT, SHA256, &elsewhere.address)]);
    let (hub, remote, _) = look_up(&server, None);
    let error = hub.download(&remote.unwrap(), &folder.path().join("x"), &OPTIONS, &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("the SHA-256 checksum is "), "{error}");
    assert!(!server.requests()[0].contains("authorization"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_mirror_may_tell_the_checksum_as_an_etag() {
    let headers = format!("X-Repo-Commit: {COMMIT}\r\nETag: W/\"{}\"\r\n", SHA256.to_uppercase());
    let server = Server::start(vec![Answer { headers, ..serves(b"weights") }]);
    let remote = look_up(&server, None).1.unwrap();
    assert_eq!((remote.sha256.as_str(), remote.size), (SHA256, None));
}

#[test]
fn what_is_no_hub_is_named_and_its_names_go_nowhere() {
    let login = Answer { headers: "Location: /login\r\n".into(), ..told("", "", "") };
    let cases = [
        serves(b"<html>log in</html>"),
        Answer { status: Some("302 Found"), ..login },
        told("../../../etc", SHA256, ""),
        told(COMMIT, "../../../etc/passwd", ""),
        told(COMMIT, &SHA256[1..], ""),
        told(&COMMIT.replace('0', "\u{e9}"), SHA256, ""),
    ];
    for answer in cases {
        let server = Server::start(vec![answer]);
        let error = look_up(&server, None).1.unwrap_err().to_string();
        assert!(error.contains("/timm/x.y/resolve/main/model.safetensors: the server answered "), "{error}");
        assert!(error.contains("it is no Hugging Face hub"), "{error}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn refusals_name_the_repository() {
    let cases = [
        ("404 Not Found", None, ": it has no `model.safetensors` in a repository `timm/x.y`"),
        ("401 Unauthorized", None, ": without a token in HF_TOKEN it does not open a repository `timm/x.y`"),
        ("403 Forbidden", Some("t"), ": with the token in HF_TOKEN it does not open a repository `timm/x.y`"),
        ("410 Gone", None, ": the server answered 410 Gone"),
    ];
    for (status, token, expected) in cases {
        let server = Server::start(vec![Answer { status: Some(status), ..Answer::default() }]);
        let error = look_up(&server, token).1.unwrap_err().to_string();
        assert!(error.ends_with(expected), "{error}");
        assert_eq!(server.requests().len(), 1, "{status}");
    }
}

#[test]
fn a_busy_hub_is_asked_again_and_at_last_given_up() {
    let busy = Answer { status: Some("503 Service Unavailable"), ..Answer::default() };
    let server = Server::start(vec![busy.clone(), told(COMMIT, SHA256, "")]);
    let (_, remote, retries) = look_up(&server, None);
    assert_eq!((remote.unwrap().commit.as_str(), retries), (COMMIT, 1));

    let server = Server::start(vec![busy]);
    let (_, remote, retries) = look_up(&server, None);
    assert!(remote.unwrap_err().to_string().ends_with("the server answered 503 Service Unavailable"));
    assert_eq!((server.requests().len(), retries), (3, 2));
}

#[test]
fn a_hub_that_says_nothing_is_given_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let hub = Hub::new(&format!("http://{}", listener.local_addr().unwrap()), None);
    let error = hub.look_up("timm/x.y", "model.safetensors", &OPTIONS, &mut |_| {}).unwrap_err();
    assert!(error.to_string().ends_with("nothing was heard from it for too long"), "{error}");
}
