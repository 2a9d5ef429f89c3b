//! Objects read where they lie, from servers that cut, change, refuse and mislead.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use hema_core::data::Opener as _;
use hema_core::error::{ErrorKind, Result};
use hema_core::file::ReadAt;
use hema_fetch::remote::{Addresses, Remote};

use crate::OPTIONS;
use crate::server::{Answer, Server};

/// Bytes that are asked for at a time.
const BLOCK: usize = 8 << 20;
/// Three blocks, the last of them short.
const SIZE: usize = 2 * BLOCK + 300_000;

fn file() -> Vec<u8> {
    (0..SIZE as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn fine() -> Answer {
    Answer { file: file(), etag: Some("\"1\""), ..Answer::default() }
}

fn open(address: &str) -> Result<Arc<dyn ReadAt>> {
    Remote::new(Addresses::default(), OPTIONS).open(address)
}

/// Reads everything front to back, in pieces as those of images.
fn read_all(file: &dyn ReadAt) -> std::io::Result<Vec<u8>> {
    let mut all = vec![0; file.size() as usize];
    for (number, piece) in all.chunks_mut(50_001).enumerate() {
        file.fill(number as u64 * 50_001, piece)?;
    }
    Ok(all)
}

/// First and last byte of every part that was asked for.
fn ranges(server: &Server) -> Vec<(usize, usize)> {
    let range = |request: &String| {
        let line = request.lines().find_map(|line| line.strip_prefix("range: bytes=")).unwrap();
        let (first, last) = line.split_once('-').unwrap();
        (first.parse().unwrap(), last.parse().unwrap())
    };
    server.requests().iter().map(range).collect()
}

fn refused(answer: Answer) -> (String, ErrorKind) {
    let server = Server::start(vec![answer]);
    let error = open(&format!("{}/x.tar", server.address)).err().unwrap();
    let told = error.to_string().replace(&server.address, "HOST");
    (told, error.kind())
}

#[test]
fn a_pass_over_an_object_asks_for_every_byte_once_and_another_pass_for_none() {
    let server = Server::start(vec![fine()]);
    let object = open(&server.address).unwrap();
    for _ in 0..2 {
        assert!(read_all(&*object).unwrap() == file());
    }
    let mut ranges = ranges(&server);
    ranges.sort_unstable();
    assert_eq!(ranges, [(0, BLOCK - 1), (BLOCK, 2 * BLOCK - 1), (2 * BLOCK, SIZE - 1)]);
}

#[test]
fn a_line_that_is_cut_is_taken_up_at_the_same_byte() {
    let server = Server::start(vec![Answer { stops_after: Some(1_000_000), ..fine() }]);
    let object = open(&server.address).unwrap();
    assert!(read_all(&*object).unwrap() == file());
    let ranges = ranges(&server);
    assert_eq!(ranges[..2], [(0, BLOCK - 1), (1_000_000, BLOCK - 1)]);
    assert!(ranges.len() >= SIZE / 1_000_000 && ranges.len() <= SIZE / 1_000_000 + 4, "{ranges:?}");
}

#[test]
fn an_object_that_is_cut_short_for_good_is_no_end_of_an_archive() {
    // every answer ends before its first byte
    let server = Server::start(vec![fine(), Answer { stops_after: Some(0), ..fine() }]);
    let object = open(&server.address).unwrap();
    let error = read_all(&*object).unwrap_err().to_string();
    assert!(error.contains("cannot be read on after 3 attempts: the line broke after 0 of"), "{error}");
    assert!(error.starts_with(&server.address), "{error}");
}

#[test]
fn an_object_that_changes_between_two_parts_is_an_error() {
    let server = Server::start(vec![fine(), Answer { etag: Some("\"2\""), ..fine() }]);
    let error = read_all(&*open(&server.address).unwrap()).unwrap_err().to_string();
    let said = format!(
        "it changed while it was read: it had {SIZE} bytes of the version \"1\", and has {SIZE} bytes of the version \"2\""
    );
    assert!(error.ends_with(&said), "{error}");
    let shorter = Answer { file: file()[..BLOCK].to_vec(), ..fine() };
    let server = Server::start(vec![fine(), shorter]);
    let error = read_all(&*open(&server.address).unwrap()).unwrap_err().to_string();
    assert!(error.contains("it changed while it was read: it is shorter than it was"), "{error}");
}

#[test]
fn servers_that_are_busy_or_fall_silent_are_asked_again() {
    let busy = Answer { status: Some("503 Slow Down"), headers: "Retry-After: 0\r\n".into(), ..fine() };
    let silent = Answer { stops_after: Some(10), hangs: Duration::from_secs(2), ..fine() };
    let another_part = Answer { sends_first_part: true, ..fine() };
    let server = Server::start(vec![busy, fine(), silent, another_part, fine()]);
    assert!(read_all(&*open(&server.address).unwrap()).unwrap() == file());
}

#[test]
fn what_is_no_object_is_told_with_its_address_and_the_answer() {
    let status = |status| Answer { status: Some(status), ..Answer::default() };
    let (missing, kind) = refused(status("404 Not Found"));
    assert_eq!((&*missing, kind), ("HOST/x.tar: the server answered 404 Not Found", ErrorKind::NotFound));
    let (forbidden, kind) = refused(status("403 Forbidden"));
    assert_eq!((&*forbidden, kind), ("HOST/x.tar: the server answered 403 Forbidden", ErrorKind::Io));
    let (whole, _) = refused(Answer { ignores_range: true, ..fine() });
    assert_eq!(
        whole,
        "HOST/x.tar: the server answered 200 OK to a request for a part: it sends whole files alone"
    );
    let html = "Content-Type: text/html; charset=utf-8\r\n".to_owned();
    let (page, _) = refused(Answer { ignores_range: true, headers: html, ..fine() });
    assert_eq!(page, "HOST/x.tar: the server sent a web page (expected an archive)");
}

#[test]
fn an_empty_object_has_no_bytes() {
    let server = Server::start(vec![Answer::default()]);
    let object = open(&server.address).unwrap();
    assert_eq!((object.size(), read_all(&*object).unwrap()), (0, vec![]));
    assert!(object.fill(0, &mut [0]).is_err());
}

#[test]
fn a_server_out_of_reach_is_told_at_once_and_addresses_without_their_secrets() {
    let given = "http://me:pw@127.0.0.1:1/x.tar?X-Amz-Signature=5ecret";
    let (addresses, shown) = Addresses::take_from([OsString::from(given)]).unwrap();
    let error = Remote::new(addresses, OPTIONS).open(shown[0].to_str().unwrap()).err().unwrap();
    let told = format!("{error} {error:?}");
    assert!(error.to_string().starts_with("http://127.0.0.1:1/x.tar: "), "{told}");
    assert!(!told.contains("5ecret") && !told.contains("pw"), "{told}");
    assert_eq!(error.kind(), ErrorKind::Io);
}

#[test]
fn a_signed_address_is_asked_for_with_its_signature() {
    let server = Server::start(vec![fine()]);
    let given = format!("{}/x.tar?sig=5ecret", server.address);
    let (addresses, shown) = Addresses::take_from([OsString::from(given)]).unwrap();
    let object = Remote::new(addresses, OPTIONS).open(shown[0].to_str().unwrap()).unwrap();
    assert_eq!(object.size(), SIZE as u64);
    assert!(server.requests()[0].starts_with("get /x.tar?sig=5ecret "), "{:?}", server.requests());
}
