//! Output that cannot be written: places that are taken, disks that are full, readers that have left.

use insta::assert_snapshot;

use crate::support::{Place, QUICK};

#[test]
fn a_place_that_is_taken_is_found_before_any_work() {
    let place = Place::with_run();
    place.write("taken", "mine");
    std::fs::create_dir(place.path("folder")).unwrap();
    for words in [
        "train --recipe cnn --data cells --out taken/run",
        "train --recipe cnn --data cells --out taken",
        "predict run cells --out taken/p.csv",
        "evaluate run --data cells --out taken/judged",
        "report run --out taken/report.html",
    ] {
        let said = place.hema(words);
        assert_eq!(
            said.err, "error: taken: is a file, expected a folder\nhint: choose another --out\n",
            "{words}"
        );
        said.error();
    }
    for words in ["predict run cells --out folder", "report run --out folder"] {
        assert_eq!(
            place.hema(words).error(),
            "error: folder: is a folder, expected the name of a file",
            "{words}"
        );
    }
    assert_eq!(place.read("taken"), "mine");
    assert!(place.list("folder").is_empty());
}

#[test]
fn reports_need_a_record() {
    let place = Place::with_cells();
    place.write("notes.json", "no record");
    assert_snapshot!(place.hema("report cells").error(), @r"
    error: cells: no evaluation.json here, expected a finished run or an evaluation
    hint: `hema train` writes one at its end, `hema evaluate --out DIR` any time
    ");
    assert_snapshot!(place.hema("report notes.json").error(), @r"
    error: notes.json: is no record of hema: expected ident at line 1 column 2
    hint: give a run directory, the --out of `hema evaluate`, or its evaluation.json
    ");
    assert!(!place.path("report.html").exists());
}

/// Runs a command that may write files of so many KiB and is told, instead of being killed, when it
/// writes more.
#[cfg(unix)]
fn with_room(place: &Place, kib: usize, words: &str) -> crate::support::Said {
    // bash counts in KiB unless it is in POSIX mode
    place.bash(&format!("trap '' XFSZ; ulimit -f {kib}; hema {words}"))
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_whole_files_or_none() {
    let place = Place::with_run();
    let hint = "hint: free some space or choose another place; nothing was half-written";

    // room for none of the model files, each of 370 KiB or more
    let error = with_room(&place, 200, &format!("train {QUICK} --data cells --out new")).error();
    assert_eq!(
        error,
        format!("error: new/checkpoint.safetensors: cannot be written: File too large (os error 27)\n{hint}")
    );
    assert!(!place.list("new").iter().any(|name| name.ends_with(".safetensors")));
    // with room, the same command starts anew
    place.train("--data cells --out new").succeeds();

    place.write("p.csv", "old");
    place.write("report.html", "<!-- old -->");
    for (words, file, old) in
        [("predict run cells --out p.csv", "p.csv", "old"), ("report run", "report.html", "<!-- old -->")]
    {
        let error = with_room(&place, 4, words).error();
        assert_eq!(error, format!("error: {file}: cannot be written: File too large (os error 27)\n{hint}"));
        assert_eq!(place.read(file), old);
    }
}

#[cfg(unix)]
#[test]
fn a_run_without_room_for_its_first_checkpoint_starts_anew() {
    let place = Place::with_cells();
    // in the first epoch of several, a checkpoint also holds the optimizer's state and is the largest file
    let words = format!("train {QUICK} --set stage.all.epochs=2 --data cells --out run");
    let error = with_room(&place, 500, &words).error();
    assert!(
        error.starts_with("error: run/checkpoint.safetensors: cannot be written: File too large"),
        "{error}"
    );
    assert!(!place.list("run").iter().any(|name| name.ends_with(".safetensors")));
    assert!(place.hema("train --resume --out run").error().contains("nothing to resume"));
    place.hema(&words).succeeds();
    std::fs::remove_file(place.path("run/checkpoint.safetensors")).unwrap();
    assert_snapshot!(place.hema(&words).error(), @r"
    error: run: already holds a run
    hint: choose another --out; this one has no checkpoint to resume from
    ");
}

#[cfg(target_os = "linux")]
#[test]
fn a_table_that_does_not_fit_on_stdout_is_an_error() {
    let place = Place::with_run();
    for words in ["predict run cells", "list", "evaluate run --data cells --suite clean"] {
        let said = place.bash(&format!("hema {words} > /dev/full"));
        assert_eq!(
            said.error(),
            "error: the result cannot be written to stdout: No space left on device (os error 28)\n\
             hint: what was written is incomplete; free some space or choose another place",
            "{words}"
        );
    }
}

/// Where a line goes whose reader has left.
fn closed_pipe() -> std::io::PipeWriter {
    let (_, writer) = std::io::pipe().unwrap();
    writer
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let place = Place::with_run();
    for words in ["list", "list --json", "predict run cells", "evaluate run --data cells --suite clean"] {
        let output = place.command(words).stdout(closed_pipe()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !said.contains("error"), "{words}: {said}");
    }
    #[cfg(unix)]
    assert_eq!(place.bash("set -o pipefail; hema list | head -1").succeeds().out, "models\n");
}

#[test]
fn nobody_listening_to_the_progress_does_not_end_a_run() {
    let place = Place::with_cells();
    let mut run = place.command(&format!("train {QUICK} --data cells --out run"));
    assert!(run.stderr(closed_pipe()).output().unwrap().status.success());
    assert!(place.path("run/report.html").exists());
}

#[cfg(unix)]
#[test]
fn where_a_page_does_not_fit_what_was_written_is_there_and_named() {
    let place = Place::with_run();
    // a page has pictures and takes more than the table and the record
    let said = with_room(&place, 30, "predict run cells --out p.csv --page p.html");
    assert!(said.err.contains("64 predictions: p.csv\n"), "{said:?}");
    assert!(said.err.contains("error: p.html: cannot be written"), "{said:?}");
    assert_eq!(place.read("p.csv").lines().count(), 65);
    let said = with_room(&place, 100, "evaluate run --data cells --part all --suite clean --out judged");
    assert!(
        said.err.contains("error: judged/report.html: cannot be written: ")
            && said.err.contains("; the scores are complete in evaluation.json beside it\n")
            && said.err.contains("`hema report judged` draws the page"),
        "{said:?}"
    );
    assert_eq!(place.list("judged"), ["evaluation.json".to_owned()].into());
    place.hema("report judged").succeeds();
    // a submission that does not fit is one error, in words
    let said = with_room(&place, 100, "export run --to codabench --out submission.zip");
    assert_eq!((said.status, said.err.lines().count()), (Some(2), 2), "{said:?}");
    let said = with_room(&place, 20, "data convert cells cells.zip");
    assert_eq!((said.status, said.err.lines().count()), (Some(2), 2), "{said:?}");
    assert!(!said.err.contains("--out"), "{said:?}");
}
