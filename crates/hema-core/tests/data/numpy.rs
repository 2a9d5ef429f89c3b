//! Numpy archives, written by numpy and by hand.

use std::path::{Path, PathBuf};

use hema_core::data::{Subject, Unknown, open, standard_classes};
use hema_core::split::Part;
use tempfile::TempDir;

use crate::helper::{file, folder, load, open_error, paths, zip};

fn fixture(name: &str) -> PathBuf {
    // written by scripts/reference/numpy_arrays.py
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/numpy").join(name)
}

#[test]
fn reads_what_numpy_writes_in_every_type_and_order() {
    for name in ["stored", "deflated", "fortran", "fortran_float", "big_endian", "unit_float", "signed"] {
        let source = open(&fixture(&format!("{name}.npz"))).unwrap();
        assert_eq!(paths(&source), ["images[0]", "images[1]", "images[2]"], "{name}");
        let labels: Vec<_> = source.entries().iter().map(|e| e.label).collect();
        assert_eq!(labels, [Some(2), Some(0), Some(1)], "{name}");
        assert_eq!(source.classes(), ["class_0", "class_1", "class_2"]);
        for i in [2, 0, 1] {
            let image = source.image(i).unwrap();
            assert_eq!((image.width(), image.height()), (5, 4), "{name}");
            let expected: Vec<u8> = (0..60).map(|v| (i * 60 + v) as u8).collect();
            assert_eq!(image.pixels(), expected, "{name} image {i}");
        }
        assert_eq!(load(&source).unwrap().len(), 3, "{name}");
    }
    let unlabelled = open(&fixture("unlabelled.npz")).unwrap();
    assert!(unlabelled.classes().is_empty() && unlabelled.entry(0).label.is_none());
}

#[test]
fn reads_medmnists_parts() {
    let source = open(&fixture("medmnist.npz")).unwrap();
    assert_eq!(paths(&source), ["train_images[0]", "val_images[0]", "test_images[0]"]);
    let split = source.read_split_inside().unwrap().unwrap();
    assert_eq!(split.indices(&source, Part::Test).unwrap(), [2]);
    assert_eq!(source.entry(0).label, Some(2));
}

#[test]
fn objects_are_refused_without_being_loaded() {
    let error = open_error(&fixture("objects.npz"));
    assert!(error.contains("images: holds Python objects (pickle), which are not read"), "{error}");
}

/// A `.npy` file with a header of version 1.
fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

/// A key and the bytes of its `.npy` file.
type Array = (&'static str, Vec<u8>);

fn npz(dir: &TempDir, arrays: &[Array]) -> PathBuf {
    let files: Vec<_> = arrays.iter().map(|(key, bytes)| (format!("{key}.npy"), bytes.clone())).collect();
    file(dir, "x.npz", &zip(&files, false))
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

#[test]
fn numbers_mean_the_same_however_many_there_are_and_grey_images_have_three_channels() {
    let dir = folder();
    let opened = |largest: u8| {
        let images = npy("|u1", "(2, 1, 2)", &[1, 2, 3, 4]);
        let labels = npy("|u1", "(2,)", &[largest, 0]);
        open(&npz(&dir, &[("images", images), ("labels", labels)])).unwrap()
    };
    for largest in [6, 7, 8] {
        let source = opened(largest);
        assert_eq!(source.classes()[3], "class_3");
        assert_eq!((source.classes().len(), source.notices().len()), (usize::from(largest) + 1, 0));
        assert_eq!(source.image(1).unwrap().pixels(), [3, 3, 3, 4, 4, 4]);
    }
    // a model's list of names takes them by position, and says so
    let source = opened(7).with_classes(&standard_classes(), Unknown::Fail).unwrap();
    assert_eq!(source.counts(), [1, 0, 0, 0, 0, 0, 0, 1]);
    let said = source.notices()[0].to_string();
    assert!(said.ends_with("the model's list of classes: 0 is `basophil`, 7 is `platelet`"), "{said}");
    // one whose order is another too: no name was ever made up for the numbers
    let mut other = standard_classes();
    other.reverse();
    let source = opened(6).with_classes(&other, Unknown::Fail).unwrap();
    assert_eq!((source.counts()[0], source.counts()[6]), (1, 1));
    let error = opened(8).with_classes(&standard_classes(), Unknown::Fail).err().unwrap();
    assert!(error.to_string().contains("holds 1 image of class `class_0`, which the model does not know"));
    assert!(
        error.hint_text().unwrap().starts_with("labels that are numbers are positions in the model's list")
    );
}

#[test]
fn a_file_called_bloodmnist_has_its_classes_and_that_is_said() {
    let dir = folder();
    let bytes = std::fs::read(fixture("medmnist.npz")).unwrap();
    let source = open(&file(&dir, "bloodmnist_64.npz", &bytes)).unwrap();
    assert_eq!(source.classes(), standard_classes());
    assert_eq!(source.notices()[0].subject, Subject::AssumedClasses);
    assert_eq!(open(&file(&dir, "tissuemnist.npz", &bytes)).unwrap().classes()[0], "class_0");
    // matched by name, whatever the order
    let mut other = standard_classes();
    other.insert(1, "blast".to_owned());
    let source = source.with_classes(&other, Unknown::Fail).unwrap();
    assert_eq!((source.entry(0).label, source.notices().len()), (Some(3), 1));
}

#[test]
fn headers_of_version_2_and_3_are_read() {
    let dir = folder();
    for version in [2, 3] {
        let mut images = npy("|u1", "(1, 1, 1)", &[9]);
        images[6] = version;
        images.splice(10..10, [0, 0]);
        assert_eq!(open(&npz(&dir, &[("images", images)])).unwrap().image(0).unwrap().rgb(0, 0), [9; 3]);
    }
}

#[test]
fn arrays_that_make_no_sense_are_explained() {
    let dir = folder();
    let images = || ("images", npy("|u1", "(2, 1, 1, 3)", &[0; 6]));
    let labels = |values: &[i16]| {
        let data: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        ("labels", npy("<i2", &format!("({},)", values.len()), &data))
    };
    let only = |bytes: Vec<u8>| vec![("images", bytes)];
    let cases: Vec<(Vec<Array>, &str)> = vec![
        (
            vec![("x_train", npy("|u1", "(1, 1, 1)", &[0])), labels(&[0])],
            "`images` or `train_images` (found: x_train, labels)",
        ),
        (vec![images(), labels(&[0])], "labels: has 1 labels for the 2 images of `images`"),
        (vec![images(), labels(&[0, -1])], "holds the label -1 at index 1"),
        (vec![images(), labels(&[0, 10_000])], "holds the label 10000 at index 1"),
        (vec![images(), ("labels", npy("<f4", "(2,)", &[0; 8]))], "expected integer labels"),
        (
            vec![images(), ("labels", npy("|u1", "(2, 3)", &[0; 6]))],
            "has the shape (2, 3) (expected (2,) or (2, 1))",
        ),
        (vec![images(), ("labels", npy("<U4", "(2,)", &[0; 32]))], "numbers of type `<U4`"),
        (only(npy("|u1", "(2, 3, 4, 4)", &[0; 96])), "transpose(0, 2, 3, 1)"),
        (only(npy("|u1", "(4, 4)", &[0; 16])), "has the shape (4, 4) (expected (N, H, W, 3) or (N, H, W))"),
        (only(npy("|u1", "(2, 0, 3)", &[])), "has images of 3x0 pixels"),
        (only(npy("|u1", "(2, 1, 1, 3)", &[0; 5])), "claims the shape (2, 1, 1, 3), 6 bytes, but holds 5"),
        (only(npy("<f8", "(4294967296, 4294967296, 4)", &[0; 8])), "more than any memory holds"),
        (only(npy("|u1", "(99999999999999999999999, 1, 1)", &[0])), "no readable `shape`"),
        (only(npy("|u1", "(1, 99999, 1)", &vec![0; 99_999])), "1x99999 pixels (at most 16384"),
        (only(npy("<f2", "(1, 1, 1)", &[0; 2])), "type `<f2`"),
        (only(npy("<f4", "(2, 1, 1)", &floats(&[0.5, f32::NAN]))), "holds NaN in the image at index 1"),
        (only(npy("<f4", "(2, 1, 1)", &floats(&[-2.1, 2.6]))), "expected 0 to 1 or 0 to 255"),
        (only(npy("<i2", "(1, 1, 1)", &[255, 255])), "holds values from -1 to -1 (expected 0 or more"),
        (only(npy("|u1", "(0, 4, 4, 3)", &[])), "holds no images"),
        (only(b"\x93NUMPY\x01".to_vec()), "ends within its header"),
        (only(b"PK not an array".to_vec()), "does not begin like a numpy array"),
        (only(b"\x93NUMPY\x09\x00\x00\x00".to_vec()), "version 9"),
        (only(b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec()), "claims a header of 4294967295 bytes"),
    ];
    for (arrays, expected) in cases {
        let error = open_error(&npz(&dir, &arrays));
        assert!(error.contains(expected), "{error} (expected: {expected})");
        assert!(error.contains("x.npz"), "{error}");
    }
}

#[test]
fn a_lone_array_is_explained() {
    let dir = folder();
    let error = open_error(&file(&dir, "x.npy", &npy("|u1", "(1, 1, 1)", &[0])));
    assert!(error.contains("single numpy array") && error.contains("np.savez"), "{error}");
}

#[test]
fn dark_images_of_a_0_to_255_array_keep_their_scale() {
    let dir = folder();
    let source = open(&npz(&dir, &[("images", npy("<f4", "(2, 1, 1)", &floats(&[1.0, 200.0])))])).unwrap();
    assert_eq!(source.image(0).unwrap().rgb(0, 0), [1; 3]);
    let source = open(&npz(&dir, &[("images", npy("<f4", "(2, 1, 1)", &floats(&[1.0, 0.5])))])).unwrap();
    assert_eq!(
        (source.image(0).unwrap().rgb(0, 0), source.image(1).unwrap().rgb(0, 0)),
        ([255; 3], [128; 3])
    );
}
