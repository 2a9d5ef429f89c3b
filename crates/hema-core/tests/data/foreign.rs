//! Parquet and `WebDataset` files that other software wrote (`scripts/reference/data_forms.py`), and damaged
//! ones.

use std::fs;
use std::path::{Path, PathBuf};

use hema_core::data::{Source, open};
use hema_core::split::Part;

use crate::helper::{File, file, folder, gzip, load, load_skipping, open_error, paths, png, tar};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/forms").join(name)
}

fn labels(source: &Source) -> Vec<&str> {
    source.entries().iter().map(|e| e.label.map_or("", |label| source.classes()[label].as_str())).collect()
}

/// The pixels that the script gives image `seed`.
fn pixels(seed: usize) -> Vec<u8> {
    (0..60).map(|v| (v + 60 * seed) as u8).collect()
}

#[test]
fn reads_what_hugging_face_writes() {
    let source = open(&fixture("huggingface.parquet")).unwrap();
    assert_eq!(source.classes(), ["monocyte", "blast", "artefact"]);
    assert_eq!(labels(&source), ["blast", "monocyte", "artefact", "blast"]);
    for i in [3, 0, 2, 1] {
        assert_eq!(source.image(i).unwrap().pixels(), pixels(i));
    }
}

#[test]
fn reads_dictionaries_snappy_zstd_and_both_versions_of_pages() {
    for name in ["snappy_dictionary", "version2", "zstd", "zstd_version2"] {
        let name = format!("{name}.parquet");
        let source = open(&fixture(&name)).unwrap();
        assert_eq!((source.len(), source.counts()), (40, vec![13, 13, 14]), "{name}");
        assert_eq!(labels(&source)[..3], ["monocyte", "blast", "artefact"], "{name}");
        assert_eq!((paths(&source)[39], source.entry(39).group), ("39.png", Some("p1")));
        assert_eq!(source.entry(38).group, None);
        for i in [39, 17, 16, 0] {
            assert_eq!(source.image(i).unwrap().pixels(), pixels(i % 3), "{name}");
        }
        assert_eq!(load(&source).unwrap().len(), 40);
    }
    let error = open_error(&fixture("gzip.parquet"));
    assert!(error.contains("is compressed with gzip (expected snappy, zstd or none)"), "{error}");
}

#[test]
fn reads_what_webdataset_writes() {
    let source = open(&fixture("webdataset-train-000000.tar")).unwrap();
    assert_eq!(paths(&source), ["cell0.png", "cell1.png", "cell2.png", "cell3.png"]);
    let said: Vec<_> = source.entries().iter().map(|e| (e.label, e.part)).collect();
    assert_eq!(said, [1, 0, 2, 1].map(|label| (Some(label), Some(Part::Train))));
    assert_eq!(source.classes(), ["class_0", "class_1", "class_2"]);
    assert_eq!(source.image(2).unwrap().pixels(), pixels(2));
}

fn shard(files: &[(&str, &[u8])]) -> Vec<u8> {
    tar(&files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect::<Vec<File>>())
}

#[test]
fn shards_say_what_is_missing_or_twice() {
    let dir = folder();
    let image = png(1);
    // in a folder, packed or not, without a label here and there
    let shards = dir.path().join("shards");
    fs::create_dir(&shards).unwrap();
    fs::write(
        shards.join("a-train-0.tar"),
        shard(&[("x/0.png", &image), ("x/0.cls", b" 1\n"), ("x/1.png", &image)]),
    )
    .unwrap();
    let other =
        shard(&[("x/0.png", &image), ("x/0.json", br#"{"label": 2, "group": "p"}"#), ("y.json", b"{}")]);
    fs::write(shards.join("b-val-0.tar"), gzip(&other)).unwrap();
    let source = open(&shards).unwrap();
    assert_eq!(paths(&source), ["x/0.png", "x/1.png", "b-val-0.tar/x/0.png"]);
    let said: Vec<_> = source.entries().iter().map(|e| (e.label, e.part, e.group)).collect();
    let (train, val) = (Some(Part::Train), Some(Part::Val));
    assert_eq!(said, [(Some(1), train, None), (None, train, None), (Some(2), val, Some("p"))]);
    assert_eq!(load(&source).unwrap().len(), 3);

    // names in place of numbers are class names
    let named = shard(&[("0.png", &image), ("0.cls", b"Platelets"), ("1.png", &image), ("1.cls", b"ig")]);
    assert_eq!(open(&file(&dir, "n.tar", &named)).unwrap().classes(), ["ig", "Platelets"]);

    for (files, expected) in [
        (vec![("0.png", &image[..]), ("0.jpg", &image), ("0.cls", b"1")], "holds two images for the key `0`"),
        (vec![("0.png", &image), ("0.cls", b"99999")], "holds the label 99999 (expected 0 to 9999)"),
        (
            vec![
                ("0.png", &image),
                ("0.cls", b"1"),
                ("0.json", br#"{"label": "a"}"#),
                ("1.png", &image),
                ("1.cls", b"1"),
                ("1.json", br#"{"label": "b"}"#),
            ],
            "calls the label 1 both `a` and `b`",
        ),
    ] {
        let error = open_error(&file(&dir, "bad.tar", &shard(&files)));
        assert!(error.contains(expected), "{error}");
    }
    // what cannot be understood beside an image says nothing
    let odd =
        shard(&[("0.png", &image), ("0.cls", b""), ("0.json", b"[["), ("1.png", &image), ("1.cls", b"0")]);
    assert_eq!(open(&file(&dir, "odd.tar", &odd)).unwrap().counts(), [1]);
}

#[test]
fn damaged_parquet_is_an_error_wherever_it_is_cut_or_changed() {
    // found by the fuzzer
    assert!(open_error(&fixture("no_dictionary.parquet")).contains("a dictionary that is not there"));
    let dir = folder();
    for name in ["snappy_dictionary.parquet", "zstd_version2.parquet"] {
        let whole = fs::read(fixture(name)).unwrap();
        for cut in (0..whole.len()).step_by(97).skip(1) {
            open_error(&file(&dir, "cut.parquet", &whole[..cut]));
        }
        // any byte may be wrong: an error, a bad image, another image, but never a panic
        for position in (4..whole.len()).step_by(31) {
            for value in [0, 0x7f, 0xff] {
                let mut wrong = whole.clone();
                wrong[position] = value;
                if let Ok(source) = open(&file(&dir, "wrong.parquet", &wrong)) {
                    let _ = load_skipping(&source);
                }
            }
        }
    }
}
