//! What scores of trust are made of: `cargo run --release -p hema --example trust_features -- MODEL DATA OUT
//! [CONDITION...] [--part PART]`
//!
//! For every condition a folder of OUT gets NumPy arrays: `features` (what the network's head sees),
//! `probabilities` (at the model's own temperature), `labels` (-1 where there is none), `images` (8-bit
//! pixels at the model's size) and `drawn`; OUT itself gets `paths.txt` and `classes.txt`. A CONDITION is
//!
//! - `clean`: the images as they are, which is the default;
//! - `SUITE:NAME@SEVERITY`, as `blood-c:bubble@3`, or `challenge:draw-1`: one condition of a suite, which
//!   does to an image what `hema evaluate` does;
//! - `SUITE@SEVERITY`: all conditions of a suite at a severity, one folder each;
//! - `drawn:SEED`: one condition for each image, drawn from those of `blood-c`, `degraded` and `challenge`,
//!   with other random numbers than theirs; `drawn` says which, by its line in `drawn.txt`.

#![allow(clippy::print_stdout, clippy::print_stderr)] // a program's output

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use hema::data::{self, Dataset, LoadOptions, Source};
use hema::predict::Predictor;
use hema::preprocess::{Preprocess, resize};
use hema::split_choice::choose_part;
use hema::suite::{self, Condition};
use hema::{Error, Image, Result, device};

#[global_allocator]
static ALLOCATOR: hema::CacheLines = hema::CacheLines;

/// Images in memory at once.
const AT_ONCE: usize = 512;

/// A condition, with the side that images are brought to before.
type Place = (Option<usize>, Condition);

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let part = words.iter().position(|word| word == "--part").and_then(|at| words.drain(at..).nth(1));
    let [model, data, out, conditions @ ..] = &words[..] else {
        eprintln!("usage: trust_features MODEL DATA OUT [CONDITION...] [--part PART]");
        return ExitCode::from(2);
    };
    match write_all(Path::new(model), Path::new(data), Path::new(out), conditions, part.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            error.hint_text().iter().for_each(|hint| eprintln!("hint: {hint}"));
            ExitCode::FAILURE
        }
    }
}

fn write_all(model: &Path, data: &Path, out: &Path, words: &[String], part: Option<&str>) -> Result<()> {
    let (predictor, manifests) = Predictor::open(&[model.to_path_buf()], &device::open("cpu")?)?;
    let source = data::open(data)?;
    let (_, chosen) = choose_part(&source, model, None, part)?;
    let images = Images {
        indices: chosen.unwrap_or_else(|| (0..source.len()).collect()),
        preprocess: &manifests[0].preprocess,
        source: &source,
    };
    let paths: Vec<&str> = images.indices.iter().map(|i| source.entry(*i).path).collect();
    save(&out.join("paths.txt"), paths.join("\n").as_bytes())?;
    save(&out.join("classes.txt"), predictor.classes().join("\n").as_bytes())?;
    save(&out.join("labels.txt"), source.classes().join("\n").as_bytes())?;
    let clean = ["clean".to_owned()];
    for word in if words.is_empty() { &clean } else { words } {
        for (name, damage) in damages(word)? {
            if let Damage::Drawn(conditions, _) = &damage {
                let name = |(_, c): &Place| format!("{}@{}", c.name(), c.severity().unwrap_or(0));
                let names: Vec<String> = conditions.iter().map(name).collect();
                save(&out.join("drawn.txt"), names.join("\n").as_bytes())?;
            }
            write_one(&predictor, &images, &damage, &out.join(name))?;
        }
    }
    Ok(())
}

/// The images that are looked at.
struct Images<'a> {
    source: &'a Source,
    indices: Vec<usize>,
    preprocess: &'a Preprocess,
}

/// Images at the model's size, and their classes in the source, which the model need not know.
struct Seen {
    unlabelled: Dataset,
    labels: Vec<Option<usize>>,
}

/// What is done to the images of one folder.
enum Damage {
    Clean,
    One(Place),
    /// One of these for each image, by random numbers of this seed.
    Drawn(Vec<Place>, u64),
}

/// The damages that a word asks for, each with a folder's name.
fn damages(word: &str) -> Result<Vec<(String, Damage)>> {
    if word == "clean" {
        return Ok(vec![(word.into(), Damage::Clean)]);
    }
    if let Some(seed) = word.strip_prefix("drawn:") {
        let seed = seed.parse().map_err(|_| Error::new(format!("`{seed}` is no seed")))?;
        // the challenge's five draws stand for a fifth of the images
        let mut conditions = Vec::new();
        for (suite, times) in [("blood-c", 1), ("degraded", 1), ("challenge", 5)] {
            for _ in 0..times {
                conditions.extend(conditions_of(suite)?);
            }
        }
        return Ok(vec![(word.replace(':', "-"), Damage::Drawn(conditions, seed))]);
    }
    let (rest, severity) = word.split_once('@').map_or((word, None), |(rest, s)| (rest, s.parse().ok()));
    let (suite, name) = rest.split_once(':').map_or((rest, None), |(suite, name)| (suite, Some(name)));
    let wanted = |(_, c): &Place| {
        severity.is_none_or(|s: u8| c.severity() == Some(s)) && name.is_none_or(|name| c.name() == name)
    };
    let found = conditions_of(suite)?.into_iter().filter(wanted);
    let named = |sized: Place| {
        let severity = sized.1.severity().map_or(String::new(), |severity| format!("@{severity}"));
        (format!("{suite}-{}{severity}", sized.1.name()), Damage::One(sized))
    };
    Ok(found.map(named).collect())
}

fn conditions_of(suite: &str) -> Result<Vec<Place>> {
    let suite = suite::find(suite)?;
    Ok(suite.conditions.into_iter().map(|condition| (suite.size, condition)).collect())
}

impl Damage {
    /// The condition that meets an image, by its position and among the drawn ones.
    fn of(&self, index: usize) -> Option<(usize, &Place, u64)> {
        match self {
            Self::Clean => None,
            Self::One(sized) => Some((0, sized, 0)),
            Self::Drawn(conditions, seed) => {
                let hash = (index as u64 + 1).wrapping_mul(0x9e3779b97f4a7c15).rotate_left(29)
                    ^ seed.wrapping_mul(0xbf58476d1ce4e5b9);
                let drawn = (hash.wrapping_mul(0x94d049bb133111eb) >> 33) as usize % conditions.len();
                Some((drawn, &conditions[drawn], 1 + seed))
            }
        }
    }
}

/// Writes the arrays of one folder.
fn write_one(predictor: &Predictor, images: &Images, damage: &Damage, folder: &Path) -> Result<()> {
    let (mut features, mut probabilities) = (Vec::new(), Vec::new());
    let (mut pixels, mut labels, mut drawn) = (Vec::new(), Vec::new(), Vec::new());
    for first in (0..images.indices.len()).step_by(AT_ONCE) {
        let last = (first + AT_ONCE).min(images.indices.len());
        let seen = images.damaged(first..last, damage)?;
        let embedded = predictor.embed(&predictor.view(&seen.unlabelled)?, &mut |_| ())?;
        features.extend(embedded.features);
        probabilities.extend(embedded.probabilities);
        for (i, label) in seen.labels.into_iter().enumerate() {
            pixels.extend(seen.unlabelled.image(i)?.into_pixels());
            labels.push(label.map_or(-1, |label| label as i32));
            drawn.push(damage.of(first + i).map_or(-1, |(drawn, ..)| drawn as i32));
        }
    }
    let (count, side) = (labels.len(), images.preprocess.size);
    let little = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let integers = |values: &[i32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let columns = |values: &[f32]| values.len() / count.max(1);
    save_array(folder, "features", "<f4", &[count, columns(&features)], &little(&features))?;
    save_array(folder, "probabilities", "<f4", &[count, columns(&probabilities)], &little(&probabilities))?;
    save_array(folder, "images", "|u1", &[count, side, side, 3], &pixels)?;
    save_array(folder, "labels", "<i4", &[count], &integers(&labels))?;
    save_array(folder, "drawn", "<i4", &[count], &integers(&drawn))?;
    println!("{}: {count} images", folder.display());
    Ok(())
}

impl Images<'_> {
    /// Some of the images, damaged, then brought to the model's size.
    fn damaged(&self, range: std::ops::Range<usize>, damage: &Damage) -> Result<Seen> {
        let own = self.preprocess.size;
        let side = |i: usize| damage.of(i).and_then(|(_, (side, _), _)| *side).unwrap_or(own);
        let mut sides: Vec<usize> = range.clone().map(side).collect();
        sides.sort_unstable();
        sides.dedup();
        let mut done: Vec<Option<(String, Image, Option<usize>)>> = vec![None; range.len()];
        let mut labels = vec![None; range.len()];
        for size in sides {
            let of_size: Vec<usize> = range.clone().filter(|i| side(*i) == size).collect();
            let indices: Vec<usize> = of_size.iter().map(|i| self.indices[*i]).collect();
            let preprocess = Preprocess { size, enlarge: None, ..self.preprocess.clone() };
            let loaded =
                Dataset::load(self.source, Some(&indices), &preprocess, &LoadOptions::default(), &|_| ())?;
            for (row, i) in of_size.into_iter().enumerate() {
                let mut image = loaded.image(row)?;
                if let Some((_, (_, condition), seed)) = damage.of(i) {
                    condition.apply(&mut image, seed, i as u64);
                }
                if image.width() != own {
                    image = resize(&image, own, own, self.preprocess.filter)?;
                }
                labels[i - range.start] = loaded.label(row);
                done[i - range.start] = Some((loaded.entry(row).path.to_owned(), image, None));
            }
        }
        let unlabelled = Dataset::from_images(Vec::new(), done.into_iter().flatten().collect())?;
        Ok(Seen { unlabelled, labels })
    }
}

/// Writes an array as NumPy does.
fn save_array(folder: &Path, name: &str, kind: &str, shape: &[usize], bytes: &[u8]) -> Result<()> {
    let sides = shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({sides},), }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut all = b"\x93NUMPY\x01\x00".to_vec();
    all.extend((header.len() as u16).to_le_bytes());
    all.extend(header.as_bytes());
    all.extend(bytes);
    save(&folder.join(format!("{name}.npy")), &all)
}

fn save(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || -> std::io::Result<()> {
        fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        fs::File::create(path)?.write_all(bytes)
    };
    write().map_err(|e| Error::new(e.to_string()).at(path))
}
