//! The YAML at the beginning of a card, as the Hugging Face hub reads it; its `model-index` holds the
//! results.
//!
//! Specification: `modelcard.md` of huggingface/hub-docs, and `repocard_data` of `huggingface_hub`.

use hema_core::metrics::{ACCURACY, BALANCED_ACCURACY, ECE, MACRO_F1};

use super::escape::yaml;
use super::facts::ModelCard;
use super::judged::Judged;

/// Metrics of the head, by their names on the hub and in Hema.
const METRICS: [(&str, &str); 4] = [
    ("accuracy", ACCURACY.name),
    ("balanced_accuracy", BALANCED_ACCURACY.name),
    ("f1", MACRO_F1.name),
    ("expected_calibration_error", ECE.name),
];

/// Draws the head, from its first line to its last.
pub(super) fn draw(card: &ModelCard) -> String {
    let mut lines = vec!["---".to_owned()];
    // the hub's own word where there is none
    lines.push(format!("license: {}", yaml(card.licence.as_deref().unwrap_or("unknown"))));
    lines.push("library_name: hema".into());
    lines.push("pipeline_tag: image-classification".into());
    let on_hub = |source: &&str| source.starts_with("timm/");
    let base: Vec<&str> =
        card.origins.iter().flatten().map(|origin| &*origin.source).filter(on_hub).collect();
    list(&mut lines, "base_model", base.iter().copied());
    let mut tags = vec!["image-classification", "blood-cells", "microscopy", "hema"];
    for member in &card.members {
        if !tags.contains(&&*member.architecture) {
            tags.push(&member.architecture);
        }
    }
    if card.synthetic {
        tags.push("synthetic");
    }
    list(&mut lines, "tags", tags);
    if !card.evaluations.is_empty() {
        list(&mut lines, "metrics", METRICS.map(|(name, _)| name));
        lines.push("model-index:".into());
        lines.push(format!("- name: {}", yaml(&card.name)));
        lines.push("  results:".into());
        lines.extend(card.evaluations.iter().flat_map(results));
    }
    lines.push("---".into());
    lines.join("\n") + "\n\n"
}

fn list<'a>(lines: &mut Vec<String>, key: &str, values: impl IntoIterator<Item = &'a str>) {
    let mut values = values.into_iter().peekable();
    if values.peek().is_some() {
        lines.push(format!("{key}:"));
        lines.extend(values.map(|value| format!("- {}", yaml(value))));
    }
}

/// The results of an evaluation: on unchanged images, then under each suite.
fn results(judged: &Judged) -> Vec<String> {
    let unchanged = METRICS.iter().map(|(name, own)| (*name, judged.value(own)));
    let mut lines = result(judged, "clean", "unchanged images", unchanged);
    for suite in &judged.suites {
        let metrics = [("accuracy", Some(suite.accuracy)), ("expected_calibration_error", Some(suite.ece))];
        lines.extend(result(judged, &suite.name, &format!("under the suite {}", suite.name), metrics));
    }
    lines
}

fn result<'a>(
    judged: &Judged,
    config: &str,
    how: &str,
    metrics: impl IntoIterator<Item = (&'a str, Option<f64>)>,
) -> Vec<String> {
    let name = crate::run_folder::title(std::path::Path::new(&judged.data));
    let mut lines = vec![
        "  - task:".to_owned(),
        "      type: image-classification".into(),
        format!("      name: {}", yaml(&format!("image classification, {how}"))),
        "    dataset:".into(),
        format!("      name: {}", yaml(&format!("{name}, {}", judged.part))),
        format!("      type: {}", yaml(&identifier(&name))),
        format!("      config: {}", yaml(config)),
        format!("      split: {}", yaml(&judged.part)),
        format!("      revision: {}", yaml(&judged.hash)),
        "    metrics:".into(),
    ];
    for (metric, value) in metrics {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            lines.push(format!("    - type: {metric}"));
            lines.push(format!("      name: {}", yaml(&format!("{}, {how}", metric.replace('_', " ")))));
            lines.push(format!("      value: {value:.4}"));
        }
    }
    lines
}

/// A name as an identifier of a data set: small letters, digits and hyphens.
fn identifier(name: &str) -> String {
    let safe =
        |c: char| if c.is_ascii_alphanumeric() || "._".contains(c) { c.to_ascii_lowercase() } else { '-' };
    let identifier: String = name.chars().map(safe).collect();
    let identifier = identifier.trim_matches(['-', '.', '_']).to_owned();
    if identifier.is_empty() { "images".into() } else { identifier }
}
