//! What a prediction says beside its table: what became of the probabilities, counts, and the whole as JSON.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hema::likeness::Unlike;
use hema::metrics::Excluded;
use hema::prevalence::{self, ClassWeight};
use hema::referral::{Doubt, Sets};
use hema::rescale::{FEWEST_IMAGES, Rescaling};
use hema::{Classifier, Error, Referral, Result};

use super::rows::{self, Classified, Row};
use super::sets;
use crate::next::CommandLine;
use crate::output::{Printer, percent, table};

/// Share of the images above which nearly all are named alike.
const NEARLY_ALL: f64 = 0.9;
/// Fewest images of which that is said.
const MANY: usize = 20;

/// What to know before any answer is believed.
pub(super) fn warnings(model: &Classifier, classified: &Classified) -> Vec<String> {
    let excluded = limits(model).then(|| rows::excluded(&classified.rows)).filter(Excluded::is_large);
    let excluded = excluded.map(|excluded| {
        format!("{excluded}: can these classes really not occur? the column `excluded` has their probability")
    });
    let doubt = prevalence::doubt(&classified.weights);
    let rows = &classified.rows;
    [unlike_training(rows), excluded, doubt, named_alike(rows)].into_iter().flatten().collect()
}

/// A sentence on images that are plainly unlike what the model was trained on.
fn unlike_training(rows: &[Row]) -> Option<String> {
    let unlike: Vec<(&Row, &Vec<Unlike>)> = rows
        .iter()
        .filter_map(|row| match &row.doubt {
            Some(Doubt::UnlikeTraining(numbers)) if !numbers.is_empty() => Some((row, numbers)),
            _ => None,
        })
        .collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for number in unlike.iter().flat_map(|(_, numbers)| *numbers) {
        *counts.entry(number.what).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
    let (row, numbers) = unlike.first()?;
    Some(format!(
        "{} of {} images are plainly unlike those that the model was trained on ({}), and its answers about them say \
         nothing; the first: {} ({})",
        unlike.len(),
        rows.len(),
        counts.join(", "),
        row.path,
        numbers.first()?
    ))
}

/// A sentence on images of which nearly all got one name.
fn named_alike(rows: &[Row]) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for answer in rows.iter().filter_map(|row| row.answer.as_ref()) {
        *counts.entry(answer.label()).or_default() += 1;
    }
    let all: usize = counts.values().sum();
    let (name, most) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    let are_alike = all >= MANY && most as f64 > NEARLY_ALL * all as f64;
    are_alike.then(|| {
        format!(
            "{most} of {all} images are named {name}: if they are not all of one class, the model does not know images \
             like these, and its probabilities say nothing; label some and ask `hema evaluate`"
        )
    })
}

/// The command that looks for a better crop, where nearly all images got one name and none was looked for.
pub(super) fn another_field_of_view(
    model: &Classifier,
    inputs: &[PathBuf],
    classified: &Classified,
) -> Option<CommandLine> {
    let is_asked = model.rescale().is_none() && classified.rows.len() >= FEWEST_IMAGES;
    named_alike(&classified.rows).filter(|_| is_asked)?;
    let command = CommandLine::new("predict").path(model.path());
    let command = inputs.iter().fold(command, |command, input| command.path(input));
    Some(command.option("rescale", "auto"))
}

/// Says what became of the probabilities by `--rescale`, `--among` and `--adapt-prevalence`.
pub(super) fn tell_what_was_assumed(model: &Classifier, classified: &Classified, printer: &Printer) {
    if let Some(Rescaling { factor, .. }) = classified.rescaling.as_ref().filter(|found| found.was_found()) {
        printer.note(&format!("further images from there are shown alike by --rescale {factor}"));
    }
    if limits(model) {
        let excluded = rows::excluded(&classified.rows);
        if !excluded.is_large() {
            printer.note(&excluded.to_string());
        }
    }
    if !classified.weights.is_empty() {
        printer.note(&format!(
            "class weights with 95 % intervals (no differential: they repeat the model's mistakes, and a model that is \
             wrong about these images is outside the intervals): {}",
            weights(&classified.weights)
        ));
    }
}

/// Whether the model chooses among some of its classes only.
pub(super) fn limits(model: &Classifier) -> bool {
    model.predictor().possible().len() < model.classes().len()
}

/// The weight of each class with its interval.
fn weights(weights: &[ClassWeight]) -> String {
    let named = weights.iter().map(|class| {
        let [low, high] = class.interval;
        format!("{} {} ({} to {})", class.name, percent(class.weight), percent(low), percent(high))
    });
    named.collect::<Vec<_>>().join(", ")
}

/// How many images each class got, and how many of them the model is sure of where answers are referred.
pub(super) fn counts(classes: &[String], rows: &[Row], refers: bool) -> String {
    let named = |class: usize| {
        rows.iter().filter(move |row| row.answer.as_ref().is_some_and(|answer| answer.class() == class))
    };
    let line = |(class, name): (usize, &String)| {
        let mut line = vec![name.clone(), named(class).count().to_string()];
        if refers {
            let doubtful = named(class).filter(|row| row.doubt.is_some()).count();
            line.extend([named(class).count() - doubtful, doubtful].map(|count| count.to_string()));
        }
        line
    };
    let header = refers.then(|| ["class", "images", "sure", "to look at"].map(String::from).to_vec());
    table(&header.into_iter().chain(classes.iter().enumerate().map(line)).collect::<Vec<_>>())
}

pub(super) fn json(
    model: &Classifier,
    classified: &Classified,
    referral: &Referral,
    sets: Option<&Sets>,
) -> Result<String> {
    let Classified { rows, skipped, notices, weights, rescaling, .. } = classified;
    let of_rows: Vec<_> = rows.iter().filter_map(|row| json_row(model, row, referral, sets)).collect();
    let asked = model.summary();
    let asked = serde_json::json!({"path": asked.path, "checksums": asked.checksums});
    let mut result = serde_json::json!({
        "model": asked,
        "predictions": of_rows,
        "notices": notices,
        "skipped": skipped,
    });
    if let Some(criterion) = referral.criterion() {
        let to_look_at = rows.iter().filter(|row| row.doubt.is_some()).count();
        let counts = [rows.len() - to_look_at, to_look_at];
        result["sure"] = serde_json::json!({
            "rule": criterion,
            "threshold": referral.sure(),
            "sure": counts[0],
            "to_look_at": counts[1],
        });
    }
    if let Some(promise) = referral.promise() {
        result["promise"] = serde_json::json!(promise);
    }
    if limits(model) {
        result["excluded"] = serde_json::json!(rows::excluded(rows));
    }
    if !weights.is_empty() {
        result["class_weights"] = serde_json::json!(weights);
    }
    if let Some(rescaling) = rescaling {
        result["rescale"] = serde_json::json!(rescaling);
    }
    serde_json::to_string_pretty(&result).map_err(|e| Error::new(e.to_string()))
}

/// An answer; nothing for an image that could not be read.
fn json_row(
    model: &Classifier,
    row: &Row,
    referral: &Referral,
    sets: Option<&Sets>,
) -> Option<serde_json::Value> {
    let answer = row.answer.as_ref()?;
    let probabilities: serde_json::Map<String, serde_json::Value> =
        model.classes().iter().cloned().zip(answer.probabilities().iter().map(|&p| p.into())).collect();
    let mut object = serde_json::json!({
        "path": row.path,
        "row": row.image,
        "label": answer.label(),
        "probability": answer.probability(),
        "probabilities": probabilities,
    });
    object["runner_up"] = answer.runner_up_label().into();
    if let Some(marks) = answer.marks() {
        object["unlike"] = marks.unlike.into();
        object["poor"] = marks.poor.into();
    }
    if let Some(sets) = sets {
        object["set"] = sets::names(sets, answer, model.classes()).into();
    }
    if referral.refers() {
        object["refer"] = row.doubt.is_some().into();
        object["reason"] = row.doubt.as_ref().map(Doubt::to_string).into();
    }
    if limits(model) {
        object["excluded"] = answer.excluded().into();
    }
    Some(object)
}
