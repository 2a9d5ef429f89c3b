//! Real cells, from the folder that `HEMA_TEST_DATA` names.

#![allow(clippy::print_stderr)]

use std::path::PathBuf;

use hema_core::data::{Dataset, LoadOptions, open, standard_classes};
use hema_core::preprocess::Preprocess;
use hema_core::split::Part;

fn real_data(name: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("HEMA_TEST_DATA") else {
        eprintln!("skipped: HEMA_TEST_DATA is unset (it names the folder that holds {name})");
        return None;
    };
    Some(PathBuf::from(folder).join(name))
}

#[test]
fn pbc_opens_splits_and_loads() {
    let Some(path) = real_data("pbc200.tar") else { return };
    let source = open(&path).unwrap();
    assert_eq!((source.len(), source.classes()), (15_620, &standard_classes()[..]));
    assert_eq!(source.entry(0).path.split('/').next(), Some("basophil"));
    let split = source.read_split_inside().unwrap().unwrap();
    assert_eq!(split.counts(), [11_645, 2_491, 1_484]);
    assert_eq!(split.ignored(&source), 0);
    let val = split.indices(&source, Part::Val).unwrap();
    let data =
        Dataset::load(&source, Some(&val), &Preprocess::imagenet(96), &LoadOptions::default(), &|_| ())
            .unwrap();
    assert_eq!(data.counts(), [175, 459, 225, 406, 174, 206, 494, 352]);
    assert!(data.skipped().is_empty());
}

#[test]
fn bccd_is_a_subset_of_the_standard_classes() {
    let Some(path) = real_data("bccd_cells.tar") else { return };
    let source = open(&path).unwrap();
    assert_eq!(source.classes(), ["basophil", "eosinophil", "lymphocyte", "monocyte", "neutrophil"]);
    let source = source.with_classes(&standard_classes(), hema_core::data::Unknown::Fail).unwrap();
    assert_eq!(source.counts(), [3, 88, 0, 0, 33, 20, 207, 0]);
}

#[test]
fn whole_jpegs_are_not_taken_for_damaged_ones() {
    // all of them take a minute without optimisation: every tenth
    for (name, step) in [("pbc200.tar", 10), ("bccd_cells.tar", 1), ("bccd_frames.tar", 1)] {
        let Some(path) = real_data(name) else { return };
        let source = open(&path).unwrap();
        let some: Vec<usize> = (0..source.len()).step_by(step).collect();
        let preprocess = Preprocess::imagenet(8);
        let data =
            Dataset::load(&source, Some(&some), &preprocess, &LoadOptions::default(), &|_| ()).unwrap();
        assert_eq!(data.len(), some.len());
    }
}
