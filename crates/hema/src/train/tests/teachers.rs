//! Runs that learn from other models.

use super::*;

/// `distill.teachers` of runs.
fn taught_by(fixture: &Fixture, runs: &[&str]) -> String {
    let paths: Vec<String> = runs.iter().map(|run| format!("\"{}\"", fixture.out(run).display())).collect();
    format!("distill.teachers=[{}]", paths.join(", "))
}

#[test]
fn a_network_learns_what_its_teachers_say() {
    let mut fixture = Fixture::new();
    let short = ["model.name=cnn", "stage.all.epochs=1"];
    for (name, seed) in [("first", "seed=1"), ("second", "seed=2")] {
        fixture.run(name, &recipe(&[&short[..], &[seed]].concat()), Start::Fresh, FOREVER).unwrap();
    }
    let teachers = taught_by(&fixture, &["first", "second"]);
    let student =
        |more: &[&str]| recipe(&[&short[..], &[&teachers, "loss.label_smoothing=0"], more].concat());
    fixture.run("half", &student(&["distill.weight=0.5"]), Start::Fresh, FOREVER).unwrap();
    fixture.run("whole", &student(&["distill.weight=1"]), Start::Fresh, FOREVER).unwrap();
    fixture
        .run("parts", &student(&["distill.weight=1", "stage.all.micro_batch=5"]), Start::Fresh, FOREVER)
        .unwrap();
    fixture
        .run("softer", &student(&["distill.weight=1", "distill.temperature=8"]), Start::Fresh, FOREVER)
        .unwrap();
    let first = taught_by(&fixture, &["first"]);
    fixture.run("of one", &student(&["distill.weight=1", &first]), Start::Fresh, FOREVER).unwrap();

    // the labels say nothing where the teachers say all
    let data = fixture.train.clone();
    let mislabelled = |i: usize| {
        (data.entry(i).path.to_owned(), data.image(i).unwrap(), data.label(i).map(|label| (label + 1) % 8))
    };
    let images = (0..data.len()).map(mislabelled).collect();
    fixture.train = Dataset::from_images(data.classes().to_vec(), images).unwrap();
    fixture.run("whole, wrong labels", &student(&["distill.weight=1"]), Start::Fresh, FOREVER).unwrap();
    fixture.run("half, wrong labels", &student(&["distill.weight=0.5"]), Start::Fresh, FOREVER).unwrap();

    assert!(difference(&fixture, ["whole", "whole, wrong labels"]) == 0.0);
    assert!(difference(&fixture, ["half", "half, wrong labels"]) > 1e-3);
    assert!(difference(&fixture, ["whole", "half"]) > 1e-3);
    assert!(difference(&fixture, ["whole", "softer"]) > 1e-3);
    assert!(difference(&fixture, ["whole", "of one"]) > 1e-3);
    let found = difference(&fixture, ["whole", "parts"]);
    assert!(found < 1e-4, "{found}");
}

#[test]
fn a_taught_run_resumes_to_the_bit_with_the_teachers_it_had() {
    let fixture = Fixture::new();
    fixture.run("teacher", &recipe(&["stage.all.epochs=1"]), Start::Fresh, FOREVER).unwrap();
    let teacher = taught_by(&fixture, &["teacher"]);
    resume(&recipe(&[&teacher, "loss.consistency=12"]));

    let student = recipe(&[&teacher]);
    fixture.run("student", &student, Start::Fresh, 3).unwrap();
    std::fs::remove_dir_all(fixture.out("teacher")).unwrap();
    fixture.run("teacher", &recipe(&["seed=9", "stage.all.epochs=1"]), Start::Fresh, FOREVER).unwrap();
    let error = fixture.run("student", &student, Start::Resume, FOREVER).unwrap_err();
    assert!(error.to_string().contains("was made with another model to learn from"), "{error}");
}

#[test]
fn teachers_for_other_classes_are_refused() {
    let fixture = Fixture::new();
    fixture.run("teacher", &recipe(&["stage.all.epochs=1"]), Start::Fresh, FOREVER).unwrap();
    let student = recipe(&[&taught_by(&fixture, &["teacher"])]);
    let device = Device::flex();
    check(&student, fixture.train.classes(), 64, &device).unwrap();
    let mut classes = fixture.train.classes().to_vec();
    classes.swap(0, 1);
    let error = check(&student, &classes, 64, &device).unwrap_err().to_string();
    assert!(
        error.contains("a model for the classes basophil, eosinophil") && error.contains("teacher"),
        "{error}"
    );
    let error = check(&recipe(&[&taught_by(&fixture, &["nowhere"])]), &classes, 64, &device).unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
}
