//! `hema challenge`: from the data of a challenge to its submission, step by step as a person would type it.
//!
//! Every step is a command of its own, shown before it is done, and is skipped when what it leaves is there
//! already: what was interrupted goes on when it is called again.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use hema::error::{Error, Result};
use hema::recipe::Recipe;
use hema::run_folder::{EVALUATION, REPORT, SPLIT, read_json, write_json};
use hema::train::{CHECKPOINT, Claimed};
use hema::tta;
use serde::{Deserialize, Serialize};

use super::args::{DeviceArg, output};
use crate::output::{Printer, table};
use crate::status::Status;

/// Name of the record of what was asked for, inside the folder.
const ASKED: &str = "challenge.json";

/// Clean a challenge's data, split it, train, judge the model on the test part, and package a submission
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Image folder with labels, or any other form of `hema list readers`
    data: PathBuf,
    /// Folder for everything that is made
    #[arg(long, value_parser = output(), value_name = "DIR", default_value = "runs/challenge")]
    out: PathBuf,
    /// A shipped recipe (see `hema list recipes`) or a TOML file
    #[arg(long, value_name = "NAME|FILE", default_value = "robust-v2b0")]
    recipe: String,
    /// Override a value of the recipe, as in `--set stage.0.epochs=3`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Views of each image that the submission averages over (see `hema list tta`)
    #[arg(long, value_name = "VIEWS", default_value = "dihedral")]
    tta: String,
    #[command(flatten)]
    device: DeviceArg,
}

/// The arguments that a folder was begun with: one that was begun with others is left alone.
#[derive(PartialEq, Serialize, Deserialize)]
struct Asked {
    data: PathBuf,
    recipe: String,
    overrides: Vec<String>,
    tta: String,
    /// The recipe itself, whose file may change; empty in folders from before it was kept.
    #[serde(default)]
    recipe_text: String,
}

/// One command on the way.
struct Step {
    /// Its words, without `hema`.
    words: Vec<OsString>,
    /// The file that is there when it is done.
    leaves: PathBuf,
}

/// Runs a command that is given by its words.
pub(crate) type RunWords = dyn Fn(Vec<OsString>, &Printer) -> Result<Status>;

pub(crate) fn run(args: &Args, run_words: &RunWords, printer: &Printer) -> Result<Status> {
    tta::find(&args.tta)?;
    let recipe = Recipe::load(&args.recipe, &args.overrides)?;
    let _held = Claimed::new(&args.out)?;
    begin(args, &recipe)?;
    // the results of the steps are for people; machines get the whole at the end
    let of_steps = if printer.is_json() { Printer::silent() } else { Printer::new(false) };
    let mut rows = vec![["step", "seconds", "leaves"].map(String::from).to_vec()];
    for step in steps(args) {
        let name = step.words[0].to_string_lossy().into_owned();
        if step.leaves.exists() {
            printer.note(&format!("{name} is done: {}", step.leaves.display()));
            rows.push(vec![name, "-".into(), step.leaves.display().to_string()]);
            continue;
        }
        let words: Vec<_> = step.words.iter().map(|word| word.to_string_lossy()).collect();
        printer.note(&format!("$ hema {}", words.join(" ")));
        let started = Instant::now();
        if let Status::Interrupted = run_words(step.words, &of_steps)? {
            printer.note("the same command goes on from here");
            return Ok(Status::Interrupted);
        }
        let seconds = format!("{:.0}", started.elapsed().as_secs_f64());
        rows.push(vec![name, seconds, step.leaves.display().to_string()]);
    }
    of_steps.finish()?;
    if printer.is_json() {
        let evaluation: serde_json::Value = read_json(&args.out.join("test").join(EVALUATION))?;
        let submission = args.out.join("submission.zip");
        let whole = serde_json::json!({ "submission": submission, "evaluation": evaluation });
        printer.result(&serde_json::to_string_pretty(&whole).map_err(|e| Error::new(e.to_string()))?);
    } else {
        printer.result(&format!("\n{}", table(&rows)));
    }
    Ok(Status::Done)
}

/// Begins the folder, or finds that it was begun with the same arguments.
fn begin(args: &Args, recipe: &Recipe) -> Result<()> {
    let asked = Asked {
        data: std::path::absolute(&args.data).map_err(|e| Error::io(&args.data, &e))?,
        recipe: args.recipe.clone(),
        overrides: args.overrides.clone(),
        tta: args.tta.clone(),
        recipe_text: recipe.to_toml()?,
    };
    let path = args.out.join(ASKED);
    if !path.exists() {
        return write_json(&path, &asked);
    }
    let mut before = read_json::<Asked>(&path)?;
    if before.recipe_text.is_empty() {
        before.recipe_text.clone_from(&asked.recipe_text);
    }
    if before == asked {
        return Ok(());
    }
    Err(Error::new("was begun with other data, another recipe or other views")
        .at(&args.out)
        .hint(format!("choose another --out, or repeat the arguments in {}", path.display())))
}

/// The way, in order.
fn steps(args: &Args) -> Vec<Step> {
    let at = |name: &str| args.out.join(name);
    let (clean, split, run, model) = (at("clean.tar"), at(SPLIT), at("run"), at("model.safetensors"));
    let parts = [word("--data"), clean.clone().into(), word("--split"), split.clone().into()];
    let on = [word("--device"), word(&args.device.name)];
    let to = |path: &Path| [word("--out"), path.into()];

    let audit = [word("audit"), args.data.clone().into()].into_iter().chain(to(&at("audit")));
    let audit = audit.chain([word("--write"), clean.clone().into()]);
    let train: Vec<OsString> = if run.join(CHECKPOINT).exists() {
        [word("train"), word("--resume")].into_iter().chain(to(&run)).collect()
    } else {
        let set = args.overrides.iter().flat_map(|value| [word("--set"), word(value)]);
        let recipe = [word("train"), word("--recipe"), word(&args.recipe)].into_iter().chain(set);
        recipe.chain(parts.clone()).chain(to(&run)).collect()
    };
    let train = train.into_iter().chain(on.clone());
    let views = [word("--tta"), word(&args.tta)];
    let ensemble = [word("ensemble"), run.clone().into()]
        .into_iter()
        .chain(parts.clone())
        .chain(views)
        .chain(on.clone());
    let judge = [word("evaluate"), model.clone().into()].into_iter().chain(parts).chain(on);
    let judge = judge.chain(["--part", "test", "--suite", "clean,challenge"].map(word));
    let export = [word("export"), model.clone().into(), word("--to"), word("codabench")].into_iter();
    let zip = at("submission.zip");
    vec![
        Step { words: audit.collect(), leaves: clean.clone() },
        Step { words: [word("split"), clean.into()].into_iter().chain(to(&split)).collect(), leaves: split },
        Step { words: train.collect(), leaves: run.join(REPORT) },
        Step { words: ensemble.chain(to(&model)).collect(), leaves: model },
        Step { words: judge.chain(to(&at("test"))).collect(), leaves: at("test").join(REPORT) },
        Step { words: export.chain(to(&zip)).collect(), leaves: zip },
    ]
}

fn word(text: &str) -> OsString {
    text.into()
}
