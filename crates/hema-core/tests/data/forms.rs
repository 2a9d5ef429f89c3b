//! The same cells in every form are the same data set.

use std::fs;
use std::sync::Mutex;

use hema_core::data::{Dataset, LoadOptions, Subject, Unknown, open, open_many, standard_classes};
use hema_core::preprocess::Preprocess;
use hema_core::split::Part;

use crate::helper::{
    cells, file, folder, gzip, load, open_error, paths, picture, png, tar, under, write_folder, zip,
};

#[test]
fn every_form_of_the_same_cells_has_the_same_hash() {
    let dir = folder();
    let root = dir.path().join("root");
    write_folder(&root, &cells());
    let wrapped = under("top", cells());
    let expected = open(&root).unwrap();
    assert_eq!(expected.classes(), ["basophil", "platelet"]);
    assert_eq!(expected.counts(), [2, 3]);
    assert_eq!(paths(&expected)[..2], ["basophil/3.png", "basophil/4.png"]);
    assert_eq!(paths(&expected)[2..], ["platelet/0.png", "platelet/1.png", "platelet/2.png"]);
    let hash = load(&expected).unwrap().hash().unwrap();
    for (name, bytes) in [
        ("a.tar", tar(&cells())),
        ("b.tar", tar(&wrapped)),
        ("c.tar.gz", gzip(&tar(&wrapped))),
        ("d.zip", zip(&wrapped, true)),
        ("e.zip", zip(&cells(), false)),
        ("misnamed.dat", zip(&cells(), true)),
    ] {
        let source = open(&file(&dir, name, &bytes)).unwrap();
        assert_eq!(source.entries(), expected.entries(), "{name}");
        assert_eq!(load(&source).unwrap().hash().unwrap(), hash, "{name}");
        assert_eq!(source.image(4).unwrap(), expected.image(4).unwrap(), "{name}");
    }
}

#[test]
fn a_manifest_says_label_part_and_group() {
    let dir = folder();
    write_folder(dir.path(), &cells());
    let text = "path,label,split,group\nplatelet/0.png,Thrombocytes,train,p1\nbasophil/3.png,BASO,validation,\n\
                platelet/1.png,,test,p1\n";
    let source = open(&file(&dir, "m.csv", text.as_bytes())).unwrap();
    assert_eq!(source.classes(), ["BASO", "Thrombocytes"], "in the standard order, as they were written");
    assert_eq!(source.len(), 3);
    let [a, b, c] = [0, 1, 2].map(|i| source.entry(i));
    assert_eq!((a.label, a.part, a.group), (Some(1), Some(Part::Train), Some("p1")));
    assert_eq!((b.label, b.part, b.group), (Some(0), Some(Part::Val), None));
    assert_eq!((c.label, c.part), (None, Some(Part::Test)));
    assert_eq!(load(&source).unwrap().len(), 3);
    let split = source.read_split_inside().unwrap().unwrap();
    assert_eq!(split.counts(), [1, 1, 1]);

    for (text, expected) in [
        ("name,label\na.png,x\n", "no column `path` (found: name,label; expected path,label)"),
        ("path,label\na.png,x\na.png,x\n", "line 3: `a.png` is named twice"),
        ("path,label,split\na.png,x,holdout\n", "line 2: part is `holdout` (expected train, val or test)"),
        ("path,label\na.png\n", "not a readable CSV file"),
        ("path,label\n", "holds no images"),
    ] {
        assert!(open_error(&file(&dir, "bad.csv", text.as_bytes())).contains(expected), "{text}");
    }
    let missing = open(&file(&dir, "missing.csv", b"path,label\nnowhere.png,x\n")).unwrap();
    assert!(load(&missing).err().unwrap().to_string().contains("nowhere.png: cannot be read"));
}

#[test]
fn layouts_of_folders_give_labels_and_parts() {
    let layout = |names: &[&str]| {
        let files: Vec<_> = names.iter().map(|name| ((*name).to_owned(), png(1))).collect();
        let dir = folder();
        write_folder(&dir.path().join("in"), &files);
        let of_folder = open(&dir.path().join("in")).unwrap();
        let of_archive = open(&file(&dir, "x.tar", &tar(&files))).unwrap();
        (of_folder, of_archive)
    };
    // deeper folders belong to the class above them
    let (source, _) = layout(&["blast/slide1/a.png", "blast/slide2/b.png", "other/c.png"]);
    assert_eq!(
        (source.classes(), source.counts()),
        (&["blast".to_owned(), "other".to_owned()][..], vec![2, 1])
    );
    // folders named like parts are parts
    let (source, archive) = layout(&["train/ig/a.png", "valid/ig/b.png", "TEST/ig/c.png"]);
    assert_eq!(source.classes(), ["ig"]);
    assert_eq!(source.read_split_inside().unwrap().unwrap().counts(), [1, 1, 1]);
    assert_eq!(archive.entries(), source.entries());
    // loose pictures have no label, with or without a folder around them in an archive
    let (source, archive) = layout(&["a.png", "b.png"]);
    assert!(source.classes().is_empty() && archive.classes().is_empty());
    let (_, archive) = layout(&["pictures/a.png", "pictures/b.png"]);
    assert_eq!((paths(&archive), archive.entry(0).label), (vec!["a.png", "b.png"], None));
    // one class alone is still a class
    let (source, archive) = layout(&["neutrophil/a.png", "neutrophil/b.png"]);
    assert_eq!((source.counts(), archive.counts()), (vec![2], vec![2]));
}

#[test]
fn the_later_of_two_members_of_one_name_wins() {
    let dir = folder();
    let files = [("ig/a.png".to_owned(), png(1)), ("ig/a.png".to_owned(), png(2))];
    let source = open(&file(&dir, "x.tar", &tar(&files))).unwrap();
    assert_eq!((source.len(), source.image(0).unwrap().rgb(0, 0)), (1, [0, 0, 74]));
}

#[test]
fn several_inputs_become_one() {
    let dir = folder();
    let root = dir.path().join("root");
    write_folder(&root, &cells());
    let archive = file(&dir, "x.tar", &tar(&[("monocyte/a.png".into(), png(9))]));
    let loose = file(&dir, "loose.png", &png(8));
    let numbered = file(&dir, "numbers.csv", b"path,label\nloose.png,7\n");
    let source = open_many(&[root.clone(), archive.clone(), loose.clone(), numbered]).unwrap();
    assert_eq!(source.classes(), ["basophil", "monocyte", "platelet", "7"], "a number is none of the names");
    assert_eq!((source.len(), source.counts()), (8, vec![2, 1, 3, 1]));
    let name = |path: &std::path::Path| path.to_string_lossy().into_owned();
    assert_eq!(source.entry(0).path, name(&root.join("basophil/3.png")));
    assert_eq!(source.entry(5).path, name(&archive.join("monocyte/a.png")));
    assert_eq!((source.entry(6).path, source.entry(6).label), (name(&loose).as_str(), None));
    assert_eq!(load(&source).unwrap().len(), 8);
    // a model's list tells what the number stands for
    let source = source.with_classes(&standard_classes(), Unknown::Fail).unwrap();
    assert_eq!(source.counts()[7], 4);
    assert!(source.notices().iter().any(|notice| notice.subject == Subject::AssumedClasses));
    assert_eq!(paths(&open_many(&[loose]).unwrap()), ["loose.png"]);
    assert!(open_many(&[]).is_err());
}

#[test]
fn labels_take_the_positions_of_a_models_classes() {
    let dir = folder();
    write_folder(dir.path(), &cells());
    let classes = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let opened = || open(dir.path()).unwrap();
    let source =
        opened().with_classes(&classes(&["Thrombocytes", "blast", "basophils"]), Unknown::Fail).unwrap();
    assert_eq!(source.counts(), [3, 0, 2]);
    let error = opened().with_classes(&classes(&["platelet", "blast"]), Unknown::Fail).err().unwrap();
    assert!(error.to_string().contains("holds 2 images of class `basophil`, which the model does not know"));
    let source = opened().with_classes(&classes(&["platelet", "blast"]), Unknown::Unlabel).unwrap();
    assert_eq!((source.counts(), source.entry(0).label), (vec![3, 0], None));

    let numbers = file(&dir, "n.csv", b"path,label\nplatelet/0.png,2\nplatelet/1.png,0\n");
    let source = open(&numbers).unwrap().with_classes(&classes(&["a", "b", "c"]), Unknown::Fail).unwrap();
    assert_eq!(source.counts(), [1, 0, 1]);
    assert!(open(&numbers).unwrap().with_classes(&classes(&["a", "b"]), Unknown::Fail).is_err());
}

#[test]
fn classes_that_differ_by_a_sign_or_in_case_stay_apart_in_a_models_list() {
    for [a, b] in [["CD34+", "CD34-"], ["Blast", "blast"], ["+", "-"], ["cell", "cells"], ["1", "01"]] {
        let dir = folder();
        let files =
            [(format!("{a}/0.png"), png(0)), (format!("{b}/1.png"), png(1)), (format!("{b}/2.png"), png(2))];
        write_folder(dir.path(), &files);
        let opened = || open(dir.path()).unwrap();
        assert_eq!(opened().classes().len(), 2);
        let model = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let found = opened().with_classes(&model(&[a, "other", b]), Unknown::Fail).unwrap();
        assert_eq!(found.counts(), [1, 0, 2]);
        let found = opened().with_classes(&model(&[b, a]), Unknown::Fail).unwrap();
        assert_eq!(found.counts(), [2, 1]);
        let error = opened().with_classes(&model(&[b, "other"]), Unknown::Fail).err().unwrap();
        assert!(error.to_string().contains(&format!("holds 1 image of class `{a}`")), "{error}");
    }
    let dir = folder();
    write_folder(dir.path(), &[("BLAST/0.png".to_owned(), png(0)), ("other/1.png".to_owned(), png(1))]);
    let model = ["Blast", "blast", "other"].map(str::to_owned);
    let error = open(dir.path()).unwrap().with_classes(&model, Unknown::Fail).err().unwrap();
    let hint =
        "`BLAST` and `Blast` and `blast` are too much alike to match; the model knows: Blast, blast, other";
    assert_eq!(error.hint_text(), Some(hint));
}

#[test]
fn folders_of_numbers_are_called_by_their_numbers() {
    let dir = folder();
    let files: Vec<_> = (0..8).map(|i| (format!("{i}/x.png"), png(i))).collect();
    write_folder(dir.path(), &files);
    let source = open(dir.path()).unwrap();
    assert_eq!(source.classes(), ["0", "1", "2", "3", "4", "5", "6", "7"]);
    assert!(source.notices().is_empty(), "nothing is assumed");
    let source = source.with_classes(&standard_classes(), Unknown::Fail).unwrap();
    assert_eq!((source.counts(), source.notices().len()), (vec![1; 8], 1), "here it is, and is said");
}

#[test]
fn a_folder_of_parts_under_other_names_is_refused() {
    let dir = folder();
    let files: Vec<_> = ["Train", "Test-A", "TestB"]
        .iter()
        .flat_map(|part| ["ig", "monocyte"].map(|class| (format!("{part}/{class}/x.png"), png(1))))
        .collect();
    write_folder(&dir.path().join("in"), &files);
    for path in [dir.path().join("in"), file(&dir, "x.tar", &tar(&under("top", files.clone())))] {
        let error = open_error(&path);
        let expected = "holds folders called like parts, `Test-A`, `TestB`, `Train` (expected train, val and test \
                        alone, or classes)";
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(open(&dir.path().join("in/Train")).unwrap().classes(), ["ig", "monocyte"]);
}

#[test]
fn folders_under_a_table_of_labels_are_no_classes_whatever_they_are_called() {
    let dir = folder();
    let table = b"path,label\nTestA/0.png,a\nTestB/1.png,b\n";
    let files = [("TestA/0.png", png(0)), ("TestB/1.png", png(1)), ("labels.csv", table.to_vec())];
    write_folder(dir.path(), &files.map(|(name, bytes)| (name.to_owned(), bytes)));
    let source = open(dir.path()).unwrap();
    assert_eq!((source.classes(), source.counts()), (&["a".to_owned(), "b".to_owned()][..], vec![1, 1]));
}

#[test]
fn indices_choose_and_order_and_may_repeat() {
    let dir = folder();
    let preprocess = Preprocess::imagenet(8);
    for bytes in [tar(&cells()), gzip(&tar(&cells()))] {
        let source = open(&file(&dir, "x", &bytes)).unwrap();
        let all = load(&source).unwrap();
        let chosen =
            Dataset::load(&source, Some(&[4, 0, 4]), &preprocess, &LoadOptions::default(), &|_| ()).unwrap();
        assert_eq!(chosen.len(), 3);
        for (row, i) in [4, 0, 4].into_iter().enumerate() {
            assert_eq!(chosen.image(row).unwrap(), all.image(i).unwrap());
            assert_eq!(chosen.entry(row), all.entry(i));
        }
        assert_eq!(all.subset(&[4, 0, 4]).hash().unwrap(), chosen.hash().unwrap());
        assert_eq!(chosen.counts(), [1, 2]);
        assert!(Dataset::load(&source, Some(&[5]), &preprocess, &LoadOptions::default(), &|_| ()).is_err());
    }
}

#[test]
fn pixels_beyond_the_memory_budget_go_to_a_file_and_are_the_same() {
    let dir = folder();
    let source = open(&file(&dir, "x.tar", &tar(&cells()))).unwrap();
    let calls = Mutex::new(Vec::new());
    let options = LoadOptions::default().memory_budget(100);
    let on_disk = Dataset::load(&source, None, &Preprocess::imagenet(8), &options, &|done| {
        calls.lock().unwrap().push(done);
    })
    .unwrap();
    let in_memory = load(&source).unwrap();
    assert_eq!(on_disk.hash().unwrap(), in_memory.hash().unwrap());
    assert_eq!(on_disk.image(3).unwrap(), in_memory.image(3).unwrap());
    let mut calls = calls.into_inner().unwrap();
    calls.sort_unstable();
    assert_eq!(calls, [1, 2, 3, 4, 5]);
    assert!(on_disk.read_pixels(0, &mut [0; 7]).is_err());
}

#[test]
fn a_data_set_can_be_made_of_images() {
    let image = |seed| hema_core::Image::new(9, 7, picture(9, 7, seed).into_raw()).unwrap();
    let classes = vec!["a".to_owned(), "b".to_owned()];
    let images = vec![("0".to_owned(), image(0), Some(1)), ("1".to_owned(), image(1), None)];
    let data = Dataset::from_images(classes.clone(), images).unwrap();
    assert_eq!(
        (data.len(), data.dimensions(), data.label(0), data.counts()),
        (2, (9, 7), Some(1), vec![0, 1])
    );
    assert_eq!(data.image(1).unwrap(), image(1));
    let other = hema_core::Image::filled(3, 3, [0; 3]);
    assert!(Dataset::from_images(classes.clone(), vec![("0".into(), other, Some(2))]).is_err());
    let sizes =
        vec![("0".into(), image(0), None), ("1".into(), hema_core::Image::filled(3, 3, [0; 3]), None)];
    assert!(Dataset::from_images(classes, sizes).is_err());
}

#[test]
fn a_split_lying_beside_the_cells_is_found() {
    let dir = folder();
    let mut files = cells();
    let text = "path,label,split\nplatelet/0.png,platelet,train\nbasophil/3.png,basophil,train\n\
                platelet/1.png,platelet,val\n";
    files.push(("split.csv".into(), text.into()));
    write_folder(&dir.path().join("root"), &files);
    for (name, path) in [
        ("folder", dir.path().join("root")),
        ("tar", file(&dir, "a.tar", &tar(&under("pbc", files.clone())))),
        ("tar.gz", file(&dir, "a.tar.gz", &gzip(&tar(&under("pbc", files.clone()))))),
        ("zip", file(&dir, "a.zip", &zip(&under("pbc", files.clone()), true))),
    ] {
        let source = open(&path).unwrap();
        let split = source.read_split_inside().unwrap().unwrap();
        assert_eq!(split.indices(&source, Part::Train).unwrap(), [0, 2], "{name}");
        assert_eq!(split.indices(&source, Part::Val).unwrap(), [3], "{name}");
        assert_eq!(split.ignored(&source), 2, "{name}");
    }
    fs::write(dir.path().join("root/split.csv"), "path,part\n").unwrap();
    assert_eq!(
        open(&dir.path().join("root")).unwrap().read_split_inside().unwrap().unwrap().counts(),
        [0; 3]
    );
    fs::write(dir.path().join("root/split.csv"), "nothing\n").unwrap();
    assert!(open(&dir.path().join("root")).unwrap().read_split_inside().is_err());
    assert!(open(&file(&dir, "b.tar", &tar(&cells()))).unwrap().read_split_inside().unwrap().is_none());
}
