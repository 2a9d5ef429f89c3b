//! Training, classifying, evaluating and auditing by the library.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hema::data::OnBadImage;
use hema::train::{Observer, Progress};
use hema::{Classifier, ErrorKind, Phase, Prediction, Training, Watch};

use crate::support::{cells, write_cells};

/// A training of a fraction of a second.
fn quick(folder: &Path) -> Training {
    Training::recipe("cnn")
        .set("model.name", "cnn_gap")
        .set("data.size", 24)
        .set("stage.all.epochs", 1)
        .set("stage.all.batch_size", 16)
        .data(folder.join("cells"))
        .out(folder.join("run"))
}

/// A folder with `cells/` and a model in `run/`.
fn with_run() -> (tempfile::TempDir, Classifier) {
    let place = tempfile::tempdir().unwrap();
    write_cells(&place.path().join("cells"), 8);
    let model = quick(place.path()).run(&mut ()).unwrap().model;
    (place, model)
}

fn answers(predictions: &[Prediction]) -> Vec<(&str, f32)> {
    predictions.iter().map(|p| (p.label(), p.probability())).collect()
}

#[test]
fn files_bytes_and_images_get_the_same_answers() {
    fn shared<T: Send + Sync>(_: &T) {}
    let (place, model) = with_run();
    shared(&model);
    let of_files = model.classify([place.path().join("cells")]).unwrap();
    assert_eq!(of_files.len(), 64);
    let mut cells = cells(8);
    cells.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(of_files.iter().zip(&cells).all(|(found, cell)| found.path() == cell.0));
    let images: Vec<_> = cells.into_iter().map(|(_, image, _)| image).collect();
    let of_images = model.classify_images(&images).unwrap();
    let bytes: Vec<Vec<u8>> = images.iter().map(|image| image.to_png().unwrap()).collect();
    let of_bytes = model.classify_bytes(&bytes).unwrap();
    assert_eq!(answers(&of_files), answers(&of_images));
    assert_eq!(answers(&of_images), answers(&of_bytes));
    for prediction in &of_files {
        assert_eq!(prediction.label(), model.classes()[prediction.class()]);
        assert!((prediction.probabilities().iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }
    let error = model.classify_bytes(&[&bytes[0][..], b"no picture"]).unwrap_err();
    assert_eq!((error.kind(), error.to_string().split(':').next()), (ErrorKind::Unreadable, Some("image 1")));
    assert_eq!(model.classify(["nowhere"]).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(model.classify_images(&[]).unwrap(), []);
}

#[test]
fn predictions_come_as_they_are_asked_for_and_are_those_of_the_whole() {
    let (place, model) = with_run();
    write_cells(&place.path().join("many"), 40);
    let source = model.open_data(&[place.path().join("many")]).unwrap();
    let images = model.load(&source, None, &mut ()).unwrap();
    let whole = model.predictor().predict(&images, None, &mut |_| ()).unwrap();
    let mut predictions = model.predict(&images);
    assert_eq!(predictions.size_hint(), (0, Some(320)));
    let first = predictions.next().unwrap().unwrap();
    assert_eq!(predictions.size_hint(), (0, Some(319)));
    let rest: Vec<Prediction> = predictions.collect::<Result<_, _>>().unwrap();
    let rows = std::iter::once(&first).chain(&rest).flat_map(Prediction::probabilities);
    assert!(rows.eq(&whole));
}

/// Keeps the warnings.
struct Warnings(Vec<String>);

impl Watch for Warnings {
    fn warn(&mut self, text: &str) {
        self.0.push(text.to_owned());
    }
}

impl Observer for Warnings {}

#[test]
fn a_classifier_is_told_of_classes_views_and_bad_images() {
    let (place, model) = with_run();
    let run = place.path().join("run");
    let two = &model.classes()[..2];
    let options =
        Classifier::options().among(two.iter().cloned()).tta("flips").on_bad_image(OnBadImage::Skip);
    let narrow = options.open(&run).unwrap();
    std::fs::write(place.path().join("cells/bad.png"), b"no picture").unwrap();
    let mut heard = Warnings(Vec::new());
    let source = narrow.open_data(&[place.path().join("cells")]).unwrap();
    let images = narrow.load(&source, None, &mut heard).unwrap();
    let found: Vec<Prediction> = narrow.predict(&images).collect::<Result<_, _>>().unwrap();
    assert!(found.len() == 64 && found.iter().all(|p| p.class() < 2));
    assert!(heard.0.len() == 1 && heard.0[0].starts_with("1 unreadable image was skipped"), "{:?}", heard.0);
    let error = model.classify([place.path().join("cells")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreadable);
    assert!(Classifier::options().tta("flip").open(&run).is_err());
    assert!(Classifier::options().among(["erythro"]).open(&run).is_err());
    assert_eq!(Classifier::open(place.path().join("no")).unwrap_err().kind(), ErrorKind::NotFound);
}

/// Stops a run after its first step.
struct StopAtOnce(Arc<AtomicBool>);

impl Watch for StopAtOnce {}

impl Observer for StopAtOnce {
    fn step(&mut self, _: &Progress<'_>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_run_can_be_stopped_and_resumed_and_a_folder_holds_one() {
    let place = tempfile::tempdir().unwrap();
    write_cells(&place.path().join("cells"), 8);
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = quick(place.path()).stop(&stop).run(&mut StopAtOnce(Arc::clone(&stop)));
    assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Interrupted);
    let again = quick(place.path()).run(&mut ()).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    let run = Training::resume(place.path().join("run")).run(&mut ()).unwrap();
    assert_eq!(run.best_epoch, 1);
    let whole = quick(place.path()).out(place.path().join("whole")).run(&mut ()).unwrap();
    assert_eq!(run.scores(), whole.scores());
    assert_eq!(run.model.manifests()[0].metrics["accuracy"], run.scores().accuracy());
    let nothing = Training::resume(place.path().join("nowhere")).run(&mut ()).unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::NotFound);
    let diverged = quick(place.path()).out(place.path().join("wild")).set("stage.all.lr", "1e30");
    assert_eq!(diverged.run(&mut ()).unwrap_err().kind(), ErrorKind::Diverged);
}

/// Spoils the last two cells of every class and writes a split in which they are the test part.
fn spoil_test_part(folder: &Path) -> PathBuf {
    let mut rows = vec!["path,split".to_owned()];
    let mut seen = [0; hema::synthetic::CLASSES.len()];
    for (path, _, class) in cells(8) {
        let part = ["train", "train", "train", "train", "val", "val", "test", "test"][seen[class]];
        seen[class] += 1;
        rows.push(format!("{path},{part}"));
        if part == "test" {
            std::fs::write(folder.join("cells").join(path), b"no picture").unwrap();
        }
    }
    let split = folder.join("parts.csv");
    std::fs::write(&split, rows.join("\n")).unwrap();
    split
}

#[test]
fn a_run_trains_chooses_and_reports_without_opening_the_test_part() {
    let place = tempfile::tempdir().unwrap();
    let cells = place.path().join("cells");
    write_cells(&cells, 8);
    let split = spoil_test_part(place.path());
    let mut heard = Warnings(Vec::new());
    let training = quick(place.path())
        .split(&split)
        .set("data.on_bad_image", "fail")
        .set("average.kind", "ema")
        .set("select.operators", r#"[{ name = "gaussian-noise" }]"#)
        .set("select.on", "both");
    let run = training.run(&mut heard).unwrap();
    assert_eq!(heard.0, [""; 0]);
    assert_eq!(run.evaluation.data.part, "val");
    assert_eq!(run.evaluation.data.counts, [2; 8]);
    let judge = |part| hema::evaluate(&run.model, &cells).split(&split).part(part).run(&mut ());
    assert_eq!(judge("val").unwrap().conditions[0].scores, *run.scores());
    assert_eq!(judge("test").unwrap_err().kind(), ErrorKind::Unreadable);
}

#[test]
fn an_evaluation_judges_files_and_images_in_memory_alike_and_is_written() {
    let (place, model) = with_run();
    let data = place.path().join("cells");
    let of_files = hema::evaluate(&model, &data).part("all").suite("clean").run(&mut ()).unwrap();
    let source = hema::data::open(&data).unwrap();
    let images = (0..source.len()).map(|i| {
        let entry = source.entry(i);
        (entry.path.to_owned(), source.image(i).unwrap(), entry.label)
    });
    let images = hema::data::Dataset::from_images(source.classes().to_vec(), images.collect()).unwrap();
    let out = place.path().join("judged");
    let in_memory = hema::evaluate_dataset(&model, &images, "cells").out(&out).run(&mut ()).unwrap();
    assert_eq!(of_files.conditions[0].scores, in_memory.conditions[0].scores);
    assert!(out.join("evaluation.json").is_file() && out.join("report.html").is_file());
    let large = place.path().join("large.toml");
    let dust = "name = 'large'\nabout = 'dust'\nsize = 64\n[[condition]]\nname = 'dust'\noperators = [{ name = 'dust' }]\n";
    std::fs::write(&large, dust).unwrap();
    let large = large.to_str().unwrap();
    let of_files = hema::evaluate(&model, &data).part("all").suite(large).run(&mut ()).unwrap();
    let in_memory = hema::evaluate_dataset(&model, &images, "cells").suite(large).run(&mut ()).unwrap();
    assert_eq!(of_files.suites[0].size, 64, "the suite damages images of its own size");
    assert_eq!(of_files.suites, in_memory.suites);
    assert_eq!(of_files.conditions[1].scores, in_memory.conditions[1].scores);
    assert!(hema::evaluate_dataset(&model, &images, "cells").split("split.csv").run(&mut ()).is_err());
    assert!(hema::evaluate(&model, &data).suite("degarded").run(&mut ()).is_err());
    assert_eq!(hema::evaluate(&model, "nowhere").run(&mut ()).unwrap_err().kind(), ErrorKind::NotFound);
}

/// Keeps the phases of an audit, in order.
struct Phases(Vec<Phase<'static>>);

impl Watch for Phases {
    fn progress(&mut self, phase: Phase<'_>, done: usize, total: usize) {
        assert!(done <= total);
        let known = [Phase::Measuring, Phase::Comparing, Phase::AskingModel];
        let phase = known.into_iter().find(|known| *known == phase).unwrap();
        if !self.0.contains(&phase) {
            self.0.push(phase);
        }
    }
}

#[test]
fn an_audit_finds_copies_and_asks_a_model() {
    let (place, _) = with_run();
    let cells = place.path().join("cells");
    let class = std::fs::read_dir(&cells).unwrap().next().unwrap().unwrap().path();
    let cell = std::fs::read_dir(&class).unwrap().next().unwrap().unwrap().path();
    std::fs::copy(&cell, class.join("copy.png")).unwrap();
    let mut heard = Phases(Vec::new());
    let audited = hema::audit(&cells).model(place.path().join("run")).folds(2).run(&mut heard).unwrap();
    assert_eq!(heard.0, [Phase::Measuring, Phase::Comparing, Phase::AskingModel]);
    assert!(audited.model.is_some());
    assert_eq!(audited.stay().len(), 64);
    let found = |finding: &&hema::audit::Finding| finding.check == "exact_duplicate";
    assert_eq!(audited.audit.findings.iter().filter(found).count(), 1);
    assert_eq!(audited.record().summary.images, 65);
    let unknown = hema::audit(&cells).threshold("exact_copies", 0.5).run(&mut ());
    assert!(unknown.is_err_and(|error| error.to_string().contains("exact_copies")));
}
