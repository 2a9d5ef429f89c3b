//! `hema data balance`: sets whose training classes are of the size asked for.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use hema::data::{self, Source};
use hema::split::Part;

use crate::files;
use crate::support::Place;

/// Eight cells of each class in `cells/`, in training but for the last two of each, and but two basophils.
fn unequal() -> Place {
    let place = Place::empty();
    files::write_cells(&place.path("cells"), 8, 24);
    let mut split = String::from("path,split\n");
    for (path, _) in files::cells(8, 24) {
        let number: usize = path[path.len() - 8..path.len() - 4].parse().unwrap();
        let part = match number {
            2..6 if path.starts_with("basophil") => continue,
            0..6 => "train",
            6 => "val",
            _ => "test",
        };
        writeln!(split, "{path},{part}").unwrap();
    }
    for number in 2..6 {
        fs::remove_file(place.path(&format!("cells/basophil/000{number}.png"))).unwrap();
    }
    place.write("cells/split.csv", split);
    place
}

/// Images of the first two classes and of all, in a part of what was written.
fn counts(place: &Place, data: &str, part: Part) -> [u64; 3] {
    let source = data::open(&place.path(data)).unwrap();
    let split = source.read_split_inside().unwrap().unwrap();
    let by_class: Vec<u64> = split.class_counts(&source).iter().map(|counts| counts[part as usize]).collect();
    [by_class[0], by_class[1], by_class.iter().sum()]
}

fn pixels(source: &Source) -> BTreeMap<String, Vec<u8>> {
    let image = |i: usize| source.image(i).unwrap().into_pixels();
    source.entries().iter().enumerate().map(|(i, entry)| (entry.path.to_owned(), image(i))).collect()
}

#[test]
fn every_sampler_balances_training_and_leaves_the_other_parts_as_they_are() {
    let place = unequal();
    // two basophils and six of each other class
    for (sampler, expected) in [
        ("natural", [2, 6, 44]),
        ("oversample", [6, 6, 48]),
        ("undersample", [2, 2, 16]),
        ("undersample --count 4", [2, 4, 30]),
        ("undersample-mixup --count 5", [5, 5, 40]),
    ] {
        let name = format!("{}.tar", sampler.replace(' ', "-"));
        place.hema(&format!("data balance cells {name} --sampler {sampler}")).succeeds();
        assert_eq!(counts(&place, &name, Part::Train), expected, "{sampler}");
        for part in [Part::Val, Part::Test] {
            assert_eq!(counts(&place, &name, part), [1, 1, 8], "{sampler}");
        }
    }
    let before = pixels(&data::open(&place.path("cells")).unwrap());
    let after = pixels(&data::open(&place.path("oversample.tar")).unwrap());
    assert!(before.iter().all(|(path, pixels)| after[path] == *pixels));
    let added: Vec<&String> = after.keys().filter(|path| !before.contains_key(*path)).collect();
    assert_eq!(added.len(), 4);
    assert!(added.iter().all(
        |path| after[*path] == before["basophil/0000.png"] || after[*path] == before["basophil/0001.png"]
    ));
    place.train("--data oversample.tar --out run").succeeds();
}

#[test]
fn mixtures_are_new_pictures_between_two_of_their_class() {
    let place = unequal();
    let said =
        place.hema("data balance cells mixed --sampler undersample-mixup --count 6 --part train").succeeds();
    assert!(
        said.out.ends_with(
            "48 images: mixed; of training 0 are repeated and 4 mixed, 0 of other parts are as they were\n"
        ),
        "{said:?}"
    );
    let source = data::open(&place.path("mixed")).unwrap();
    assert!(source.read_split_inside().unwrap().is_none(), "one part is a set of its own");
    let after = pixels(&source);
    let (first, second) = (&after["basophil/0000.png"], &after["basophil/0001.png"]);
    let mixtures: Vec<&Vec<u8>> =
        after.iter().filter(|(path, _)| path.contains("mixed")).map(|(_, p)| p).collect();
    assert_eq!(mixtures.len(), 4);
    for mixture in &mixtures {
        let between =
            |i: usize| mixture[i] >= first[i].min(second[i]) && mixture[i] <= first[i].max(second[i]);
        assert!((0..mixture.len()).all(between));
    }
    assert!(mixtures.iter().any(|mixture| *mixture != first && *mixture != second));

    place.hema("data balance cells again --sampler undersample-mixup --count 6 --part train").succeeds();
    assert_eq!(pixels(&data::open(&place.path("again")).unwrap()), after);
    place
        .hema("data balance cells other --sampler undersample-mixup --count 6 --part train --seed 1")
        .succeeds();
    assert_ne!(pixels(&data::open(&place.path("other")).unwrap()), after);
}

#[test]
fn what_cannot_be_balanced_is_said() {
    let place = unequal();
    let error = place.hema("data balance cells out --sampler oversampel").error();
    assert!(
        error.contains("unknown sampler `oversampel`") && error.contains("did you mean `oversample`?"),
        "{error}"
    );
    let error = place.hema("data balance cells out --sampler oversample --part val").error();
    assert!(error.contains("the part `train`, which is to be balanced, is not among"), "{error}");
    let error = place.hema("data balance cells cells --sampler oversample").error();
    assert!(error.contains("cells: lies inside the data itself"), "{error}");
    let error = place.hema("data balance cells out.csv --sampler oversample").error();
    assert!(error.contains("is no file of its own, which a manifest could name"), "{error}");
    place.hema("data balance cells out.csv --sampler undersample").succeeds();

    let said = place.hema("data balance cells out --sampler undersample --split none --json").succeeds();
    assert!(
        said.err.starts_with("warning: the data has no parts: all images are balanced; split before"),
        "{said:?}"
    );
    assert_eq!((&said.json()["images"], &said.json()["unchanged"]), (&32.into(), &0.into()));

    place.write("cells/basophil/0000.png", files::truncated_jpeg());
    let error = place.hema("data balance cells bad --sampler undersample-mixup").error();
    assert!(error.contains("0000.png") && error.contains("--on-bad-image skip"), "{error}");
    let said =
        place.hema("data balance cells bad --sampler undersample-mixup --on-bad-image skip").succeeds();
    assert!(said.err.starts_with("warning: 1 unreadable image was skipped"), "{said:?}");
}

#[test]
fn groups_are_kept_in_every_form_that_has_them() {
    let place = unequal();
    let mut groups = String::from("path,group\n");
    for (path, _) in files::cells(8, 24) {
        let number = &path[path.len() - 8..path.len() - 4];
        if !place.path("cells").join(&path).exists() {
            continue;
        }
        writeln!(groups, "{path},patient {number}").unwrap();
    }
    place.write("cells/groups.csv", groups);
    for out in ["set --to parquet", "set.tar", "shards --to webdataset"] {
        place.hema(&format!("data balance cells {out} --sampler oversample")).succeeds();
        let source = data::open(&place.path(out.split(' ').next().unwrap())).unwrap();
        let patients: BTreeMap<&str, usize> =
            source.entries().iter().fold(BTreeMap::new(), |mut patients, entry| {
                *patients.entry(entry.group.unwrap()).or_default() += 1;
                patients
            });
        // both basophils are there three times
        assert_eq!(patients.len(), 8, "{out}: {patients:?}");
        assert_eq!(patients["patient 0000"], 10, "{out}");
        assert_eq!(patients["patient 0003"], 7, "{out}");
    }
}
