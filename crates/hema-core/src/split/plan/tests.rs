//! The promises of a plan: proportions, wholeness of units, and that nothing but the seed decides.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn entry<'a>(path: &'a str, label: Option<usize>, group: Option<&'a str>) -> Entry<'a> {
    Entry { path, label, part: None, group }
}

/// A number of entries, each with its position as its path.
fn numbered(
    count: usize,
    label: impl Fn(usize) -> usize,
    group: impl Fn(usize) -> Option<String>,
) -> Entries {
    let mut entries = Entries::default();
    for i in 0..count {
        entries.push(entry(&format!("{i:03}.png"), Some(label(i)), group(i).as_deref()));
    }
    entries
}

fn classes() -> Vec<String> {
    vec!["a".to_owned(), "b".to_owned()]
}

/// 100 of the first class, 20 of the second.
fn cells() -> Entries {
    numbered(120, |i| usize::from(i >= 100), |_| None)
}

/// The cells in 24 groups of five, each with images of one class.
fn grouped_cells() -> Entries {
    numbered(120, |i| usize::from(i >= 100), |i| Some(format!("slide {}", i / 5)))
}

fn plan<'a>(entries: &'a Entries, classes: &'a [String], seed: u64) -> SplitPlan<'a> {
    SplitPlan { entries, classes, copies: Vec::new(), left_out: Vec::new(), seed, repeat: 0 }
}

const FRACTIONS: Fractions = Fractions { val: 0.2, test: 0.1 };

/// Images of each class in a part.
fn count(split: &Split, part: Part) -> [usize; 2] {
    ["a", "b"].map(|label| {
        split.rows.iter().filter(|r| r.label.as_deref() == Some(label) && r.part == part).count()
    })
}

/// Paths of a part.
fn paths(split: &Split, part: Part) -> BTreeSet<String> {
    split.rows.iter().filter(|r| r.part == part).map(|r| r.path.clone()).collect()
}

#[test]
fn every_class_is_split_in_the_same_proportions() {
    let split = plan(&cells(), &classes(), 1).parts(FRACTIONS).unwrap();
    assert_eq!(Part::ALL.map(|part| count(&split, part)), [[70, 14], [20, 4], [10, 2]]);
}

#[test]
fn shares_hold_over_many_small_classes_together() {
    let names: Vec<String> = (0..100).map(|class| format!("class {class:02}")).collect();
    let entries = numbered(300, |i| i / 3, |_| None);
    let split = plan(&entries, &names, 1).parts(Fractions { val: 0.15, test: 0.15 }).unwrap();
    assert_eq!(split.counts(), [210, 45, 45]);
}

#[test]
fn the_seed_decides_and_the_order_of_entries_does_not() {
    let (cells, classes) = (grouped_cells(), classes());
    let reversed: Entries = (0..cells.len()).rev().map(|i| cells.get(i)).collect();
    let copies = [(3, 50), (100, 7)];
    let parts = |entries: &Entries, seed| -> BTreeMap<String, Part> {
        let turned = |i: usize| if entries.get(0).path == "000.png" { i } else { 119 - i };
        let copies = copies.iter().map(|(a, b)| vec![turned(*a), turned(*b)]).collect();
        let split = SplitPlan { copies, ..plan(entries, &classes, seed) }.parts(FRACTIONS).unwrap();
        split.rows.into_iter().map(|r| (r.path, r.part)).collect()
    };
    assert_eq!(parts(&grouped_cells(), 1), parts(&reversed, 1));
    assert_ne!(parts(&grouped_cells(), 1), parts(&grouped_cells(), 2));
}

#[test]
fn groups_and_copies_are_never_torn_apart() {
    let (entries, classes) = (grouped_cells(), classes());
    // the copies chain slides 0, 1 and 20, of both classes
    let copies = vec![vec![0, 5], vec![9, 100]];
    let plan = SplitPlan { copies, ..plan(&entries, &classes, 3) };
    let folds = plan.folds(4, 0.1).unwrap();
    for split in folds.iter().chain([&plan.parts(FRACTIONS).unwrap()]) {
        let mut parts: BTreeMap<&str, BTreeSet<Part>> = BTreeMap::new();
        for row in &split.rows {
            parts.entry(row.group.as_deref().unwrap()).or_default().insert(row.part);
        }
        assert_eq!(parts.len(), 24);
        assert!(parts.values().all(|parts| parts.len() == 1));
        assert_eq!(parts["slide 0"], parts["slide 1"]);
        assert_eq!(parts["slide 0"], parts["slide 20"]);
        assert!(split.counts().iter().all(|count| *count > 0), "{:?}", split.counts());
    }
}

#[test]
fn groups_of_one_class_are_spread_as_evenly_as_single_images() {
    let folds = plan(&grouped_cells(), &classes(), 0).folds(4, 0.0).unwrap();
    for split in folds {
        assert_eq!(count(&split, Part::Val), [25, 5]);
    }
}

#[test]
fn units_that_fit_nowhere_better_fill_the_emptiest_part() {
    let entries = numbered(120, |i| usize::from(i % 50 >= 25), |i| Some(format!("half {}", i % 50 / 25)));
    let error = plan(&entries, &classes(), 0).folds(2, 0.0).unwrap_err();
    assert!(error.to_string().contains("all images of the class `a`"), "no empty fold: {error}");
}

#[test]
fn folds_share_out_every_image_once_and_differ_by_one_at_most() {
    let (entries, classes) = (cells(), classes());
    for (count_of_folds, seed) in [(2, 0), (3, 1), (7, 2), (19, 3)] {
        let folds = plan(&entries, &classes, seed).folds(count_of_folds, 0.0).unwrap();
        assert_eq!(folds.len(), count_of_folds);
        let mut validated: Vec<String> = folds.iter().flat_map(|split| paths(split, Part::Val)).collect();
        validated.sort();
        assert_eq!(validated, entries.iter().map(|e| e.path.to_owned()).collect::<Vec<_>>());
        let counts: Vec<[usize; 2]> = folds.iter().map(|split| count(split, Part::Val)).collect();
        let spread = |of: &dyn Fn(&[usize; 2]) -> usize| {
            counts.iter().map(of).max().unwrap() - counts.iter().map(of).min().unwrap()
        };
        assert!(
            spread(&|c| c[0]) <= 1 && spread(&|c| c[1]) <= 1 && spread(&|c| c[0] + c[1]) <= 1,
            "{counts:?}"
        );
    }
}

#[test]
fn the_test_part_is_the_same_for_every_fold_repeat_and_share_of_validation() {
    let (entries, classes) = (cells(), classes());
    let first = plan(&entries, &classes, 5);
    let second = SplitPlan { repeat: 1, ..first.clone() };
    let halves = Fractions { val: 0.5, test: 0.1 };
    let mut splits = vec![first.parts(FRACTIONS).unwrap(), second.parts(FRACTIONS).unwrap()];
    splits.push(first.parts(halves).unwrap());
    splits.extend(first.folds(3, 0.1).unwrap());
    splits.extend(second.folds(3, 0.1).unwrap());
    for split in &splits {
        assert_eq!(paths(split, Part::Test), paths(&splits[0], Part::Test));
    }
    assert_ne!(paths(&splits[0], Part::Val), paths(&splits[1], Part::Val));
    assert_ne!(paths(&splits[3], Part::Val), paths(&splits[6], Part::Val));
}

#[test]
fn every_class_keeps_a_unit_to_train_on_and_unlabelled_images_are_left_out() {
    let both = [entry("1", Some(0), None), entry("2", None, None)];
    let (entries, unlabelled): (Entries, Entries) =
        (both.into_iter().collect(), both[1..].iter().copied().collect());
    let most = Fractions { val: 0.6, test: 0.3 };
    let classes = classes();
    assert_eq!(plan(&entries, &classes, 0).parts(most).unwrap().counts(), [1, 0, 0]);
    let error = plan(&unlabelled, &classes, 0).parts(most).unwrap_err();
    assert!(error.to_string().contains("no labelled image"), "{error}");

    let slide = |i| (i >= 100).then(|| "the only slide of class b".to_owned());
    let entries = numbered(120, |i| usize::from(i >= 100), slide);
    for seed in 0..20 {
        let split = plan(&entries, &classes, seed).parts(most).unwrap();
        assert_eq!(count(&split, Part::Train)[1], 20);
    }
    let error = plan(&entries, &classes, 0).folds(2, 0.0).unwrap_err();
    assert!(error.to_string().contains("class `b`"), "{error}");
}

#[test]
fn impossible_shares_and_folds_are_refused() {
    let (entries, classes) = (cells(), classes());
    let plan = plan(&entries, &classes, 0);
    for (val, test) in [(-0.1, 0.2), (0.5, 0.5), (f64::NAN, 0.1)] {
        assert!(plan.parts(Fractions { val, test }).is_err());
    }
    for (count, test) in [(0, 0.0), (1, 0.0), (121, 0.0), (3, 1.0), (3, f64::NAN)] {
        assert!(plan.folds(count, test).is_err(), "{count} {test}");
    }
}

#[test]
fn images_can_be_left_out() {
    let (entries, classes) = (cells(), classes());
    let plan = SplitPlan { left_out: vec![0, 119], ..plan(&entries, &classes, 0) };
    for split in [plan.parts(FRACTIONS).unwrap(), plan.folds(2, 0.5).unwrap().remove(1)] {
        let named: Vec<&str> = split.rows.iter().map(|r| r.path.as_str()).collect();
        assert_eq!(named, (1..119).map(|i| entries.get(i).path).collect::<Vec<_>>());
    }
}

#[test]
fn one_copy_stays_unless_their_labels_differ() {
    let cells = cells();
    let entries: Entries =
        cells.iter().enumerate().map(|(i, e)| Entry { label: e.label.filter(|_| i != 4), ..e }).collect();
    let copies = [vec![7, 3], vec![50, 110, 60], vec![4, 5, 6]];
    assert_eq!(redundant_copies(&entries, &copies), [3, 50, 110, 60, 4, 6]);
}

/// A case of `group_folds.json`: images of each class in each group, and the result of scikit-learn's folds.
#[derive(serde::Deserialize)]
struct Case {
    folds: usize,
    groups: Vec<Vec<usize>>,
    sklearn: f64,
}

/// Mean over classes of the standard deviation, over folds, of a class's share in a fold.
fn unevenness(case: &Case, folds: &[Split]) -> f64 {
    let classes = case.groups[0].len();
    let deviation = |class: usize| {
        let total: usize = case.groups.iter().map(|group| group[class]).sum();
        let name = class.to_string();
        let shares = folds.iter().map(|split| {
            let in_fold = |r: &&Row| r.part == Part::Val && r.label.as_ref() == Some(&name);
            split.rows.iter().filter(in_fold).count() as f64 / total as f64
        });
        let mean = 1.0 / folds.len() as f64;
        (shares.map(|share| (share - mean).powi(2)).sum::<f64>() * mean).sqrt()
    };
    (0..classes).map(deviation).sum::<f64>() / classes as f64
}

#[test]
fn grouped_folds_are_more_even_than_those_of_scikit_learn() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../../../tests/fixtures/group_folds.json")).unwrap();
    let (mut ours, mut theirs, mut worse) = (0.0, 0.0, 0);
    for case in &cases {
        let mut entries = Entries::default();
        for (number, group) in case.groups.iter().enumerate() {
            for (class, images) in group.iter().enumerate() {
                for image in 0..*images {
                    let path = format!("{number}/{class}/{image}.png");
                    entries.push(entry(&path, Some(class), Some(&number.to_string())));
                }
            }
        }
        let classes: Vec<String> = (0..case.groups[0].len()).map(|class| class.to_string()).collect();
        let reached = unevenness(case, &plan(&entries, &classes, 0).folds(case.folds, 0.0).unwrap());
        worse += usize::from(reached > case.sklearn + 1e-9);
        ours += reached;
        theirs += case.sklearn;
    }
    // theirs is the best of six draws by the very measure; we sum squares
    assert!(worse <= 1, "{worse} of {} cases", cases.len());
    assert!(ours < 0.8 * theirs, "{ours} against {theirs}");
}
