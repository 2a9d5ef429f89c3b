//! A gate for models: passes one only where *bounds* hold on labelled images that it has not seen, the
//! unlucky end of an interval and never the estimate, so that few images pass nothing.
//!
//! Left out on purpose: choosing a policy. What is enough is for who uses the model to say.

mod junit;
mod verdict;

use std::path::PathBuf;

use hema_core::error::{Error, Result, suggest};
use hema_core::metrics::{self, ECE};
use hema_core::record::{ConditionScores, Evaluation, SuiteScores};
use hema_core::trust::{USUAL_SHARE, Wanted, promise};

use crate::certify;
use crate::classifier::Classifier;
use crate::data;
use crate::evaluate::evaluate;
use crate::recipe::{Gate, LeastCoverage, NotWorse};
use crate::split_choice::choose_part;
use crate::watch::Watch;

pub use junit::junit;
pub use verdict::{Rule, Side, Unit, Verdict};

/// Labelled images that a model is judged on.
#[derive(Clone, Debug)]
pub struct Judged {
    /// A data set of any form.
    pub data: PathBuf,
    /// CSV with the columns path and split; by default the model's run's own if it fits, else the data's.
    pub split: Option<PathBuf>,
    /// `train`, `val`, `test` or `all`; by default `val` where there is a split, else all.
    pub part: Option<String>,
}

/// Judges a model, by a policy, on labelled images, beside another model where the policy asks for one.
///
/// # Errors
/// A policy that names a class that the model does not know, or a suite that is none; a policy that asks for
/// a comparison without another model, or the other way round; whatever [`evaluate`] returns.
pub fn judge(
    gate: &Gate,
    model: &Classifier,
    baseline: Option<&Classifier>,
    judged: &Judged,
    watch: &mut dyn Watch,
) -> Result<Verdict> {
    check_classes(gate, model.classes())?;
    match (&gate.baseline, baseline) {
        (Some(_), None) => {
            return Err(Error::new("the policy compares the model with another, expected one as baseline")
                .hint("give it with --baseline MODEL"));
        }
        (None, Some(_)) => {
            return Err(Error::new("a baseline that the policy does not ask for")
                .hint("add to the policy:\n[baseline]\nmost_worse = 0.01"));
        }
        _ => {}
    }
    let evaluation = evaluated(gate, model, judged, watch)?;
    let mut rules = of_images(gate, &evaluation);
    rules.extend(of_recall(gate, &evaluation));
    rules.extend(of_accuracy(gate, &evaluation));
    rules.extend(gate.calibration.as_ref().map(|calibration| {
        let scores = &evaluation.conditions[0].scores;
        let found = scores.value(&ECE);
        // one that no resample changes has no interval
        let bound = scores.metrics.interval(&ECE).map(|[_, high]| high).or(found);
        Rule::new("calibration error", found, bound, Side::AtMost(calibration.most), Unit::Share)
    }));
    if let Some(wanted) = &gate.promise {
        rules.push(of_promise(wanted, model, judged, watch)?);
    }
    let mut other = None;
    if let (Some(wanted), Some(baseline)) = (&gate.baseline, baseline) {
        let judged_too = evaluated(gate, baseline, judged, watch)?;
        rules.push(of_difference(wanted, &evaluation, &judged_too)?);
        other = Some(judged_too.model);
    }
    Ok(Verdict {
        passes: rules.iter().all(|rule| rule.passes),
        rules,
        model: evaluation.model,
        baseline: other,
        data: evaluation.data,
        provenance: evaluation.provenance,
    })
}

/// The record of a model under the suites of a policy.
fn evaluated(gate: &Gate, model: &Classifier, judged: &Judged, watch: &mut dyn Watch) -> Result<Evaluation> {
    let mut evaluating = evaluate(model, &judged.data);
    for suite in gate.suites() {
        evaluating = evaluating.suite(suite);
    }
    if let Some(split) = &judged.split {
        evaluating = evaluating.split(split);
    }
    if let Some(part) = &judged.part {
        evaluating = evaluating.part(part);
    }
    evaluating.run(watch)
}

fn check_classes(gate: &Gate, classes: &[String]) -> Result<()> {
    let mut named = gate.recall.iter().filter_map(|entry| entry.class.as_ref());
    match named.find(|class| !classes.contains(class)) {
        None => Ok(()),
        Some(unknown) => Err(Error::new(format!(
            "the policy asks for the recall of `{unknown}`, which the model does not know"
        ))
        .hint(suggest(unknown, classes.iter().map(String::as_str)))),
    }
}

/// Whether there are enough images, and none that the model has seen.
fn of_images(gate: &Gate, evaluation: &Evaluation) -> Vec<Rule> {
    let data = &evaluation.data;
    let rarest = data.classes.iter().zip(&data.counts).min_by_key(|(_, count)| **count);
    let (class, count) = rarest.map_or(("", 0), |(class, count)| (class.as_str(), *count));
    let fewest = Some(count as f64);
    let images = Rule::new(
        "images of every class",
        fewest,
        fewest,
        Side::AtLeast(gate.least_images as f64),
        Unit::Images,
    )
    .remark(format!("fewest of {class}"));
    let seen = data.known.map(|known| (known.trained + known.chosen) as f64 / known.images.max(1) as f64);
    let wanted = Side::AtMost(gate.most_seen);
    let rule = Rule::new("images that the model has seen", seen, seen.or(Some(1.0)), wanted, Unit::Share);
    let seen = match data.known {
        Some(known) => rule.remark(format!("{} trained on, {} chosen by", known.trained, known.chosen)),
        None => rule.remark("the model does not say what it has seen: all may be"),
    };
    vec![images, seen]
}

/// The recall of every class that the policy names, or of all.
fn of_recall(gate: &Gate, evaluation: &Evaluation) -> Vec<Rule> {
    let scores = &evaluation.conditions[0].scores.per_class;
    let least = |class: &str| {
        let own = gate.recall.iter().find(|entry| entry.class.as_deref() == Some(class));
        own.or_else(|| gate.recall.iter().find(|entry| entry.class.is_none())).map(|entry| entry.least)
    };
    let rule = |class: &metrics::ClassScores| {
        let (name, wanted) = (format!("recall of {}", class.name), Side::AtLeast(least(&class.name)?));
        let found = class.has_images().then_some(class.recall);
        let bound = class.has_images().then_some(class.recall_interval[0]);
        Some(Rule::new(name, found, bound, wanted, Unit::Share).remark(match class.support {
            0 => "it has no image".into(),
            images => format!("of {images} images"),
        }))
    };
    scores.iter().filter_map(rule).collect()
}

/// The accuracy under every suite that the policy names.
fn of_accuracy(gate: &Gate, evaluation: &Evaluation) -> Vec<Rule> {
    let rule = |entry: &crate::recipe::LeastAccuracy| {
        let unchanged = &evaluation.conditions[0].scores;
        let (name, found) = match suite(evaluation, &entry.suite) {
            Some(suite) => {
                (format!("accuracy, suite {}", suite.name), (suite.accuracy, suite.accuracy_interval))
            }
            None => {
                ("accuracy, unchanged images".into(), (unchanged.accuracy(), unchanged.accuracy_interval()))
            }
        };
        let (accuracy, [low, _]) = found;
        Rule::new(name, Some(accuracy), Some(low), Side::AtLeast(entry.least), Unit::Share)
    };
    gate.accuracy.iter().map(rule).collect()
}

/// The scores of a suite, which a policy names or gives the file of.
fn suite<'a>(evaluation: &'a Evaluation, wanted: &str) -> Option<&'a SuiteScores> {
    let name = crate::evaluate::find_suite(wanted).map(|suite| suite.name).ok()?;
    evaluation.suites.iter().find(|suite| suite.name == name)
}

/// How many images can be left to the model with a promise.
fn of_promise(
    wanted: &LeastCoverage,
    model: &Classifier,
    judged: &Judged,
    watch: &mut dyn Watch,
) -> Result<Rule> {
    let source =
        data::open_as(&judged.data, model.white())?.with_classes(model.classes(), data::Unknown::Fail)?;
    let (_, indices) = choose_part(&source, model.path(), judged.split.as_deref(), judged.part.as_deref())?;
    let table = certify::certifying(model, &model.load(&source, indices.as_deref(), watch)?)?;
    let limits = certify::limits(model, USUAL_SHARE);
    let asked = Wanted::new(wanted.max_risk, wanted.confidence)?;
    let found = promise(&table, limits, asked);
    let coverage = Some(found.kept.map_or(0.0, |kept| kept.coverage));
    let rule = Rule::new(
        format!("kept with {}", asked.in_words()),
        coverage,
        coverage,
        Side::AtLeast(wanted.least),
        Unit::Share,
    );
    Ok(match found.kept {
        Some(kept) => rule.remark(format!("{} images, {} wrong", kept.images, kept.errors)),
        None => rule.remark(format!(
            "nothing can be promised by {} images; the fewest are {} without an error",
            found.images, found.price
        )),
    })
}

/// How much better or worse the model is than another on the same images.
fn of_difference(wanted: &NotWorse, own: &Evaluation, other: &Evaluation) -> Result<Rule> {
    if own.data.listing != other.data.listing {
        return Err(Error::new("the baseline was judged on other images than the model")
            .hint("give the split with --split, so that both are judged on the same part"));
    }
    let images = own.conditions[0].scores.n as usize;
    let name = suite(own, &wanted.suite).map(|suite| suite.name.clone());
    let rights = [own, other].map(|evaluation| right_shares(evaluation, name.as_deref(), images));
    let [Some(own), Some(other)] = rights else {
        return Err(Error::new("it is not on record which images are named rightly"));
    };
    let differences: Vec<f64> = own.iter().zip(&other).map(|(own, other)| own - other).collect();
    let [low, _] = metrics::interval_of_mean_difference(&differences);
    let of = name.map_or("unchanged images".into(), |name| format!("suite {name}"));
    Ok(Rule::new(
        format!("accuracy less the baseline's, {of}"),
        metrics::mean(differences.iter().copied()),
        Some(low),
        Side::AtLeast(-wanted.most_worse),
        Unit::Difference,
    ))
}

/// The share of the conditions of a suite, or of the unchanged images, under which each image is named
/// rightly.
fn right_shares(evaluation: &Evaluation, suite: Option<&str>, images: usize) -> Option<Vec<f64>> {
    let is_of = |condition: &&ConditionScores| match suite {
        Some(suite) => condition.corruption.is_some() && condition.suite == suite,
        None => condition.corruption.is_none(),
    };
    let conditions: Vec<&ConditionScores> = evaluation.conditions.iter().filter(is_of).collect();
    let mut shares = vec![0.0; images];
    for condition in &conditions {
        for (share, right) in shares.iter_mut().zip(condition.right.of(images)?) {
            *share += f64::from(u8::from(right)) / conditions.len() as f64;
        }
    }
    Some(shares)
}
