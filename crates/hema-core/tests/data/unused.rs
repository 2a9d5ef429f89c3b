//! What is handed over and not used is counted and said.

use std::path::Path;

use hema_core::data::write::{Change, Form, Options, copy, create};
use hema_core::data::{Notice, OnBadImage, Subject, open};

use crate::helper::{File, file, folder, load_skipping, open_error, paths, png, tar, write_folder, zip};

fn files(named: &[(&str, &[u8])]) -> Vec<File> {
    named.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect()
}

fn notices(path: &Path) -> Vec<Notice> {
    open(path).unwrap().notices().to_vec()
}

fn texts(notices: &[Notice]) -> Vec<String> {
    notices.iter().map(Notice::to_string).collect()
}

/// Class folders with files of many kinds.
fn mixed() -> Vec<File> {
    let jpeg = b"\xff\xd8\xff\xe0 and so on";
    let dicom = [&[0; 128][..], b"DICM and so on"].concat();
    let mut all = files(&[
        ("ig/0.png", &png(0)),
        ("ig/1.jp2", b"j"),
        ("mono/0.png", &png(1)),
        ("mono/1.JP2", b"j"),
        ("mono/noend", jpeg),
        ("mono/1.2.840.10008", &dicom),
        ("eos/0.jp2", b"j"),
        ("eos/1.heic", b"h"),
        ("eos/notes.txt", b"x"),
        ("README", b"about"),
        ("ig/notes.txt", b"x"),
        ("ig/LICENSE", b"x"),
        ("docs/a.md", b"x"),
        (".hidden.heic", b"x"),
        ("ig/Thumbs.db", b"x"),
    ]);
    all.push(("baso/x.nd2".to_owned(), vec![1, 2, 3]));
    all
}

#[test]
fn files_that_are_not_read_are_counted_by_kind_in_folders_and_archives() {
    let dir = folder();
    write_folder(&dir.path().join("in"), &mixed());
    for path in [
        dir.path().join("in"),
        file(&dir, "x.tar", &tar(&mixed())),
        file(&dir, "x.zip", &zip(&mixed(), false)),
        file(&dir, "y.zip", &zip(&mixed(), true)),
    ] {
        let source = open(&path).unwrap();
        assert_eq!(source.classes(), ["ig", "mono"]);
        // examples in an archive stand in its order
        let mut notices = source.notices().to_vec();
        for notice in &mut notices {
            notice.examples.sort();
        }
        let mut said = texts(&notices);
        said.sort();
        assert_eq!(
            said,
            [
                "1 DICOM file without an ending in the name, not read: mono/1.2.840.10008",
                "1 JPEG file without an ending in the name, not read: mono/noend",
                "1 file ending in `.heic`, not read: eos/1.heic",
                "1 file ending in `.nd2`, not read: baso/x.nd2",
                "2 class folders without an image that is read, which make no class: baso, eos",
                "3 files ending in `.jp2`, not read: eos/0.jp2, ig/1.jp2, mono/1.JP2",
            ],
            "{}",
            path.display()
        );
    }
}

#[test]
fn empty_class_folders_are_named() {
    let dir = folder();
    let root = dir.path().join("in");
    write_folder(
        &root,
        &files(&[("train/ig/0.png", &png(0)), ("test/ig/1.png", &png(1)), ("test/mono/2.png", &png(2))]),
    );
    std::fs::create_dir_all(root.join("train/mono/deeper")).unwrap();
    std::fs::create_dir_all(root.join("train/eos")).unwrap();
    let said = notices(&root);
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!((said[0].subject, said[0].count), (Subject::EmptyClasses, 2));
    assert_eq!(said[0].examples, ["train/eos", "train/mono"]);
}

#[test]
fn data_without_an_image_that_is_read_says_what_is_there() {
    let dir = folder();
    let only = files(&[("a/0.jp2", b"j"), ("a/1.jp2", b"j")]);
    write_folder(&dir.path().join("in"), &only);
    for path in
        [dir.path().join("in"), file(&dir, "x.tar", &tar(&only)), file(&dir, "x.zip", &zip(&only, true))]
    {
        let error = open_error(&path);
        assert!(error.contains("holds no images that are read (2 files ending in `.jp2`"), "{error}");
        assert!(error.contains("convert pictures to PNG or TIFF"), "{error}");
    }
}

#[test]
fn links_inside_archives_are_counted_and_their_class_is_named() {
    let dir = folder();
    let mut builder = tar::Builder::new(Vec::new());
    for (kind, name) in [
        (tar::EntryType::Symlink, "eos/0.png"),
        (tar::EntryType::Symlink, "eos/1.png"),
        (tar::EntryType::Link, "ig/hard.png"),
        (tar::EntryType::Symlink, "README.md"),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        builder.append_link(&mut header, name, "/elsewhere").unwrap();
    }
    for (name, bytes) in [("ig/0.png", png(0)), ("mono/0.png", png(1))] {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    let tar = file(&dir, "x.tar", &builder.into_inner().unwrap());

    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for name in ["eos/0.png", "eos/1.png", "ig/hard.png"] {
        writer.add_symlink(name, "/elsewhere", options).unwrap();
    }
    for (name, bytes) in [("ig/0.png", png(0)), ("mono/0.png", png(1))] {
        writer.start_file(name, options).unwrap();
        std::io::Write::write_all(&mut writer, &bytes).unwrap();
    }
    let zip = file(&dir, "x.zip", &writer.finish().unwrap().into_inner());
    for path in [tar, zip] {
        let said = texts(&notices(&path));
        assert_eq!(
            said,
            [
                "3 links inside the archive, not followed: eos/0.png, eos/1.png, ig/hard.png",
                "1 class folder without an image that is read, which make no class: eos",
            ]
        );
    }
}

#[test]
fn a_class_of_which_no_image_can_be_read_is_named() {
    let dir = folder();
    let all =
        files(&[("eos/0.png", b"no"), ("eos/1.png", b"no"), ("ig/0.png", &png(0)), ("ig/1.png", b"no")]);
    write_folder(dir.path(), &all);
    let source = open(dir.path()).unwrap();
    assert_eq!(source.all_notices(), []);
    load_skipping(&source).unwrap();
    assert_eq!(texts(&source.picture_notices()), ["1 class without an image that can be read: eos"]);
}

#[test]
fn labels_of_shards_that_fit_nothing_or_cannot_be_understood_are_counted() {
    let dir = folder();
    let all = files(&[
        ("0.png", &png(0)),
        ("0.cls", b"1"),
        ("1.png", &png(1)),
        ("1.json", b"{\"label\": [1]}"),
        ("2.png", &png(2)),
        ("2.json", b"no json"),
        ("3.png", &png(3)),
        ("3.json", b"{\"width\": 7}"),
        ("4.cls", b"1"),
        ("5.heic", b"h"),
    ]);
    let said = texts(&notices(&file(&dir, "x.tar", &tar(&all))));
    assert_eq!(
        said,
        [
            "1 file ending in `.heic`, not read: 5.heic",
            "1 key with a `.cls` or `.json` and no image: 4",
            "2 images with a `.cls` or `.json` that cannot be understood: 1.png, 2.png",
        ]
    );
    // no label anywhere: an archive of pictures
    let mute = files(&[
        ("0.png", &png(0)),
        ("0.json", b"{\"class\": 3}"),
        ("1.png", &png(1)),
        ("about.json", b"{}"),
    ]);
    assert_eq!(
        texts(&notices(&file(&dir, "y.tar", &tar(&mute)))),
        ["1 file beside an image without a label, not used (expected `label` in a `.json`): 0.json"]
    );
}

#[test]
fn arrays_and_columns_that_are_not_used_are_named() {
    let dir = folder();
    write_folder(&dir.path().join("in"), &files(&[("ig/0.png", &png(0)), ("mono/1.png", &png(1))]));
    let source = open(&dir.path().join("in")).unwrap();
    let npz = dir.path().join("w.npz");
    let mut writer = create(&npz, Form::find("npz").unwrap(), source.classes(), &Options::default()).unwrap();
    let order = source.reading_order(None).unwrap();
    copy(&source, &order, &Change::default(), OnBadImage::Fail, writer.as_mut(), |_| Ok(())).unwrap();
    writer.finish().unwrap();
    assert_eq!(notices(&npz), []);

    // the same arrays under other names
    let mut archive = zip::ZipArchive::new(std::fs::File::open(&npz).unwrap()).unwrap();
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for i in 0..archive.len() {
        let member = archive.by_index_raw(i).unwrap();
        let name = member.name().replace("labels.npy", "targets.npy");
        writer.raw_copy_file_rename(member, name).unwrap();
    }
    let renamed = file(&dir, "r.npz", &writer.finish().unwrap().into_inner());
    assert_eq!(texts(&notices(&renamed)), ["1 array of names that are not known, not used: targets"]);
    assert_eq!(paths(&open(&renamed).unwrap()).len(), 2);
}

#[test]
fn files_beside_shards_are_counted() {
    let dir = folder();
    let shard = |seed: u8, class: &[u8]| tar(&files(&[("0.png", &png(seed)), ("0.cls", class)]));
    file(&dir, "train-0.tar", &shard(0, b"0"));
    file(&dir, "train-1.tar", &shard(1, b"1"));
    file(&dir, "train-2.tar.gz", b"left out");
    file(&dir, "README.md", b"about");
    assert_eq!(texts(&notices(dir.path())), ["1 file ending in `.gz`, not read: train-2.tar.gz"]);
}

#[test]
fn a_folder_beside_files_that_are_not_read_stays_a_class() {
    let dir = folder();
    let archive = |name: &str, all: &[(&str, &[u8])]| open(&file(&dir, name, &tar(&files(all)))).unwrap();
    let picture = png(0);
    let source = archive("x.tar", &[("cat/0.png", &picture), ("dog/0.jp2", b"j")]);
    assert_eq!(source.classes(), ["cat"]);
    let said = "1 class folder without an image that is read, which make no class: dog";
    assert!(texts(source.notices()).contains(&said.to_owned()));
    // beside the wrapping of whole class folders
    let source =
        archive("y.tar", &[("data/cat/0.png", &picture), ("data/dog/1.png", &picture), ("look/0.psd", b"p")]);
    assert_eq!(source.classes(), ["cat", "dog"]);
}
