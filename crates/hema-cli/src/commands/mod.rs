//! The commands, one file each: `Args` and `run`. What several share is here.

pub(crate) mod audit;
pub(crate) mod augment;
pub(crate) mod challenge;
pub(crate) mod data;
mod download;
pub(crate) mod ensemble;
pub(crate) mod evaluate;
pub(crate) mod export;
pub(crate) mod list;
pub(crate) mod predict;
pub(crate) mod quickstart;
pub(crate) mod report;
pub(crate) mod soup;
pub(crate) mod split;
pub(crate) mod train;
pub(crate) mod tune;
pub(crate) mod weights;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use clap::ValueEnum;
use hema::core::data::{self as core_data, Dataset, LoadOptions, Skipped, Source, Unknown};
use hema::core::error::{Error, Result};
use hema::core::split::{Part, Split};
use hema::core::tta;
use hema::evaluate::labels;
use hema::predict::{Predictor, Views};
use hema::{Device, device, device_check};

use crate::output::Printer;
use crate::run_info::SPLIT;

/// How a command ended that met no error.
#[derive(Clone, Copy)]
pub(crate) enum Status {
    /// It is done.
    Done,
    /// It is done, and the data or model was found wanting.
    FoundWanting,
    /// Ctrl-C stopped it; what it had done is saved.
    Interrupted,
}

/// `--on-bad-image`.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum OnBadImage {
    /// Leave it out and count it.
    Skip,
    /// Stop with an error.
    Fail,
}

impl From<OnBadImage> for core_data::OnBadImage {
    fn from(choice: OnBadImage) -> Self {
        match choice {
            OnBadImage::Skip => Self::Skip,
            OnBadImage::Fail => Self::Fail,
        }
    }
}

/// What feature maps are stored in while predicting.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Precision {
    /// 32 bits
    Fp32,
    /// 8 significant bits: up to twice as fast on processors with AVX-512 BF16; close decisions may change
    Bf16,
}

impl From<Precision> for hema::nn::Precision {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::Fp32 => Self::Fp32,
            Precision::Bf16 => Self::Bf16,
        }
    }
}

/// `--device`.
#[derive(clap::Args)]
pub(crate) struct On {
    /// Where networks are computed: `cpu`, or a graphics card where this build can use one, as in `gpu` or `gpu:1` (see `hema list devices`)
    #[arg(long = "device", value_name = "DEVICE", default_value = "cpu")]
    pub(crate) name: String,
    /// The device, once it was opened: several runs of a command share it.
    #[arg(skip)]
    opened: OnceLock<Device>,
}

impl On {
    /// The device, which computes as the processor does.
    pub(crate) fn open(&self, printer: &Printer) -> Result<Device> {
        if let Some(device) = self.opened.get() {
            return Ok(device.clone());
        }
        let device = device::open(&self.name)?;
        if !device::is_cpu(&device) {
            printer.note(&format!(
                "{}: compared with the processor first; compiling what is new to it takes minutes, now and at a network's first step",
                device::name(&device)
            ));
        }
        device_check::check(&device)?;
        Ok(self.opened.get_or_init(|| device).clone())
    }
}

/// `--memory`.
#[derive(clap::Args)]
pub(crate) struct Memory {
    /// Gigabytes of decoded images kept in memory; a data set that takes more goes to a temporary file
    #[arg(long = "memory", value_name = "GB", default_value_t = 4.0)]
    gigabytes: f64,
}

impl Memory {
    /// How images are loaded within this memory.
    pub(crate) fn options(&self, on_bad_image: impl Into<core_data::OnBadImage>) -> LoadOptions {
        let bytes = (self.gigabytes.max(0.0) * 1e9) as u64;
        LoadOptions::default().on_bad_image(on_bad_image.into()).memory_budget(bytes)
    }
}

/// Labelled images that models are compared on, which none of them was trained on.
#[derive(clap::Args)]
pub(crate) struct Unseen {
    /// Labelled images that no model was trained on: an image folder, or any other form of `hema list readers`
    #[arg(long)]
    pub(crate) data: PathBuf,
    /// CSV with the columns path and split, whose val part is taken; by default the first run's own if it fits, else the data's own,
    /// else all images are taken
    #[arg(long, value_name = "FILE")]
    split: Option<PathBuf>,
    /// What to do with an image that cannot be read
    #[arg(long, value_enum, default_value = "fail")]
    on_bad_image: OnBadImage,
    #[command(flatten)]
    pub(crate) on: On,
    #[command(flatten)]
    memory: Memory,
}

impl Unseen {
    /// The images as a predictor sees them, their labels, and what they are a part of; `model` is the first one's path.
    pub(crate) fn load(
        &self,
        predictor: &Predictor,
        model: &Path,
        printer: &Printer,
    ) -> Result<(Views, Vec<usize>, String)> {
        let source = core_data::open(&self.data)?.with_classes(predictor.classes(), Unknown::Fail)?;
        let (part, indices) = choose_part(&source, &self.data, model, self.split.as_deref(), None)?;
        let options = self.memory.options(self.on_bad_image);
        let count = indices.as_ref().map_or(source.len(), Vec::len);
        let views = load(printer, count, |progress| {
            predictor.load(&source, indices.as_deref(), None, &options, progress)
        })?;
        warn_skipped(printer, views.first().skipped());
        let labels = labels(views.first())?;
        Ok((views, labels, part))
    }
}

/// `--tta`.
#[derive(clap::Args)]
pub(crate) struct Tta {
    /// Average over views of every image (see `hema list tta`) [default: the model's own]
    #[arg(long = "tta", value_name = "VIEWS")]
    views: Option<String>,
}

impl Tta {
    /// The predictor with these views.
    pub(crate) fn of(&self, predictor: Predictor) -> Result<Predictor> {
        match &self.views {
            Some(name) => Ok(predictor.with_tta(tta::find(name)?)),
            None => Ok(predictor),
        }
    }
}

/// `--among`.
#[derive(clap::Args)]
pub(crate) struct Among {
    /// Classes that can occur in these images, as of a laboratory that reports white cells alone; the model chooses among them
    /// [default: all it knows]
    #[arg(long = "among", value_name = "CLASS", value_delimiter = ',')]
    classes: Vec<String>,
}

impl Among {
    /// The predictor for images of these classes.
    pub(crate) fn of(&self, predictor: Predictor) -> Result<Predictor> {
        if self.classes.is_empty() { Ok(predictor) } else { predictor.among(&self.classes) }
    }
}

/// `--adapt-prevalence`.
#[derive(clap::Args)]
pub(crate) struct Prevalence {
    /// Estimate from all images together how common each class is among them, and predict with that in place of how common it was in
    /// training: for many images of one patient or laboratory, of which none needs a label
    #[arg(long = "adapt-prevalence")]
    adapt: bool,
}

impl Prevalence {
    /// The predictor that estimates it, or not.
    pub(crate) fn of(&self, predictor: Predictor) -> Result<Predictor> {
        if self.adapt { predictor.adapting() } else { Ok(predictor) }
    }
}

/// The command line as it was typed, for provenance.
pub(crate) fn command_line() -> String {
    let mut words: Vec<String> =
        std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    if let Some(program) = words.first_mut() {
        "hema".clone_into(program);
    }
    words.join(" ")
}

/// A flag that Ctrl-C sets, from the first call on, and the same one at every call; `else_it_will` says what it does where it
/// cannot be caught.
pub(crate) fn ctrl_c(printer: &Printer, else_it_will: &str) -> Arc<AtomicBool> {
    static STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    Arc::clone(STOP.get_or_init(|| listen(printer, else_it_will)))
}

fn listen(printer: &Printer, else_it_will: &str) -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let handler = Arc::clone(&stop);
    let listening = ctrlc::set_handler(move || {
        // a second Ctrl-C does not wait
        if handler.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    if listening.is_err() {
        printer.warn(&format!("Ctrl-C cannot be caught here: it will {else_it_will}"));
    }
    stop
}

/// The source with every image in its part, by the split in a file or else its own.
pub(crate) fn with_split(source: Source, split: Option<&Path>) -> Result<Source> {
    let split = match split {
        Some(path) => Some(Split::read(path)?),
        None => source.read_split_inside()?,
    };
    match split {
        Some(split) => source.with_split(&split),
        None => Ok(source),
    }
}

/// The images of a part, by the split in a file, or the run's own where it fits the data, or the data's own: its name
/// and its images; all of them when there is no split.
pub(crate) fn choose_part(
    source: &Source,
    data: &Path,
    model: &Path,
    split: Option<&Path>,
    part: Option<&str>,
) -> Result<(String, Option<Vec<usize>>)> {
    if part == Some("all") {
        return Ok(("all".into(), None));
    }
    let Some(split) = find_split(source, model, split)? else {
        return match part {
            Some(part) => Err(Error::new(format!("there is no split to take the part `{part}` from"))
                .at(data)
                .hint("give one with --split, or judge all images with --part all")),
            None => Ok(("all".into(), None)),
        };
    };
    let part: Part = part.unwrap_or("val").parse()?;
    Ok((part.to_string(), Some(split.indices(source, part)?)))
}

fn find_split(source: &Source, model: &Path, split: Option<&Path>) -> Result<Option<Split>> {
    if let Some(path) = split {
        return Split::read(path).map(Some);
    }
    let own = model.join(SPLIT);
    if own.is_file() {
        let split = Split::read(&own)?;
        if split.indices(source, Part::Val).is_ok() {
            return Ok(Some(split));
        }
    }
    source.read_split_inside()
}

/// Decodes images with a bar, and says what was skipped.
pub(crate) fn load<T>(
    printer: &Printer,
    images: usize,
    load: impl FnOnce(&(dyn Fn(usize) + Sync)) -> Result<T>,
) -> Result<T> {
    let progress = printer.progress("decoding", images as u64);
    let loaded = load(&|done| progress.set(done as u64, "images"));
    progress.clear();
    loaded
}

/// Names the images that were left out.
pub(crate) fn warn_skipped(printer: &Printer, skipped: &[Skipped]) {
    let Some(first) = skipped.first() else { return };
    let (path, reason) = (first.path.display(), &first.reason);
    printer.warn(&match skipped.len() {
        1 => format!("1 unreadable image was skipped: {path}: {reason}"),
        count => format!("{count} unreadable images were skipped, first {path}: {reason}"),
    });
}

/// Says how many images there are and where they are kept.
pub(crate) fn describe(data: &Dataset) -> String {
    let (width, height) = data.dimensions();
    let megabytes = (data.len() * width * height * 3) as f64 / 1e6;
    let place = if data.is_in_memory() { "in memory" } else { "in a temporary file" };
    format!("{} images of {width}x{height} pixels ({megabytes:.0} MB {place})", data.len())
}

/// The name of a folder or file, for titles.
pub(crate) fn title(path: &Path) -> String {
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
