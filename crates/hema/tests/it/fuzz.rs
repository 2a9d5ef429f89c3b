//! Models, checkpoints, recipes and the files beside them, damaged at random: an error or a sane result,
//! never a panic, an abort or a flood of memory.
//!
//! The rounds of an ordinary test run are few and always the same. For more:
//! `HEMA_FUZZ_SECONDS=600 cargo test -p hema -p hema-cli --test it -- --ignored fuzz --nocapture`

#![allow(clippy::print_stderr)]

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use std::{env, fs};

use hema::data::Dataset;
use hema::model::{ModelSpec, Network};
use hema::model_file::{Bundle, Ensemble};
use hema::preprocess::Preprocess;
use hema::provenance::Provenance;
use hema::recipe::{Recipe, Space, read_suite};
use hema::rng::{Purpose, Rng, stream};
use hema::run_folder::{self, RunInfo};
use hema::run_log::History;
use hema::train::{CHECKPOINT, Claimed, Start, Task, fit};
use hema::weights::{self, StateDict, TensorFile};
use hema::{Classifier, Device, Image, split::Split};
use rand::Rng as _;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::json;

/// The smallest recipe that trains.
const RECIPE: &str = r#"name = "tiny"
[data]
size = 4
[model]
name = "mlp"
head = [3]
dropout = [0.1, 0.2]
[augment]
operators = [{ name = "rotate", probability = 0.5 }, { some_of = [{ name = "jpeg" }, { name = "rand-m9-n2" }], count = [1, 2] }]
[average]
kind = "ema"
[[stage]]
name = "all"
epochs = 3
batch_size = 2
lr = 1e-3
"#;

const SUITE: &str = "name = \"attic\"\nsize = 4\n[[condition]]\nname = \"dim\"\nseverities = true\n\
                     operators = [{ name = \"brightness-down\", strength = 0.5 }]\n";

const SPACE: &str = "\"stage.0.lr\" = { log = [1e-5, 1e-2] }\n\"loss.label_smoothing\" = { uniform = [0, 0.2] }\n\
                     \"model.dropout\" = { choice = [0, 0.25] }\n";

/// Numbers that break what counts with them.
const NUMBERS: [&str; 12] = [
    "0",
    "-1",
    "1e999",
    "1e308",
    "nan",
    "0.5",
    "65536",
    "1000000000",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "99999999999999999999999",
];

/// What is damaged, and how it is read.
struct Seed {
    name: &'static str,
    bytes: Vec<u8>,
    read: fn(&Path, &Stage),
    /// Its document alone is damaged, and stands in a file whose checksum is right.
    is_checked: bool,
}

/// What readers need beside the file.
struct Stage {
    recipe: Recipe,
    data: Dataset,
    model: Classifier,
    /// Scores of the model under the suite.
    judged: serde_json::Value,
}

fn data() -> Dataset {
    let image = |i: usize| (format!("{i}.png"), Image::filled(4, 4, [(i * 40) as u8; 3]), Some(i % 2));
    Dataset::from_images(vec!["a".into(), "b".into()], (0..4).map(image).collect()).unwrap()
}

/// Writes tensors as other software does, without a checksum.
fn write_plain(path: &Path, tensors: &StateDict, metadata: &BTreeMap<String, String>) {
    let raw: Vec<(&String, &Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, array)| {
            (name, &array.shape, array.values.iter().flat_map(|value| value.to_le_bytes()).collect())
        })
        .collect();
    let view = |shape: &[usize], raw| TensorView::new(Dtype::F32, shape.to_vec(), raw).unwrap();
    let views = raw.iter().map(|(name, shape, raw)| (name.as_str(), view(shape, raw)));
    let metadata = Some(metadata.clone().into_iter().collect());
    fs::write(path, safetensors::serialize(views, metadata).unwrap()).unwrap();
}

/// Trains a step, or goes on with a run for one.
fn train(folder: &Path, recipe: &Recipe, data: &Dataset, start: Start) -> hema::Result<()> {
    let out = Claimed::for_run(folder, start)?;
    let device = Device::flex();
    let task = Task {
        recipe,
        train: data,
        val: data,
        data: "cells",
        synthetic: true,
        out: &out,
        start,
        save_every: Duration::MAX,
        command: "fuzz",
        device: &device,
    };
    fit(&task, &mut (), &AtomicBool::new(true)).map(drop)
}

fn read_model(path: &Path, _: &Stage) {
    let _ = Bundle::read(path);
    if let Ok(model) = Classifier::open(path) {
        let _ = model.classify_images(&[Image::filled(5, 3, [9; 3])]);
    }
}

fn read_checkpoint(path: &Path, stage: &Stage) {
    let folder = path.parent().unwrap().join("run");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    fs::copy(path, folder.join(CHECKPOINT)).unwrap();
    let _ = train(&folder, &stage.recipe, &stage.data, Start::Resume);
}

fn read_recipe(path: &Path, _: &Stage) {
    let _ = Recipe::load(path.to_str().unwrap(), &[] as &[&str]);
    if let Ok(recipe) = Recipe::load_saved(path, &[] as &[&str]) {
        let again = Recipe::parse(&recipe.to_toml().unwrap(), "again", &[] as &[&str]).unwrap();
        assert_eq!(again, recipe);
    }
}

fn read_space(path: &Path, stage: &Stage) {
    if let Ok((space, _)) = Space::read(path)
        && space.check(&stage.recipe).is_ok()
    {
        for trial in 0..20 {
            let _ = stage.recipe.with(&space.assign(&space.draw(1, trial)));
        }
    }
}

fn read_journal(path: &Path, stage: &Stage) {
    let folder = path.parent().unwrap().join("judged");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    fs::copy(path, folder.join(run_folder::JOURNAL)).unwrap();
    let suite = path.with_file_name("kept.toml");
    let judged = hema::evaluate_dataset(&stage.model, &stage.data, "fuzz")
        .suite(suite.to_str().unwrap())
        .out(&folder)
        .run(&mut ())
        .unwrap();
    assert_eq!(serde_json::to_value(judged.conditions).unwrap(), stage.judged);
}

fn read_record(path: &Path, _: &Stage) {
    if let Ok(report) = run_folder::read_report(path) {
        let _ = run_folder::write_page(&path.with_file_name("page.html"), &[report]);
    }
}

fn read_config(path: &Path, stage: &Stage) {
    read_model(&path.with_file_name("model.safetensors"), stage);
}

/// Damages the document of a model or a checkpoint, and writes it with a checksum of its own.
fn rewrite(path: &Path, damage: &mut dyn FnMut(&mut Vec<u8>)) {
    let TensorFile { tensors, mut metadata, .. } = weights::read(path).unwrap();
    for document in metadata.values_mut() {
        let mut bytes = std::mem::take(document).into_bytes();
        damage(&mut bytes);
        *document = String::from_utf8_lossy(&bytes).into_owned();
    }
    weights::write(path, &tensors, &metadata).unwrap();
}

/// A trained run, and everything that reads its files.
fn prepare(dir: &Path) -> (Stage, Vec<Seed>) {
    let recipe = Recipe::parse(RECIPE, "tiny", &[] as &[&str]).unwrap();
    let (data, run) = (data(), dir.join("seed"));
    train(&run, &recipe, &data, Start::Fresh).unwrap();
    let checkpoint = fs::read(run.join(CHECKPOINT)).unwrap();
    let once = recipe.with(&["stage.0.epochs=1"]).unwrap();
    let done = dir.join("done");
    train_whole(&done, &once, &data);
    let model = Classifier::open(&done).unwrap();
    fs::write(dir.join("kept.toml"), SUITE).unwrap();
    let suite = dir.join("kept.toml");
    let evaluating = hema::evaluate_dataset(&model, &data, "fuzz").suite(suite.to_str().unwrap()).out(&done);
    let judged = serde_json::to_value(evaluating.run(&mut ()).unwrap().conditions).unwrap();

    let best = weights::read(&done.join("best.safetensors")).unwrap();
    let document = best.metadata["hema"].replacen("\"format\":3", "\"format\":1", 1);
    let plain = |name: &str, tensors: &StateDict, document: String| {
        write_plain(&dir.join(name), tensors, &[("hema".to_owned(), document)].into());
        fs::read(dir.join(name)).unwrap()
    };
    let single = plain("plain", &best.tensors, document.clone());
    let members: StateDict = (0..2)
        .flat_map(|n| {
            best.tensors.iter().map(move |(name, array)| (format!("members.{n}.{name}"), array.clone()))
        })
        .collect();
    let member: serde_json::Value = serde_json::from_str(&document).unwrap();
    let member = json!({ "weights": [0.5], "model": member });
    let provenance = serde_json::to_value(Provenance::now("", "")).unwrap();
    let ensemble = json!({
        "format": 2, "tta": "none", "temperature": 1.0, "members": [member, member], "metrics": {},
        "provenance": provenance,
    });
    let ensemble = plain("ensemble", &members, ensemble.to_string());
    let saved = weights::read(&run.join(CHECKPOINT)).unwrap();
    let old = saved.metadata["hema-checkpoint"].replacen("\"format\":1", "\"format\":0", 1);
    write_plain(&dir.join("old"), &saved.tensors, &[("hema-checkpoint".to_owned(), old)].into());
    timm_folder(dir);

    let text = |name: &str| fs::read(done.join(name)).unwrap();
    let seed = |name, bytes, read| Seed { name, bytes, read, is_checked: false };
    let checked = |name, bytes, read| Seed { name, bytes, read, is_checked: true };
    let seeds = vec![
        seed("single.safetensors", single, read_model),
        seed("ensemble.safetensors", ensemble, read_model),
        checked("checked.safetensors", text("best.safetensors"), read_model),
        seed("old.safetensors", fs::read(dir.join("old")).unwrap(), read_checkpoint),
        checked("checkpoint.safetensors", checkpoint, read_checkpoint),
        seed("config.json", fs::read(dir.join("config.json")).unwrap(), read_config),
        seed("recipe.toml", RECIPE.into(), read_recipe),
        seed("saved.toml", text("recipe.toml"), read_recipe),
        seed("suite.toml", SUITE.into(), |path, _| drop(read_suite(path))),
        seed("space.toml", SPACE.into(), read_space),
        seed("metrics.csv", text("metrics.csv"), |path, _| drop(History::read(path))),
        seed("evaluation.json", text("evaluation.json"), read_record),
        seed("run.json", br#"{"data":"/cells"}"#.to_vec(), |path, _| {
            drop(RunInfo::read(path.parent().unwrap()));
        }),
        seed("split.csv", b"path,split\na.png,train\nb.png,val\n".to_vec(), |path, _| {
            drop(Split::read(path));
        }),
        seed("journal", journal(&model, &data, dir), read_journal),
    ];
    (Stage { recipe, data, model, judged }, seeds)
}

/// A folder of timm's: the weights are whole, and the description is to be damaged.
fn timm_folder(dir: &Path) {
    let network = Network::new(&ModelSpec::bare("mlp", 2, 4), 0, &Device::flex()).unwrap();
    weights::write(&dir.join("model.safetensors"), &weights::state_dict(&network), &BTreeMap::new()).unwrap();
    let Preprocess { mean, std, .. } = Preprocess::imagenet(4);
    let config = json!({
        "architecture": "mlp", "num_classes": 2, "label_names": ["a", "b"],
        "pretrained_cfg": { "input_size": [3, 4, 4], "interpolation": "bicubic", "crop_pct": 1.0,
            "crop_mode": "squash", "mean": mean, "std": std },
    });
    fs::write(dir.join("config.json"), config.to_string()).unwrap();
}

fn train_whole(folder: &Path, recipe: &Recipe, data: &Dataset) {
    train(folder, recipe, data, Start::Fresh).unwrap();
    while !folder.join("best.safetensors").exists() {
        train(folder, recipe, data, Start::Resume).unwrap();
    }
}

/// The journal of an evaluation that its last condition stopped.
fn journal(model: &Classifier, data: &Dataset, dir: &Path) -> Vec<u8> {
    /// Copies the journal as it is while conditions are judged.
    struct Copy(PathBuf, Vec<u8>);
    impl hema::Watch for Copy {
        fn progress(&mut self, _: hema::Phase<'_>, _: usize, _: usize) {
            self.1 = fs::read(&self.0).unwrap_or_default();
        }
    }
    let out = dir.join("journal-of");
    let mut copy = Copy(out.join(run_folder::JOURNAL), Vec::new());
    let suite = dir.join("kept.toml");
    let evaluating = hema::evaluate_dataset(model, data, "fuzz").suite(suite.to_str().unwrap());
    evaluating.out(&out).run(&mut copy).unwrap();
    assert!(!copy.1.is_empty());
    copy.1
}

/// A few random changes of the kinds that break parsers and what counts with what they read.
fn damage(bytes: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..=below(rng, 3) {
        if bytes.is_empty() {
            return;
        }
        let at = below(rng, bytes.len());
        let end = at + below(rng, (bytes.len() - at).min(64) + 1);
        match below(rng, 8) {
            0 => bytes[at] ^= 1 << below(rng, 8),
            1 => bytes[at] = rng.next_u64() as u8,
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let piece = bytes[at..end].to_vec();
                let to = below(rng, bytes.len());
                bytes.splice(to..to, piece);
            }
            5 => {
                let open = [b"[".as_slice(), b"{\"a\":", b"{a=", b"a."][below(rng, 4)];
                bytes.splice(at..at, open.repeat(1 << below(rng, 14)));
            }
            _ => replace_number(bytes, at, NUMBERS[below(rng, NUMBERS.len())]),
        }
    }
}

/// Puts a number into the place of the first one from `at` on.
fn replace_number(bytes: &mut Vec<u8>, at: usize, number: &str) {
    let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|offset| at + offset) else {
        return;
    };
    let is_part = |byte: &u8| byte.is_ascii_digit() || b".e-+".contains(byte);
    let end =
        bytes[start..].iter().position(|byte| !is_part(byte)).map_or(bytes.len(), |offset| start + offset);
    bytes.splice(start..end, number.bytes());
}

fn below(rng: &mut Rng, end: usize) -> usize {
    (rng.next_u64() % end as u64) as usize
}

/// Damages a seed and reads it; gives the file when that panicked.
fn one_round(round: u64, (stage, seeds): &(Stage, Vec<Seed>), dir: &Path) -> Option<PathBuf> {
    let mut rng = stream(2, Purpose::Corrupt, round, 0);
    let seed = &seeds[below(&mut rng, seeds.len())];
    let path = dir.join(seed.name);
    let mut bytes = seed.bytes.clone();
    if seed.is_checked {
        fs::write(&path, &bytes).unwrap();
        rewrite(&path, &mut |document| damage(document, &mut rng));
    } else {
        damage(&mut bytes, &mut rng);
        fs::write(&path, bytes).unwrap();
    }
    let read = catch_unwind(AssertUnwindSafe(|| (seed.read)(&path, stage)));
    let _ = Ensemble::read(&path);
    read.is_err().then_some(path)
}

#[test]
fn damaged_models_checkpoints_and_recipes_are_errors_not_panics() {
    let dir = tempfile::tempdir().unwrap();
    let prepared = prepare(dir.path());
    for round in 0..400 {
        assert_eq!(one_round(round, &prepared, dir.path()), None, "round {round}");
    }
}

/// Most memory taken since the last call, in kibibytes; 0 where the system does not say.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0);
    let _ = fs::write("/proc/self/clear_refs", "5");
    peak
}

#[test]
#[ignore = "takes as long as HEMA_FUZZ_SECONDS says"]
fn fuzz() {
    const MOST: u64 = 600 << 10;
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse().ok());
    let seconds = number("HEMA_FUZZ_SECONDS").unwrap_or(60);
    let first = number("HEMA_FUZZ_FIRST").unwrap_or(1000);
    let kept = env::temp_dir().join("hema-fuzz-models");
    let dir = tempfile::tempdir().unwrap();
    let prepared = prepare(dir.path());
    let start = Instant::now();
    let (mut round, mut found, mut most) = (first, 0, 0);
    while start.elapsed() < Duration::from_secs(seconds) {
        peak();
        let began = Instant::now();
        let panicked = one_round(round, &prepared, dir.path());
        let (peak, took) = (peak(), began.elapsed());
        most = most.max(peak);
        if panicked.is_some() || peak > MOST || took > Duration::from_secs(20) {
            found += 1;
            eprintln!("round {round}: {panicked:?}, {} MiB, {took:?}", peak >> 10);
            fs::create_dir_all(&kept).unwrap();
            for seed in &prepared.1 {
                let _ = fs::copy(dir.path().join(seed.name), kept.join(format!("{round}-{}", seed.name)));
            }
        }
        round += 1;
    }
    eprintln!("{} rounds in {seconds} s, {found} findings, at most {} MiB", round - first, most >> 10);
    assert_eq!(found, 0);
}
