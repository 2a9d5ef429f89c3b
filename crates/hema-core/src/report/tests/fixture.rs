//! Made-up but plausible evaluations, for the tests of the report. The numbers obey each
//! other (accuracy, recall and confusion agree) but were never measured.

use super::{
    ClassScores, ConditionScores, Curves, DataSummary, EVALUATION_FORMAT, Evaluation, METRICS, MetricValues,
    Mistake, ModelSummary, Outcomes, Provenance, ReliabilityBin, RunReport, Scores,
};
use crate::metrics::mean;
use crate::record::{SuiteScores, unseen_accuracy};

pub(super) const BLOOD: [(&str, u64); 8] = [
    ("basophil", 244),
    ("eosinophil", 624),
    ("erythroblast", 311),
    ("immature_granulocyte", 579),
    ("lymphocyte", 243),
    ("monocyte", 284),
    ("neutrophil", 666),
    ("platelet", 470),
];

const CORRUPTIONS: [(&str, f64); 7] = [
    ("gaussian_noise", 0.9),
    ("motion_blur", 1.3),
    ("jpeg_compression", 0.35),
    ("brightness_down", 0.55),
    ("contrast_down", 0.8),
    ("stain_shift", 0.7),
    ("bubble", 0.25),
];

/// A run over classes with their counts. `harm` scales what degradation costs; zero leaves only the clean
/// images.
pub(super) fn run(title: &str, classes: &[(&str, u64)], clean: f64, harm: f64) -> RunReport {
    let mut conditions = vec![condition("clean", None, 0, classes, clean)];
    for (name, weight) in CORRUPTIONS.iter().filter(|_| harm > 0.0) {
        for severity in 1..=5u8 {
            let lost = 1.0 - (-harm * weight * f64::from(severity).powf(1.6) * 0.09).exp();
            conditions.push(condition("degraded", Some(name), severity, classes, clean * (1.0 - lost)));
        }
    }
    let evaluation = Evaluation {
        format: EVALUATION_FORMAT,
        provenance: provenance("hema evaluate runs/blood/model.safetensors --data pbc.tar --part test"),
        model: ModelSummary {
            path: "runs/blood/model.safetensors".into(),
            checksums: vec![0x1c2d_3e4f],
            architecture: "tf_efficientnetv2_b0".into(),
            parameters: 5_868_992,
            size: 96,
            enlarged: None,
            augmentations: ["flip", "rotate", "colour_jitter", "gaussian_noise"].map(String::from).to_vec(),
            tta: "dihedral".into(),
            adapted: false,
            among: Vec::new(),
            rescale: None,
            unfinished: None,
            fitted_here: Some(Vec::new()),
        },
        data: DataSummary {
            path: "pbc.tar".into(),
            part: "test".into(),
            hash: "3f1c7a90b2d84e5560a7c1f2e9d80b4c6a5f7e3d2b1c09f8e7d6c5b4a3928170".into(),
            listing: String::new(),
            classes: classes.iter().map(|c| c.0.to_string()).collect(),
            counts: classes.iter().map(|c| c.1).collect(),
            skipped: 0,
            known: None,
            synthetic: false,
        },
        suites: suites(&conditions),
        conditions,
        mistakes: Vec::new(),
        notices: Vec::new(),
        kept: Vec::new(),
        excluded: None,
        adaptation: None,
        unreadable: Vec::new(),
        speed: None,
    };
    RunReport {
        title: title.into(),
        series: None,
        evaluation,
        curves: Some(curves(20)),
        recipe_toml: Some(
            "name = \"blood\"\nseed = 7\n\n[model]\narchitecture = \"tf_efficientnetv2_b0\"\n".into(),
        ),
        training: Some(provenance("hema train --recipe recipes/blood.toml --data pbc.tar --out runs/blood")),
        training_data: None,
    }
}

/// The row of each suite that conditions are of.
pub(super) fn suites(conditions: &[ConditionScores]) -> Vec<SuiteScores> {
    let degraded = || conditions.iter().filter(|c| c.corruption.is_some());
    let mut names: Vec<&str> = degraded().map(|c| c.suite.as_str()).collect();
    names.dedup();
    let row = |name: &str| {
        let of: Vec<&ConditionScores> = degraded().filter(|c| c.suite == name).collect();
        let accuracy = mean(of.iter().map(|c| c.scores.accuracy())).unwrap();
        let change = accuracy - conditions[0].scores.accuracy();
        SuiteScores {
            name: name.into(),
            size: 96,
            conditions: of.len(),
            accuracy,
            accuracy_interval: [accuracy - 0.02, accuracy + 0.02],
            change: Some(change),
            change_interval: Some([change - 0.01, change + 0.01]),
            balanced_accuracy: accuracy,
            ece: 0.1,
            worst: of[0].corruption.clone().unwrap(),
            worst_accuracy: accuracy,
            worst_interval: None,
            unseen_accuracy: unseen_accuracy(of),
            relative: None,
        }
    };
    names.into_iter().map(row).collect()
}

pub(super) fn provenance(command: &str) -> Provenance {
    Provenance {
        version: "0.1.0".into(),
        commit: "9cd9a5c".into(),
        dirty: true,
        command: command.into(),
        device: "CPU, 8 cores, AVX-512".into(),
        time: "2026-03-14T09:26:53Z".into(),
    }
}

/// Curves of a frozen stage and a fine-tuning stage.
pub(super) fn curves(epochs: usize) -> Curves {
    let epoch: Vec<f64> = (1..=epochs).map(|e| e as f64).collect();
    let over = |f: &dyn Fn(f64) -> f64| epoch.iter().map(|e| f(*e)).collect::<Vec<f64>>();
    let wobble = |e: f64| (e * 2.7).sin() * 0.012;
    Curves {
        stage: epoch.iter().map(|e| if *e <= 5.0 { "frozen" } else { "fine-tuning" }.to_string()).collect(),
        train_loss: over(&|e| 1.9 * (-e / 3.5).exp() + 0.08),
        val_loss: over(&|e| 1.6 * (-e / 3.0).exp() + 0.14 + wobble(e) + 0.004 * e),
        val_accuracy: over(&|e| 0.985 - 0.5 * (-e / 3.0).exp() + wobble(e) * 0.4),
        val_balanced_accuracy: over(&|e| 0.978 - 0.58 * (-e / 3.0).exp() + wobble(e) * 0.5),
        val_corrupted_accuracy: over(&|e| 0.93 - 0.6 * (-e / 4.0).exp() + wobble(e)),
        learning_rate: over(&|e| {
            if e <= 5.0 { 1e-3 } else { 5e-4 * (1.0 + ((e - 5.0) / 15.0 * std::f64::consts::PI).cos()) / 2.0 }
        }),
        best_epoch: Some(epochs.min(16) as f64),
        epoch,
    }
}

fn condition(
    suite: &str,
    corruption: Option<&str>,
    severity: u8,
    classes: &[(&str, u64)],
    accuracy: f64,
) -> ConditionScores {
    let scores = scores(classes, accuracy);
    ConditionScores {
        suite: suite.into(),
        corruption: corruption.map(String::from),
        severity,
        operators: corruption.iter().count(),
        trained_on: corruption
            .filter(|name| *name == "gaussian_noise")
            .map(String::from)
            .into_iter()
            .collect(),
        is_drawn: false,
        thumbnail: String::new(),
        right: right(&scores.confusion),
        kept: Vec::new(),
        selective: None,
        sets: None,
        if_calibrated: std::collections::BTreeMap::new(),
        referred: None,
        scores,
    }
}

/// Outcomes that agree with a confusion matrix, in each class the wrong images last.
fn right(confusion: &[Vec<u64>]) -> Outcomes {
    let (mut labels, mut predicted) = (Vec::new(), Vec::new());
    for (truth, row) in confusion.iter().enumerate() {
        let own_first = std::iter::once(truth).chain((0..row.len()).filter(|class| *class != truth));
        for class in own_first {
            labels.extend(vec![truth; row[class] as usize]);
            predicted.extend(vec![class; row[class] as usize]);
        }
    }
    Outcomes::new(&labels, &predicted)
}

/// Scores that agree with a confusion matrix of roughly the given accuracy.
pub(super) fn scores(classes: &[(&str, u64)], accuracy: f64) -> Scores {
    let confusion = confusion(classes, accuracy);
    let total: u64 = confusion.iter().flatten().sum();
    let right: u64 = (0..classes.len()).map(|c| confusion[c][c]).sum();
    let accuracy = right as f64 / total.max(1) as f64;
    let per_class: Vec<ClassScores> =
        classes.iter().enumerate().map(|(c, (name, _))| class_scores(name, c, &confusion)).collect();
    let mean = |f: &dyn Fn(&ClassScores) -> f64| {
        let of_images = || per_class.iter().filter(|class| class.has_images());
        of_images().map(f).sum::<f64>() / of_images().count().max(1) as f64
    };
    let reliability = reliability(total, accuracy);
    let gap = |b: &ReliabilityBin| b.count as f64 * (b.confidence - b.accuracy).abs();
    let mut metrics = MetricValues::default();
    for metric in METRICS {
        let value = match metric.name {
            "balanced-accuracy" => mean(&|c| c.recall),
            "macro-f1" => mean(&|c| c.f1),
            "auroc" => 1.0 - (1.0 - accuracy) * 0.2,
            "nll" => (1.0 - accuracy) * 3.1 + 0.02,
            "brier" => (1.0 - accuracy) * 1.5,
            "ece" => reliability.iter().map(gap).sum::<f64>() / total.max(1) as f64,
            _ => accuracy,
        };
        metrics.set(metric, Some(value), (metric.name == "accuracy").then(|| wilson(right, total)));
    }
    Scores { n: total, metrics, per_class, confusion, reliability }
}

fn confusion(classes: &[(&str, u64)], accuracy: f64) -> Vec<Vec<u64>> {
    let n = classes.len();
    classes
        .iter()
        .enumerate()
        .map(|(truth, (_, count))| {
            let hardness = 0.35 + 1.3 * ((truth * 5 + 3) % 8) as f64 / 7.0;
            let wrong = (*count as f64 * ((1.0 - accuracy) * hardness).min(0.97)).round() as u64;
            let mut row = vec![0; n];
            for (steps, share) in [(3, wrong * 6 / 10), (1, wrong * 3 / 10)] {
                row[(truth + steps) % n] += if (truth + steps) % n == truth { 0 } else { share };
            }
            let given: u64 = row.iter().sum();
            row[(truth + 2) % n] += wrong.saturating_sub(given);
            let elsewhere = row.iter().sum::<u64>() - row[truth];
            row[truth] = count - elsewhere.min(*count);
            row
        })
        .collect()
}

fn class_scores(name: &str, class: usize, confusion: &[Vec<u64>]) -> ClassScores {
    let right = confusion[class][class];
    let support: u64 = confusion[class].iter().sum();
    let named: u64 = confusion.iter().map(|row| row[class]).sum();
    let share = |n: u64, of: u64| if of == 0 { 0.0 } else { n as f64 / of as f64 };
    let (precision, recall) = (share(right, named), share(right, support));
    ClassScores {
        name: name.into(),
        support,
        precision,
        precision_interval: wilson(right, named),
        recall,
        recall_interval: wilson(right, support),
        f1: if right == 0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) },
        auroc: (support > 0).then_some(1.0 - (1.0 - recall) * 0.15),
    }
}

/// Ever fewer predictions towards low confidence, and names less right than claimed.
fn reliability(total: u64, accuracy: f64) -> Vec<ReliabilityBin> {
    let weight = |bin: usize| (bin as f64 * (0.15 + accuracy * 0.5)).exp() * if bin < 2 { 0.0 } else { 1.0 };
    let sum: f64 = (0..15).map(weight).sum();
    (0..15)
        .map(|bin| {
            let (low, high) = (bin as f64 / 15.0, (bin + 1) as f64 / 15.0);
            let count = (weight(bin) / sum * total as f64).round() as u64;
            let confidence = if count == 0 { 0.0 } else { f64::midpoint(low, high) + 0.02 };
            let claimed = 1.15 * (1.0 - accuracy) + 0.01;
            ReliabilityBin { low, high, count, confidence, accuracy: (confidence - claimed).clamp(0.0, 1.0) }
        })
        .collect()
}

fn wilson(right: u64, of: u64) -> [f64; 2] {
    if of == 0 {
        return [0.0, 1.0];
    }
    let (n, p, z) = (of as f64, right as f64 / of as f64, 1.959_964);
    let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    [(centre - half).max(0.0), (centre + half).min(1.0)]
}

/// Mistakes with the given pictures (PNG in base64), the most confident first.
pub(super) fn mistakes(thumbnails: &[String], classes: usize) -> Vec<Mistake> {
    let card = |(i, thumbnail): (usize, &String)| Mistake {
        path: format!("pbc/{}/{:06}.jpg", BLOOD[(i * 3) % classes].0, 41_201 + i * 379),
        truth: (i * 3) % classes,
        predicted: (i * 3 + 1) % classes,
        probability: 0.999 - 0.021 * i as f64,
        thumbnail: thumbnail.clone(),
    };
    thumbnails.iter().enumerate().map(card).collect()
}
