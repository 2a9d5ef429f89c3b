//! Interrupted runs, and runs that go on.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};

use insta::assert_snapshot;

use crate::support::{Place, Said, shape, without_device};

/// A run that takes long enough to be interrupted.
const LONG: &str = "train --recipe cnn --set model.name=cnn_gap --set precision=fp32 --set data.size=24 --set stage.all.epochs=40 \
                    --set stage.all.batch_size=16 --set stage.all.patience=40 --data cells";

/// Starts a command and presses Ctrl-C when a line of stderr begins with `moment`.
pub(crate) fn interrupt(place: &Place, words: &str, moment: &str) -> Said {
    end_by("-INT", place, words, moment)
}

/// Starts a command and sends it a signal when a line of stderr begins with `moment`.
fn end_by(signal: &str, place: &Place, words: &str, moment: &str) -> Said {
    let mut run = place.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(run.stderr.take().unwrap());
    let mut err = String::new();
    while !err.lines().last().unwrap_or_default().starts_with(moment) {
        assert!(stderr.read_line(&mut err).unwrap() > 0, "ended before `{moment}`: {err}");
    }
    let id = run.id().to_string();
    assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    stderr.read_to_string(&mut err).unwrap();
    Said { err, ..Said::of(&run.wait_with_output().unwrap()) }
}

/// The tensor section of a safetensors file, byte for byte.
fn tensor_bytes(place: &Place, name: &str) -> Vec<u8> {
    let bytes = std::fs::read(place.path(name)).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    bytes[8 + header..].to_vec()
}

#[test]
fn an_interrupted_run_goes_on_to_the_same_weights() {
    let place = Place::with_cells();
    place.hema(&format!("{LONG} --out whole")).succeeds();

    // once right at the start, once in the middle
    let said = interrupt(&place, &format!("{LONG} --out run"), "training ");
    assert_eq!((said.status, said.out.as_str()), (Some(130), ""), "{said:?}");
    let shape = without_device(&shape(&said.err));
    let lines: Vec<&str> = shape.lines().filter(|line| !line.starts_with("train epoch")).collect();
    assert_snapshot!(lines.join("\n"), @r"
    train: # images of # pixels (# MB in memory)
    val: # images of # pixels (# MB in memory)
    classes: # training images of each: basophil # eosinophil # erythroblast # ig # lymphocyte # monocyte # neutrophil # platelet #
    network: cnn_gap, # parameters, from scratch, images of # pixels
    stage train: # epochs, each of # steps of # images, adamw, learning rate # falling along a cosine, rising in the first # % of the steps
    training cnn_gap in fp32 into run
    interrupted after step # everything is saved
    continue with: hema train --resume --out run
    ");
    let said = interrupt(&place, "train --resume --out run", "train epoch 3/");
    assert!(said.err.contains("\ncontinue with: hema train --resume --out run\n"), "{said:?}");
    tells_that_it_is_not_finished(&place);
    place.hema("train --resume --out run").succeeds();

    let [whole, run] = ["whole", "run"]
        .map(|run| hema::weights::read(&place.path(run).join("last.safetensors")).unwrap().tensors);
    assert_eq!(whole.keys().collect::<Vec<_>>(), run.keys().collect::<Vec<_>>());
    for name in ["last.safetensors", "best.safetensors"] {
        assert!(
            tensor_bytes(&place, &format!("whole/{name}")) == tensor_bytes(&place, &format!("run/{name}")),
            "{name}"
        );
    }
    assert_eq!(epochs(&place, "run"), epochs(&place, "whole"));
}

/// Every command that uses the model of a run says that there is more to come.
fn tells_that_it_is_not_finished(place: &Place) {
    for words in [
        "predict run cells/ig --out p.csv",
        "evaluate run --data cells --part test --suite clean --out judged",
        "export run/best.safetensors --to codabench --out submission.zip",
        "ensemble run --data cells --out e.safetensors",
    ] {
        let said = place.hema(words).succeeds();
        let told = said.err.lines().find(|line| line.starts_with("warning: run: its run is not finished, "));
        let told = told.unwrap_or_else(|| panic!("{words}: {said:?}"));
        assert!(told.ends_with(" of 40 epochs are done; `hema train --resume --out run` goes on"), "{told}");
    }
    assert!(place.read("judged/report.html").contains(" of 40 epochs are done."));
}

/// Starts a run and kills it as `kill -9` does once `moment` comes, or lets it end; whether it was killed.
fn kill_when(place: &Place, words: &str, mut moment: impl FnMut(&Place) -> bool) -> bool {
    let mut run = place.command(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while run.try_wait().unwrap().is_none() {
        if moment(place) {
            run.kill().unwrap();
            return run.wait().unwrap().code().is_none();
        }
    }
    false
}

/// Whether a file of the run is being written.
fn is_writing(place: &Place) -> bool {
    place.list("run").iter().any(|name| name.starts_with(".hema-"))
}

/// When the newest checkpoint was written.
fn saved(place: &Place) -> Option<SystemTime> {
    std::fs::metadata(place.path("run/checkpoint.safetensors")).and_then(|found| found.modified()).ok()
}

/// The rows of a run's table, without the speed, the wait and the seconds.
fn epochs(place: &Place, run: &str) -> Vec<String> {
    let table = place.read(&format!("{run}/metrics.csv"));
    table.lines().map(|line| line.rsplitn(4, ',').last().unwrap().to_owned()).collect()
}

#[test]
fn a_run_that_is_killed_again_and_again_goes_on_to_the_same_weights() {
    let place = Place::with_cells();
    let long = format!("{LONG} --set stage.all.epochs=20");
    place.hema(&format!("{long} --out whole")).succeeds();

    let begin = format!("{long} --out run --save-every 0");
    let go_on = "train --resume --out run --save-every 0";
    assert!(kill_when(&place, &begin, |place| saved(place).is_some() && is_writing(place)));
    let mut killed = 1;
    for round in 0..6 {
        // in the middle of writing a file, after more and more steps, and anywhere
        let while_writing = round % 2 == 0;
        let (mut newest, mut steps) = (saved(&place), 0);
        let moment = |place: &Place| {
            let found = saved(place);
            steps += u64::from(found != newest);
            newest = found;
            if !while_writing {
                thread::sleep(Duration::from_micros(300 * round));
            }
            steps > round / 2 && (!while_writing || is_writing(place))
        };
        killed += u32::from(kill_when(&place, go_on, moment));
    }
    assert!(killed > 4, "killed {killed} times");
    // a process that is killed leaves its half-written file, the next one takes it away
    place.hema(go_on).succeeds();

    for name in ["last.safetensors", "best.safetensors"] {
        let [whole, run] = ["whole", "run"].map(|run| tensor_bytes(&place, &format!("{run}/{name}")));
        assert!(whole == run, "{name}");
    }
    assert_eq!(epochs(&place, "run"), epochs(&place, "whole"));
}

/// Runs a command where another one may be writing or was killed while it wrote.
fn beside(place: &Place, words: &str) -> Said {
    Said::of(&place.command(words).output().unwrap())
}

#[test]
fn two_processes_do_not_train_into_one_folder() {
    let place = Place::with_cells();
    let mut first = place.command(&format!("{LONG} --out run")).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(first.stderr.take().unwrap()).lines();
    // the first checkpoint is there
    while !stderr.next().unwrap().unwrap().starts_with("train epoch 1/") {}
    assert_snapshot!(beside(&place, "train --resume --out run").error(), @r"
    error: run: another hema is at work there
    hint: wait until it is done, or choose another --out
    ");
    first.kill().unwrap();
    first.wait().unwrap();

    let mut series =
        place.command(&format!("{LONG} --out series --seeds 2")).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(series.stderr.take().unwrap()).lines();
    while !stderr.next().unwrap().unwrap().starts_with("train epoch 1/") {}
    for out in ["series", "series/seed-0"] {
        let said = beside(&place, &format!("train --resume --out {out}")).error();
        assert!(said.starts_with(&format!("error: {out}: another hema is at work there\n")), "{said}");
    }
    series.kill().unwrap();
    series.wait().unwrap();
    // the lock went with the process that held it; what the killed series had half written stays for now
    let said = beside(&place, "train --resume --out run --set stage.0.lr=0.1").error();
    assert!(!said.contains("another hema"), "{said}");
}

#[test]
fn a_loss_that_is_not_finite_names_the_step_the_batch_and_what_is_saved() {
    let place = Place::with_cells();
    let said = place
        .hema(&format!("{LONG} --out nan --set stage.all.lr=1e30 --set stage.all.epochs=1 --save-every 0"));
    let error = said.error();
    let (first, hint) = error.split_once('\n').unwrap();
    assert!(
        first.starts_with("error: step ")
            && first.contains(", batch starting with ")
            && first.contains(".png: the "),
        "{error}"
    );
    assert!(hint.starts_with("hint: lower the stage's `lr` or set its `clip_norm`; nan/checkpoint.safetensors holds the run as it was after step "), "{error}");

    // of one step an epoch the loss is still a number
    let words = "--set stage.all.lr=1e30 --set stage.all.batch_size=64";
    let first = place.hema(&format!("{LONG} {words} --out late")).error();
    let expected = "epoch 1, on the validation images: the model gives probabilities that are not numbers";
    assert!(first.starts_with(&format!("error: {expected}\nhint: lower the stage's `lr`")), "{first}");
    let again = place.hema("train --resume --out late").error();
    assert!(
        again.starts_with(&format!("error: late: would come to the same end again: {expected}\n")),
        "{again}"
    );
    assert!(again.contains("hint: begin a new run with a lower `lr`"), "{again}");
    assert_snapshot!(place.hema(&format!("{LONG} --out late")).error(), @r"
    error: late: already holds a run, whose numbers were not finite
    hint: choose another --out, or remove this folder
    ");
}

#[test]
fn a_finished_run_has_nothing_left_to_train() {
    let place = Place::with_run();
    let before = tensor_bytes(&place, "run/last.safetensors");
    let said = place.hema("train --resume --out run").succeeds();
    assert!(!said.err.contains("train epoch") && said.err.contains("\ndone: best"), "{said:?}");
    assert!(said.err.contains("\nthe run was complete already: nothing was left to train\n"), "{said:?}");
    assert!(before == tensor_bytes(&place, "run/last.safetensors"));

    std::fs::rename(place.path("cells"), place.path("moved")).unwrap();
    // the run remembers where its data is from anywhere
    let error =
        place.hema("train --resume --out run").error().replace(&place.path("").display().to_string(), "");
    assert_snapshot!(error, @r"
    error: cells: the data of this run is not there any more
    hint: if it has moved, say where with --data
    ");
    place.hema("train --resume --out run --data moved").succeeds();
}

#[test]
fn a_run_goes_on_with_its_own_recipe_and_data_only() {
    let place = Place::with_run();
    assert_snapshot!(place.hema("train --resume --out run --set stage.0.lr=0.1").error(), @r"
    error: run/checkpoint.safetensors: was made with another recipe
    hint: resume without --recipe and --set: the run keeps its own; for more epochs or other values begin a new run from its weights: --set model.weights=run --out NEW
    ");
    std::fs::remove_dir_all(place.path("cells/ig")).unwrap();
    assert_snapshot!(place.hema("train --resume --out run").error(), @r"
    error: run/split.csv: 8 of its 64 rows name no image, first: line 26 `ig/0000.png`, line 27 `ig/0001.png`, line 28 `ig/0002.png` (expected paths such as `basophil/0000.png`)
    hint: a run goes on with the images that it began with; for others begin a new run from its weights: hema train --recipe run/recipe.toml --set model.weights=run --data NEW --out OTHER
    ");
}

#[test]
fn where_there_is_no_run_none_goes_on() {
    let place = Place::with_cells();
    place.write("folder/notes.txt", "mine");
    assert_snapshot!(place.hema("train --resume --out nowhere").error(), @r"
    error: nowhere: no run to resume: there is no recipe.toml
    hint: give the folder of a run as --out, or start one with --recipe and --data
    ");
    assert_eq!(place.hema("train --resume --out folder").error().lines().count(), 2);
    assert!(place.list("nowhere").is_empty() && place.list("folder").len() == 1);
    assert!(place.hema("train --resume").error().contains("--out <DIR>"));

    // a run that ended before its first checkpoint
    place.train("--data cells --out nan --set stage.all.lr=1e30").error();
    assert_snapshot!(place.hema("train --resume --out nan").error(), @r"
    error: nan: nothing to resume: there is no checkpoint
    hint: a run saves its first one in its first epoch, or when it is interrupted; start it anew
    ");
    place.train("--data cells --out nan").succeeds();
}

#[test]
fn a_folder_holds_one_run() {
    let place = Place::with_run();
    let before = place.read("run/metrics.csv");
    assert_snapshot!(place.train("--data cells --out run").error(), @r"
    error: run: already holds a run
    hint: choose another --out, or continue it with --resume if it was interrupted; for more epochs or new data begin a new run from its weights: --set model.weights=run --out NEW
    ");
    assert_eq!(place.read("run/metrics.csv"), before);
}

#[test]
fn a_damaged_checkpoint_is_refused() {
    let place = Place::with_run();
    let bytes = std::fs::read(place.path("run/checkpoint.safetensors")).unwrap();
    place.write("run/checkpoint.safetensors", &bytes[..bytes.len() / 2]);
    assert_snapshot!(place.hema("train --resume --out run").error(), @r"
    error: run/checkpoint.safetensors: not a complete safetensors file: incomplete metadata, file not fully covered
    hint: give a .safetensors file; if it is one, it was cut short: copy or download it again
    ");
}

#[test]
fn a_run_that_a_scheduler_ends_is_saved_as_by_ctrl_c() {
    let place = Place::with_cells();
    for signal in ["-TERM", "-HUP"] {
        let said = end_by(signal, &place, &format!("{LONG} --out run{signal}"), "train epoch 1/");
        assert_eq!(said.status, Some(130), "{said:?}");
        assert!(
            said.err.contains(&format!("continue with: hema train --resume --out run{signal}")),
            "{said:?}"
        );
    }
}
