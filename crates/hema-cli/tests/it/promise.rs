//! What is promised of a model: by its certifying cells, by a laboratory's own, and by a gate with a policy.

use hema::synthetic::CLASSES;
use serde_json::Value;

use crate::files;
use crate::support::{Place, Said};

/// A policy that next to any model keeps.
const LENIENT: &str = "[[accuracy]]\nleast = 0.001\n";

/// A folder with `run/`, trained on `cells/`, and `fresh/`: sixteen more of every class.
fn with_fresh_cells() -> Place {
    let place = Place::with_run();
    files::write_cells(&place.path("fresh"), 24, 24);
    for class in CLASSES {
        for number in 0..8 {
            std::fs::remove_file(place.path(&format!("fresh/{class}/{number:04}.png"))).unwrap();
        }
    }
    place
}

/// A folder with `cells/` and `run/`, which has validation images enough for the model to carry trust.
fn with_trusted_run() -> Place {
    let place = Place::empty();
    files::write_cells(&place.path("cells"), 70, 24);
    let rows: Vec<String> = CLASSES
        .iter()
        .flat_map(|class| (0..70).map(move |number| (class, number)))
        .map(|(class, number)| {
            format!("{class}/{number:04}.png,{}", if number < 25 { "train" } else { "val" })
        })
        .collect();
    place.write("split.csv", format!("path,split\n{}\n", rows.join("\n")));
    place.train("--data cells --split split.csv --out run").succeeds();
    place
}

fn gate(place: &Place, policy: &str, words: &str) -> Said {
    place.write("gate.toml", policy);
    place.hema(&format!("gate run --policy gate.toml {words}"))
}

fn rule<'a>(verdict: &'a Value, name: &str) -> &'a Value {
    let rules = verdict["rules"].as_array().unwrap();
    rules.iter().find(|rule| rule["name"] == name).unwrap_or_else(|| panic!("{name}: {verdict}"))
}

#[test]
fn a_gate_lets_through_what_keeps_its_policy_and_nothing_else() {
    let place = with_fresh_cells();
    let policy = format!(
        "{LENIENT}[[accuracy]]\nsuite = \"dim.toml\"\nleast = 0.001\n[[recall]]\nleast = 0.99\n[calibration]\nmost = 1.0\n\
         [promise]\nmax_risk = 0.99\nleast = 0.5\n"
    );
    place.write(
        "dim.toml",
        "name = \"dim\"\n[[condition]]\nname = \"dim\"\noperators = [{ name = \"brightness-down\" }]\n",
    );
    let said = gate(&place, &policy, "--data fresh --junit junit.xml --out gate.json");
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(said.out.contains("FAILS") && said.out.contains("not passed: run "), "{said:?}");
    let verdict: Value = serde_json::from_str(&place.read("gate.json")).unwrap();
    assert_eq!((&verdict["passes"], verdict["rules"].as_array().unwrap().len()), (&Value::Bool(false), 14));
    for name in [
        "accuracy, unchanged images",
        "accuracy, suite dim",
        "calibration error",
        "images of every class",
        "images that the model has seen",
        "kept with at most 99 % wrong, with a confidence of 95 %",
    ] {
        assert_eq!(rule(&verdict, name)["passes"], true, "{name}: {verdict}");
    }
    let recall = rule(&verdict, "recall of ig");
    let [found, bound] = [&recall["found"], &recall["bound"]].map(|number| number.as_f64().unwrap());
    assert!(bound < found && recall["wanted"]["at-least"] == 0.99, "{recall}");
    let junit = place.read("junit.xml");
    assert_eq!(junit.matches("<testcase ").count(), 14, "{junit}");
    let failures = verdict["rules"].as_array().unwrap().iter().filter(|rule| rule["passes"] == false).count();
    assert!(junit.contains(&format!("failures=\"{failures}\"")), "{junit}");
    assert_eq!(junit.matches("<failure ").count(), failures);

    let said =
        gate(&place, &policy.replace("least = 0.99\n[cal", "least = 0.001\n[cal"), "--data fresh --json");
    let recall = |verdict: &Value| {
        let names = CLASSES.map(|class| format!("recall of {class}"));
        names.iter().filter(|name| rule(verdict, name)["passes"] == true).count()
    };
    assert!(recall(&said.json()) > recall(&verdict), "{said:?}");
    assert!(gate(&place, LENIENT, "--data fresh").succeeds().out.contains("passed: run "));
}

#[test]
fn a_gate_refuses_images_that_the_model_has_seen_and_classes_with_few() {
    let place = with_fresh_cells();
    let said = gate(&place, LENIENT, "--data cells --part all --json");
    assert_eq!(said.status, Some(1), "{said:?}");
    let verdict = said.json();
    let seen = rule(&verdict, "images that the model has seen");
    assert!(seen["passes"] == false && seen["found"].as_f64().unwrap() > 0.5, "{seen}");
    gate(&place, &format!("most_seen = 1.0\n{LENIENT}"), "--data cells --part all").succeeds();
    let said = gate(&place, &format!("least_images = 17\n{LENIENT}"), "--data fresh");
    assert!(said.status == Some(1) && said.out.contains("at least 17"), "{said:?}");
}

#[test]
fn a_model_is_compared_with_a_baseline_image_by_image() {
    let place = with_fresh_cells();
    let policy = |worse: f64| format!("[baseline]\nmost_worse = {worse}\n");
    let said = gate(&place, &policy(0.1), "--data fresh --baseline run --json").succeeds();
    let verdict = said.json();
    let difference = rule(&verdict, "accuracy less the baseline's, unchanged images");
    let bound = difference["bound"].as_f64().unwrap();
    assert!(difference["found"] == 0.0 && (-0.1..0.0).contains(&bound), "{difference}");
    // alike on few images is not shown to be as good
    assert_eq!(gate(&place, &policy(0.0), "--data fresh --baseline run").status, Some(1));

    let error = gate(&place, &policy(0.1), "--data fresh").error();
    assert!(error.contains("--baseline MODEL"), "{error}");
    let error = gate(&place, LENIENT, "--data fresh --baseline run").error();
    assert!(error.contains("[baseline]"), "{error}");
}

#[test]
fn a_policy_that_makes_no_sense_is_refused_with_what_was_meant() {
    let place = with_fresh_cells();
    for (policy, says) in [
        ("[[acuracy]]\nleast = 0.9", "accuracy"),
        ("[[recall]]\nclass = \"neutrophl\"\nleast = 0.9", "neutrophil"),
        ("[[accuracy]]\nsuite = \"degradd\"\nleast = 0.9", "degraded"),
        ("most_seen = 0.1", "at least one bound"),
    ] {
        let error = gate(&place, policy, "--data fresh").error();
        assert!(error.contains(says), "{policy}: {error}");
    }
}

#[test]
fn a_laboratory_certifies_a_model_on_its_own_cells_or_learns_the_price() {
    let place = with_fresh_cells();
    let json = place.hema("certify run fresh --max-risk 0.99 --json").succeeds().json();
    assert_eq!((&json["images"], &json["price"]), (&128.into(), &1.into()));
    let kept = json["kept"]["images"].as_u64().unwrap();
    assert!(kept >= 64, "{json}");
    assert!((json["kept"]["coverage"].as_f64().unwrap() - kept as f64 / 128.0).abs() < 1e-9);

    let said = place.hema("certify run fresh");
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(
        said.out.contains("cannot be promised by 128 cells: it takes at least 299 kept cells"),
        "{said:?}"
    );
    let said = place.hema("certify run cells --max-risk 0.99");
    assert!(said.err.contains("warning: of these 64 cells the model was trained on "), "{said:?}");
    let error = place.hema("certify run fresh --max-risk 0.99 --out own.safetensors").error();
    assert!(error.contains("the model carries no thresholds") && error.contains("hema calibrate"), "{error}");
    let error = place.hema("predict run fresh --sets 0.9").error();
    assert!(error.contains("no sets can be made: the model carries no thresholds"), "{error}");
}

/// A column of a table.
fn column<'a>(table: &'a str, name: &str) -> Vec<&'a str> {
    let at = table.lines().next().unwrap().split(',').position(|head| head == name).unwrap();
    table.lines().skip(1).map(|line| line.split(',').nth(at).unwrap()).collect()
}

#[test]
fn a_prediction_keeps_a_promise_and_shows_sets_by_the_cells_that_certify_it() {
    let place = with_trusted_run();
    // sets hold more classes the surer they have to be, and the likeliest class always
    let sizes = ["0.3", "0.9"].map(|level| {
        let said = place.hema(&format!("predict run cells --sets {level}")).succeeds();
        assert!(said.err.contains("sets by lac, which hold the right class"), "{said:?}");
        let sets = column(&said.out, "set");
        for (set, label) in sets.iter().zip(column(&said.out, "label")) {
            assert_eq!(set.split('|').next(), Some(label));
        }
        sets.iter().map(|set| set.split('|').count()).sum::<usize>()
    });
    assert!(sizes[0] < sizes[1], "{sizes:?}");
    for by in ["aps", "raps", "class"] {
        let words = format!("predict run cells/ig --sets 0.8 --sets-by {by} --json");
        let json = place.hema(&words).succeeds().json();
        let sets = json["predictions"].as_array().unwrap().iter().map(|row| row["set"].as_array().unwrap());
        assert!(sets.into_iter().all(|set| !set.is_empty()), "{by}");
    }
    assert!(!place.hema("predict run cells").succeeds().out.lines().next().unwrap().contains(",set"));
    let error = place.hema("predict run cells --sets 0.9 --sets-by app").error();
    assert!(error.contains("aps"), "{error}");
    let error = place.hema("predict run cells --sets 0.99999").error();
    assert!(error.contains("too few to leave any class out"), "{error}");

    let error = place.hema("predict run cells --max-risk 0.0001").error();
    assert!(error.contains("cannot be promised") && error.contains("29956"), "{error}");
    let json = place.hema("predict run cells --max-risk 0.95 --json").succeeds().json();
    let kept = &json["promise"]["kept"];
    let threshold = kept["threshold"].as_f64().unwrap();
    for row in json["predictions"].as_array().unwrap() {
        let sure = row["probability"].as_f64().unwrap() >= threshold;
        assert!(sure || row["refer"] == true, "{row}");
    }

    let error = place.hema("certify run cells --max-risk 0.95 --out own.safetensors").error();
    assert!(error.contains("the model was trained on 200 of these 560 cells"), "{error}");
    // and by cells of another laboratory
    files::write_cells(&place.path("more"), 90, 24);
    for class in CLASSES {
        for number in 0..70 {
            std::fs::remove_file(place.path(&format!("more/{class}/{number:04}.png"))).unwrap();
        }
    }
    place.hema("certify run more --max-risk 0.95 --out own.safetensors").succeeds();
    let own = place.hema("predict own.safetensors cells --max-risk 0.95 --json").succeeds().json();
    assert_eq!(own["promise"]["images"], 160);
    assert!(json["promise"]["images"].as_u64().unwrap() > 160);
    let known = place.hema("evaluate own.safetensors --data more --suite clean --json").succeeds().json();
    assert_eq!(known["data"]["known"]["chosen"], 160);
    let sets = &known["conditions"][0]["sets"];
    assert!(sets["all"]["images"] == 160 && sets["all"]["held"].as_u64().unwrap() >= 158, "{sets}");
    assert_eq!(sets["by_class"].as_array().unwrap().len(), 8);
}
