//! Where files are written: the standard output as any other place, and what killed commands left there.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::support::{Place, QUICK};

fn output(place: &Place, words: &str) -> Output {
    let output = place.command(words).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("panicked"), "{words}: {said}");
    output
}

#[cfg(unix)]
#[test]
fn stdout_gets_the_file_alone_and_stderr_everything_else() {
    let place = Place::with_run();
    // words, how the file begins and ends, and a word of the result that people read
    let cases: [(&str, &[u8], &[u8], &str); 9] = [
        ("split cells --duplicates ignore --out -", b"path,label,split\n", b"\n", "platelet "),
        (
            "split cells --duplicates ignore --out /dev/stdout --json",
            b"path,label,split\n",
            b"\n",
            "\"splits\"",
        ),
        ("report run --out -", b"<!doctype html>", b"</html>\n", "report: "),
        ("augment preview --images 2 --size 32 --out -", b"<!doctype html>", b"</html>\n", "preview: "),
        ("data info cells --out -", b"\x89PNG", b"IEND\xaeB`\x82", "64 images"),
        ("data convert cells - --to tar", b"data/", b"\0\0", "64 images: /dev/stdout (tar)"),
        ("data convert cells - --to zip", b"PK\x03\x04", b"", "64 images"),
        ("data convert cells /dev/stdout --to npz", b"PK\x03\x04", b"", "64 images"),
        ("data convert cells - --to parquet", b"PAR1", b"PAR1", "64 images"),
    ];
    for (words, begins, ends, result) in cases {
        let Output { stdout, stderr, .. } = output(&place, words);
        assert!(stdout.to_ascii_lowercase().starts_with(&begins.to_ascii_lowercase()), "{words}");
        assert!(stdout.ends_with(ends), "{words}");
        let said = String::from_utf8_lossy(&stderr);
        assert!(said.contains(result), "{words}: {said}");
        assert!(!String::from_utf8_lossy(&stdout).contains(result), "{words}");
    }
    assert!(!place.path("-").exists());

    // the same bytes as into a file, whatever stdout is
    output(&place, "split cells --duplicates ignore --out split.csv");
    place.bash("hema split cells --duplicates ignore --out - > redirected.csv").succeeds();
    place.bash("hema split cells --duplicates ignore --out - | cat > piped.csv").succeeds();
    for name in ["redirected.csv", "piped.csv"] {
        assert_eq!(place.read(name), place.read("split.csv"), "{name}");
    }
    place.bash("hema data convert cells - --to tar | cat > cells.tar").succeeds();
    place.hema("data convert cells same.tar").succeeds();
    assert!(fs::read(place.path("cells.tar")).unwrap() == fs::read(place.path("same.tar")).unwrap());
}

#[cfg(unix)]
#[test]
fn a_folder_is_not_written_to_stdout() {
    let place = Place::with_run();
    let train = format!("train {QUICK} --data cells --out -");
    for words in [
        "evaluate run --data cells --part all --suite clean --out -",
        "audit cells --out -",
        "split cells --duplicates ignore --folds 2 --out -",
        "data convert cells -",
        "data convert cells - --to webdataset",
        &train,
    ] {
        let error = place.hema(words).error();
        assert!(error.starts_with("error: /dev/stdout"), "{words}: {error}");
    }
    assert!(!place.path("-").exists());
}

#[cfg(unix)]
#[test]
fn the_next_command_that_writes_there_takes_away_what_a_killed_one_left() {
    let place = Place::with_cells();
    let plant = |folder: &str| {
        place.write(&format!("{folder}.hema-Abc123"), "half");
        place.write(&format!("{folder}.hema-Def456/ig/0000.png"), "half");
        place.write(&format!("{folder}notes.txt"), "mine");
    };
    let is_clean = |folder: &str| {
        let names = place.list(folder);
        assert!(names.contains("notes.txt"), "{names:?}");
        !names.iter().any(|name| name.starts_with(".hema-"))
    };
    for (words, folder) in [
        ("split cells --duplicates ignore --out new/split.csv", "new/"),
        ("data convert cells new/copy", "new/"),
        ("data convert cells new/copy.tar", "new/"),
        ("data convert cells new/copy.npz", "new/"),
        ("data convert cells new/copy.parquet", "new/"),
        ("data convert cells new/copy.csv", "new/"),
        ("data info cells --out new/sheet.png", "new/"),
        ("augment preview --images 2 --size 32 --out new/page.html", "new/"),
        ("audit cells --out findings", "findings/"),
    ] {
        plant(folder);
        output(&place, words);
        assert!(is_clean(folder), "{words}");
    }
}

/// Puts a file whose reading fails, as a broken disk does, in the place of another.
#[cfg(target_os = "linux")]
fn broken(path: &Path) {
    fs::remove_file(path).unwrap();
    std::os::unix::fs::symlink("/proc/self/mem", path).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn what_the_system_fails_to_read_stops_every_command_and_is_named() {
    let place = Place::with_run();
    let jpeg = "cells/ig/0003.jpg";
    fs::rename(place.path("cells/ig/0003.png"), place.path(jpeg)).unwrap();
    broken(&place.path(jpeg));
    let fails = |words: &str, name: &str| {
        let error = place.hema(words).error();
        assert!(error.contains(&format!("{name}: cannot be read: Input/output error")), "{words}: {error}");
    };
    for words in [
        "audit cells --out findings",
        "audit cells --model run --out findings",
        "split cells --out split.csv",
        "split cells --duplicates drop --out split.csv",
        "data info cells",
        "data info cells --out sheet.png",
        "data convert cells copy.tar --on-bad-image skip",
        "data balance cells copy.tar --sampler oversample --on-bad-image skip",
        "data augment cells copy.tar --recipe cnn --on-bad-image skip",
        "predict run cells --on-bad-image skip --out p.csv",
    ] {
        fails(words, jpeg);
    }
    for name in ["findings/findings.csv", "split.csv", "sheet.png", "copy.tar", "p.csv"] {
        assert!(!place.path(name).exists(), "{name}");
    }

    fs::rename(place.path(jpeg), place.path("cells/ig/0003.png")).unwrap();
    let train = format!("train {QUICK} --data cells --set data.on_bad_image=skip --out new");
    for words in ["evaluate run --data cells --part all --suite clean --on-bad-image skip", &train] {
        fails(words, "cells/ig/0003.png");
    }
    assert!(!place.path("new/best.safetensors").exists());
}
