//! The main road: train, evaluate, predict, report, list.

use hema::synthetic::CLASSES;
use insta::assert_snapshot;

use crate::files;
use crate::support::{Place, QUICK, Said, numbers, shape, without_device};

#[test]
fn without_arguments_the_program_explains_itself() {
    let said = Place::empty().hema("");
    assert_eq!(said.status, Some(2));
    assert!(said.err.contains("Usage: hema") && said.err.contains("predict"), "{said:?}");
    assert!(Place::empty().hema("--help").succeeds().out.contains("Usage: hema"));
    assert!(Place::empty().hema("--version").succeeds().out.starts_with("hema "));
}

#[test]
fn a_run_says_how_it_goes_and_leaves_everything_behind() {
    let place = Place::with_cells();
    let said = place.train("--data cells --out run").succeeds();
    assert_snapshot!(without_device(&shape(&said.err)), @r"
    train: # images of # pixels (# MB in memory)
    val: # images of # pixels (# MB in memory)
    classes: # training images of each: basophil # eosinophil # erythroblast # ig # lymphocyte # monocyte # neutrophil # platelet #
    network: cnn_gap, # parameters, from scratch, images of # pixels
    stage train: # epoch, each of # steps of # images, adamw, learning rate # falling along a cosine, rising in the first # % of the steps
    training cnn_gap in fp32 into run
    train epoch # loss # val loss # val accuracy # % # images/s # s best accuracy so far
    done: best validation accuracy # % in epoch #
    the model gets no thresholds of doubt: they take # images of training and as many in either half of validation, which has # and #
    judging the model of epoch # on the validation images
    report: run/report.html
    next: hema evaluate run --data cells --part test --suite degraded
    ");
    // which classes a model of one epoch ever names is beside the point; those it does not have no precision
    let (scores, kept) = said.out.split_once("\n\nhow many images can be left to it").unwrap();
    // with what low probabilities find
    assert_eq!(kept.lines().count(), 11, "{said:?}");
    let table = shape(scores).replace("% -", "% # % # % to # %");
    // a model of one epoch may name all images alike: some scores have no interval then
    let without = |line: &str| {
        let may_lack =
            ["balanced", "macro", "AUROC", "calibration"].iter().any(|start| line.starts_with(start));
        if !may_lack {
            return line.to_owned();
        }
        line.trim_end_matches(" # % to # %").trim_end_matches(" # to #").to_owned()
    };
    let table = table.lines().map(without).collect::<Vec<_>>().join("\n");
    assert_snapshot!(table, @r"
    # images of cells (val)
    The epoch and temperature of this model were chosen on these very images: the scores flatter it.
    score value # % interval
    accuracy, unchanged images # % # % to # %
    balanced accuracy # %
    macro F1 # %
    AUROC #
    calibration error # %

    class images recall # % interval precision # % interval
    basophil # # % # % to # % # % # % to # %
    eosinophil # # % # % to # % # % # % to # %
    erythroblast # # % # % to # % # % # % to # %
    ig # # % # % to # % # % # % to # %
    lymphocyte # # % # % to # % # % # % to # %
    monocyte # # % # % to # % # % # % to # %
    neutrophil # # % # % to # % # % # % to # %
    platelet # # % # % to # % # % # % to # %
    ");

    let files = place.list("run");
    for name in [
        "recipe.toml",
        "metrics.csv",
        "best.safetensors",
        "last.safetensors",
        "checkpoint.safetensors",
        "split.csv",
        "run.json",
        "evaluation.json",
        "report.html",
        "training.json",
        "card.md",
        "card.json",
    ] {
        assert!(files.contains(name), "{name} is missing: {files:?}");
    }
    assert_eq!(files.iter().filter(|name| name.starts_with("events.out.tfevents.")).count(), 1, "{files:?}");
    assert_eq!(files.len(), 13, "{files:?}");
    assert_eq!(place.read("run/metrics.csv").lines().count(), 2);
    assert_eq!(place.read("run/split.csv").lines().count(), 65);
    assert!(place.read("run/recipe.toml").contains("cnn_gap"));
}

#[test]
fn the_same_command_gives_the_same_model() {
    let place = Place::with_run();
    place.train("--data cells --out again").succeeds();
    let tensors = |run: &str| hema::weights::read(&place.path(run).join("last.safetensors")).unwrap().tensors;
    assert!(tensors("run") == tensors("again"));
}

#[test]
fn a_model_is_judged_unchanged_and_degraded() {
    let place = Place::with_run();
    let said =
        place.hema("evaluate run --data cells --part test --suite clean,degraded --out judged").succeeds();
    let first: Vec<&str> = said.out.lines().take(6).collect();
    assert_eq!(first[0], "10 images of cells (test)");
    assert!(first[1].starts_with("score") && first[1].contains("95 % interval"), "{said:?}");
    assert!(first[2].starts_with("accuracy, suite degraded") && first[2].contains(" to "), "{said:?}");
    assert!(first[4].starts_with("  under the worst, ") && first[4].contains(" to "), "{said:?}");
    assert!(first[5].starts_with("accuracy, unchanged images"), "{said:?}");
    assert_eq!(shape(&said.err), "report: judged/report.html");
    assert_eq!(place.list("judged"), ["evaluation.json", "report.html"].map(String::from).into());

    let record: serde_json::Value = serde_json::from_str(&place.read("judged/evaluation.json")).unwrap();
    assert_eq!(record["conditions"].as_array().unwrap().len(), 46);
    assert_eq!(record["data"]["part"], "test");
    let page = place.read("judged/report.html");
    assert!(page.ends_with("</html>\n") || page.ends_with("</html>"));

    let json = place.hema("evaluate run --data cells --part test --suite degraded --json").succeeds().json();
    assert_eq!(json["conditions"], record["conditions"]);
}

#[test]
fn every_image_of_data_without_a_split_is_judged() {
    let place = Place::with_run();
    place.write("other.npz", files::npz(files::images(), Some(files::labels(&files::sixteen_labels()))));
    let said = place.hema("evaluate run --data other.npz --suite clean").succeeds();
    assert!(said.out.starts_with("16 images of other.npz (all)\n"), "{said:?}");
}

#[test]
fn predictions_are_a_table_with_one_row_an_image() {
    let place = Place::with_run();
    let said = place.hema("predict run cells --out new/predictions.csv").succeeds();
    let without = "no image is referred to a person: the model carries no thresholds\n";
    assert_eq!(said.err, format!("{without}64 predictions: new/predictions.csv\n"));
    let counts: usize = said.out.lines().map(|line| numbers(line)[0] as usize).sum();
    assert_eq!((said.out.lines().count(), counts), (8, 64));

    let table = place.read("new/predictions.csv");
    let header =
        format!("path,label,probability,{},refer,reason,runner_up,unlike,poor,model", CLASSES.join(","));
    assert_eq!(table.lines().next(), Some(header.as_str()));
    assert_eq!(table.lines().count(), 65);
    assert_eq!(table.lines().nth(1).unwrap().split(',').next(), Some("basophil/0000.png"));
    for row in rows(&table) {
        assert_eq!(row.columns.len(), 17);
        assert_eq!(row.columns[11..13], ["", ""], "refer and reason");
        assert!(
            CLASSES.contains(&&*row.columns[13]) && row.columns[13] != row.columns[1],
            "{:?}",
            row.columns
        );
        assert_eq!(row.columns[14..16], ["", ""], "unlike and poor");
        assert!(row.columns[16].starts_with("run (crc32c:"), "{:?}", row.columns);
        assert!((row.probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-5);
        let best = CLASSES.iter().position(|class| *class == row.columns[1]).unwrap();
        assert!(row.probabilities.iter().all(|p| *p <= row.probabilities[best]));
        assert_eq!(row.columns[2], row.columns[3 + best]);
    }
    assert_eq!(place.hema("predict run cells").succeeds().out, table, "stdout carries the same table");
}

#[test]
fn images_are_predicted_wherever_they_lie() {
    let place = Place::with_run();
    place.write("cells.tar", files::tar(&files::cells(8, 24)));
    place.write("cells.npz", files::npz(files::images(), None));
    let folder = place.hema("predict run cells").succeeds();
    assert_eq!(place.hema("predict run cells.tar").succeeds().out, folder.out);

    let of_folder = |path: &str| folder.out.lines().find(|line| line.starts_with(path)).unwrap();

    let one = place.hema("predict run cells/ig/0003.png").succeeds().out;
    assert!(one.lines().nth(1).unwrap().starts_with("0003.png,"));
    assert_last(&one, of_folder("ig/0003.png"));

    let array = place.hema("predict run cells.npz").succeeds().out;
    assert_eq!(array.lines().count(), 17);
    // the array holds the first two cells of every class
    assert_last(&array, of_folder("platelet/0001.png"));

    let many = place.hema("predict run cells/ig/0003.png cells.tar cells.npz").succeeds();
    assert_eq!(many.out.lines().count(), 1 + 1 + 64 + 16);
    for path in ["cells/ig/0003.png,", "cells.tar/ig/0003.png,", "cells.npz/images[15],"] {
        assert_eq!(many.out.lines().filter(|line| line.starts_with(path)).count(), 1, "{path}");
    }
}

#[test]
fn images_beyond_the_memory_allowed_are_kept_on_disk_and_change_nothing() {
    // images of 400 pixels a side take more than the least that can be lent
    let place = Place::with_cells();
    let said = place.train("--data cells --set data.size=400 --out run --memory 16M").succeeds();
    assert!(said.err.contains("MB in a temporary file)"), "{}", said.err);
    let predict = |words: &str| place.hema(words).succeeds().out;
    assert_eq!(predict("predict run cells"), predict("predict run cells --memory 16M"));
}

#[test]
fn an_ensemble_gives_the_mean_probability() {
    let place = Place::with_run();
    place.train("--data cells --out larger --set data.size=32 --set seed=7").succeeds();
    let [first, second, both] =
        ["predict run cells", "predict larger cells", "predict run cells --with larger"]
            .map(|words| rows(&place.hema(words).succeeds().out));
    for ((first, second), both) in first.iter().zip(&second).zip(&both) {
        assert_eq!(first.columns[0], both.columns[0]);
        for class in 0..CLASSES.len() {
            let mean = f64::midpoint(first.probabilities[class], second.probabilities[class]);
            assert!((both.probabilities[class] - mean).abs() < 1e-6);
        }
    }
    let said = place.hema("evaluate run --with larger --data cells --suite clean --json").succeeds();
    assert_eq!(said.json()["model"]["path"], "run + larger");
}

#[test]
fn reports_show_one_run_or_several() {
    let place = Place::with_run();
    for name in ["a", "b"] {
        place.hema(&format!("evaluate run --data cells --part all --suite clean --out {name}")).succeeds();
    }
    let said = place.hema("report run").succeeds();
    assert_eq!((said.out.as_str(), said.err.as_str()), ("", "report: report.html\n"));
    assert!(place.read("report.html").contains("<svg"), "a run's page draws its curves");

    place.hema("report a b/evaluation.json --out pages/both.html").succeeds();
    let page = place.read("pages/both.html");
    assert!(page.contains("<table") && !page.contains("src=\"http"), "a page needs no network");
    assert_eq!(place.hema("report run --json").succeeds().json()["report"], "report.html");
}

#[test]
fn results_are_json_on_request() {
    let place = Place::with_cells();
    let run = place.train("--data cells --out run --json").succeeds().json();
    assert_eq!(run["data"]["part"], "val");

    let predictions = place.hema("predict run cells --out p.csv --json").succeeds().json();
    assert_eq!(predictions["notices"].as_array().unwrap().len(), 0);
    let predictions = predictions["predictions"].as_array().unwrap();
    let table = rows(&place.read("p.csv"));
    assert_eq!(predictions.len(), table.len());
    for (object, row) in predictions.iter().zip(&table) {
        assert_eq!((object["path"].as_str(), object["label"].as_str()), (row.column(0), row.column(1)));
        assert_eq!(object["probabilities"].as_object().unwrap().len(), CLASSES.len());
    }
}

#[test]
fn everything_that_a_recipe_can_name_is_listed() {
    let place = Place::empty();
    let all = place.hema("list --json").succeeds().json();
    for kind in ["models", "augmentations", "corruptions", "suites", "optimizers", "metrics", "recipes"] {
        let words = place.hema(&format!("list {kind}")).succeeds().out;
        assert!(words.starts_with(&format!("{kind}\n")), "{words}");
        for entry in all[kind].as_array().unwrap() {
            assert!(words.contains(&format!("  {} ", entry["name"].as_str().unwrap())), "{words}");
        }
        assert_eq!(place.hema(&format!("list {kind} --json")).succeeds().json()[kind], all[kind]);
    }
}

/// A row of a table of predictions.
struct Row {
    columns: Vec<String>,
    probabilities: Vec<f64>,
}

impl Row {
    fn column(&self, index: usize) -> Option<&str> {
        self.columns.get(index).map(String::as_str)
    }
}

fn rows(table: &str) -> Vec<Row> {
    let row = |line: &str| {
        let columns: Vec<String> = line.split(',').map(str::to_owned).collect();
        let probabilities = columns[3..11].iter().map(|p| p.parse().unwrap()).collect();
        Row { columns, probabilities }
    };
    table.lines().skip(1).map(row).collect()
}

/// The last prediction has these probabilities; which images share a batch may move the last digit.
#[track_caller]
fn assert_last(table: &str, expected: &str) {
    let found = rows(table).pop().unwrap();
    let expected = rows(&format!("header\n{expected}")).pop().unwrap();
    for (found, expected) in found.probabilities.iter().zip(&expected.probabilities) {
        assert!((found - expected).abs() < 1e-5, "{table}");
    }
}

#[test]
fn ids_that_two_images_would_share_are_refused() {
    let place = Place::with_run();
    for (i, (_, png)) in files::cells(1, 24).into_iter().take(4).enumerate() {
        place.write(&format!("new/{}/{}.png", ["a", "b"][i / 2], i % 2), png);
    }
    let error = place.hema("predict run new --columns Id=stem,Target=label").error();
    assert!(
        error.contains(
            "2 images have an id in the column `Id` that another has, first: `0` of a/0.png and b/0.png"
        ),
        "{error}"
    );
    assert!(error.contains("hint: add the column `path`"), "{error}");
    for columns in ["path,stem,label", "label,probability"] {
        place.hema(&format!("predict run new --columns {columns}")).succeeds();
    }
    let said = place.hema("predict run new/a/0.png new/a/0.png --columns path,label").succeeds();
    assert!(said.err.contains("given more than once") && said.out.lines().count() == 3, "{said:?}");
}

#[test]
fn the_next_command_names_a_part_that_can_be_judged() {
    let place = Place::empty();
    for (i, (name, png)) in files::cells(6, 24).into_iter().enumerate() {
        let (class, _) = name.split_once('/').unwrap();
        match i % 6 {
            0..3 => place.write(&format!("my cells/train/{class}/{i}.png"), png),
            3..5 => place.write(&format!("my cells/val/{class}/{i}.png"), png),
            _ => place.write(&format!("my cells/test/{i}.png"), png),
        }
    }
    let mut command = place.command(&format!("train {QUICK} --out run --data"));
    let said = Said::of(&command.arg("my cells").output().unwrap()).succeeds();
    let next = said.err.lines().find_map(|line| line.strip_prefix("next: hema ")).unwrap().to_owned();
    assert_eq!(next, "evaluate run --data 'my cells' --part val --suite degraded");
    place.bash(&format!("hema {}", next.replace("degraded", "clean"))).succeeds();
}
