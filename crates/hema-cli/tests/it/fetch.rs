//! `hema data fetch` from a server on this machine.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use insta::assert_snapshot;

use crate::files::{self, File};
use crate::server::{Answer, Server};
use crate::support::{Place, Said};

/// What PBC's home says is in it.
const PBC: [(&str, usize); 8] = [
    ("basophil", 1218),
    ("eosinophil", 3117),
    ("erythroblast", 1551),
    ("ig", 2895),
    ("lymphocyte", 1214),
    ("monocyte", 1420),
    ("neutrophil", 3329),
    ("platelet", 2348),
];

/// An archive like PBC's, of pictures of a few bytes.
fn pbc(basophils: usize) -> Vec<u8> {
    let counts = PBC.map(|(class, count)| (class, if class == "basophil" { basophils } else { count }));
    let picture = |(class, i): (&str, usize)| {
        let name = format!("PBC_dataset_normal_DIB/{class}/{i:05}.jpg");
        (name.clone(), name.into_bytes())
    };
    let pictures = counts.into_iter().flat_map(|(class, count)| (0..count).map(move |i| picture((class, i))));
    // what a Mac leaves in archives
    let by_products =
        ["__MACOSX/PBC_dataset_normal_DIB/ig/._1.jpg", "PBC_dataset_normal_DIB/neutrophil/.DS_1.jpg"];
    let by_products = by_products.map(|name| (name.to_owned(), vec![0; 8]));
    files::zip(&pictures.chain(by_products).collect::<Vec<File>>())
}

fn serves(file: Vec<u8>) -> Answer {
    Answer { file, etag: Some("\"1\""), ..Answer::default() }
}

fn command(place: &Place, words: &str, mirror: &str) -> Command {
    let mut command = place.command(words);
    command.env("HEMA_MIRROR", mirror).env("NO_PROXY", "127.0.0.1");
    command
}

fn hema(place: &Place, words: &str, mirror: &str) -> Said {
    Said::of(&command(place, words, mirror).output().unwrap())
}

/// What was said, without the port and the checksum.
fn shape(said: &str, server: &str) -> String {
    let word = |word: &str| if word.len() == 64 { "SHA".to_owned() } else { word.replace(server, "MIRROR") };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    said.replace(';', " ;").lines().map(line).collect::<Vec<_>>().join("\n").replace(" ;", ";")
}

#[test]
fn a_set_is_fetched_with_its_licence_and_is_not_fetched_twice() {
    let (place, server) = (Place::empty(), Server::start(vec![serves(pbc(1218))]));
    let said = hema(&place, "data fetch pbc", &format!("{}/sets/", server.address)).succeeds();
    assert_eq!(said.out, "data/pbc/PBC_dataset_normal_DIB.zip\n");
    assert_snapshot!(shape(&said.err, &server.address), @r"
    pbc: 17,092 normal peripheral blood cells of eight classes at 360x363 (Barcelona, 2020); about 0.3 GB from https://data.mendeley.com/datasets/snkd93bnjr/1
    licence: CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/)
    cite: A. Acevedo, A. Merino, S. Alferez, A. Molina, L. Boldu, J. Rodellar: A dataset of microscopic peripheral blood cell images for development of automatic recognition systems. Data in Brief 30, 105474 (2020). doi:10.1016/j.dib.2020.105474
    downloaded data/pbc/PBC_dataset_normal_DIB.zip
    SHA-256 SHA
    checked: every member is whole (CRC-32) and every class has the published number of images; no checksum of the file is published
    look at it with: hema data info data/pbc/PBC_dataset_normal_DIB.zip
    ");
    assert!(
        server.requests()[0].starts_with("get /sets/pbc_dataset_normal_dib.zip "),
        "{:?}",
        server.requests()
    );
    let names: Vec<String> = place.list("data/pbc").into_iter().collect();
    assert_eq!(names, ["PBC_dataset_normal_DIB.zip", "README.txt"]);
    assert_snapshot!(shape(&place.read("data/pbc/README.txt"), &server.address), @r"
    pbc: 17,092 normal peripheral blood cells of eight classes at 360x363 (Barcelona, 2020)

    17,092 JPEG images of 360x363 pixels, one cell in the middle of each, in eight folders: basophil, eosinophil, erythroblast, ig (immature granulocytes), lymphocyte, monocyte, neutrophil, platelet. May Gruenwald-Giemsa stain, CellaVision DM96, Hospital Clinic of Barcelona; people without disease. There are no patient or slide identifiers, and a few duplicates: run `hema audit` before splitting.

    Home: https://data.mendeley.com/datasets/snkd93bnjr/1
    Licence: CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/)
    Cite: A. Acevedo, A. Merino, S. Alferez, A. Molina, L. Boldu, J. Rodellar: A dataset of microscopic peripheral blood cell images for development of automatic recognition systems. Data in Brief 30, 105474 (2020). doi:10.1016/j.dib.2020.105474

    File: PBC_dataset_normal_DIB.zip
    SHA-256: SHA
    Checked: every member is whole (CRC-32) and every class has the published number of images; no checksum of the file is published
    ");

    let again = hema(&place, "data fetch pbc --json", "http://127.0.0.1:1").succeeds();
    assert!(again.err.contains("data/pbc/PBC_dataset_normal_DIB.zip is there already"), "{again:?}");
    let json = &again.json()[0];
    assert_eq!((json["name"].as_str(), json["downloaded"].as_bool()), (Some("pbc"), Some(false)));
    assert_eq!(json["data"], "data/pbc/PBC_dataset_normal_DIB.zip");
    assert_eq!(server.requests().len(), 1);
}

#[cfg(unix)]
#[test]
fn a_killed_download_goes_on_where_it_stopped() {
    let whole = pbc(1218);
    let stuck =
        Answer { stops_after: Some(1_000_000), hangs: Duration::from_secs(30), ..serves(whole.clone()) };
    let (place, server) = (Place::empty(), Server::start(vec![stuck, serves(whole.clone())]));
    let mut running =
        command(&place, "data fetch pbc", &server.address).stderr(Stdio::null()).spawn().unwrap();
    let part = place.path("data/pbc/PBC_dataset_normal_DIB.zip.part");
    let patience = Instant::now() + Duration::from_mins(1);
    while std::fs::metadata(&part).map_or(0, |m| m.len()) < 1_000_000 {
        assert!(Instant::now() < patience, "nothing arrived");
        sleep(Duration::from_millis(5));
    }
    // on Unix this is SIGKILL
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(!place.path("data/pbc/PBC_dataset_normal_DIB.zip").exists());

    let said = hema(&place, "data fetch pbc", &server.address).succeeds();
    assert!(said.err.contains("\ngoing on after 1 MB\n"), "{said:?}");
    let second = &server.requests()[1];
    assert!(second.contains("range: bytes=1000000-") && second.contains("if-range: \"1\""), "{second}");
    assert!(std::fs::read(place.path("data/pbc/PBC_dataset_normal_DIB.zip")).unwrap() == whole);
    assert_eq!(place.list("data/pbc").len(), 2);
}

#[cfg(unix)]
#[test]
fn a_full_disk_keeps_what_has_arrived() {
    let whole = pbc(1218);
    let (place, server) = (Place::empty(), Server::start(vec![serves(whole.clone())]));
    let line = format!(
        "trap '' XFSZ; ulimit -f 1000; HEMA_MIRROR={} NO_PROXY=127.0.0.1 hema data fetch pbc",
        server.address
    );
    assert_snapshot!(place.bash(&line).error(), @r"
    error: data/pbc/PBC_dataset_normal_DIB.zip.part: cannot be written: File too large (os error 27)
    hint: free some space and run it again: it goes on where it stopped; or choose another place
    ");
    hema(&place, "data fetch pbc", &server.address).succeeds();
    assert!(server.requests()[1].contains("range: bytes="), "{:?}", server.requests());
    assert!(std::fs::read(place.path("data/pbc/PBC_dataset_normal_DIB.zip")).unwrap() == whole);
}

#[test]
fn another_file_than_the_published_one_is_refused() {
    let mut damaged = pbc(1218);
    let at = damaged.windows(12).position(|w| w == b"ig/00000.jpg").unwrap() + 14;
    damaged[at] ^= 1;
    let cases = [
        ("pbc", pbc(1217), "holds 1217 images of basophil, expected 1218"),
        ("pbc", damaged, "is not a whole zip archive: "),
        ("pbc", b"<html>log in</html>".to_vec(), "is not a whole zip archive: "),
        ("bloodmnist", b"<html>log in</html>".to_vec(), "the MD5 checksum is "),
        ("bccd", b"<html>log in</html>".to_vec(), "is not a readable .tar.gz archive: "),
        ("bccd", files_tar_gz(), "the SHA-256 checksum of its members is e3b0c44298fc1c149afbf4c8996fb924"),
    ];
    for (name, file, expected) in cases {
        let (place, server) = (Place::empty(), Server::start(vec![serves(file)]));
        let said = hema(&place, &format!("data fetch {name}"), &server.address);
        let error = said.error();
        assert!(error.contains(expected) && error.contains("\nhint: "), "{name}: {error}");
        // asked for once more
        assert_eq!(server.requests().len(), 2, "{name}");
        assert!(place.list(&format!("data/{name}")).is_empty(), "{:?}", place.list(&format!("data/{name}")));
    }
}

fn files_tar_gz() -> Vec<u8> {
    gzip(&files::tar(&[("x/README.md".to_owned(), b"hello".to_vec())]))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn without_a_network_the_error_says_what_to_do() {
    let place = Place::empty();
    let error = hema(&place, "data fetch bloodmnist-64", "http://127.0.0.1:1").error();
    assert_snapshot!(error, @r"
    error: data/bloodmnist-64/bloodmnist_64.npz: cannot be downloaded from http://127.0.0.1:1/bloodmnist_64.npz: Connection refused (os error 111)
    hint: behind a proxy, set HTTPS_PROXY; where there is a copy, set HEMA_MIRROR to the address of its folder; or get `bloodmnist_64.npz` from https://zenodo.org/records/10519652 by other means, put it at data/bloodmnist-64/bloodmnist_64.npz and run this again
    ");
    assert!(place.list("data/bloodmnist-64").is_empty());
    let gone = Server::start(vec![Answer { status: Some("404 Not Found"), ..Answer::default() }]);
    let error = hema(&place, "data fetch bccd pbc", &gone.address).error();
    assert!(error.contains("the server answered 404 Not Found\nhint: behind a proxy"), "{error}");
}

#[test]
fn a_file_got_by_other_means_is_used() {
    let place = Place::empty();
    place.write("data/pbc/PBC_dataset_normal_DIB.zip", pbc(1218));
    hema(&place, "data fetch pbc", "http://127.0.0.1:1").succeeds();
    place.write("data/pbc/PBC_dataset_normal_DIB.zip", pbc(1));
    assert_snapshot!(hema(&place, "data fetch pbc", "http://127.0.0.1:1").error(), @r"
    error: data/pbc/PBC_dataset_normal_DIB.zip: holds 1 images of basophil, expected 1218
    hint: move it away or delete it, and it is downloaded again
    ");
}

#[test]
fn a_proxy_is_used_and_left_out_as_the_environment_says() {
    let proxy = Server::start(vec![serves(pbc(1218))]);
    let place = Place::empty();
    let mut command = place.command("data fetch pbc");
    command.env("HEMA_MIRROR", "http://mirror.invalid/sets").env("HTTP_PROXY", &proxy.address);
    Said::of(&command.output().unwrap()).succeeds();
    let asked = proxy.requests();
    assert!(asked[0].starts_with("connect mirror.invalid:80 "), "{asked:?}");
    assert!(asked[1].starts_with("get /sets/pbc_dataset_normal_dib.zip "), "{asked:?}");

    let (place, home) = (Place::empty(), Server::start(vec![serves(pbc(1218))]));
    let mut command = place.command("data fetch pbc");
    command
        .env("HEMA_MIRROR", &home.address)
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .env("NO_PROXY", "127.0.0.1");
    Said::of(&command.output().unwrap()).succeeds();
}

#[test]
fn a_proxy_that_cannot_be_reached_is_named() {
    let place = Place::empty();
    let mut command = place.command("data fetch pbc");
    command.env("HEMA_MIRROR", "http://mirror.invalid/sets").env("HTTP_PROXY", "http://127.0.0.1:1");
    command.env("HTTPS_PROXY", "http://127.0.0.1:1");
    let error = Said::of(&command.output().unwrap()).error();
    assert!(
        error.contains("the proxy 127.0.0.1:1, which HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names"),
        "{error}"
    );
}

#[test]
fn names_are_checked_before_anything_is_fetched() {
    let place = Place::empty();
    let error = hema(&place, "data fetch pbc bloodmist", "http://127.0.0.1:1").error();
    assert_eq!(error, "error: there is no public data set `bloodmist`\nhint: did you mean `bloodmnist`?");
    assert!(hema(&place, "data fetch", "").error().contains("<NAME>"));
    let list = hema(&place, "data fetch --list", "").succeeds().out;
    let listed: Vec<&str> = list
        .lines()
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split(':').next())
        .collect();
    let known = hema(&place, "list datasets --json", "").succeeds().json();
    let known: Vec<&str> =
        known["datasets"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(listed.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>(), known);
    for set in hema(&place, "data fetch --list --json", "").succeeds().json().as_array().unwrap() {
        for key in ["name", "about", "contents", "size", "home", "licence", "citation"] {
            assert!(!set[key].as_str().unwrap().is_empty(), "{set}: {key}");
        }
    }
}

/// The repository's archive, as GitHub packs it, made of the test data's cells and labels.
fn bccd_repository(data: &str) -> Vec<u8> {
    let members = |archive: &str| {
        let file = std::fs::File::open(PathBuf::from(data).join(archive)).unwrap();
        let mut archive = tar::Archive::new(file);
        let mut members: Vec<File> = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
            members.push((entry.path().unwrap().display().to_string(), bytes));
        }
        members
    };
    let mut repository: Vec<File> = vec![("BCCD-7751031/README.md".into(), b"# BCCD".to_vec())];
    for (name, bytes) in members("bccd_cells.tar") {
        let parts: Vec<&str> = name.split('/').collect();
        let [_, class, picture] = parts[..] else { continue };
        if !picture.is_empty() {
            let class = format!("{}{}", class[..1].to_uppercase(), &class[1..]);
            repository.push((format!("BCCD-7751031/BCCD_cropped/{class}/{picture}"), bytes));
        }
    }
    let labels =
        members("bccd_frames.tar").into_iter().find(|(name, _)| name.ends_with("labels.csv")).unwrap().1;
    repository.push(("BCCD-7751031/labels.csv".into(), labels));
    gzip(&files::tar(&repository))
}

#[test]
fn the_cells_of_bccd_are_packed_by_class() {
    let Ok(data) = std::env::var("HEMA_TEST_DATA") else { return };
    let (place, server) = (Place::empty(), Server::start(vec![serves(bccd_repository(&data))]));
    let said = hema(&place, "data fetch bccd --out sets", &server.address).succeeds();
    assert_eq!(said.out, "sets/bccd/bccd_cells.tar\n");
    let source = hema::data::open(&place.path("sets/bccd/bccd_cells.tar")).unwrap();
    assert_eq!(source.classes(), ["basophil", "eosinophil", "lymphocyte", "monocyte", "neutrophil"]);
    assert_eq!(source.counts(), [3, 88, 33, 20, 207]);
    assert!((0..source.len()).all(|i| source.image(i).is_ok()));
    // packed again, it is the same to the byte
    let packed = std::fs::read(place.path("sets/bccd/bccd_cells.tar")).unwrap();
    std::fs::remove_file(place.path("sets/bccd/bccd_cells.tar")).unwrap();
    hema(&place, "data fetch bccd --out sets", "http://127.0.0.1:1").succeeds();
    assert!(std::fs::read(place.path("sets/bccd/bccd_cells.tar")).unwrap() == packed);
}
