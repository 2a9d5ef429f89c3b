//! Every command that the program proposes can be typed as it stands.
#![cfg(unix)]

use std::path::Path;

use crate::files;
use crate::resume::interrupt;
use crate::support::{Place, QUICK, Said};

/// The commands that a command has proposed.
fn proposed(said: &Said) -> Vec<String> {
    let starts = ["next: ", "continue with: "];
    let found = said.err.lines().filter_map(|line| starts.iter().find_map(|start| line.strip_prefix(start)));
    found.map(str::to_owned).collect()
}

/// The one command that a command has proposed.
#[track_caller]
fn the_next(said: &Said) -> String {
    match proposed(said).as_slice() {
        [one] => one.clone(),
        found => panic!("{found:?}: {said:?}"),
    }
}

/// A split of cells in which no image is where a new split would put it.
fn write_split(place: &Place, data: &str) {
    let row = |(i, (name, _)): (usize, files::File)| {
        format!("{name},{}\n", ["test", "val", "train", "train"][i % 4])
    };
    let rows: String = files::cells(8, 24).into_iter().enumerate().map(row).collect();
    place.write(&format!("{data}.csv"), format!("path,split\n{rows}"));
}

/// The parts of a split file.
fn parts(place: &Place, file: &str) -> Vec<(String, String)> {
    let text = place.read(file);
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let column = |name: &str| header.iter().position(|head| *head == name).unwrap();
    let (path, part) = (column("path"), column("split"));
    let cells = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[path].to_owned(), cells[part].to_owned())
    };
    let mut parts: Vec<_> = text.lines().skip(1).map(cells).collect();
    parts.sort();
    parts
}

#[test]
fn a_run_is_judged_by_the_command_that_it_proposes() {
    let place = Place::empty();
    files::write_cells(&place.path("my cells"), 8, 24);
    write_split(&place, "my");
    // one of the test part: what training leaves out is left out here too
    place.write("my cells/basophil/0000.png", files::truncated_jpeg());
    let line = format!(
        "hema train {QUICK} --set data.on_bad_image=skip --data 'my cells' --split my.csv --out 'a run'"
    );
    let said = place.bash(&line).succeeds();
    let next = the_next(&said);
    assert_eq!(
        next,
        "hema evaluate 'a run' --data 'my cells' --part test --suite degraded --on-bad-image skip"
    );
    let said = place.bash(&next.replace("degraded", "clean")).succeeds();
    assert!(said.out.starts_with("15 images of my cells (test)\n"), "{said:?}");
}

#[test]
fn what_a_search_proposes_keeps_its_split() {
    let place = Place::with_cells();
    write_split(&place, "own");
    place.write("space.toml", "\"stage.0.lr\" = { log = [1e-4, 1e-1] }");
    let words =
        format!("tune {QUICK} --data cells --split own.csv --space space.toml --trials 2 --out found");
    let next = the_next(&place.hema(&words).succeeds());
    let page = place.read("found/report.html");
    assert!(page.contains(&format!("<code>{next}</code>")), "{next}: the page has the same command");
    let said = place.bash(&next).succeeds();
    let expected = parts(&place, "own.csv");
    let runs = place.list("found/best");
    let runs: Vec<&String> = runs.iter().filter(|name| name.starts_with("seed-")).collect();
    // the winner was trained with seed 0, whose luck is in no mean
    assert_eq!(runs, ["seed-1", "seed-2", "seed-3"], "{next}");
    let next = the_next(&said);
    assert_eq!(next, "hema evaluate found/best --data cells --part test --suite degraded");
    place.bash(&next.replace("degraded", "clean")).succeeds();
    for run in runs {
        assert_eq!(parts(&place, &format!("found/best/{run}/split.csv")), expected, "{next}");
    }
}

#[test]
fn a_split_and_folds_lead_on() {
    let place = Place::with_cells();
    let next = the_next(&place.hema("split cells --out own.csv").succeeds());
    assert_eq!(next, "hema train --recipe robust-v2b0 --data cells --split own.csv");
    let next = the_next(&place.hema("split cells --folds 2 --out folds").succeeds());
    assert_eq!(next, "hema train --recipe robust-v2b0 --data cells --split folds/fold-0.csv");
    assert!(proposed(&place.hema("split cells --out -").succeeds()).is_empty());
    // without a test part folds cannot be judged together
    let words = "--data cells --folds 2 --out both --set data.test=0";
    let next = the_next(&place.train(words).succeeds());
    assert_eq!(next, "hema evaluate both/fold-1 --data cells --part val --suite degraded");
    place.bash(&next.replace("degraded", "clean")).succeeds();
}

#[test]
fn what_was_interrupted_goes_on_by_the_command_that_it_proposes() {
    let place = Place::empty();
    files::write_cells(&place.path("cells"), 8, 24);
    let long = QUICK.replace("stage.all.epochs=1", "stage.all.epochs=20");
    let said = interrupt(&place, &format!("train {long} --data cells --out run"), "training ");
    place.bash(&the_next(&said)).succeeds();
    let said = interrupt(&place, &format!("train {long} --data cells --seeds 2 --out both"), "training ");
    place.bash(&the_next(&said)).succeeds();
    // drawn cells are on no disk: a quickstart can only begin anew
    let said = interrupt(&place, "quickstart --synthetic --out drawn", "training ");
    let next = "hema quickstart --synthetic";
    assert_eq!((said.status, the_next(&said).as_str()), (Some(130), next), "{said:?}");
}

#[test]
fn commands_are_proposed_from_one_place() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![source.clone()];
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let proposes = text.contains("\"next: ");
            assert!(!proposes || path == source.join("next.rs"), "{}: use `Printer::next`", path.display());
        }
    }
}
