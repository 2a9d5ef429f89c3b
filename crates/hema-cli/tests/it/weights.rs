//! `hema weights` with a hub on this machine, and training from what it gives.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use hema::Device;
use hema::model::{ModelSpec, Network};
use hema::weights::{StateDict, state_dict, write};
use insta::assert_snapshot;

use crate::server::{Answer, Server};
use crate::support::{Place, QUICK, Said};

const MODEL: &str = "mobilenetv3_small_100";
const REPOSITORY: &str = "hub/models--timm--mobilenetv3_small_100.lamb_in1k";
const COMMITS: [&str; 2] =
    ["0123456789abcdef0123456789abcdef01234567", "89abcdef0123456789abcdef0123456789abcdef"];

/// Fresh weights with ImageNet's classes.
fn state(model: &str) -> StateDict {
    state_dict(&Network::new(&ModelSpec::bare(model, 1000, 64), 7, &Device::flex()).unwrap())
}

/// A file as the hub has it, with its checksum.
struct Weights {
    bytes: Vec<u8>,
    sha256: String,
}

impl Weights {
    fn of(state: &StateDict) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        write(&path, state, &BTreeMap::new()).unwrap();
        Self { bytes: fs::read(&path).unwrap(), sha256: hema_fetch::sha256(&path).unwrap() }
    }

    /// What the hub tells of it.
    fn told(&self, commit: &str) -> Answer {
        let Self { bytes, sha256 } = self;
        let headers = format!(
            "X-Repo-Commit: {commit}\r\nX-Linked-Etag: \"{sha256}\"\r\nX-Linked-Size: {}\r\nLocation: /blob\r\n",
            bytes.len()
        );
        Answer { status: Some("302 Found"), headers, ..Answer::default() }
    }

    fn served(&self) -> Answer {
        Answer { file: self.bytes.clone(), etag: Some("\"1\""), ..Answer::default() }
    }
}

fn command(place: &Place, words: &str, endpoint: &str) -> Command {
    let mut command = place.command(words);
    for variable in ["HF_HOME", "XDG_CACHE_HOME", "HF_HUB_OFFLINE", "HF_TOKEN"] {
        command.env_remove(variable);
    }
    command.env("HF_HUB_CACHE", "hub").env("HF_ENDPOINT", endpoint).env("NO_PROXY", "127.0.0.1");
    command
}

fn hema(place: &Place, words: &str, endpoint: &str) -> Said {
    Said::of(&command(place, words, endpoint).output().unwrap())
}

const NOBODY: &str = "http://127.0.0.1:1";

#[test]
fn fetched_weights_are_where_the_hubs_clients_keep_them_and_training_starts_from_them() {
    let (place, weights) = (Place::with_cells(), Weights::of(&state(MODEL)));
    let server = Server::start(vec![weights.told(COMMITS[0]), weights.served()]);
    let said = hema(&place, &format!("weights fetch {MODEL}"), &server.address).succeeds();
    let path = format!("{REPOSITORY}/snapshots/{}/model.safetensors", COMMITS[0]);
    assert_eq!(said.out, format!("{path}\n"));
    assert_snapshot!(said.err.replace(&weights.sha256, "SHA"), @r"
    mobilenetv3_small_100: timm/mobilenetv3_small_100.lamb_in1k, licence apache-2.0
    commit 0123456789abcdef0123456789abcdef01234567, SHA-256 SHA
    ");
    assert_eq!(place.read(&format!("{REPOSITORY}/refs/main")), COMMITS[0]);
    assert_eq!(place.list(&format!("{REPOSITORY}/blobs")), [weights.sha256.clone()].into());
    assert!(fs::read(place.path(&path)).unwrap() == weights.bytes);
    #[cfg(unix)]
    assert_eq!(fs::read_link(place.path(&path)).unwrap(), Path::new("../../blobs").join(&weights.sha256));

    // not fetched twice, and named by the list
    let again = hema(&place, &format!("weights fetch {MODEL} --json"), NOBODY).succeeds();
    assert_eq!(again.json()[0]["downloaded"], false);
    assert_eq!(again.json()[0]["path"], path);
    let list = hema(&place, "weights list --json", NOBODY).succeeds().json();
    let here: Vec<_> = list.as_array().unwrap().iter().filter(|row| !row["path"].is_null()).collect();
    assert_eq!((here.len(), &here[0]["path"]), (1, &path.clone().into()));

    let recipe = format!("{QUICK} --set model.name={MODEL} --set model.weights=imagenet --set data.size=32");
    let train = format!("train {recipe} --set stage.all.lr=1e-12 --data cells --out run");
    hema(&place, &train, NOBODY).succeeds();
    let trained = hema::weights::read(&place.path("run/last.safetensors")).unwrap().tensors;
    let (found, expected) = (&trained["conv_stem.weight"].values, &state(MODEL)["conv_stem.weight"].values);
    assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6));
}

#[test]
fn an_interrupted_download_goes_on_though_the_repository_has_moved_on() {
    let (place, weights) = (Place::empty(), Weights::of(&state(MODEL)));
    let half = weights.bytes.len() / 2;
    let stops = Answer { stops_after: Some(half), ..weights.served() };
    let gone = Answer { status: Some("404 Not Found"), ..Answer::default() };
    let server = Server::start(vec![
        weights.told(COMMITS[0]),
        stops,
        gone,
        weights.told(COMMITS[1]),
        weights.served(),
    ]);
    let error = hema(&place, &format!("weights fetch {MODEL}"), &server.address).error();
    assert!(error.contains(": the server answered 404 Not Found\nhint: behind a proxy"), "{error}");
    assert_eq!(place.list(&format!("{REPOSITORY}/snapshots")).len(), 0);

    let said = hema(&place, &format!("weights fetch {MODEL}"), &server.address).succeeds();
    assert!(said.err.contains(&format!("going on after {} MB", half / 1_000_000)), "{said:?}");
    let last = server.requests().pop().unwrap();
    assert!(last.contains(COMMITS[1]) && last.contains(&format!("range: bytes={half}-")), "{last}");
    assert_eq!(place.read(&format!("{REPOSITORY}/refs/main")), COMMITS[1]);
    assert_eq!(place.list(&format!("{REPOSITORY}/blobs")), [weights.sha256].into());
}

#[test]
fn what_is_no_weights_of_the_architecture_is_not_kept() {
    let page = Weights { bytes: b"<html>".to_vec(), sha256: String::new() };
    let sha256 = {
        let place = Place::empty();
        place.write("x", &page.bytes);
        hema_fetch::sha256(&place.path("x")).unwrap()
    };
    let page = Weights { sha256, ..page };
    let other = Weights::of(&state("resnet18"));
    let lie = Weights { bytes: b"<html>".to_vec(), sha256: other.sha256.clone() };
    let cases = [
        (&page, "not a complete safetensors file"),
        (&other, "tensor `bn1.bias` has shape [64], expected [16]"),
        (&lie, "the SHA-256 checksum is "),
    ];
    for (weights, expected) in cases {
        let place = Place::empty();
        let server = Server::start(vec![weights.told(COMMITS[0]), weights.served()]);
        let error = hema(&place, &format!("weights fetch {MODEL}"), &server.address).error();
        assert!(error.contains(expected) && error.contains("\nhint: "), "{error}");
        assert!(place.list(&format!("{REPOSITORY}/blobs")).is_empty(), "{expected}");
        assert!(place.list(&format!("{REPOSITORY}/snapshots")).is_empty(), "{expected}");
    }
}

#[test]
fn without_a_hub_the_error_says_what_to_do() {
    let place = Place::empty();
    assert_snapshot!(hema(&place, "weights fetch resnet18", NOBODY).error(), @r"
    error: http://127.0.0.1:1/timm/resnet18.a1_in1k/resolve/main/model.safetensors: Connection refused (os error 111)
    hint: behind a proxy, set HTTPS_PROXY; where there is a mirror of the hub, set HF_ENDPOINT to its address; or get http://127.0.0.1:1/timm/resnet18.a1_in1k/resolve/main/model.safetensors on another machine and put it at weights/resnet18.a1_in1k.safetensors here, or as resnet18.a1_in1k.safetensors into a folder that HEMA_WEIGHTS names
    ");
    let mut offline = command(&place, "weights fetch resnet18", NOBODY);
    let error = Said::of(&offline.env("HF_HUB_OFFLINE", "1").output().unwrap()).error();
    assert!(
        error.contains("cannot be asked for: HF_HUB_OFFLINE forbids it\nhint: behind a proxy"),
        "{error}"
    );
    assert!(place.list(".").is_empty());

    let error = hema(&place, "weights fetch resnet18 resnet19", NOBODY).error();
    assert_eq!(error, "error: no weights of `resnet19` are published\nhint: did you mean `resnet18`?");
}

#[test]
fn a_file_that_is_there_already_must_be_one() {
    let place = Place::empty();
    place.write("weights/resnet18.a1_in1k.safetensors", "cut short");
    let error = hema(&place, "weights fetch resnet18", NOBODY).error();
    assert!(
        error.starts_with("error: weights/resnet18.a1_in1k.safetensors: not a complete safetensors file")
    );
}

#[test]
fn weights_of_another_normalisation_are_told_of() {
    let list = hema(&Place::empty(), "weights list", NOBODY).succeeds().out;
    let told = "needs data.mean=[0.5,0.5,0.5] data.std=[0.5,0.5,0.5]";
    assert_eq!(list.lines().filter(|line| line.trim() == told).count(), 6);

    // the architecture of the file is found out only later
    let place = Place::with_cells();
    place.write("weights/efficientnet_b1.ra4_e3600_r240_in1k.safetensors", "cut short");
    let train =
        format!("train {QUICK} --set model.name=efficientnet_b1 --set model.weights=imagenet --data cells");
    let said = hema(&place, &train, NOBODY);
    let warning = "warning: timm/efficientnet_b1.ra4_e3600_r240_in1k were trained on images normalised otherwise than the \
                   recipe says: add --set data.mean=[0.5,0.5,0.5] --set data.std=[0.5,0.5,0.5]";
    assert!(said.err.contains(warning), "{said:?}");
    let settings = "--set data.mean=[0.5,0.5,0.5] --set data.std=[0.5,0.5,0.5]";
    let said = hema(&place, &format!("{train} {settings}"), NOBODY);
    assert!(said.err.contains("not a complete") && !said.err.contains("warning"), "{said:?}");
}

#[test]
fn weights_that_are_not_for_commercial_use_are_told_of() {
    let list = hema(&Place::empty(), "weights list", NOBODY).succeeds().out;
    assert_eq!(list.lines().filter(|line| line.contains("  cc-by-nc-4.0  ")).count(), 8);

    let place = Place::with_cells();
    place.write("weights/convnextv2_atto.fcmae_ft_in1k.safetensors", "cut short");
    let said = hema(
        &place,
        &format!("train {QUICK} --set model.name=convnextv2_atto --set model.weights=imagenet --data cells"),
        NOBODY,
    );
    let warning =
        "warning: timm/convnextv2_atto.fcmae_ft_in1k: licence cc-by-nc-4.0, not for commercial use\n";
    assert!(said.err.contains(warning), "{said:?}");
}

#[test]
fn an_imported_file_is_found_like_a_fetched_one() {
    let place = Place::empty();
    fs::write(place.path("own.safetensors"), Weights::of(&state(MODEL)).bytes).unwrap();
    let said = hema(&place, &format!("weights import own.safetensors --model {MODEL}"), NOBODY).succeeds();
    let path = format!("weights/{MODEL}.imported.safetensors");
    assert_eq!((said.out, said.err), (format!("{path}\n"), "210 tensors with timm's names\n".to_owned()));
    assert!(hema::weights::read(&place.path(&path)).unwrap().tensors == state(MODEL));
    let again = hema(&place, &format!("weights fetch {MODEL} --json"), NOBODY).succeeds();
    assert_eq!(again.json()[0]["path"], path);
    assert_eq!(again.json()[0]["repository"], serde_json::Value::Null);
}

#[test]
fn what_cannot_be_imported_is_said_and_nothing_is_written() {
    let place = Place::empty();
    let whole = Weights::of(&state(MODEL)).bytes;
    place.write("own.safetensors", &whole);
    place.write("short.safetensors", &whole[..whole.len() - 1]);
    let error =
        hema(&place, "weights import own.safetensors --model resnet18 --out out.safetensors", NOBODY).error();
    assert!(
        error.starts_with(
            "error: own.safetensors: of the tensors are 96 missing (`conv1.weight` [64, 3, 7, 7], "
        ),
        "{error}"
    );
    assert!(
        error.ends_with(
            "hint: its names are read as timm's; give --model the architecture that the file is of"
        )
    );
    let cases = [
        ("short.safetensors", MODEL, "short.safetensors: not a complete safetensors file"),
        ("none.safetensors", MODEL, "none.safetensors: cannot be opened"),
        ("own.safetensors", "resnet81", "there is no model `resnet81`"),
    ];
    for (file, model, expected) in cases {
        let error = hema(&place, &format!("weights import {file} --model {model}"), NOBODY).error();
        assert!(error.contains(expected) && error.contains("\nhint: "), "{error}");
    }
    assert_eq!(place.list("."), ["own.safetensors".to_owned(), "short.safetensors".to_owned()].into());
}
