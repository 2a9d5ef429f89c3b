//! What a prediction and an evaluation say of how far the model can be believed: images for a person, classes
//! that were left out, weights of classes, files that could not be read.

use hema::synthetic::CLASSES;
use serde_json::Value;

use crate::files;
use crate::support::Place;

/// A table of predictions by the names of its columns, row by row.
struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn of(text: &str) -> Self {
        let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
        Self { header: lines.next().unwrap(), rows: lines.collect() }
    }

    fn column(&self, name: &str) -> Vec<&str> {
        let column = self.header.iter().position(|head| head == name).unwrap_or_else(|| panic!("{name}"));
        self.rows.iter().map(|row| row[column].as_str()).collect()
    }

    fn numbers(&self, name: &str) -> Vec<f64> {
        self.column(name).iter().map(|cell| cell.parse().unwrap()).collect()
    }
}

/// Reasons of an answer whose probability is too low.
const UNSURE: [&str; 2] = ["low-confidence", "ambiguous"];

/// A probability that about half of the images reach.
fn median(table: &Table) -> f64 {
    let mut probabilities = table.numbers("probability");
    probabilities.sort_by(f64::total_cmp);
    probabilities[probabilities.len() / 2]
}

#[test]
fn images_below_the_probability_are_for_a_person() {
    let place = Place::with_run();
    let plain = Table::of(&place.hema("predict run cells").succeeds().out);
    let sure = median(&plain);
    let said = place.hema(&format!("predict run cells --sure {sure} --out p.csv")).succeeds();
    let table = Table::of(&place.read("p.csv"));
    assert_eq!(table.column("probability"), plain.column("probability"));
    let mut unsure = 0;
    for ((probability, refer), reason) in
        table.numbers("probability").iter().zip(table.column("refer")).zip(table.column("reason"))
    {
        assert_eq!(refer, if *probability < sure { "yes" } else { "no" }, "{probability}");
        assert_eq!(UNSURE.contains(&reason), *probability < sure, "{probability}: {reason}");
        unsure += usize::from(*probability < sure);
    }
    assert!((1..64).contains(&unsure));
    let counted = format!("{} of 64 images; to look at: {unsure} (", 64 - unsure);
    assert!(said.err.contains(&counted), "{said:?}");
    // rows of the classes: images, sure ones, others
    let total = |column: usize| -> usize {
        let rows = said.out.lines().skip(1);
        rows.map(|row| row.split_whitespace().nth(column).unwrap().parse::<usize>().unwrap()).sum()
    };
    assert_eq!([1, 2, 3].map(total), [64, 64 - unsure, unsure], "{}", said.out);

    let json = place.hema(&format!("predict run cells --sure {sure} --json")).succeeds().json();
    assert_eq!(json["sure"]["to_look_at"], unsure);
    let referred =
        |row: &&Value| row["refer"] == true && UNSURE.contains(&row["reason"].as_str().unwrap_or_default());
    assert_eq!(json["predictions"].as_array().unwrap().iter().filter(referred).count(), unsure);

    for bad in ["0", "1.5", "90%"] {
        let said = place.hema(&format!("predict run cells --sure {bad}"));
        assert!(said.err.contains("expected a probability above 0 and at most 1, as in 0.9"), "{said:?}");
    }
}

#[test]
fn a_page_of_predictions_shows_the_unsure_first() {
    let place = Place::with_run();
    place.write("cells/ig/0000.png", files::truncated_jpeg());
    let words = "predict run cells --on-bad-image skip --out p.csv --page pages/look.html";
    let said = place.hema(words).succeeds();
    assert!(said.err.contains("\npage: pages/look.html\n"), "{said:?}");
    let page = place.read("pages/look.html");
    assert_eq!(page.matches("<img ").count(), 63);
    assert!(
        page.contains("cells/<wbr>ig/<wbr>0000.png") && page.contains("is a truncated JPEG image"),
        "{page}"
    );
    let table = Table::of(&place.read("p.csv"));
    let readable = table.rows.iter().filter(|row| !row[1].is_empty());
    let least = readable
        .min_by(|a, b| a[2].parse::<f64>().unwrap().total_cmp(&b[2].parse().unwrap()).then(a[0].cmp(&b[0])));
    let first = page.split("<p class=\"path\">").nth(1).unwrap();
    assert!(first.starts_with(&least.unwrap()[0].replace('/', "/<wbr>")), "{first:.60}");

    let sure = median(&Table::of(&place.hema("predict run cells/platelet").succeeds().out));
    place.hema(&format!("predict run cells/platelet --sure {sure} --page split.html")).succeeds();
    let page = place.read("split.html");
    assert!(page.find("id=\"unsure\"").unwrap() < page.find("id=\"sure\"").unwrap());
}

#[test]
fn images_that_look_most_like_a_class_left_out_are_counted_and_referred() {
    let place = Place::with_run();
    let all = Table::of(&place.hema("predict run cells").succeeds().out);
    let counts = |name: &str| all.column("label").iter().filter(|label| **label == name).count();
    let left_out = *CLASSES.iter().max_by_key(|name| counts(name)).unwrap();
    let others: Vec<&str> = CLASSES.into_iter().filter(|name| *name != left_out).collect();
    let renamed = counts(left_out);
    assert!(renamed > 3, "{left_out} {renamed}");

    let words = format!("predict run cells --among {} --sure 0.0001", others.join(","));
    let said = place.hema(&words).succeeds();
    let expected = format!(
        "warning: {renamed} of 64 images look most like an excluded class ({left_out} {renamed}) and got another name"
    );
    assert!(said.err.contains(&expected), "{expected}: {said:?}");
    let table = Table::of(&said.out);
    assert_eq!(table.header.last().unwrap(), "excluded");
    for (found, own) in table.numbers("excluded").iter().zip(all.numbers(left_out)) {
        assert!((found - own).abs() < 1e-6, "{found} {own}");
    }
    let reasons = table.column("reason");
    for (reason, label) in reasons.iter().zip(all.column("label")) {
        assert_eq!(*reason, if label == left_out { "excluded-class" } else { "" });
    }
    let json = place.hema(&format!("{words} --json")).succeeds().json();
    assert_eq!(json["excluded"]["likeliest"][0]["images"], renamed);
    let plain = place.hema("predict run cells --json").succeeds().json();
    assert!(plain.get("excluded").is_none() && plain["predictions"][0].get("excluded").is_none());
    // an evaluation counts the same, on cells of the other classes alone
    std::fs::rename(place.path(&format!("cells/{left_out}")), place.path("left-out")).unwrap();
    let words = format!("evaluate run --data cells --part all --suite clean --among {}", others.join(","));
    let json = place.hema(&format!("{words} --json --out judged")).succeeds().json();
    let here = all.rows.iter().filter(|row| row[1] == left_out && !row[0].starts_with(left_out)).count();
    assert_eq!(json["excluded"]["images"], 56);
    let likeliest = json["excluded"]["likeliest"].as_array().unwrap();
    assert_eq!(likeliest.first().map_or(0, |class| class["images"].as_u64().unwrap() as usize), here);
    assert_eq!(place.read("judged/report.html").contains("look most like an excluded class"), here > 0);
}

#[test]
fn an_evaluation_says_how_many_images_can_be_left_to_the_model() {
    let place = Place::with_run();
    let said = place.hema("evaluate run --data cells --part all --suite clean --out judged").succeeds();
    let record: Value = serde_json::from_str(&place.read("judged/evaluation.json")).unwrap();
    let kept = record["kept"].as_array().unwrap();
    assert_eq!(kept.len(), 7);
    assert_eq!((kept[0]["images"].as_u64(), kept[0]["share"].as_f64()), (Some(64), Some(1.0)));
    assert_eq!(kept[0]["accuracy"], record["conditions"][0]["scores"]["accuracy"]);
    let probabilities = Table::of(&place.hema("predict run cells").succeeds().out).numbers("probability");
    for row in kept {
        let threshold = row["threshold"].as_f64().unwrap();
        let images = probabilities.iter().filter(|p| **p >= threshold).count();
        assert_eq!(row["images"], images, "{threshold}");
    }
    let (_, table) = said.out.split_once("how many images can be left to it:\n").unwrap();
    let (table, selective) = table.split_once("\n\nwhat low probabilities find").unwrap();
    assert_eq!(table.lines().count(), 6, "{said:?}");
    assert!(table.lines().nth(1).unwrap().starts_with("unchanged "), "{said:?}");
    assert!(selective.lines().nth(2).unwrap().starts_with("unchanged "), "{said:?}");
    let selective = &record["conditions"][0]["selective"];
    let [area, accuracy] = [&selective["augrc"], &kept[0]["accuracy"]].map(|number| number.as_f64().unwrap());
    assert!(area > 0.0 && area < 1.0 - accuracy, "{selective}");
    assert_eq!(selective["caught"].as_array().unwrap().len(), 3);
    assert!(place.read("judged/report.html").contains("<section id=\"kept\""));
}

#[test]
fn an_evaluation_shows_what_class_weights_change() {
    let place = Place::with_run();
    let judge = |words: &str| {
        let command = format!("evaluate run --data cells --part all --suite clean {words}");
        place.hema(&command).succeeds()
    };
    let plain = judge("--json").json();
    assert!(plain.get("adaptation").is_none());
    let adapted = judge("--adapt-prevalence --json --out judged").json();
    let adaptation = &adapted["adaptation"];
    assert_eq!(adaptation["before"], plain["conditions"][0]["scores"]);
    let weights = adaptation["classes"].as_array().unwrap();
    let sum: f64 = weights.iter().map(|class| class["weight"].as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-9 && weights.len() == 8, "{weights:?}");
    for class in weights {
        let [low, weight, high] = [&class["interval"][0], &class["weight"], &class["interval"][1]]
            .map(|value| value.as_f64().unwrap());
        assert!(low <= weight && weight <= high && low < high, "{class}");
    }
    let said = judge("--adapt-prevalence");
    assert!(said.out.contains("class weights (no differential: ") && said.out.contains("recall before"));
    let page = place.read("judged/report.html");
    assert!(page.contains("<section id=\"weights\"") && page.contains("no differential"));
}

#[test]
fn every_file_that_cannot_be_read_has_a_row_and_its_reason() {
    let place = Place::with_run();
    let broken: Vec<String> = (0..6)
        .map(|i| format!("ig/000{i}.png"))
        .chain((0..6).map(|i| format!("platelet/000{i}.png")))
        .collect();
    for name in &broken {
        place.write(&format!("cells/{name}"), "no picture");
    }
    let said = place.hema("predict run cells --on-bad-image skip").succeeds();
    let table = Table::of(&said.out);
    assert_eq!(table.rows.len(), 64);
    let mut paths = table.column("path");
    assert!(paths.is_sorted());
    paths.retain(|path| broken.iter().any(|name| name == path));
    assert_eq!(paths.len(), 12);
    for row in table.rows.iter().filter(|row| broken.contains(&row[0])) {
        assert!(row[1..11].iter().all(String::is_empty), "{row:?}");
        assert_eq!(row[11], "yes");
        // the cell is quoted, for its commas
        assert!(row[12].starts_with("\"unreadable: is not an image"), "{row:?}");
    }
    // ten are named, the others counted
    assert!(
        said.err.starts_with("warning: 12 unreadable images were skipped:\n  cells/ig/0000.png: is not ")
    );
    assert!(said.err.contains("\n  cells/platelet/0003.png: ") && said.err.contains("\n  and 2 more\n"));
    assert!(!said.err.contains("platelet/0004.png"), "{said:?}");

    let all = |record: &Value, key: &str| {
        let found = record[key].as_array().unwrap();
        let whole = |file: &Value| file["path"].is_string() && file["reason"].is_string();
        assert!(found.iter().all(whole), "{found:?}");
        found.len()
    };
    for (words, key) in [
        ("predict run cells --on-bad-image skip", "skipped"),
        ("evaluate run --data cells --part all --suite clean --on-bad-image skip --out judged", "unreadable"),
        ("data convert cells out.tar --on-bad-image skip", "skipped"),
        ("data balance cells even --sampler undersample --on-bad-image skip", "skipped"),
        ("data augment cells more --recipe v2b0 --on-bad-image skip", "skipped"),
        ("split cells", "skipped"),
    ] {
        let said = place.hema(&format!("{words} --json")).succeeds();
        let most = if words.starts_with("data balance") { 1..=12 } else { 12..=12 };
        assert!(most.contains(&all(&said.json(), key)), "{words}: {said:?}");
    }
    let page = place.read("judged/report.html");
    assert!(page.contains("<section id=\"unreadable\"") && page.contains("platelet/<wbr>0005.png"));
    let run = place.train("--data cells --out second --set data.on_bad_image=skip --json").succeeds().json();
    // those of the test part are not opened
    assert!((1..=12).contains(&all(&run, "unreadable")), "{run}");
    let record: Value = serde_json::from_str(&place.read("second/evaluation.json")).unwrap();
    assert_eq!(record["unreadable"], run["unreadable"]);
}

#[test]
fn chosen_columns_have_names_of_their_own_and_leave_no_doubt_unsaid() {
    let place = Place::with_run();
    let error = place.hema("predict run cells --columns Id=row,label=number,Id=path").error();
    assert!(error.starts_with("error: two columns are called `Id`"), "{error}");
    let words = "predict run cells --sure 1 --columns path,label --out p.csv";
    let said = place.hema(words).succeeds();
    let warning = "warning: the chosen columns do not say which images to look at: basophil/0000.png (";
    assert!(said.err.contains(warning) && said.err.contains(" and 59 more; "), "{said:?}");
    for more in ["--page p.html", "--columns refer"] {
        let said = place.hema(&format!("{words} {more}")).succeeds();
        assert!(!said.err.contains("do not say which images"), "{more}: {said:?}");
    }
    // rows without an answer are counted apart
    place.write("cells/ig/0003.png", files::truncated_jpeg());
    let said = place.hema("predict run cells --on-bad-image skip --out p.csv").succeeds();
    assert!(said.err.contains("63 predictions and 1 row without one: p.csv\n"), "{said:?}");
    assert_eq!(place.read("p.csv").lines().count(), 1 + 64);
}
