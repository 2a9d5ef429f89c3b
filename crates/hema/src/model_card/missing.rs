//! Facts that a reader of a card would want and no file holds, each with the way to have it.

use std::path::Path;

use super::facts::{Missing, ModelCard};
use super::judged::OfTraining;
use super::made::Made;
use crate::command_line::shell_word;

/// Fewest seconds over which a speed is worth telling.
pub(super) const SETTLED: f64 = 1.0;

/// The facts that a card lacks.
pub(super) fn of(card: &ModelCard) -> Vec<Missing> {
    let missing = evaluated(card).into_iter().chain(recorded(card));
    missing.filter(|(is_known, _)| !is_known).map(|(_, missing)| missing).collect()
}

/// The facts that evaluations bring, and whether they are known.
fn evaluated(card: &ModelCard) -> [(bool, Missing); 4] {
    let row = |what: &str, how: &str| Missing {
        what: what.into(),
        how: how.into(),
        commands: vec![evaluate(card), format!("hema card {} --evaluation DIR", word(card))],
    };
    let judged = || card.evaluations.iter();
    let is_unseen = |of| !matches!(of, OfTraining::Trained | OfTraining::Chosen);
    let is_timed = judged().filter_map(|judged| judged.speed.as_ref()).any(|speed| speed.seconds >= SETTLED);
    [
        (
            judged().any(|judged| is_unseen(judged.of_training)),
            row("how good it is on images that it has not seen", "judge it on the test part"),
        ),
        (
            judged().any(|judged| !judged.suites.is_empty()),
            row("what it keeps when images get worse", "judge it under a suite"),
        ),
        (
            judged().any(|judged| judged.of_training == OfTraining::OtherData),
            row(
                "how good it is on another laboratory's cells",
                "judge it on labelled cells from there, with `--part all`",
            ),
        ),
        (is_timed, row("how fast it is", "an evaluation of some hundred images times it")),
    ]
}

/// The facts that training records and that publishing needs, and whether they are known.
fn recorded(card: &ModelCard) -> [(bool, Missing); 5] {
    let row = |what: &str, how: &str| Missing { what: what.into(), how: how.into(), commands: Vec::new() };
    let older = "training records it; this model is older, made of others, or of other software";
    let is_of_all = |is_known: fn(&Made) -> bool| card.members.iter().all(is_known);
    let licence = Missing {
        commands: vec![format!("hema card {} --licence NAME", word(card))],
        ..row("its licence", "whoever publishes it chooses one that the terms of its origins allow")
    };
    [
        (card.seen.is_some(), row("which images it has seen", older)),
        (!card.training_images.is_empty(), row("what its training images were like", older)),
        (
            is_of_all(|member| member.trained.is_some()),
            row("what it was trained on, and the time it took", older),
        ),
        (
            card.origins.is_some(),
            row(
                "which published weights it started from",
                "it started or learned from a model that does not say: ask for that model's card",
            ),
        ),
        (card.licence.is_some(), licence),
    ]
}

/// The command that judges the model of a card.
pub(super) fn evaluate(card: &ModelCard) -> String {
    format!("hema evaluate {} --data DATA --part test --suite degraded --out DIR", word(card))
}

fn word(card: &ModelCard) -> String {
    shell_word(Path::new(&card.path))
}
