//! Data read where they lie: on a web server, and in object storage. Both run on this machine.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use insta::assert_snapshot;

use crate::server::{Answer, Server};
use crate::support::{Place, Said};

/// A key and its secret, of which nothing may show anything.
const KEY: &str = "AKIA5ecret";
const SECRET: &str = "wJalrXUtnFEMI5ecret";
/// Names of the form in which `cells/` is also there, and of the files of some.
const ARCHIVES: [&str; 6] =
    ["cells.tar", "cells.tar.gz", "cells.zip", "cells.npz", "cells.parquet", "one.png"];

/// `cells/` in every form.
fn place() -> Place {
    let place = Place::with_cells();
    for archive in &ARCHIVES[..5] {
        place.hema(&format!("data convert cells {archive}")).succeeds();
    }
    place.hema("data convert cells shards --to webdataset").succeeds();
    let one = fs::read_dir(place.path("cells/basophil")).unwrap().next().unwrap().unwrap().path();
    fs::copy(one, place.path("one.png")).unwrap();
    place
}

/// Files of a place, by the path under which a server has them.
fn files(place: &Place, under: &str, names: &[&str]) -> Vec<(String, Vec<u8>)> {
    names.iter().map(|name| (format!("{under}/{name}"), fs::read(place.path(name)).unwrap())).collect()
}

/// The names of the files in `shards/`, with it before.
fn shards(place: &Place) -> Vec<String> {
    place.list("shards").into_iter().map(|name| format!("shards/{name}")).collect()
}

fn serves(files: Vec<(String, Vec<u8>)>) -> Answer {
    Answer { files, etag: Some("\"1\""), ..Answer::default() }
}

/// A command on data at a server; object storage is there too.
fn command(place: &Place, words: &str, server: &str) -> Command {
    let mut command = place.command(&words.replace("HOST", server));
    command
        .env("NO_PROXY", "127.0.0.1")
        .env("AWS_ENDPOINT_URL_S3", server)
        .env("AWS_ACCESS_KEY_ID", KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_REGION", "eu-west-1");
    command
}

/// Runs it, and sees to it that nothing that it says tells a secret.
fn hema(place: &Place, words: &str, server: &str) -> Said {
    let said = Said::of(&command(place, words, server).output().unwrap());
    assert!(!said.err.contains("panicked"), "{said:?}");
    assert!(!format!("{said:?}").contains("5ecret"), "{said:?}");
    said
}

/// What was said, without the port.
fn shape(said: &str, server: &str) -> String {
    said.replace(server, "HOST")
}

/// A page of the objects in a bucket `lab`, as S3 lists them.
fn listing(keys: &[&str], next: Option<&str>) -> Vec<u8> {
    let objects: Vec<String> =
        keys.iter().map(|key| format!("<Contents><Key>{key}</Key></Contents>")).collect();
    let objects = objects.concat();
    let (is_truncated, token) = (next.is_some(), next.unwrap_or_default());
    format!(
        "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <IsTruncated>{is_truncated}</IsTruncated>\
         <NextContinuationToken>{token}</NextContinuationToken>{objects}</ListBucketResult>"
    )
    .into_bytes()
}

#[test]
fn every_form_is_classified_at_an_address_as_on_the_disk() {
    let place = place();
    let server = Server::start(vec![serves(files(&place, "/lab", &ARCHIVES))]);
    for archive in ARCHIVES {
        let here = place.hema(&format!("predict builtin {archive}")).succeeds();
        for address in ["HOST/lab", "s3://lab"] {
            let there = hema(&place, &format!("predict builtin {address}/{archive}"), &server.address);
            assert_eq!(there.succeeds().out, here.out, "{archive}");
        }
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 2 * ARCHIVES.len(), "one block is one request: {requests:#?}");
    let signed =
        |request: &&String| request.contains("&x-amz-signature=") && request.contains("credential=akia");
    assert_eq!(requests.iter().filter(signed).count(), ARCHIVES.len());
    let several = place.hema("predict builtin cells.tar cells.zip").succeeds().out;
    let there = hema(&place, "predict builtin s3://lab/cells.tar HOST/lab/cells.zip", &server.address);
    let there = there.succeeds().out.replace("s3://lab/", "");
    assert_eq!(there.replace(&format!("{}/lab/", server.address), ""), several);
}

#[test]
fn shards_are_read_by_a_pattern_or_under_a_prefix_in_the_order_of_their_names() {
    let place = place();
    let names = shards(&place);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let here = place.hema("predict builtin shards").succeeds().out;
    let mut stored = files(&place, "/lab", &names);
    stored.push(("/lab/".into(), listing(&names, None)));
    let server = Server::start(vec![serves(stored)]);
    let there = hema(&place, "predict builtin s3://lab/shards/", &server.address).succeeds();
    assert_eq!(there.out, here);
    let asked = &server.requests()[0];
    assert!(asked.starts_with("get /lab/?x-amz-algorithm=aws4-hmac-sha256&"), "{asked}");
    assert!(asked.contains("&encoding-type=url&list-type=2&prefix=shards%2f&x-amz-signature="), "{asked}");
}

#[test]
fn a_prefix_holds_all_archives_under_it_and_a_long_list_comes_in_pages() {
    let place = place();
    let first = serves(vec![("/lab/".into(), listing(&["in/cells.zip", "in/readme.md"], Some("t")))]);
    let mut stored = files(&place, "/lab/in", &["cells.zip", "cells.tar"]);
    stored.push(("/lab/".into(), listing(&["in/cells.tar", "in/"], None)));
    let server = Server::start(vec![first, serves(stored)]);
    let said = hema(&place, "--json predict builtin s3://lab/in/", &server.address).succeeds();
    let paths: Vec<String> = said.json()["predictions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["path"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(paths.len(), 2 * 8 * 8, "both archives");
    assert!(
        paths[0].starts_with("s3://lab/in/cells.tar/") && paths[64].starts_with("s3://lab/in/cells.zip/")
    );
    assert!(server.requests()[1].contains("continuation-token=t&"), "{:?}", server.requests());
}

#[test]
fn a_prefix_without_an_archive_is_an_error() {
    let place = Place::empty();
    let error = |keys: &[&str]| {
        let server = Server::start(vec![serves(vec![("/lab/".into(), listing(keys, None))])]);
        hema(&place, "data info s3://lab/cells/", &server.address).error()
    };
    assert_snapshot!(error(&[]), @r"
    error: s3://lab/cells/: no file is under this prefix (expected .tar, .parquet, .zip, .npz, .tar.gz, .tgz)
    hint: pictures are read from archives there, not one by one: pack them with `hema data convert`
    ");
    assert_snapshot!(error(&["cells/a/1.png", "cells/a/2.png"]), @r"
    error: s3://lab/cells/: no archive is among the 2 files under this prefix, as 1.png (expected .tar, .parquet, .zip, .npz, .tar.gz, .tgz)
    hint: pictures are read from archives there, not one by one: pack them with `hema data convert`
    ");
}

#[test]
fn a_run_remembers_where_its_data_lie_and_no_secret() {
    let place = place();
    let server = Server::start(vec![serves(files(&place, "/lab", &["cells.tar"]))]);
    let address = "HOST/lab/cells.tar?X-Amz-Signature=5ecret";
    let quick = crate::support::QUICK;
    hema(&place, &format!("train {quick} --data {address} --out run"), &server.address).succeeds();
    hema(&place, &format!("evaluate run --data={address} --out judged"), &server.address).succeeds();
    hema(&place, "audit s3://lab/cells.tar --out found", &server.address).succeeds();
    hema(&place, &format!("data convert {address} copy.tar"), &server.address).succeeds();
    place.hema("data convert cells.tar own.tar").succeeds();
    assert_eq!(fs::read(place.path("copy.tar")).unwrap(), fs::read(place.path("own.tar")).unwrap());
    let run: serde_json::Value = serde_json::from_str(&place.read("run/run.json")).unwrap();
    assert_eq!(run["data"], format!("{}/lab/cells.tar", server.address));
    for folder in ["run", "judged", "found"] {
        for name in place.list(folder) {
            let bytes = fs::read(place.path(&format!("{folder}/{name}"))).unwrap_or_default();
            for secret in [&b"5ecret"[..], b"X-Amz-"] {
                assert!(!bytes.windows(secret.len()).any(|part| part == secret), "{folder}/{name}");
            }
        }
    }
    let local = place.hema("evaluate run --data cells.tar --out local").succeeds();
    assert!(!local.out.is_empty() && place.path("judged/evaluation.json").is_file());
}

#[test]
fn what_object_storage_refuses_is_told_with_what_to_do() {
    let place = Place::empty();
    let error = |status: &'static str, code: &str, headers: &str| {
        let body = format!("<Error><Code>{code}</Code><Message>No, {SECRET}</Message></Error>").into_bytes();
        let answer = Answer {
            refusal: Some(body),
            status: Some(status),
            headers: headers.into(),
            ..Answer::default()
        };
        let server = Server::start(vec![answer]);
        let said = hema(&place, "predict builtin s3://lab/cells.tar", &server.address).error();
        shape(&said, &server.address)
    };
    assert_snapshot!(error("403 Forbidden", "AccessDenied", ""), @r"
    error: s3://lab/cells.tar: the server answered 403 Forbidden (AccessDenied: No, ***)
    hint: the request was signed with the credentials of AWS_ACCESS_KEY_ID
    ");
    assert_snapshot!(error("404 Not Found", "NoSuchKey", ""), @r"
    error: s3://lab/cells.tar: the server answered 404 Not Found (NoSuchKey: No, ***)
    hint: check the key; a prefix ends with a slash
    ");
    assert_snapshot!(error("404 Not Found", "NoSuchBucket", ""), @r"
    error: s3://lab/cells.tar: the server answered 404 Not Found (NoSuchBucket: No, ***)
    hint: check the bucket's name and the endpoint, HOST
    ");
    assert_snapshot!(error("400 Bad Request", "ExpiredToken", ""), @r"
    error: s3://lab/cells.tar: the server answered 400 Bad Request (ExpiredToken: No, ***)
    hint: log in again: the request was signed with the credentials of AWS_ACCESS_KEY_ID
    ");
    let region = "x-amz-bucket-region: us-west-2\r\n";
    assert_snapshot!(error("301 Moved Permanently", "PermanentRedirect", region), @r"
    error: s3://lab/cells.tar: the server answered 301 Moved Permanently (PermanentRedirect: No, ***)
    hint: the bucket is in the region us-west-2, and eu-west-1 was asked: set AWS_REGION=us-west-2
    ");
}

#[test]
fn what_is_no_data_at_an_address_is_told() {
    let place = place();
    let page = b"\n<!DOCTYPE html><title>Log in</title>".to_vec();
    let cut = fs::read(place.path("cells.tar")).unwrap()[..20_000].to_vec();
    let table = b"path,label\na.png,a\n".to_vec();
    let stored = [("page.tar", page), ("cut.tar", cut), ("table.csv", table), ("empty.tar", Vec::new())];
    let stored = stored.map(|(name, file)| (format!("/lab/{name}"), file));
    let server = Server::start(vec![serves(stored.into())]);
    let error = |address: &str| {
        shape(&hema(&place, &format!("predict builtin {address}"), &server.address).error(), &server.address)
    };
    assert_snapshot!(error("HOST/lab/page.tar"), @r"
    error: HOST/lab/page.tar: is a web page (expected an archive)
    hint: give the address of the file itself, not that of a page about it or of a login
    ");
    assert_snapshot!(error("HOST/lab/cut.tar"), @r"
    error: HOST/lab/cut.tar: is not a readable tar archive: failed to read entire block
    hint: it may be truncated; copy or download it again
    ");
    assert_snapshot!(error("HOST/lab/table.csv"), @r"
    error: HOST/lab/table.csv: is a table of paths at an address (expected an archive)
    hint: pictures are read from archives, not one by one: pack them into shards with `hema data convert`
    ");
    assert_snapshot!(error("HOST/lab/empty.tar"), @r"
    error: HOST/lab/empty.tar: is empty
    hint: give a folder or archive of pictures, a CSV of their paths, a .npz or a .parquet (`hema list readers` says what each must hold)
    ");
    assert_snapshot!(error("HOST/lab/"), @r"
    error: HOST/lab/: is a folder of a web server, which cannot be listed (expected an archive)
    hint: give the archives one by one, or as `https://host/x-{000000..000003}.tar`
    ");
    assert_snapshot!(error("s3://lab"), @r"
    error: s3://lab: names a bucket alone (expected s3://bucket/key)
    hint: end it with a slash for everything in the bucket
    ");
}

#[test]
fn nothing_is_written_to_an_address() {
    let place = Place::with_cells();
    for words in [
        "predict builtin cells --out s3://lab/out.csv",
        "data convert cells s3://lab/cells.tar",
        "audit cells --out s3://lab/found",
        "split cells --out https://host/split.csv",
        "train --data cells --recipe cnn --out s3://lab/run",
    ] {
        let error = place.hema(words).error();
        assert!(error.contains("is an address, to which nothing is written"), "{words}: {error}");
    }
    assert_eq!(place.list(""), ["cells".to_owned()].into());
}

/// A server of object storage by others, `moto`, that looks at signatures.
struct Moto {
    process: Child,
    address: String,
}

impl Moto {
    /// Starts it on a free port, with a bucket `lab`, whose files are those of a folder.
    fn start(python: &Path, folder: &Path) -> Self {
        let mut process = Command::new(python)
            .args(["-c", include_str!("object_store.py")])
            .arg(folder)
            .args([KEY, SECRET])
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut address).unwrap();
        assert!(address.starts_with("http://"), "moto did not start: is `moto[server]` installed?");
        Self { process, address: address.trim().to_owned() }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
#[allow(clippy::print_stderr)] // a test that did not run must say so
fn object_storage_by_others_is_read_as_the_disk_is() {
    let Some(python) = std::env::var_os("HEMA_PYTHON") else {
        eprintln!("skipped: HEMA_PYTHON does not name a Python with moto");
        return;
    };
    let place = place();
    fs::create_dir(place.path("a b+ü")).unwrap();
    fs::copy(place.path("cells.tar"), place.path("a b+ü/cells.tar")).unwrap();
    let moto = Moto::start(Path::new(&python), &place.path(""));
    let here = place.hema("predict builtin cells.tar").succeeds().out;
    let there = |words: &str| hema(&place, words, &moto.address).succeeds().out;
    assert_eq!(there("predict builtin s3://lab/cells.tar"), here);
    let mut spaced = command(&place, "predict builtin", &moto.address);
    assert_eq!(Said::of(&spaced.arg("s3://lab/a b+ü/cells.tar").output().unwrap()).succeeds().out, here);
    let mut spaced = command(&place, "predict builtin", &moto.address);
    let listed = Said::of(&spaced.arg("s3://lab/a b+ü/").output().unwrap()).succeeds().out;
    assert_eq!(listed.lines().count(), here.lines().count());
    let here = place.hema("predict builtin shards").succeeds().out;
    assert_eq!(there("predict builtin s3://lab/shards/"), here);

    let error = hema(&place, "predict builtin s3://lab/lost.tar", &moto.address).error();
    assert!(
        error.starts_with("error: s3://lab/lost.tar: the server answered 404 Not Found (NoSuchKey: "),
        "{error}"
    );
    let error = hema(&place, "predict builtin s3://lost/cells.tar", &moto.address).error();
    assert!(error.contains("404 Not Found (NoSuchBucket: "), "{error}");
    let mut of_hours = command(&place, "predict builtin s3://lab/cells.tar", &moto.address);
    let said = Said::of(&of_hours.env("AWS_SESSION_TOKEN", "t0ken/+=").output().unwrap()).succeeds();
    assert_eq!(said.out.lines().count(), 65, "a header, and a line for each picture");
    let mut forged = command(&place, "predict builtin s3://lab/cells.tar", &moto.address);
    let error = Said::of(&forged.env("AWS_SECRET_ACCESS_KEY", "another").output().unwrap()).error();
    assert!(error.contains("403 Forbidden (SignatureDoesNotMatch)"), "{error}");
    let mut unsigned = command(&place, "predict builtin s3://lab/cells.tar", &moto.address);
    unsigned.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let error = Said::of(&unsigned.output().unwrap()).error();
    assert!(error.contains("403 Forbidden") && error.contains("the request was not signed"), "{error}");
}
