//! Data sets written in every form are the data sets that were read.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use hema_core::Image;
use hema_core::data::write::{Change, Encoding, FORMS, Form, Options, Record, copy, create};
use hema_core::data::{Entry, OnBadImage, Source, open};
use hema_core::preprocess::Crop;
use hema_core::split::Part;
use image::ImageFormat;

use crate::helper::{cells, encode, file, folder, gzip, load, picture, png, tar, under, write_folder, zip};

/// Writes a source in a form.
fn convert(source: &Source, out: &Path, form: &str, change: &Change) -> hema_core::Result<()> {
    let has_groups = source.entries().iter().any(|e| e.group.is_some());
    let options = Options::default().has_groups(has_groups).shard_bytes(300);
    let mut writer = create(out, Form::find(form)?, source.classes(), &options)?;
    let order = source.reading_order(None)?;
    copy(source, &order, change, OnBadImage::Fail, writer.as_mut(), |_| Ok(()))?;
    writer.finish()
}

/// What an image is, whatever it is called: class, part, group, pixels.
type Contents = (Option<String>, Option<Part>, Option<String>, Vec<u8>);

fn contents(source: &Source, keeps_groups: bool) -> Vec<Contents> {
    let of = |(i, e): (usize, Entry)| {
        let class = e.label.map(|label| source.classes()[label].clone());
        let group = e.group.filter(|_| keeps_groups).map(str::to_owned);
        (class, e.part, group, source.image(i).unwrap().into_pixels())
    };
    let mut all: Vec<Contents> = source.entries().iter().enumerate().map(of).collect();
    all.sort();
    all
}

/// A manifest over JPEG and PNG files of two classes, with parts and groups.
fn original(dir: &Path) -> Source {
    let mut files = cells();
    files.push(("platelet/deep/j.JPG".into(), encode(picture(9, 7, 77), ImageFormat::Jpeg)));
    write_folder(&dir.join("cells"), &files);
    let text = "path,label,split,group\ncells/platelet/0.png,platelet,train,p1\n\
                cells/basophil/3.png,basophil,train,\"p, 2\"\ncells/platelet/1.png,platelet,val,p1\n\
                cells/basophil/4.png,basophil,test,\ncells/platelet/deep/j.JPG,platelet,train,p3\n";
    fs::write(dir.join("m.csv"), text).unwrap();
    open(&dir.join("m.csv")).unwrap()
}

/// Where a form of that name would be written.
fn target(dir: &Path, form: &Form) -> std::path::PathBuf {
    if ["webdataset", "parquet"].contains(&form.name) {
        return dir.join(form.name);
    }
    dir.join(form.extensions.first().map_or("out".to_owned(), |end| format!("out.{end}")))
}

#[test]
fn every_form_gives_back_pixels_labels_parts_and_groups() {
    let dir = folder();
    let source = original(dir.path());
    for form in FORMS {
        let out = target(dir.path(), form);
        convert(&source, &out, form.name, &Change::default()).unwrap();
        let mut back = open(&out).unwrap();
        if let Some(split) = back.read_split_inside().unwrap() {
            back = back.with_split(&split).unwrap();
        }
        assert_eq!(back.classes(), source.classes(), "{}", form.name);
        let keeps_groups = form.name != "npz";
        assert_eq!(contents(&back, true), contents(&source, keeps_groups), "{}", form.name);
    }
}

#[test]
fn a_chain_through_all_forms_ends_where_it_began() {
    let dir = folder();
    write_folder(&dir.path().join("start"), &cells());
    let start = open(&dir.path().join("start")).unwrap();
    let mut last = dir.path().join("start");
    for name in ["zip", "parquet", "npz", "tar.gz", "folder", "tar"] {
        let form = Form::find(name).unwrap();
        let out = target(dir.path(), form);
        convert(&open(&last).unwrap(), &out, name, &Change::default()).unwrap();
        last = out;
    }
    let end = open(&last).unwrap();
    assert_eq!((end.classes(), end.counts()), (start.classes(), start.counts()));
    assert_eq!(load(&end).unwrap().hash().unwrap(), load(&start).unwrap().hash().unwrap());
}

#[test]
fn files_and_names_are_kept_and_the_same_images_give_the_same_bytes() {
    let dir = folder();
    let files = vec![
        ("platelet/a.jpg".to_owned(), encode(picture(9, 7, 1), ImageFormat::Jpeg)),
        ("platelet/slide 1/b.PNG".to_owned(), png(2)),
        ("basophil/a.bmp".to_owned(), encode(picture(5, 4, 3), ImageFormat::Bmp)),
    ];
    write_folder(&dir.path().join("in"), &files);
    let source = open(&dir.path().join("in")).unwrap();
    for round in ["1", "2"] {
        for (form, name) in [("folder", "out"), ("tar", "t.tar"), ("tar.gz", "t.tgz"), ("zip", "z.zip")] {
            let out = dir.path().join(format!("{round}{name}"));
            convert(&source, &out, form, &Change::default()).unwrap();
            assert_eq!(open(&out).unwrap().entries(), source.entries(), "{form}");
        }
    }
    for (name, bytes) in &files {
        assert_eq!(&fs::read(dir.path().join("1out").join(name)).unwrap(), bytes, "{name}");
    }
    for name in ["t.tar", "t.tgz", "z.zip"] {
        let read = |round: &str| fs::read(dir.path().join(format!("{round}{name}"))).unwrap();
        assert!(read("1") == read("2"), "{name}");
    }
}

#[test]
fn names_that_would_be_lost_are_changed() {
    let dir = folder();
    let image = Image::filled(2, 2, [9; 3]);
    let paths = [
        "../../etc/ig/x.png", // after the class's folder: x.png
        "x.jpg",              // a PNG now: x.png again
        "X.png",              // the same file on some disks
        "ig/.hidden/y.png",
        "images[7]",
        "ig/new\nline\\.png",
        "/abs/other.png",
        "",
    ];
    for form in ["folder", "tar", "zip"] {
        let form = Form::find(form).unwrap();
        let out = target(dir.path(), form);
        let mut writer = create(&out, form, &["ig".into(), "mono".into()], &Options::default()).unwrap();
        for (i, path) in paths.iter().enumerate() {
            let label = (i != 4).then_some(0);
            let entry = Entry { path, label, part: None, group: None };
            writer.push(&Record { entry, image: &image, file: None, location: None }).unwrap();
        }
        writer.finish().unwrap();
        let source = open(&out).unwrap();
        let names: Vec<&str> = source.entries().iter().map(|e| e.path).collect();
        let expected = [
            "ig/X-3.png",
            "ig/_.png",
            "ig/_hidden/y.png",
            "ig/abs/other.png",
            "ig/new_line_.png",
            "ig/x-2.png",
            "ig/x.png",
            "images_000007.png",
        ];
        assert_eq!(names, expected, "{form:?}");
        assert_eq!(source.counts(), [7, 0], "{form:?}");
    }
}

#[test]
fn a_single_class_and_unlabelled_images_stay_what_they_are() {
    let dir = folder();
    let class =
        |name: &str| vec![(format!("{name}/slide1/a.png"), png(1)), (format!("{name}/slide2/b.png"), png(2))];
    for (round, files) in
        [class("blast"), class("neutrophil"), vec![("a.png".into(), png(1)), ("b.png".into(), png(2))]]
            .into_iter()
            .enumerate()
    {
        // wrapped, so that the class is told from the wrapping
        let source = open(&file(&dir, &format!("{round}.zip"), &zip(&under("top", files), true))).unwrap();
        for form in FORMS.iter().filter(|form| form.name != "manifest") {
            let out = dir.path().join(format!("{round}-{}", target(Path::new(""), form).display()));
            convert(&source, &out, form.name, &Change::default()).unwrap();
            assert_eq!(
                contents(&open(&out).unwrap(), true),
                contents(&source, true),
                "{round} {}",
                form.name
            );
        }
    }
}

#[test]
fn arrays_keep_class_names_that_labels_do_not_imply() {
    let dir = folder();
    write_folder(&dir.path().join("in"), &cells());
    let source = open(&dir.path().join("in")).unwrap();
    convert(&source, &dir.path().join("x.npz"), "npz", &Change::default()).unwrap();
    let back = open(&dir.path().join("x.npz")).unwrap();
    assert_eq!(back.classes(), ["basophil", "platelet"]);
    // a model that knows more classes finds them by name, not by number
    let model = ["basophil", "eosinophil", "platelet"].map(str::to_owned);
    let matched = back.with_classes(&model, hema_core::data::Unknown::Fail).unwrap();
    assert_eq!(matched.counts(), [2, 0, 3]);
}

#[test]
fn an_array_refuses_what_it_cannot_hold() {
    let dir = folder();
    let classes = ["a".to_owned(), "b".to_owned()];
    let small = Image::filled(2, 2, [9; 3]);
    let large = Image::filled(3, 2, [9; 3]);
    let entry = |label, part| Entry { path: "x.png", label, part, group: None };
    for (image, second, expected) in [
        (&large, entry(Some(0), None), "x.png: is 3x2 pixels, others 2x2"),
        (&small, entry(None, None), "without a label"),
        (&small, entry(Some(0), Some(Part::Val)), "without a part"),
    ] {
        let npz = Form::find("npz").unwrap();
        let mut writer = create(&dir.path().join("x.npz"), npz, &classes, &Options::default()).unwrap();
        let first = entry(Some(1), None);
        writer.push(&Record { entry: first, image: &small, file: None, location: None }).unwrap();
        let error = writer.push(&Record { entry: second, image, file: None, location: None }).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        drop(writer);
        let empty = create(&dir.path().join("x.npz"), npz, &classes, &Options::default()).unwrap();
        assert!(empty.finish().unwrap_err().to_string().contains("no image to write"));
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn what_is_not_finished_leaves_nothing_and_what_exists_is_not_replaced() {
    let dir = folder();
    let source = original(dir.path());
    let names = || {
        let files = fs::read_dir(dir.path()).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap());
        files.collect::<BTreeSet<_>>()
    };
    let before = names();
    for form in FORMS {
        let out = target(dir.path(), form);
        let options = Options::default().has_groups(true);
        let mut writer = create(&out, form, source.classes(), &options).unwrap();
        let order = source.reading_order(None).unwrap();
        let stopped = copy(&source, &order, &Change::default(), OnBadImage::Fail, writer.as_mut(), |done| {
            if done == 3 { Err(hema_core::Error::new("stop")) } else { Ok(()) }
        });
        assert_eq!(stopped.unwrap_err().to_string(), "stop");
        drop(writer);
        assert_eq!(names(), before, "{form:?}");

        if target(Path::new(""), form).extension().is_none() {
            fs::create_dir(&out).unwrap();
            fs::write(out.join("mine"), "").unwrap();
        } else {
            fs::write(&out, "mine").unwrap();
        }
        let error = create(&out, form, source.classes(), &Options::default()).err().unwrap();
        assert!(error.to_string().contains("exists already"), "{error}");
        if target(Path::new(""), form).extension().is_none() {
            fs::remove_dir_all(&out).unwrap();
        } else {
            fs::remove_file(&out).unwrap();
        }
    }
}

#[test]
fn images_can_be_cropped_resized_and_compressed_on_the_way() {
    let dir = folder();
    let source = open(&file(&dir, "in.tar", &tar(&cells()))).unwrap();
    let size = |change: Change, name: &str| {
        let out = dir.path().join(name);
        convert(&source, &out, "folder", &change).unwrap();
        let back = open(&out).unwrap();
        let image = back.image(0).unwrap();
        (image.width(), image.height(), fs::read(back.file(0).unwrap()).unwrap()[..2].to_vec())
    };
    let png = b"\x89P".to_vec();
    let jpeg = b"\xff\xd8".to_vec();
    assert_eq!(size(Change { size: Some(5), ..Change::default() }, "a"), (5, 5, png.clone()));
    assert_eq!(size(Change { crop: Crop::Square, ..Change::default() }, "b"), (7, 7, png.clone()));
    assert_eq!(size(Change { crop: Crop::Pixels(4), size: Some(6), ..Change::default() }, "c"), (6, 6, png));
    let lossy = Change { encoding: Encoding::Jpeg(80), ..Change::default() };
    assert_eq!(size(lossy, "d"), (9, 7, jpeg));

    // what lies in an archive or was changed is nothing a manifest could name
    write_folder(&dir.path().join("in"), &cells());
    let files = open(&dir.path().join("in")).unwrap();
    for (source, change) in
        [(&source, Change::default()), (&files, Change { size: Some(5), ..Change::default() })]
    {
        let error = convert(source, &dir.path().join("m.csv"), "manifest", &change).unwrap_err();
        assert!(error.to_string().contains("is no file of its own"), "{error}");
    }
}

#[test]
fn unreadable_images_stop_the_copy_or_are_named() {
    let dir = folder();
    let mut files = cells();
    files.push(("platelet/broken.png".into(), b"\x89PNG broken".to_vec()));
    let source = open(&file(&dir, "in.tar.gz", &gzip(&tar(&files)))).unwrap();
    let order = source.reading_order(None).unwrap();
    let form = Form::find("tar").unwrap();
    let run = |on_bad| {
        let mut writer = create(&dir.path().join("out.tar"), form, source.classes(), &Options::default())?;
        let skipped = copy(&source, &order, &Change::default(), on_bad, writer.as_mut(), |_| Ok(()))?;
        writer.finish().map(|()| skipped)
    };
    let error = run(OnBadImage::Fail).unwrap_err();
    assert!(error.to_string().contains("platelet/broken.png: "), "{error}");
    let skipped = run(OnBadImage::Skip).unwrap();
    assert!(skipped.len() == 1 && skipped[0].path.ends_with("platelet/broken.png"));
    assert_eq!(open(&dir.path().join("out.tar")).unwrap().len(), 5);
}

#[test]
fn classes_that_cannot_be_folders_are_refused() {
    let dir = folder();
    for class in ["", "a/b", "..", ".hidden", "train", "x\n", "a\\b"] {
        let classes = [class.to_owned()];
        for form in ["folder", "tar"] {
            let error =
                create(&dir.path().join("o"), Form::find(form).unwrap(), &classes, &Options::default());
            assert!(error.err().unwrap().to_string().contains("cannot be a folder's name"), "{class}");
        }
        assert!(
            create(&dir.path().join("o"), Form::find("npz").unwrap(), &classes, &Options::default()).is_ok()
        );
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_file_name_tells_the_form() {
    let name = |path: &str| Form::of_path(Path::new(path)).map(|form| form.name);
    for (path, expected) in [
        ("out", "folder"),
        ("a.b/out/", "folder"),
        ("x.TAR", "tar"),
        ("x.y.tgz", "tar.gz"),
        ("x.tar.gz", "tar.gz"),
        ("x.zip", "zip"),
        ("x.npz", "npz"),
        ("x.csv", "manifest"),
    ] {
        assert_eq!(name(path).unwrap(), expected, "{path}");
    }
    assert!(
        name("x.rar").unwrap_err().to_string().contains("its name tells no form (expected .tar, .tar.gz")
    );
    assert!(Form::find("tarr").unwrap_err().hint_text().unwrap().contains("tar"));
}

#[test]
fn shards_are_numbered_and_a_parquet_file_may_stand_alone() {
    let dir = folder();
    let source = original(dir.path());
    convert(&source, &dir.path().join("w"), "webdataset", &Change::default()).unwrap();
    convert(&source, &dir.path().join("p"), "parquet", &Change::default()).unwrap();
    let names = |folder: &str| {
        let files = fs::read_dir(dir.path().join(folder)).unwrap();
        files.map(|f| f.unwrap().file_name().into_string().unwrap()).collect::<BTreeSet<_>>()
    };
    let expected = ["test-000000.tar", "train-000000.tar", "train-000001.tar", "val-000000.tar"];
    assert_eq!(names("w"), expected.map(str::to_owned).into());
    let expected = [
        "test-00000-of-00001.parquet",
        "train-00000-of-00002.parquet",
        "train-00001-of-00002.parquet",
        "validation-00000-of-00001.parquet",
    ];
    assert_eq!(names("p"), expected.map(str::to_owned).into());

    let form = |name: &str| open(&dir.path().join(name)).unwrap().form();
    assert_eq!((form("w"), form("p")), ("WebDataset shards", "Parquet"));
    let pattern = open(&dir.path().join("w/train-{000000..000001}.tar")).unwrap();
    assert_eq!((pattern.len(), pattern.counts()), (3, vec![1, 2]));
    let error = convert(&source, &dir.path().join("x.parquet"), "parquet", &Change::default()).unwrap_err();
    assert!(error.to_string().contains("a single Parquet file has no place"), "{error}");
    let whole = source.without_parts();
    convert(&whole, &dir.path().join("x.parquet"), "parquet", &Change::default()).unwrap();
    let back = open(&dir.path().join("x.parquet")).unwrap();
    assert_eq!(back.entries(), whole.entries());
    assert_eq!(contents(&back, true), contents(&whole, true));
    assert_eq!(load(&back).unwrap().hash().unwrap(), load(&whole).unwrap().hash().unwrap());
}
