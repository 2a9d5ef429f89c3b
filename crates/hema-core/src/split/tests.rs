//! Splits read, written, fitted to data and refused.

use std::path::Path;

use super::*;
use crate::data::{Source, Unknown, open};
use crate::error::Result;

fn parse(text: &str) -> Result<Split> {
    Split::parse(std::io::Cursor::new(text.to_owned()), Path::new("s.csv"))
}

fn with_header(rows: &str) -> Split {
    parse(&format!("path,label,split\n{rows}")).unwrap()
}

/// A source of a manifest's text. Its images need not exist.
fn source(manifest: &str) -> Source {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.csv");
    std::fs::write(&path, manifest).unwrap();
    open(&path).unwrap()
}

#[test]
fn a_split_survives_a_round_trip() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("split.csv");
    for text in [
        "path,label,split\n1,a,train\n2,,val\n",
        "path,label,split,group\n1,a,test,g\n\"2,\n2\",b,val,\n",
        "path,label,split\n'=1+1.png,'+,train\n''@x.png,-1,val\n",
    ] {
        let split = parse(text).unwrap();
        split.write(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        assert_eq!(Split::read(&path).unwrap().rows, split.rows);
    }
}

#[test]
fn bad_split_files_are_explained() {
    let fails = |text: &str| parse(text).unwrap_err().to_string();
    assert!(fails("path,label\n").contains("s.csv: has no column `split` (found: path,label"));
    assert!(fails("path,split\na,train\na,val\n").contains("line 3: `a` is named twice"));
    assert!(fails("path,split\na,holdout\n").contains("line 2: part is `holdout`"));
}

#[test]
fn a_split_of_numeric_labels_fits_the_data_under_a_models_class_names() {
    let source = source("path,label\n1,0\n2,1\n");
    let split = SplitPlan::new(&source, 0).parts(Fractions { val: 0.0, test: 0.0 }).unwrap();
    let source = source.with_classes(&["a".to_owned(), "b".to_owned()], Unknown::Fail).unwrap();
    assert_eq!(split.indices(&source, Part::Train).unwrap(), [0, 1]);
}

#[test]
fn classes_that_differ_by_a_sign_or_in_case_are_not_mixed_up_in_a_split() {
    for (a, b) in [("CD34+", "CD34-"), ("Blast", "blast"), ("+", "-")] {
        let source = source(&format!("path,label\n1,{a}\n2,{b}\n"));
        let good = with_header(&format!("1,{a},train\n2,{b},train\n"));
        assert_eq!(good.indices(&source, Part::Train).unwrap(), [0, 1]);
        let swapped = with_header(&format!("1,{b},train\n2,{a},train\n"));
        let error = swapped.indices(&source, Part::Train).unwrap_err().to_string();
        assert!(error.contains("2 of its 2 files have another label in the data"), "{error}");
    }
    let both = source("path,label\n1,platelet\n2,thrombocytes\n3,ig\n");
    let good = with_header("1,platelet,train\n2,thrombocytes,train\n3,ig,train\n");
    assert_eq!(good.indices(&both, Part::Train).unwrap(), [0, 1, 2]);
    // a number is a position where the data has numbers, and a name where it has names
    let named = source("path,label\n1,a\n2,b\n");
    assert!(with_header("1,0,train\n2,1,train\n").indices(&named, Part::Train).is_err());
}

#[test]
fn a_split_must_fit_its_data() {
    let source = source("path,label\n1,a\n2,a\n3,b\n");
    let fails = |text: &str, part| with_header(text).indices(&source, part).unwrap_err().to_string();

    let good = with_header("1,a,train\n3,B,train\n");
    assert_eq!(good.indices(&source, Part::Train).unwrap(), [0, 2]);
    assert_eq!(good.ignored(&source), 1);
    assert_eq!(good.class_counts(&source), [[1, 0, 0], [1, 0, 0]]);
    assert!(fails("1,a,train\n", Part::Train).contains("class `b` has no image in the part `train`"));
    assert!(fails("1,a,train\n", Part::Val).contains("no image belongs to the part `val`"));
    assert!(
        fails("8,a,train\n9,a,val\n1,a,val\n", Part::Val)
            .contains("2 of its 3 files are not in the data, first: 8, 9")
    );
    assert!(
        fails("1,b,train\n", Part::Train)
            .contains("1 of its 1 files have another label in the data, first: 1")
    );
}

#[test]
fn a_group_in_two_parts_is_refused_whoever_names_it() {
    let data = source("path,label,group\n1,a,p\n2,a,p\n3,b,q\n4,b,\n5,b,\n");
    let refused = |split: &Split| split.check_groups(&data).unwrap_err().to_string();
    let torn = with_header("1,a,train\n2,a,test\n3,b,val\n4,b,train\n5,b,test\n");
    assert!(refused(&torn).contains("s.csv: 1 group is in more than one part, first: `p` (train, test)"));
    let own = parse("path,split,group\n1,train,x\n2,train,y\n4,train,z\n5,val,z\n").unwrap();
    assert!(refused(&own).contains("first: `z` (train, val)"));
    with_header("1,a,train\n2,a,train\n3,b,val\n4,b,train\n5,b,test\n").check_groups(&data).unwrap();
}

#[test]
fn copies_in_two_parts_are_refused() {
    let data = source("path,label\n1,a\n2,a\n3,b\n4,b\n");
    let split = with_header("1,a,train\n2,a,train\n3,b,val\n");
    split.check_copies(&data, &[vec![0, 1], vec![2, 3]]).unwrap();
    let error = split.check_copies(&data, &[vec![0, 1], vec![0, 1, 2]]).unwrap_err();
    assert!(
        error.to_string().ends_with("1 set of copies is in more than one part, first: 1 (train) and 3 (val)"),
        "{error}"
    );
}

#[test]
fn a_pattern_reads_groups_out_of_paths() {
    let data = || source("path,label,group\na/s1_1.png,a,x\na/s2_1.png,a,x\nb/s1_2.png,b,x\n");
    let grouped = GroupPattern::parse("(s[0-9]+)_").unwrap().apply(data()).unwrap();
    let groups: Vec<_> = grouped.entries().iter().map(|e| e.group.unwrap()).collect();
    assert_eq!(groups, ["s1", "s2", "s1"]);

    let fails = |pattern: &str| GroupPattern::parse(pattern).map(drop).unwrap_err().to_string();
    assert!(fails("s[0-9]+_").contains("has 0 capture groups (expected one"));
    assert!(fails("(s)([0-9]+)").contains("has 2 capture groups"));
    assert!(fails("(s[").contains("is no regular expression"));
    let error = GroupPattern::parse("(s1)").unwrap().apply(data()).map(drop).unwrap_err();
    assert!(error.to_string().contains("fits none of 1 paths of 3, first: a/s2_1.png"), "{error}");
}
