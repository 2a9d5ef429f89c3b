//! `hema challenge`: from the data of a challenge to its submission, step by step as a person would type it.
//!
//! Every step is a command of its own, shown before it is done, and is skipped when what it leaves is there
//! already: what was interrupted goes on when it is called again. When other arguments are given, or a person
//! has edited the findings of the audit, what depends on them is put aside and done again, and nothing else.

mod asked;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use hema::error::{Error, Result};
use hema::metrics::ACCURACY;
use hema::recipe::Recipe;
use hema::record::{Evaluation, SuiteScores};
use hema::run_folder::{EVALUATION, REPORT, SPLIT, read_json};
use hema::train::{self, CHECKPOINT, Claimed};
use hema::{data, file, shell_word, tta};

use self::asked::{AUDIT, Asked, What};
use super::args::{DeviceArg, Overrides, output};
use super::audit::FINDINGS;
use crate::output::{Printer, percent, table};
use crate::places::{Kind, Places};
use crate::status::Status;

/// Clean a challenge's data, split it, train, judge the model on the test part, fit a final one on all of the
/// data, and package it as a submission
///
/// Where you disagree with the audit, edit DIR/audit/findings.csv and give the same command again.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Image folder with labels, or any other form of `hema list readers`
    data: PathBuf,
    /// Folder for everything that is made
    #[arg(long, value_parser = output(), value_name = "DIR", default_value = "runs/challenge")]
    out: PathBuf,
    /// A shipped recipe (see `hema list recipes` and `hema recipe show`) or a TOML file
    #[arg(long, value_name = "NAME|FILE", default_value = "robust-v2b0")]
    recipe: String,
    #[command(flatten)]
    overrides: Overrides,
    /// Views of each image that the submission averages over (see `hema list tta`)
    #[arg(long, value_name = "VIEWS", default_value = "dihedral")]
    tta: String,
    /// Submit the judged model, which has not learned from the test part, in place of a final one that is
    /// fitted on all cleaned data
    #[arg(long)]
    no_final: bool,
    #[command(flatten)]
    device: DeviceArg,
}

impl Args {
    /// What it reads and writes.
    pub(crate) fn places(&self) -> Places {
        Places::default().data([&self.data]).reads([&self.recipe]).writes(Kind::New, Some(&self.out))
    }
}

/// One command on the way.
struct Step {
    /// Name for people.
    name: &'static str,
    /// Its words, without `hema`.
    words: Vec<OsString>,
    /// The file that is there when it is done.
    leaves: PathBuf,
    /// The names of all that it makes, in the folder.
    makes: &'static [&'static str],
    /// The arguments that decide what it makes.
    depends: &'static [What],
}

/// Runs a command that is given by its words.
pub(crate) type RunWords = dyn Fn(Vec<OsString>, &Printer) -> Result<Status>;

pub(crate) fn run(args: &Args, run_words: &RunWords, printer: &Printer) -> Result<Status> {
    tta::find(&args.tta)?;
    let recipe = Recipe::load(&args.recipe, &args.overrides.list)?;
    let contents = asked::contents(&args.data)?;
    check(args, &recipe, printer)?;
    let _held = Claimed::new(&args.out)?;
    let mut asked = Asked {
        contents: Some(contents),
        findings: None,
        data: file::absolute(&args.data)?,
        recipe: args.recipe.clone(),
        overrides: args.overrides.list.clone(),
        tta: args.tta.clone(),
        recipe_text: recipe.to_toml()?,
        no_final: args.no_final,
    };
    begin(args, &mut asked, printer)?;
    // the results of the steps are for people; machines get the whole at the end
    let of_steps = printer.for_steps();
    let mut rows = vec![["step", "seconds", "leaves"].map(String::from).to_vec()];
    for step in steps(args, &asked, !args.no_final) {
        let leaves = step.leaves.display().to_string();
        if step.leaves.exists() {
            printer.note(&format!("{} is done: {leaves}", step.name));
            rows.push(vec![step.name.into(), "-".into(), leaves]);
            continue;
        }
        let words: Vec<_> = step.words.iter().map(|word| shell_word(Path::new(word))).collect();
        printer.note(&format!("$ hema {}", words.join(" ")));
        let started = Instant::now();
        if let Status::Interrupted = run_words(step.words, &of_steps)? {
            printer.note("the same command goes on from here");
            return Ok(Status::Interrupted);
        }
        rows.push(vec![step.name.into(), format!("{:.0}", started.elapsed().as_secs_f64()), leaves]);
    }
    of_steps.finish()?;
    conclude(args, &rows, printer)?;
    Ok(Status::Done)
}

/// Finds what would fail in a later step: data without labels or of one class, a network that cannot be
/// built, pretrained weights that are not there. What is trained already needs none of that.
fn check(args: &Args, recipe: &Recipe, printer: &Printer) -> Result<()> {
    let source = data::open(&args.data)?;
    let counts = source.counts();
    match counts.iter().filter(|count| **count > 0).count() {
        0 => {
            return Err(Error::new("has no labels, and a challenge trains on them").at(&args.data).hint(
                "put the images of each class into a folder of its name, or give a table with the columns path and label",
            ));
        }
        1 => {
            return Err(
                Error::new("holds images of one class alone, and a classifier needs two").at(&args.data)
            );
        }
        _ => {}
    }
    if args.out.join("run").join(REPORT).exists() {
        return Ok(());
    }
    train::check(recipe, source.classes(), source.len(), &args.device.open(printer)?)
}

/// Begins the folder, or puts aside what other arguments made of it.
fn begin(args: &Args, asked: &mut Asked, printer: &Printer) -> Result<()> {
    let changed = asked.changes(&args.out)?;
    let outdated = |step: &Step| changed.iter().any(|(what, _)| step.depends.contains(what));
    let again: Vec<Step> = steps(args, asked, true).into_iter().filter(outdated).collect();
    for (_, change) in &changed {
        printer.note(&format!("{change} since last time"));
    }
    let made = again.iter().flat_map(|step| step.makes).map(|name| args.out.join(name));
    let made: Vec<PathBuf> = made.filter(|path| path.exists()).collect();
    if !made.is_empty() {
        let aside = asked::put_aside(&args.out, &made)?;
        let names: Vec<&str> = again.iter().map(|step| step.name).collect();
        printer.note(&format!(
            "done again: {}; what was there is put aside in {}",
            names.join(", "),
            aside.display()
        ));
    }
    asked.write(&args.out)
}

/// Tells what was done, the score, and what to upload.
fn conclude(args: &Args, rows: &[Vec<String>], printer: &Printer) -> Result<()> {
    let record = args.out.join("test").join(EVALUATION);
    let submission = args.out.join("submission.zip");
    if printer.is_json() {
        let evaluation: serde_json::Value = read_json(&record)?;
        let whole = serde_json::json!({
            "submission": submission, "final": !args.no_final, "evaluation": evaluation,
        });
        printer.result(&serde_json::to_string_pretty(&whole).map_err(|e| Error::new(e.to_string()))?);
        return Ok(());
    }
    printer.result(&format!("\n{}\n", table(rows)));
    let evaluation: Evaluation = read_json(&record)?;
    if let Some(scores) = evaluation.conditions.first().map(|condition| &condition.scores) {
        let with_interval = |accuracy: f64, ends: Option<[f64; 2]>| {
            let ends = ends.map(|ends| ends.map(percent).join(" to "));
            let interval = ends.map_or(String::new(), |ends| format!(" (95 % interval {ends})"));
            format!("{}{interval}", percent(accuracy))
        };
        let of_suite = |suite: &SuiteScores| {
            let accuracy = with_interval(suite.accuracy, Some(suite.accuracy_interval));
            format!(" and {accuracy} on those of the suite {}", suite.name)
        };
        let unchanged = with_interval(scores.accuracy(), scores.metrics.interval(&ACCURACY));
        let suites: String = evaluation.suites.iter().map(of_suite).collect();
        printer.result(&format!(
            "score: accuracy {unchanged} on unchanged images{suites}; of {} test images that the judged model had not seen",
            scores.n
        ));
    }
    let model = if args.no_final {
        "the judged model"
    } else {
        "the final model, fitted like the judged one but on all cleaned data, a tenth of which chooses its epoch; none is \
         left to judge it"
    };
    printer.result(&format!("upload: {} ({model})", submission.display()));
    Ok(())
}

/// The way, in order, with or without a final model.
fn steps(args: &Args, asked: &Asked, with_final: bool) -> Vec<Step> {
    const DATA: &[What] = &[What::Data, What::Findings];
    const RUN: &[What] = &[What::Data, What::Findings, What::Recipe];
    const VIEWS: &[What] = &[What::Data, What::Findings, What::Recipe, What::Views];
    const ALL: &[What] = &[What::Data, What::Findings, What::Recipe, What::Views, What::Final];
    let at = |name: &str| args.out.join(name);
    let (clean, split, model) = (at("clean.tar"), at(SPLIT), at("model.safetensors"));
    let (found, findings) = (at(AUDIT), at(AUDIT).join(FINDINGS));
    let mut audit = line(&["audit"], &[&args.data], &[("--out", &found), ("--write", &clean)]);
    let mut audited: &[&str] = &[AUDIT, "clean.tar"];
    if asked.findings.is_some() {
        // a person's findings stay where they are
        audit.extend([word("--apply"), findings.into()]);
        audited = &audited[1..];
    }
    let judge = line(&["evaluate"], &[&model], &[("--data", &clean), ("--split", &split)]);
    let judge = judge.into_iter().chain(on(args)).chain(words("--part test --suite clean,challenge"));
    let judge = judge.chain([word("--out"), at("test").into()]).collect();
    let mut steps = vec![
        Step { name: "audit", words: audit, leaves: clean.clone(), makes: audited, depends: DATA },
        Step {
            name: "split",
            words: line(&["split"], &[&clean], &[("--out", &split)]),
            leaves: split.clone(),
            makes: &[SPLIT],
            depends: DATA,
        },
        Step {
            name: "train",
            words: train(args, &split, &at("run")),
            leaves: at("run").join(REPORT),
            makes: &["run"],
            depends: RUN,
        },
        Step {
            name: "ensemble",
            words: ensemble(args, &split, &at("run"), &model),
            leaves: model.clone(),
            makes: &["model.safetensors"],
            depends: VIEWS,
        },
        Step {
            name: "evaluate",
            words: judge,
            leaves: at("test").join(REPORT),
            makes: &["test"],
            depends: VIEWS,
        },
    ];
    let mut submitted = model;
    if with_final {
        let (all, run) = (at("final-split.csv"), at("final"));
        submitted = at("final.safetensors");
        let divide = line(&["split"], &[&clean], &[("--out", &all)]);
        steps.push(Step {
            name: "split for the final model",
            // every image trains it but those that choose its epoch and its temperature
            words: divide.into_iter().chain(words("--val 0.1 --test 0")).collect(),
            leaves: all.clone(),
            makes: &["final-split.csv"],
            depends: DATA,
        });
        steps.push(Step {
            name: "train the final model",
            words: train(args, &all, &run),
            leaves: run.join(REPORT),
            makes: &["final"],
            depends: RUN,
        });
        steps.push(Step {
            name: "ensemble of the final model",
            words: ensemble(args, &all, &run, &submitted),
            leaves: submitted.clone(),
            makes: &["final.safetensors"],
            depends: VIEWS,
        });
    }
    let zip = at("submission.zip");
    let export = line(&["export"], &[&submitted], &[("--out", &zip)]);
    steps.push(Step {
        name: "export",
        words: export.into_iter().chain(words("--to codabench")).collect(),
        leaves: zip,
        makes: &["submission.zip"],
        depends: ALL,
    });
    steps
}

/// Trains by the recipe on the cleaned data, or goes on with that.
fn train(args: &Args, split: &Path, run: &Path) -> Vec<OsString> {
    if run.join(CHECKPOINT).exists() {
        return line(&["train", "--resume"], &[], &[("--out", run)]).into_iter().chain(on(args)).collect();
    }
    let clean = args.out.join("clean.tar");
    let data = line(&[], &[], &[("--data", &clean), ("--split", split), ("--out", run)]);
    let set = args.overrides.list.iter().flat_map(|value| [word("--set"), word(value)]);
    [word("train"), word("--recipe"), word(&args.recipe)]
        .into_iter()
        .chain(set)
        .chain(data)
        .chain(on(args))
        .collect()
}

/// Builds the views into the model of a run.
fn ensemble(args: &Args, split: &Path, run: &Path, model: &Path) -> Vec<OsString> {
    let clean = args.out.join("clean.tar");
    let files = [("--data", &*clean), ("--split", split), ("--out", model)];
    let ensemble = line(&["ensemble"], &[run], &files);
    ensemble.into_iter().chain([word("--tta"), word(&args.tta)]).chain(on(args)).collect()
}

/// A command of these words, paths and options.
fn line(command: &[&str], paths: &[&Path], options: &[(&str, &Path)]) -> Vec<OsString> {
    let paths = paths.iter().map(Into::into);
    let options = options.iter().flat_map(|(name, path)| [word(name), path.into()]);
    command.iter().map(|text| word(text)).chain(paths).chain(options).collect()
}

/// The device to compute on.
fn on(args: &Args) -> [OsString; 2] {
    [word("--device"), word(&args.device.name)]
}

fn words(text: &str) -> impl Iterator<Item = OsString> {
    text.split(' ').map(word)
}

fn word(text: &str) -> OsString {
    text.into()
}
