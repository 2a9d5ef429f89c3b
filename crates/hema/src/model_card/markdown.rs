//! The body of a card, in Markdown.

use std::fmt::Display;
use std::time::Duration;

use hema_core::error::{counted, thousands, time_in_words};
use hema_core::metrics::{self, Notation};
use hema_core::preprocess::Crop;
use hema_core::trust::{Outcome, Promise};
use hema_core::tta;

use super::escape::{block, code, code_cell, text};
use super::facts::ModelCard;
use super::judged::{Judged, JudgedClass, JudgedCorruption, JudgedSuite, OfTraining, Score};
use super::made::Made;
use super::missing::SETTLED;

/// Draws the body.
pub(super) fn draw(card: &ModelCard) -> String {
    let sections = [
        opening(card),
        glance(card),
        answers(card),
        quality(card),
        seen(card),
        likeness(card),
        making(card),
        origins(card),
        missing(card),
        end(card),
    ];
    sections
        .iter()
        .filter(|section| !section.is_empty())
        .map(|section| section.trim_end())
        .collect::<Vec<_>>()
        .join("\n\n")
        + "\n"
}

fn opening(card: &ModelCard) -> String {
    let mut lines = vec![
        format!("# {}", text(&card.name)),
        "A classifier of single blood cells, trained with [Hema](https://crates.io/crates/hema). Written by the program \
         from the model's file and its evaluations."
            .into(),
        "> **For research only. This is no medical device**, and nobody has tested it for diagnosis. It is wrong at \
         times, and sure of it: a person must look at every cell that matters."
            .into(),
    ];
    if card.synthetic {
        lines.push(
            "> **Trained on drawn cells.** A program drew every image that it learned from: it says nothing about real blood."
                .into(),
        );
    }
    lines.join("\n\n")
}

fn glance(card: &ModelCard) -> String {
    let mut rows: Vec<[String; 2]> = Vec::new();
    let mut row = |what: &str, value: String| rows.push([what.to_owned(), value]);
    if card.members.len() > 1 {
        row("networks", format!("{}, which answer together", card.members.len()));
    }
    for member in &card.members {
        row("architecture", code_cell(&member.architecture));
        row("input", input(member));
    }
    row("parameters", thousands(card.parameters));
    for file in &card.files {
        let megabytes = file.bytes as f64 / 1e6;
        row(
            "file",
            format!("{}, {megabytes:.1} MB, SHA-256 {}", code_cell(&file.name), code_cell(&file.sha256)),
        );
    }
    row("classes", card.classes.len().to_string());
    row("views of each image", views(&card.views));
    row("temperature of its logits", format!("{:.3}", card.temperature));
    if let [only] = &card.members[..]
        && let Some(promise) = &only.promise
    {
        row("promise, of cells like training's", promised(promise));
    }
    if let Some(rate) = card.evaluations.iter().find_map(speed) {
        row("speed", rate);
    }
    if let Some(licence) = &card.licence {
        row("licence", code_cell(licence));
    }
    heading("At a glance", &table(&["", ""], &rows))
}

/// What can be left to a model, in words.
fn promised(promise: &Promise) -> String {
    let wanted = promise.wanted.in_words();
    match &promise.kept {
        Some(kept) => format!(
            "{wanted}: of {} cells that nothing was fitted on {} can be left to it, of which {} are wrong",
            thousands(promise.images),
            percent(kept.coverage),
            thousands(kept.errors)
        ),
        None => format!("none for {wanted}, by {} cells", thousands(promise.images)),
    }
}

/// From a picture to a network's input, in words.
fn input(member: &Made) -> String {
    let preprocess = &member.preprocess;
    let size = preprocess.size;
    let crop = match preprocess.crop {
        Crop::None => "the whole picture".to_owned(),
        Crop::Square => "the largest square in the middle of the picture".to_owned(),
        Crop::Pixels(side) => format!("the square of {side} pixels in the middle of the picture"),
    };
    let enlarged = preprocess
        .enlarge
        .map_or(String::new(), |side| format!(", enlarged to {side} × {side} for the network"));
    format!("{crop}, resized to {size} × {size} pixels{enlarged}, in colour")
}

fn views(name: &str) -> String {
    match tta::find(name) {
        Ok(set) if set.len() > 1 => {
            format!("{}, whose answers are averaged ({})", set.len(), code_cell(name))
        }
        _ => "one".into(),
    }
}

/// The speed that an evaluation measured, where it took long enough.
fn speed(judged: &Judged) -> Option<String> {
    let speed = judged.speed.as_ref().filter(|speed| speed.seconds >= SETTLED)?;
    let views = match tta::find(&judged.views) {
        Ok(set) if set.len() > 1 => format!(", {} views of each", set.len()),
        _ => String::new(),
    };
    Some(format!(
        "{:.0} images a second in {}{views}, on {} ({} images in {:.1} s, after decoding; what else ran there is not on record)",
        speed.rate(),
        speed.precision,
        text(&judged.provenance.device),
        thousands(speed.images),
        speed.seconds
    ))
}

fn answers(card: &ModelCard) -> String {
    let names: Vec<String> = card.classes.iter().map(|class| format!("**{}**", text(class))).collect();
    let number = counted(card.classes.len() as u64, "name");
    heading(
        "What it can answer",
        &format!(
            "{number} and no other: {}.\n\nIt knows no other cell, and no picture that is none: a blast, an artefact, two \
             cells at once or a whole smear field get one of these names too, often with a high probability. `hema predict` \
             says which pictures are plainly unlike those that it was trained on, where the model knows what these were like.",
            names.join(", ")
        ),
    )
}

fn quality(card: &ModelCard) -> String {
    if card.evaluations.is_empty() {
        let text = "No evaluation is on record. The end of this card has the command that makes one.";
        return heading("How good it is", text);
    }
    let judged: Vec<String> = card.evaluations.iter().map(evaluation).collect();
    heading("How good it is", &judged.join("\n\n"))
}

/// What an evaluation found.
fn evaluation(judged: &Judged) -> String {
    let title = format!("### {}, {}", text(&judged.data), part(&judged.part));
    let mut sections = vec![title, relation(judged)];
    sections.extend(judged.cautions.iter().map(|caution| format!("> {}", text(caution))));
    sections.extend(assumed(judged));
    sections.push(table(
        &["unchanged images", "value", "95 % interval"],
        &judged.scores.iter().filter_map(score).collect::<Vec<_>>(),
    ));
    sections.push(table(
        &[
            "class",
            "images",
            "found (recall)",
            "95 % interval",
            "right when named (precision)",
            "95 % interval",
        ],
        &judged.classes.iter().map(class).collect::<Vec<_>>(),
    ));
    sections.push(calibration(judged));
    sections.extend(referred(judged));
    sections.extend(judged.suites.iter().map(suite));
    sections.push(format!(
        "Judged {} by {}, on {}.",
        text(&judged.provenance.time),
        code(&judged.provenance.command),
        text(&judged.provenance.device)
    ));
    sections.join("\n\n")
}

fn part(part: &str) -> String {
    match part {
        "all" => "all images".into(),
        "val" => "validation part".into(),
        part => format!("{} part", text(part)),
    }
}

/// How the images are related to those of training.
fn relation(judged: &Judged) -> String {
    let images = thousands(judged.images);
    let seen = match judged.known {
        Some(known) => format!(
            " By their prints {} of them are known to the model from training, and {} from choosing it.",
            thousands(known.trained),
            thousands(known.chosen)
        ),
        None => " The model does not know which images it has seen.".into(),
    };
    let relation = match judged.of_training {
        OfTraining::Trained => "**No test:** the model was trained on some of these images.",
        OfTraining::Chosen => {
            "**No test:** the model, or something of it, was chosen by some of these images."
        }
        OfTraining::SameData => {
            "Other images of the data set that it was trained on: cells of another laboratory, stain or camera will be \
             harder."
        }
        OfTraining::OtherData => {
            "By its name another data set than the one that it was trained on: a test for another laboratory where these \
             cells are from one."
        }
        OfTraining::Unknown => "Whether they are of the data set that it was trained on is not on record.",
    };
    format!("{images} images. {relation}{seen}")
}

/// What the model was told before it answered.
fn assumed(judged: &Judged) -> Option<String> {
    let among = (!judged.among.is_empty()).then(|| {
        let names: Vec<String> = judged.among.iter().map(|class| text(class)).collect();
        format!("It was told to choose among {}.", names.join(", "))
    });
    let adapted = judged.adapted.then(|| "It weighed its classes by these images themselves.".to_owned());
    let rescaled = judged.rescale.filter(|factor| *factor != 1.0);
    let rescaled =
        rescaled.map(|factor| format!("It was shown another field of view (`--rescale {factor}`)."));
    let sentences: Vec<String> = among.into_iter().chain(adapted).chain(rescaled).collect();
    (!sentences.is_empty()).then(|| sentences.join(" "))
}

fn score(score: &Score) -> Option<[String; 3]> {
    let metric = metrics::find(&score.metric).ok()?;
    let interval = score.interval.map(|ends| noted(metric.notation, ends)).unwrap_or_default();
    Some([metric.label.to_owned(), metric.notation.text(score.value?), interval])
}

fn class(class: &JudgedClass) -> [String; 6] {
    [
        text(&class.name),
        thousands(class.images),
        percent(class.recall),
        range(class.recall_interval),
        class.precision.map_or("-".into(), percent),
        class.precision_interval.map(range).unwrap_or_default(),
    ]
}

/// How far its probabilities are from its accuracy, unchanged and degraded.
fn calibration(judged: &Judged) -> String {
    let unchanged = judged.value(metrics::ECE.name).map(|ece| ["unchanged images".to_owned(), percent(ece)]);
    let degraded =
        judged.suites.iter().map(|suite| [format!("suite {}", text(&suite.name)), percent(suite.ece)]);
    let chance = judged.ece_by_chance.map_or(String::new(), |chance| {
        format!(
            "\n\nBy chance alone so few images show up to {}, even where every probability is true.",
            percent(chance)
        )
    });
    let rows: Vec<[String; 2]> = unchanged.into_iter().chain(degraded).collect();
    table(&["calibration", "error (mean distance of probability and accuracy)"], &rows) + &chance
}

/// What its own thresholds refer to a person.
fn referred(judged: &Judged) -> Option<String> {
    let row = |name: String, outcome: &Outcome| {
        let [referred, unsure, unlike, poor, wrong, left] = outcome.shares().map(percent);
        [name, referred, unsure, unlike, poor, wrong, left]
    };
    let unchanged = judged.referred.as_ref().map(|outcome| row("unchanged images".to_owned(), outcome))?;
    let suites = judged
        .suites
        .iter()
        .filter_map(|suite| Some(row(format!("suite {}", text(&suite.name)), suite.referred.as_ref()?)));
    let rows: Vec<[String; 7]> = std::iter::once(unchanged).chain(suites).collect();
    let heads = [
        "referred to a person, by default",
        "of all",
        "unsure",
        "unlike training",
        "poor picture",
        "wrong of all",
        "wrong of the rest",
    ];
    Some(table(&heads, &rows))
}

fn suite(suite: &JudgedSuite) -> String {
    let change = match (suite.change, suite.change_interval) {
        (Some(change), Some([low, high])) => format!(
            ", {} percentage points against unchanged images (95 % interval {} to {})",
            points(change),
            points(low),
            points(high)
        ),
        (Some(change), None) => format!(", {} percentage points against unchanged images", points(change)),
        _ => String::new(),
    };
    let unseen = suite.unseen_accuracy.filter(|accuracy| (accuracy - suite.accuracy).abs() > 1e-9);
    let unseen = unseen.map_or(String::new(), |accuracy| {
        format!(" Under conditions with an operator that training did not use: {}.", percent(accuracy))
    });
    let said = format!(
        "Under the suite **{}**, mean over {} conditions: accuracy {} (95 % interval {}){change}.{unseen}",
        text(&suite.name),
        suite.conditions,
        percent(suite.accuracy),
        range(suite.interval)
    );
    let rows: Vec<[String; 5]> = suite.corruptions.iter().map(corruption).collect();
    let mark = if suite.corruptions.iter().any(|corruption| corruption.trained_on) {
        "\n\n\\* Training used this operator: it says little of trouble that nobody thought of."
    } else {
        ""
    };
    let heads = ["corruption", "accuracy", "95 % interval", "by severity", "calibration error"];
    format!("{said}\n\n{}{mark}", table(&heads, &rows))
}

fn corruption(corruption: &JudgedCorruption) -> [String; 5] {
    let severities: Vec<String> = match &corruption.accuracies[..] {
        [(0, _)] => Vec::new(),
        several => {
            several.iter().map(|(severity, accuracy)| format!("{severity}: {}", percent(*accuracy))).collect()
        }
    };
    let mark = if corruption.trained_on { " \\*" } else { "" };
    [
        text(&corruption.name.replace('_', " ")) + mark,
        percent(corruption.accuracy),
        corruption.interval.map(range).unwrap_or_default(),
        severities.join(", "),
        percent(corruption.ece),
    ]
}

fn seen(card: &ModelCard) -> String {
    let Some([trained, chosen]) = card.seen else { return String::new() };
    heading(
        "What it has seen",
        &format!(
            "{} images in training and {} others by which it was chosen or calibrated, those of the models that it started \
             or learned from among them (images alike count once). The file holds a short print of each, so that `hema \
             evaluate` knows them again and says when a score is no test.",
            thousands(trained),
            thousands(chosen)
        ),
    )
}

fn likeness(card: &ModelCard) -> String {
    if card.training_images.is_empty() {
        return String::new();
    }
    let rows: Vec<[String; 2]> =
        card.training_images.iter().filter_map(|(name, range)| of_images(name, *range)).collect();
    let said = "Field of view, proportions, light and stain of the pictures that it was trained on, but for one in a thousand \
                at either end. Cells that were cropped wider or closer, or stained and lit otherwise, are harder for it. The \
                name of the stain and the camera are in no file: only the tint is.";
    let table = table(&["of a training image", "range"], &rows);
    heading("What its training images were like", &format!("{said}\n\n{table}"))
}

/// A number of training images, with its range, in words.
fn of_images(name: &str, [low, high]: [f64; 2]) -> Option<[String; 2]> {
    let (what, digits) = match name {
        "side" => ("side of the picture, in pixels (root of its area)", 0),
        "proportions" => ("width by height", 2),
        "light" => ("light of the background, 0 (black) to 255 (white)", 0),
        "red" => ("tint of the background: red by green", 2),
        "blue" => ("tint of the background: blue by green", 2),
        "sharpness" => ("sharpness (steepness of its edges, at the network's size)", 2),
        _ => return None,
    };
    Some([what.into(), format!("{low:.digits$} to {high:.digits$}")])
}

fn making(card: &ModelCard) -> String {
    let made: Vec<String> =
        card.members.iter().enumerate().map(|(number, member)| made(card, number, member)).collect();
    let fitted: Vec<String> = card
        .fitted_on
        .iter()
        .filter(|fitted| !fitted.fitted.is_empty())
        .map(|fitted| {
            format!("- {} on the labelled images of hash {}", fitted.fitted.join(", "), code(&fitted.images))
        })
        .collect();
    let chosen = if fitted.is_empty() {
        String::new()
    } else {
        format!("\n\nChosen or fitted by labels that it was not trained on:\n\n{}", fitted.join("\n"))
    };
    heading("How it was made", &format!("{}{chosen}", made.join("\n\n")))
}

fn made(card: &ModelCard, number: usize, member: &Made) -> String {
    let mut rows: Vec<[String; 2]> = Vec::new();
    let mut row = |what: &str, value: String| rows.push([what.to_owned(), value]);
    if card.members.len() > 1 {
        row("its weight among the networks", format!("{:.3}", member.weight));
    }
    row("start", member.start.as_deref().map_or("not on record".into(), text));
    if !member.teachers.is_empty() {
        row(
            "learned from",
            member.teachers.iter().map(|teacher| code_cell(teacher)).collect::<Vec<_>>().join(", "),
        );
    }
    if let Some(trained) = &member.trained {
        row("data", code_cell(&trained.data));
        row(
            "images",
            format!(
                "{} to train on, {} to choose by",
                thousands(trained.images),
                thousands(trained.validation)
            ),
        );
        row("epochs", format!("{}, of which number {} was kept", trained.epochs, trained.epoch));
        let time = Duration::try_from_secs_f64(trained.seconds).map_or("not on record".into(), time_in_words);
        row("cost", format!("{time} on {}", text(&member.provenance.device)));
    }
    if !member.prevalence.is_empty() {
        let shares: Vec<String> = card
            .classes
            .iter()
            .zip(&member.prevalence)
            .map(|(class, share)| format!("{} {}", text(class), percent(*share)))
            .collect();
        row("classes in training", shares.join(", "));
    }
    if !member.augmentations.is_empty() {
        row("augmented with", text(&member.augmentations.join(", ").replace('_', " ")));
    }
    let provenance = &member.provenance;
    if !provenance.version.is_empty() {
        let changed = if provenance.dirty { ", with changes" } else { "" };
        row(
            "made by",
            format!(
                "hema {} (commit {}{changed}), {}",
                text(&provenance.version),
                text(&provenance.commit),
                text(&provenance.time)
            ),
        );
        row("command", code_cell(&provenance.command));
    }
    let title =
        if card.members.len() > 1 { format!("### Network {}\n\n", number + 1) } else { String::new() };
    let recipe = if member.recipe.is_empty() {
        String::new()
    } else {
        format!("\n\n<details><summary>Its recipe</summary>\n\n{}\n</details>", block("toml", &member.recipe))
    };
    format!("{title}{}{recipe}", table(&["", ""], &rows))
}

fn origins(card: &ModelCard) -> String {
    let Some(origins) = &card.origins else { return String::new() };
    let rows: Vec<String> = origins
        .iter()
        .map(|origin| {
            format!(
                "- {}: {}",
                code(&origin.source),
                origin.terms.as_deref().map_or("terms not on record".into(), text)
            )
        })
        .collect();
    let weights = if rows.is_empty() {
        "It started from random weights, and so did the models that it learned from, if any.".to_owned()
    } else {
        format!(
            "It started, perhaps through other models, from weights that others published:\n\n{}\n\nWeights that were \
             trained on ImageNet: the terms of ImageNet give its images for research that is not commercial; their \
             publishers put the weights under the licence above all the same.",
            rows.join("\n")
        )
    };
    let data = "The terms of the data that it was trained on are in no file: look them up where the data came from (`hema data \
                fetch` tells them of public sets), and name its authors where you publish.";
    heading("Origins and their terms", &format!("{weights}\n\n{data}"))
}

fn missing(card: &ModelCard) -> String {
    let rows: Vec<String> = card
        .missing
        .iter()
        .map(|missing| {
            let commands: Vec<String> = missing.commands.iter().map(|command| code(command)).collect();
            let commands =
                if commands.is_empty() { String::new() } else { format!(": {}", commands.join(", then ")) };
            format!("- **{}**: {}{commands}", text(&missing.what), missing.how)
        })
        .collect();
    if rows.is_empty() { String::new() } else { heading("What is not on record", &rows.join("\n")) }
}

fn end(card: &ModelCard) -> String {
    let written = &card.provenance;
    format!(
        "---\n\nCard written by hema {} on {} from {}: {}.",
        text(&written.version),
        text(&written.time),
        code(&card.path),
        code(&written.command)
    )
}

fn heading(title: &str, body: &str) -> String {
    format!("## {title}\n\n{body}")
}

/// A table; nothing without rows.
fn table<const N: usize>(heads: &[&str; N], rows: &[[String; N]]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let heads: Vec<String> = heads.iter().map(ToString::to_string).collect();
    let rule = format!("|{}", "---|".repeat(N));
    let rows: Vec<String> = rows.iter().map(|row| line(row)).collect();
    format!("{}\n{rule}\n{}", line(&heads), rows.join("\n"))
}

fn percent(share: f64) -> String {
    Notation::Percent.text(share)
}

fn range(ends: [f64; 2]) -> String {
    noted(Notation::Percent, ends)
}

fn noted(notation: Notation, ends: [f64; 2]) -> String {
    ends.map(|end| notation.text(end)).join(" to ")
}

/// A difference of two shares in percentage points, with its sign.
fn points(difference: f64) -> impl Display {
    let digits = format!("{:+.1}", 100.0 * difference);
    if ["+0.0", "-0.0"].contains(&digits.as_str()) { "0.0".into() } else { digits }
}
