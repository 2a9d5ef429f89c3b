//! Data that is damaged, empty, wrong or made in bad faith: one error that says so, or one image
//! left out; never a panic, never something half-written.

use insta::assert_snapshot;

use crate::files::{self, labels, npz, sixteen_labels};
use crate::support::Place;

/// The error of training on `data`, which must leave nothing behind.
#[track_caller]
fn train_error(place: &Place, data: &str) -> String {
    let error = place.train(&format!("--data {data} --out new")).error();
    assert!(place.list("new").is_empty(), "{:?}", place.list("new"));
    error
}

#[test]
fn an_image_cut_short_stops_or_is_skipped() {
    let place = Place::with_run();
    place.write("cells/ig/0000.png", files::truncated_jpeg());
    assert_snapshot!(train_error(&place, "cells"), @r"
    error: cells/ig/0000.png: is a truncated JPEG image (it ends before its end-of-image marker)
    hint: leave unreadable images out with `--on-bad-image skip`, in training with `--set data.on_bad_image=skip`
    ");
    let warning = "warning: 1 unreadable image was skipped: cells/ig/0000.png: is a truncated JPEG image (it ends \
                   before its end-of-image marker)\n";
    let said = place.train("--data cells --out skipping --set data.on_bad_image=skip").succeeds();
    assert!(said.err.contains(warning), "{said:?}");

    assert_eq!(place.hema("predict run cells").error(), train_error(&place, "cells"));
    let said = place.hema("predict run cells --on-bad-image skip").succeeds();
    assert!(said.err.starts_with(warning) && said.out.lines().count() == 65, "{said:?}");

    place.write("cells/ig/0001.png", "");
    assert!(place.hema("evaluate run --data cells --part all").error().contains("is a truncated JPEG image"));
    let words = "evaluate run --data cells --part all --suite clean --on-bad-image skip";
    let said = place.hema(words).succeeds();
    assert!(
        said.err.starts_with("warning: 2 unreadable images were skipped:\n  cells/ig/0000.png: "),
        "{said:?}"
    );
    assert!(said.out.starts_with("62 images of cells (all)\n"), "{said:?}");

    place.write("bad/0.png", "no picture");
    assert_snapshot!(place.hema("predict run bad --on-bad-image skip").error(), @"error: bad/0.png: none of the 1 images can be read; the first is not an image in a known format (expected JPEG, PNG, BMP, TIFF, WebP, GIF or PNM)");
}

/// A WebP file of 34 bytes and 16383 pixels a side, all of one colour.
const HUGE: &[u8] = b"RIFF\x1a\0\0\0WEBPVP8L\x0e\0\0\0/\xfe\xbf\xff\x0f\x88\x88\x08\0\0\0\0\0\0";

#[test]
fn a_picture_beyond_the_memory_for_images_cannot_be_read() {
    let place = Place::with_cells();
    place.write("cells/ig/huge.webp", HUGE);
    place.write("cells/monocyte/huge.webp", HUGE);
    assert_snapshot!(place.hema("data info cells --memory 16M").succeeds().err, @"");
    let said = place.hema("data convert cells copy --memory 512M").error();
    assert_snapshot!(said, @r"
    error: cells/ig/huge.webp: is 16383x16383 pixels, which takes 1792 MiB of memory to decode (at most 512 MiB are lent to images)
    hint: allow more, as with `--memory 2G`
    ");
    for little in ["0", "1K"] {
        let said = place.hema(&format!("data info cells --memory {little}"));
        assert!(said.status == Some(2) && said.err.contains("expected at least 16M"), "{said:?}");
    }
    assert!(place.hema("audit cells --memory 2GB2").status == Some(2));
}

#[test]
fn an_audit_does_not_propose_to_drop_a_picture_that_only_takes_more_memory() {
    let place = Place::with_cells();
    place.write("cells/ig/huge.webp", HUGE);
    let said = place.hema("--memory 512M audit cells --threshold unreadable=0.5 --out found");
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(said.out.starts_with("65 images of cells: 0 to drop, 1 to look at, 65 stay"), "{said:?}");
    assert!(
        said.err.contains(
            "warning: not looked at, as more memory is needed than images are lent: 1 images, first ig/huge.webp, which is \
             16383x16383 pixels, which takes 1792 MiB of memory to decode (at most 512 MiB are lent to images); allow more"
        ),
        "{said:?}"
    );
    assert!(place.read("found/findings.csv").contains(",review\n"));
    // a cleaned set without it would be a set with a picture lost
    let said = place.hema("--memory 512M audit cells --write clean.tar");
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(said.err.contains("huge.webp: cannot be read, yet the findings let it stay"), "{said:?}");
    assert!(!place.path("clean.tar").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_picture_that_the_system_has_no_memory_for_does_not_end_the_command() {
    let place = Place::with_run();
    place.write("cells/ig/huge.webp", HUGE);
    let words = "ulimit -v 2000000; hema predict run cells --on-bad-image skip";
    for more in ["", " --memory 8G"] {
        let said = place.bash(&format!("{words}{more}")).succeeds();
        assert!(
            said.err.contains("1 unreadable image was skipped: cells/ig/huge.webp: is 16383x16383"),
            "{said:?}"
        );
    }
}

#[test]
fn data_without_images_is_refused() {
    let place = Place::empty();
    std::fs::create_dir(place.path("empty")).unwrap();
    place.write("notes/a/readme.md", "no picture");
    place.write("nothing.tar", "");
    place.write("words.txt", "no data");
    place.write("table.csv", "path,label\n");
    for (data, found) in [
        ("empty", "holds no images"),
        ("notes", "holds no images"),
        ("nothing.tar", "is empty"),
        ("words.txt", "is in no known form"),
        ("table.csv", "holds no images"),
    ] {
        let error = train_error(&place, data);
        assert!(
            error.starts_with(&format!(
                "error: {data}: {found}\nhint: give a folder or archive of pictures, "
            )),
            "{error}"
        );
    }
    assert_snapshot!(train_error(&place, "nowhere"), @r"
    error: nowhere: cannot be opened: No such file or directory (os error 2)
    hint: check the path
    ");
}

#[test]
fn a_classifier_needs_two_classes() {
    let place = Place::with_cells();
    std::fs::create_dir(place.path("one")).unwrap();
    std::fs::rename(place.path("cells/ig"), place.path("one/ig")).unwrap();
    assert_snapshot!(train_error(&place, "one"), @r"
    error: one: every image is of the class `ig`, expected at least 2 classes
    hint: the class is the name of an image's folder, its number in `labels` of a .npz, or its `label` in a CSV manifest
    ");
    let error = train_error(&place, "one/ig");
    assert!(
        error.starts_with("error: one/ig: no image has a label, expected at least 2 classes\nhint: "),
        "{error}"
    );
}

#[test]
fn too_few_images_to_hold_some_out_are_named() {
    let place = Place::empty();
    place.write("few.npz", npz(files::images(), Some(labels(&sixteen_labels()))));
    let said = place.train("--data few.npz --out new --set data.validation=0.02");
    assert_snapshot!(said.error(), @r"
    error: few.npz: no image is left for validation, whose share is 0.02
    hint: add images, raise the share with --set data.validation=0.3, or give a --split
    ");
    let mut wrong = sixteen_labels();
    wrong[15] = 5000;
    place.write("wrong.npz", npz(files::images(), Some(labels(&wrong))));
    let said = place.train("--data wrong.npz --out new --set data.validation=0.02");
    let warning = "warning: 4992 of the 5001 classes have no image, first `class_8`; is a label wrong?\n";
    assert!(said.err.starts_with(warning), "{said:?}");
    said.error();
}

#[test]
fn splits_that_do_not_fit_the_data_are_refused() {
    let place = Place::with_cells();
    let paths: Vec<String> = files::cells(8, 24).into_iter().map(|(name, _)| name).collect();
    let split = |part: &dyn Fn(&str) -> &str| {
        let rows: Vec<String> = paths.iter().map(|path| format!("{path},{}\n", part(path))).collect();
        format!("path,split\n{}", rows.concat())
    };
    let sensible = split(&|path| if path.ends_with("7.png") { "val" } else { "train" });
    place.write("sensible.csv", &sensible);
    place.train("--data cells --out run --split sensible.csv").succeeds();

    let error = |name: &str, text: &str| {
        place.write(name, text);
        train_error(&place, &format!("cells --split {name}"))
    };
    let without_ig =
        split(&|path| if path.starts_with("ig/") || path.ends_with("7.png") { "val" } else { "train" });
    assert_snapshot!(error("a.csv", &without_ig), @r"
    error: a.csv: class `ig` has no image in the part `train`
    hint: move some of its images there, or leave the class out of the data
    ");
    let rows_without_ig: Vec<&str> = sensible.lines().filter(|row| !row.starts_with("ig/")).collect();
    assert!(
        error("b.csv", &rows_without_ig.join("\n")).contains("class `ig` has no image in the part `train`")
    );
    assert_snapshot!(error("c.csv", &split(&|_| "train")), @r"
    error: c.csv: no image belongs to the part `val`
    hint: make a split with `hema split`, or one that names some images `val`, and give it with --split
    ");
    assert_snapshot!(error("d.csv", &format!("{sensible}ig/9.png,train\nig/10.png,val\n")), @r"
    error: d.csv: 2 of its 66 rows name no image, first: line 66 `ig/9.png`, line 67 `ig/10.png` (expected paths such as `basophil/0000.png`)
    hint: use the split with the data it was made from, or leave it out to get a new one
    ");
    assert_snapshot!(error("e.csv", &sensible.replacen("train", "trian", 1)), @"error: e.csv: line 2: part is `trian` (expected train, val or test)");
    assert_snapshot!(error("f.csv", "hello"), @r"
    error: f.csv: has no column `path` (found: hello; expected path,label,split)
    hint: a table begins with the names of its columns, such as `path,label,split`; other names of `path` are known too: file_name, file_path, image_path, image_file, image_name, img_path, img_name, file, image, img, filenames, image_id, id
    ");
}

#[test]
fn numpy_archives_are_checked() {
    let place = Place::empty();
    let error = |images: Vec<u8>, labels: Vec<u8>| {
        place.write("x.npz", npz(images, Some(labels)));
        train_error(&place, "x.npz")
    };
    let sixteen = sixteen_labels();
    let with_last = |last: i64| [&sixteen[..15], &[last]].concat();
    assert_snapshot!(error(files::images_with_nan(), labels(&sixteen)), @"error: x.npz/images: holds NaN in the image at index 1 (expected numbers)");
    assert_snapshot!(error(files::images(), labels(&with_last(123_456))), @"error: x.npz/labels: holds the label 123456 at index 15 (expected 0 to 9999)");
    assert_snapshot!(error(files::images(), labels(&with_last(-1))), @"error: x.npz/labels: holds the label -1 at index 15 (expected 0 to 9999)");
    assert_snapshot!(error(files::images(), labels(&sixteen[..15])), @"error: x.npz/labels: has 15 labels for the 16 images of `images`");
    assert_snapshot!(error(files::images(), files::npy("|O", "(16,)", b"\x80\x04]q")), @r"
    error: x.npz/labels: holds Python objects (pickle), which are not read
    hint: save it as plain numbers, for example `np.savez(path, images=np.stack(images))`
    ");
}

#[test]
fn archives_that_point_outside_write_nothing() {
    let place = Place::with_run();
    let evil = |name: &str| [(name.to_owned(), files::one_png())];
    place.write("inside/dots.zip", files::zip(&evil("../evil.png")));
    place.write("inside/absolute.tar", files::tar(&evil("/evil.png")));
    assert_snapshot!(place.hema("predict run inside/dots.zip").error(), @r"
    error: inside/dots.zip: holds a member `../evil.png` that points outside the archive
    hint: such an archive is made by mistake or in bad faith; pack the images anew
    ");
    assert!(
        place.hema("predict run inside/absolute.tar").error().contains("`/evil.png` that points outside")
    );
    assert!(train_error(&place, "inside/dots.zip").contains("points outside"));
    assert!(!place.path("evil.png").exists() && place.list("inside").len() == 2);
}

#[test]
fn a_picture_that_claims_to_be_giant_takes_no_memory() {
    let place = Place::with_run();
    place.write("giant.png", files::giant_png());
    let words = "predict run giant.png";
    assert_snapshot!(place.hema(words).error(), @r"
    error: giant.png: is 60000x60000 pixels (at most 16384 a side are read)
    hint: leave unreadable images out with `--on-bad-image skip`, in training with `--set data.on_bad_image=skip`
    ");
    // its pixels alone would take more address space than this allows
    #[cfg(target_os = "linux")]
    assert!(place.bash(&format!("ulimit -v 8388608; hema {words}")).error().contains("60000x60000"));
}

#[cfg(target_os = "linux")]
#[test]
fn names_need_not_be_unicode() {
    let place = Place::with_run();
    place.bash(r"cp -r cells $'caf\xe9'").succeeds();
    place.bash(r"hema predict run $'caf\xe9' --out p.csv").succeeds();
    place.bash(r"hema evaluate run --data $'caf\xe9' --suite clean --out judged").succeeds();
    place.bash(r"hema train --recipe cnn --data $'caf\xe9' --out new").error();
}

#[test]
fn classes_that_differ_by_a_sign_are_judged_as_they_were_trained() {
    let place = Place::with_cells();
    std::fs::create_dir(place.path("signs")).unwrap();
    for (from, to) in [("basophil", "CD34+"), ("platelet", "CD34-")] {
        std::fs::rename(place.path(&format!("cells/{from}")), place.path(&format!("signs/{to}"))).unwrap();
    }
    place.train("--data signs --out run").succeeds();
    let table = place.hema("predict run signs").succeeds().out;
    assert_eq!(
        table.lines().next(),
        Some("path,label,probability,CD34+,CD34-,refer,reason,runner_up,unlike,poor,model")
    );
    let is_right = |row: &&str| {
        let cells: Vec<&str> = row.split(',').collect();
        cells[0].starts_with(&format!("{}/", cells[1]))
    };
    let right = table.lines().skip(1).filter(is_right).count() as f64 / 16.0;
    let json = place.hema("evaluate run --data signs --part all --suite clean --json").succeeds().json();
    let accuracy = json["conditions"][0]["scores"]["accuracy"].as_f64().unwrap();
    assert!((accuracy - right).abs() < 1e-9, "{right} {accuracy}");
    place.write("swapped.csv", "path,label,split\nCD34+/0000.png,CD34-,train\n");
    let error = place.hema("evaluate run --data signs --part all --split swapped.csv --suite clean").error();
    assert!(error.contains("1 of its 1 files have another label in the data"), "{error}");
    let error = place.hema("predict run signs --among CD34,CD34+").error();
    assert!(error.starts_with("error: the model knows no class `CD34`"), "{error}");
}

#[cfg(unix)]
#[test]
fn names_steer_neither_a_terminal_nor_a_spreadsheet() {
    let place = Place::with_run();
    let png = files::one_png();
    for name in ["=1+1.png", "@SUM(A1).png", "-x.png", "'=y.png"] {
        place.write(&format!("new/{name}"), &png);
    }
    let table = place.hema("predict run new").succeeds().out;
    let first = |line: &str| line.split(',').next().unwrap_or_default().to_owned();
    let names: Vec<String> = table.lines().skip(1).map(first).collect();
    assert_eq!(names, ["''=y.png", "'-x.png", "'=1+1.png", "'@SUM(A1).png"]);

    // findings and splits go out and come back as they were
    for name in ["=1+1.png", "'=1+1.png"] {
        place.write(&format!("cells/ig/{name}"), &png);
    }
    place.hema("audit cells --out findings").succeeds();
    assert!(
        !place.read("findings/findings.csv").contains("\n=")
            && !place.read("findings/findings.csv").contains(",=")
    );
    place.hema("audit cells --apply findings/findings.csv --write clean.tar").succeeds();
    place.hema("split cells --out split.csv").succeeds();
    assert!(place.read("split.csv").contains("ig/=1+1.png,ig,"));
    place.train("--data cells --split split.csv --out again").succeeds();

    let name = "a\nerror: all is lost\u{1b}[2J\u{202e}.png";
    place.write(&format!("bad/{name}"), files::truncated_jpeg());
    place.write("bad/good.png", &png);
    for words in ["predict run bad", "predict run bad --on-bad-image skip", "audit bad"] {
        let said = place.hema(words);
        let text = format!("{}{}", said.err, if words.starts_with("audit") { &said.out } else { "" });
        assert!(text.contains("a\u{fffd}error: all is lost\u{fffd}[2J\u{fffd}.png"), "{said:?}");
        assert!(!text.contains('\u{1b}') && !text.contains("\nerror: all is lost"), "{said:?}");
    }
}

#[test]
fn a_parquet_file_that_its_reader_panics_at_is_an_error_and_no_panic_is_shown() {
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../hema-core/tests/fixtures/forms/version2.parquet");
    let mut file = std::fs::read(fixture).unwrap();
    // a level that the page has no bytes for
    file[14] = 22;
    let place = Place::empty();
    place.write("x.parquet", file);
    // `Place` refuses what says that it panicked
    let error = place.hema("data info x.parquet").error();
    assert!(error.starts_with("error: x.parquet: is not a readable Parquet file"), "{error}");
}
