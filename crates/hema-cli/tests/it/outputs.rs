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
    let cases: [(&str, &[u8], &[u8], &str); 10] = [
        ("split cells --duplicates ignore --out -", b"path,label,split\n", b"\n", "platelet "),
        (
            "split cells --duplicates ignore --out /dev/stdout --json",
            b"path,label,split\n",
            b"\n",
            "\"splits\"",
        ),
        ("card run --out -", b"---\n", b"\n", "card: "),
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

#[test]
fn nothing_that_a_command_reads_and_no_file_of_a_run_is_replaced() {
    let place = Place::with_run();
    place.hema("data convert cells c.tar").succeeds();
    place.write("page.html", "<!doctype html>mine");
    place.write("notes.json", "{}");
    place.write("other/best.safetensors", fs::read(place.path("run/best.safetensors")).unwrap());
    let contents = |name: &str| fs::read(place.path(name)).unwrap();
    let precious = [
        "c.tar",
        "run/best.safetensors",
        "run/last.safetensors",
        "run/evaluation.json",
        "run/split.csv",
        "cells/ig/0003.png",
        "notes.json",
        "page.html",
    ];
    let before = precious.map(contents);
    #[cfg(unix)]
    std::os::unix::fs::symlink("c.tar", place.path("link.tar")).unwrap();
    for (words, found) in [
        ("predict run c.tar --out c.tar", "c.tar: holds the data that is read, and would be replaced"),
        ("predict run c.tar --out x.csv --page ./c.tar", "./c.tar: holds the data that is read"),
        #[cfg(unix)]
        ("predict run link.tar --out c.tar", "c.tar: holds the data that is read"),
        #[cfg(unix)]
        ("predict run c.tar --out link.tar", "link.tar: holds the data that is read"),
        ("predict run/best.safetensors c.tar --out run/best.safetensors", "is read by this very command"),
        ("predict run cells/ig/0003.png --out cells/ig/0003.png", "holds the data that is read"),
        ("predict run cells --out cells/ig/0003.png", "lies inside the data itself"),
        ("predict run cells --out cells/labels.csv", "lies inside the data itself"),
        ("predict run c.tar --out x.csv --page ./x.csv", "./x.csv: is named twice, for two files to write"),
        ("split c.tar --out c.tar", "holds the data that is read"),
        ("split cells --duplicates ignore --out page.html", "is there already, and is no table"),
        ("export run --to codabench --out run/best.safetensors", "is read by this very command"),
        ("export run --to codabench --out other/best.safetensors", "belongs to the run in this folder"),
        ("export run --to codabench --out c.tar", "is there already, and is no submission of hema"),
        (
            "ensemble run/best.safetensors run --data c.tar --out run/best.safetensors",
            "is read by this very command",
        ),
        ("soup run run --data c.tar --out run/last.safetensors", "is read by this very command"),
        ("soup run run --data c.tar --out run/../run/checkpoint.safetensors", "this"),
        ("ensemble run --data c.tar --out notes.json", "is there already, and is no model of hema"),
        ("card run --out notes.json", "is there already, and is no model card of hema"),
        ("card run --out run/training.json", "belongs to the run in this folder"),
        ("report run --out run/best.safetensors", "belongs to the run in this folder"),
        ("report run --out run/evaluation.json", "belongs to the run in this folder"),
        ("report run --out notes.json", "is there already, and is no page"),
        ("evaluate run --data c.tar --out run", "run/evaluation.json: is read by this very command"),
        ("data info cells --out cells/sheet.png", "lies inside the data itself"),
        ("data convert cells cells/copy.tar", "lies inside the data itself"),
        ("challenge cells --recipe cnn --out cells/way", "lies inside the data itself"),
        ("train --recipe cnn --data cells --out cells/run", "lies inside the data itself"),
        ("audit cells --split run/split.csv --out x --write cells/clean.tar", "lies inside the data itself"),
    ] {
        let error = place.hema(words).error();
        assert!(error.contains(found) && error.contains("choose another"), "{words}: {error}");
        for (name, before) in precious.iter().zip(&before) {
            assert!(contents(name) == *before, "{words}: {name}");
        }
    }
    assert!(!place.path("x.csv").exists());
}

#[test]
fn a_command_that_is_given_again_replaces_what_it_wrote_and_says_which_models() {
    let place = Place::with_run();
    place.hema("data convert cells c.tar").succeeds();
    for words in [
        "predict run cells --out p.csv --page p.html",
        "predict run cells --out cells/p.csv",
        "split cells --duplicates ignore --out cells/split.csv",
        "report run",
        "report run --out run/report.html",
        "card run --out run/card.md",
        "export run --to codabench --out submission.zip",
        "ensemble run --data c.tar --out ensemble.safetensors",
        "evaluate run --data c.tar --suite clean --out judged",
        "audit cells --out found",
        "data info cells --out sheet.png",
    ] {
        place.hema(words).succeeds();
        let said = place.hema(words).succeeds();
        let is_told = [".zip", "ensemble", "evaluate"].iter().any(|word| words.contains(word));
        assert_eq!(said.err.contains("replaced\n"), is_told, "{words}: {said:?}");
    }
    let error = place.hema("evaluate run --data cells --suite clean --out judged").error();
    assert!(error.contains("judged: holds the evaluation of ") && error.contains(" on c.tar"), "{error}");
}
