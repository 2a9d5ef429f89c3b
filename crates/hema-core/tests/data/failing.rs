//! What the system fails to read is an error that names it, whoever reads, and never a bad image.

use std::fs;
use std::path::Path;

use hema_core::ErrorKind;
use hema_core::audit::measure_all;
use hema_core::data::info::{contact_sheet, describe};
use hema_core::data::write::{Change, Form, Options, balance, copy, create};
use hema_core::data::{OnBadImage, Source, open};
use hema_core::error::Result;
use hema_core::sampler::{Draw, Mix};
use tempfile::TempDir;

use crate::helper::{
    cells, file, folder, gzip, load, load_skipping, open_error, png, tar, write_folder, zip,
};
use crate::pages::stack;

type Read = fn(&Source) -> Result<()>;

/// Everything that goes over the images of a source, where it may leave out those that cannot be read.
const READERS: [(&str, Read); 7] = [
    ("load", |source| load(source).map(drop)),
    ("load, skipping", |source| load_skipping(source).map(drop)),
    ("audit", |source| measure_all(source, &|_| ()).map(drop)),
    ("describe", |source| describe(source, 1).map(drop)),
    ("contact sheet", |source| contact_sheet(source, 1).map(drop)),
    ("copy, skipping", |source| {
        let folder = folder();
        let form = Form::find("tar")?;
        let mut writer = create(&folder.path().join("x.tar"), form, source.classes(), &Options::default())?;
        let order = source.reading_order(None)?;
        copy(source, &order, &Change::default(), OnBadImage::Skip, writer.as_mut(), |_| Ok(())).map(drop)
    }),
    ("balance, skipping", |source| {
        let folder = folder();
        let form = Form::find("tar")?;
        let mut writer = create(&folder.path().join("x.tar"), form, source.classes(), &Options::default())?;
        let draws = [Draw { image: 0, repeat: 0, mix: Some(Mix { with: 1, share: 0.5 }) }];
        let rest: Vec<usize> = (1..source.len()).collect();
        balance(source, &draws, &rest, OnBadImage::Skip, writer.as_mut(), |_| Ok(())).map(drop)
    }),
];

/// Reading fails, whoever reads, with an error that names the file and is of this kind.
#[track_caller]
fn fails(source: &Source, name: &str, kind: ErrorKind) {
    for (reader, read) in READERS {
        let error = read(source).expect_err(reader);
        assert_eq!(error.kind(), kind, "{reader}: {error}");
        assert!(error.to_string().contains(&format!("{name}: cannot be read: ")), "{reader}: {error}");
    }
}

fn cells_in(dir: &TempDir) -> std::path::PathBuf {
    let root = dir.path().join("cells");
    write_folder(&root, &cells());
    root
}

#[test]
fn a_picture_that_vanishes_after_the_data_were_opened_is_no_bad_image() {
    let dir = folder();
    let root = cells_in(&dir);
    let manifest = file(&dir, "cells.csv", b"path,label\ncells/platelet/0.png,a\ncells/platelet/1.png,b\n");
    let sources = [open(&root).unwrap(), open(&manifest).unwrap()];
    fs::remove_file(root.join("platelet/1.png")).unwrap();
    for source in sources {
        fails(&source, "1.png", ErrorKind::NotFound);
    }
}

#[cfg(unix)]
#[test]
fn a_picture_that_becomes_a_folder_is_no_bad_image() {
    let dir = folder();
    let root = cells_in(&dir);
    let source = open(&root).unwrap();
    fs::remove_file(root.join("platelet/1.png")).unwrap();
    fs::create_dir(root.join("platelet/1.png")).unwrap();
    fails(&source, "1.png", ErrorKind::Io);
}

/// Reading it fails as a broken disk does.
#[cfg(target_os = "linux")]
fn broken(link: &Path) {
    let _ = fs::remove_file(link);
    std::os::unix::fs::symlink("/proc/self/mem", link).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_fails_is_no_bad_image() {
    let dir = folder();
    let root = cells_in(&dir);
    // those that may have more than 8 bits are looked at when the data are opened
    fs::write(root.join("platelet/9.jpg"), png(1)).unwrap();
    let source = open(&root).unwrap();
    broken(&root.join("platelet/9.jpg"));
    fails(&source, "9.jpg", ErrorKind::Io);

    broken(&root.join("platelet/1.png"));
    let error = open(&root).err().expect("it is looked at");
    assert!(error.kind() == ErrorKind::Io && error.to_string().contains("1.png: "), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_page_that_a_disk_does_not_give_is_no_bad_image() {
    let dir = folder();
    let root = dir.path().join("cells");
    let pages = stack(&[crate::helper::picture(9, 7, 1), crate::helper::picture(9, 7, 2)]);
    write_folder(&root, &[("a/1.tif".into(), pages), ("b/2.png".into(), png(1))]);
    let source = open(&root).unwrap();
    assert_eq!(source.len(), 3);
    fs::remove_file(root.join("a/1.tif")).unwrap();
    fails(&source, "1.tif", ErrorKind::NotFound);
    broken(&root.join("a/1.tif"));
    // cut to nothing while it was in use, too: its directory was there
    assert!(load_skipping(&source).is_ok_and(|data| data.len() == 1));
}

#[cfg(target_os = "linux")]
#[test]
fn a_table_or_a_file_of_no_known_kind_that_a_disk_does_not_give_stops_the_opening() {
    for name in ["split.csv", "platelet/README"] {
        let dir = folder();
        let root = cells_in(&dir);
        broken(&root.join(name));
        let error = open_error(&root);
        assert!(error.contains(name) && error.contains("os error 5"), "{error}");
    }
}

#[test]
fn archives_that_are_cut_off_after_they_were_opened_hold_no_bad_images() {
    for (name, bytes) in
        [("x.tar", tar(&cells())), ("x.zip", zip(&cells(), true)), ("x.tar.gz", gzip(&tar(&cells())))]
    {
        let dir = folder();
        let path = file(&dir, name, &bytes);
        let source = open(&path).unwrap();
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(64).unwrap();
        for (reader, read) in READERS {
            let error = read(&source).expect_err(reader);
            assert_ne!(error.kind(), ErrorKind::Unreadable, "{name}, {reader}: {error}");
            assert!(error.to_string().contains(name), "{name}, {reader}: {error}");
        }
    }
}

#[test]
fn a_file_that_was_never_there_is_an_image_that_cannot_be_read() {
    let dir = folder();
    cells_in(&dir);
    let text = b"path,label\ncells/platelet/0.png,a\ncells/platelet/nowhere.png,b\ncells/platelet/1.png,b\n";
    let source = open(&file(&dir, "cells.csv", text)).unwrap();
    assert_eq!(load(&source).err().unwrap().kind(), ErrorKind::Unreadable);
    assert_eq!(load_skipping(&source).unwrap().len(), 2);
    // not even when it comes to be
    fs::write(dir.path().join("cells/platelet/nowhere.png"), png(1)).unwrap();
    assert_eq!(load_skipping(&source).unwrap().len(), 2);
}
