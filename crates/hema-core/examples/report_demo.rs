//! Writes demo report pages from made-up numbers, to look at while working on the report:
//! `cargo run -p hema-core --example report_demo -- OUT_DIR [IMAGE_DIR]`. The images stand in the gallery of mistakes.

use std::path::{Path, PathBuf};

use hema_core::file::write_atomic;
use hema_core::provenance::Provenance;
use hema_core::record::{
    ClassScores, Condition, DataSummary, EVALUATION_FORMAT, Evaluation, Mistake, ModelSummary,
    ReliabilityBin, Scores,
};
use hema_core::report::{Curves, RunReport, render, thumbnail_png_base64};
use hema_core::{Error, Image, Result};

#[path = "../src/report/fixture.rs"]
mod fixture;

use fixture::{BLOOD, curves, mistakes, run};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let out = arguments.next().ok_or_else(|| Error::new("give a folder for the pages"))?;
    let pictures = thumbnails(arguments.next().as_deref())?;
    let blood = |title: &str, clean, harm| {
        let mut run = run(title, &BLOOD, clean, harm);
        run.evaluation.mistakes = mistakes(&pictures, BLOOD.len());
        run
    };
    let pages = [
        ("full", vec![blood("EfficientNetV2-B0, blood recipe", 0.987, 1.0)]),
        (
            "compare",
            vec![
                blood("EfficientNetV2-B0, plain", 0.989, 1.6),
                blood("EfficientNetV2-B0, AugMix", 0.984, 0.6),
                blood("MobileNetV3, blood recipe", 0.961, 0.9),
            ],
        ),
        ("clean_only", vec![run("Clean images only", &BLOOD, 0.987, 0.0)]),
        ("two_classes", vec![two_classes()]),
        ("many_classes", vec![many_classes()]),
        ("broken", vec![broken()]),
    ];
    for (name, runs) in pages {
        write_atomic(&out.join(name).with_extension("html"), |w| w.write_all(render(&runs).as_bytes()))?;
    }
    Ok(())
}

/// Synthetic cells, one epoch, some images skipped.
fn two_classes() -> RunReport {
    let mut run = run("Two classes, one epoch", &[("blast", 90), ("other", 34)], 0.93, 0.5);
    run.curves = Some(curves(1));
    run.evaluation.data.synthetic = true;
    run.evaluation.data.skipped = 3;
    run
}

/// Twenty classes, some with long names, one without images.
fn many_classes() -> RunReport {
    let names: Vec<String> = (1..=20)
        .map(|i| match i {
            3 => "atypical_lymphocyte_with_large_granules_and_prominent_nucleoli".into(),
            9 => "promyelocyte_bilobed".into(),
            _ => format!("cell_type_{i}"),
        })
        .collect();
    let classes: Vec<(&str, u64)> = names
        .iter()
        .enumerate()
        .map(|(i, n)| (n.as_str(), if i == 4 { 0 } else { 9 + 37 * i as u64 }))
        .collect();
    run("Twenty classes", &classes, 0.88, 1.0)
}

/// A training that blew up, and nothing known beyond the scores.
fn broken() -> RunReport {
    let mut run = run("A run with gaps <script>alert(1)</script>", &BLOOD[..3], 0.5, 2.0);
    if let Some(curves) = &mut run.curves {
        curves.train_loss[6..9].fill(f64::NAN);
        curves.val_loss[8] = f64::INFINITY;
        curves.learning_rate.clear();
        curves.best_epoch = None;
    }
    run.training = None;
    run.recipe_toml = None;
    run
}

/// The pictures of a folder as thumbnails, or a few plain discs.
fn thumbnails(folder: Option<&Path>) -> Result<Vec<String>> {
    let Some(folder) = folder else {
        return (0..6u8)
            .map(|i| thumbnail_png_base64(&Image::filled(96, 96, [220, 170 + i * 10, 200])))
            .collect();
    };
    let mut paths: Vec<PathBuf> =
        folder.read_dir().map_err(|e| Error::io(folder, &e))?.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let thumbnail = |path: &PathBuf| {
        let decoded = image::open(path).map_err(|e| Error::new(e.to_string()).at(path))?.into_rgb8();
        let (width, height) = decoded.dimensions();
        thumbnail_png_base64(&Image::new(width as usize, height as usize, decoded.into_raw())?)
    };
    paths.iter().map(thumbnail).collect()
}
