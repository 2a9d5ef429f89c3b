//! `hema data`: what a set holds, and the same set in another form.

use std::fmt::Write;

use hema::data::READERS;
use insta::assert_snapshot;

use crate::support::Place;

#[test]
fn info_counts_classes_and_parts_and_measures_a_sample() {
    let place = Place::with_cells();
    place.hema("data convert cells all.tar").succeeds();
    let said = place.hema("data info all.tar --out sheet.png").succeeds();
    assert!(
        said.out.starts_with("all.tar: 64 images, tar archive\n\nclass         images\nbasophil"),
        "{said:?}"
    );
    assert!(said.out.contains("sizes   24x24 (64)\n") && said.out.contains("from all images"), "{said:?}");
    let sheet = image::open(place.path("sheet.png")).unwrap();
    assert_eq!((sheet.width(), sheet.height()), (1004, 804));
    let json = place.hema("data info all.tar --json").succeeds().json();
    assert_eq!((&json["images"], &json["classes"][7]["name"]), (&64.into(), &"platelet".into()));
    assert!(json["mean"][0].as_f64().unwrap() > 0.1);
    // numbers are not the data's names for its classes
    place.write("numbers.csv", "path,label\ncells/ig/0000.png,0\ncells/platelet/0000.png,1\n");
    let numbers = place.hema("data info numbers.csv").succeeds().out;
    assert!(numbers.contains("\n1      ") && numbers.contains("\nlabels  numbers alone"), "{numbers}");
    assert!(!said.out.contains("labels  "), "{said:?}");
    // the same seed draws the same images
    let again = place.hema("data info all.tar --json").succeeds().json();
    assert_eq!(again, json);
}

#[test]
fn convert_changes_form_and_size_and_names_what_it_wrote() {
    let place = Place::with_cells();
    let said = place.hema("data convert cells small.npz --size 12").succeeds();
    assert_eq!(said.out, "64 images: small.npz (npz)\n");
    let json = place.hema("data info small.npz --json").succeeds().json();
    assert_eq!((&json["form"], &json["sizes"][0]["width"]), (&"numpy arrays".into(), &12.into()));
    place.hema("data convert small.npz files --to folder --quality 90").succeeds();
    assert!(place.list("files/ig").contains("images_000024.jpg"), "{:?}", place.list("files/ig"));
    let json = place.hema("data convert cells again.zip --json").succeeds().json();
    assert_eq!((&json["form"], &json["images"]), (&"zip".into(), &64.into()));
}

#[test]
fn parts_travel_and_a_single_part_is_a_set_of_its_own() {
    let place = Place::with_cells();
    let mut split = "path,label,split\n".to_owned();
    for class in place.list("cells") {
        for (name, part) in ["train", "train", "val", "test"].iter().enumerate() {
            writeln!(split, "{class}/{name:04}.png,{class},{part}").unwrap();
        }
    }
    place.write("split.csv", &split);
    place.hema("data convert cells parts.npz --split split.csv --part train,val,test").succeeds();
    let json = place.hema("data info parts.npz --json").succeeds().json();
    assert_eq!(json["classes"][0]["parts"], serde_json::json!([2, 1, 1]));
    place.hema("data convert parts.npz val.tar --part val").succeeds();
    let json = place.hema("data info val.tar --json").succeeds().json();
    assert_eq!((&json["images"], &json["classes"][0]["parts"]), (&8.into(), &serde_json::json!([0, 0, 0])));
    place.hema("data convert parts.npz flat.npz --split none").succeeds();
    let json = place.hema("data info flat.npz --json").succeeds().json();
    assert_eq!((&json["images"], &json["classes"][0]["parts"]), (&32.into(), &serde_json::json!([0, 0, 0])));
    // half of the images are in no part
    assert_snapshot!(place.hema("data convert cells x.npz --split split.csv").error(), @r"
    error: basophil/0004.png: is one of the images without a part, while others have one
    hint: choose a part with --part, give a split that names every image, or leave parts out with `--split none`
    ");
    assert_snapshot!(place.hema("data convert cells x.npz --part val").error(), @r"
    error: cells: no image belongs to the part val
    hint: give a split with --split
    ");
}

#[test]
fn a_conversion_that_cannot_be_done_writes_nothing() {
    let place = Place::with_cells();
    place.write("cells/ig/0000.png", "no picture");
    place.write("taken", "mine");
    assert_snapshot!(place.hema("data convert cells taken").error(), @r"
    error: taken: exists already (a data set is never replaced)
    hint: choose another name, or move or remove what is there
    ");
    assert_snapshot!(place.hema("data convert cells x.rar").error(), @r"
    error: x.rar: its name tells no form (expected .tar, .tar.gz, .tgz, .zip, .npz, .parquet, .csv, or none for a folder)
    hint: name the form with --to
    ");
    assert_snapshot!(place.hema("data convert cells x.tar --to tarr").error(), @r"
    error: unknown form `tarr`
    hint: did you mean `tar`?
    ");
    assert_snapshot!(place.hema("data convert cells x.tar").error(), @r"
    error: cells/ig/0000.png: is not an image in a known format (expected JPEG, PNG, BMP, TIFF, WebP, GIF or PNM)
    hint: leave unreadable images out with `--on-bad-image skip`
    ");
    assert_eq!(place.list(""), ["cells", "taken"].map(str::to_owned).into());
    assert_eq!(place.read("taken"), "mine");
    let said = place.hema("data convert cells x.tar --on-bad-image skip").succeeds();
    assert_eq!(said.out, "63 images: x.tar (tar)\n");
    assert!(said.err.contains("1 unreadable image was skipped: cells/ig/0000.png: "), "{said:?}");
}

#[test]
fn every_reader_is_listed_and_in_the_reference_and_help_names_forms_by_that_list() {
    let listed = Place::empty().hema("list readers").succeeds().out;
    let reference = include_str!("../../../../docs/reference.md");
    for reader in READERS {
        assert!(listed.contains(reader.name) && listed.contains(reader.about), "{listed}");
        let row = format!("| `{}` | {} |", reader.name, reader.about);
        assert!(reference.contains(&row), "{row}");
    }
    let (commands, _) = reference.split_once("\n## models\n").unwrap();
    let help = commands.split_whitespace().collect::<Vec<_>>().join(" ");
    let count = |words: &str| help.to_lowercase().matches(words).count();
    assert!(count("image folder") > 5);
    assert_eq!(count("image folder"), count("or any other form of `hema list readers`"));
}
