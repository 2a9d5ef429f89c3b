//! Every row of the table of readers: it recognises a small sample of its form, opens it, and
//! stands in hints.

use std::collections::BTreeSet;
use std::path::PathBuf;

use hema_core::data::write::{Change, Form, Options, copy, create};
use hema_core::data::{OnBadImage, READERS, open};
use tempfile::TempDir;

use crate::helper::{cells, file, folder, gzip, load, open_error, png, tar, write_folder, zip};

/// Samples of the form that a reader is named after.
fn samples(form: &str, dir: &TempDir) -> Vec<PathBuf> {
    let root = dir.path().join("root");
    write_folder(&root, &cells());
    let written = |form: &str, name: &str| {
        let (source, path) = (open(&root).unwrap(), dir.path().join(name));
        let mut writer =
            create(&path, Form::find(form).unwrap(), source.classes(), &Options::default()).unwrap();
        let order = source.reading_order(None).unwrap();
        // an array holds images of one size, as these are
        copy(&source, &order, &Change::default(), OnBadImage::Fail, writer.as_mut(), |_| Ok(())).unwrap();
        writer.finish().unwrap();
        path
    };
    match form {
        "image folder" => vec![root],
        "CSV manifest" => vec![file(dir, "m.csv", b"path,label\nroot/platelet/0.png,platelet\n")],
        "numpy arrays" => vec![written("npz", "a.npz"), written("npz", "misnamed.zip")],
        "Parquet" => vec![written("parquet", "a.parquet"), written("parquet", "parquet")],
        "WebDataset shards" => {
            let shards = written("webdataset", "shards");
            vec![shards.join("data-{000000..000000}.tar"), shards.join("data-000000.tar"), shards]
        }
        "zip archive" => vec![file(dir, "a.zip", &zip(&cells(), true))],
        "compressed tar archive" => vec![file(dir, "a.tar.gz", &gzip(&tar(&cells())))],
        "tar archive" => vec![file(dir, "a.tar", &tar(&cells()))],
        "single image" => vec![file(dir, "a.png", &png(1)), file(dir, "misnamed.dat", &png(1))],
        _ => Vec::new(),
    }
}

#[test]
fn every_reader_recognises_and_opens_a_sample_of_its_form() {
    for reader in READERS {
        let dir = folder();
        let samples = samples(reader.name, &dir);
        assert!(!samples.is_empty(), "no sample for the reader of `{}`", reader.name);
        for sample in samples {
            let source = open(&sample).unwrap();
            assert_eq!(source.form(), reader.name, "{}", sample.display());
            assert_eq!(load(&source).unwrap().len(), source.len(), "{}", sample.display());
        }
    }
}

#[test]
fn shards_in_a_folder_come_before_those_in_its_folder_data() {
    let dir = folder();
    let tars = samples("WebDataset shards", &dir).pop().unwrap();
    let parquet = samples("Parquet", &dir).swap_remove(0);
    std::fs::create_dir(tars.join("data")).unwrap();
    std::fs::copy(&parquet, tars.join("data/a.parquet")).unwrap();
    assert_eq!(open(&tars).unwrap().form(), "WebDataset shards");
    std::fs::copy(&parquet, tars.join("a.parquet")).unwrap();
    assert_eq!(open(&tars).unwrap().form(), "Parquet");
}

#[test]
fn every_reader_has_a_name_of_its_own_and_the_hint_for_a_wrong_input_leads_to_them() {
    let names: BTreeSet<&str> = READERS.iter().map(|reader| reader.name).collect();
    assert_eq!(names.len(), READERS.len());
    let dir = folder();
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    for wrong in [file(&dir, "notes.txt", b"hello"), file(&dir, "nothing", b""), empty] {
        let hint = open_error(&wrong);
        assert!(hint.contains("`hema list readers`"), "{hint}");
    }
}
