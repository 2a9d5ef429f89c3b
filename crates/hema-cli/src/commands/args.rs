//! Arguments that several commands share.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clap::ValueEnum;
use clap::builder::{PathBufValueParser, TypedValueParser};
use hema::data::Dataset;
use hema::error::{Error, ErrorKind, Result};
use hema::evaluate::labels;
use hema::model_file::{Manifest, run_of, series};
use hema::predict::{Images, Predictor};
use hema::rescale::Rescale;
use hema::seen::{Known, Seen};
use hema::train::{Unfinished, unfinished};
use hema::{Classifier, Device, data, device, device_check, file, split_choice, tta};

use crate::next::{self, USUAL_DEVICE};
use crate::output::Printer;
use crate::places::Places;

/// Where a command writes: a path, or `-` for the standard output.
pub(crate) fn output() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().map(|path| if path.as_os_str() == "-" { file::STDOUT.into() } else { path })
}

/// A number above 0 and below 1, as a risk or a confidence.
pub(crate) fn parse_between(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share: &f64| *share > 0.0 && *share < 1.0);
    share.ok_or_else(|| "expected a number above 0 and below 1, as in 0.01".to_owned())
}

/// `--on-bad-image`.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnBadImage {
    /// Leave it out and count it.
    Skip,
    /// Stop with an error.
    Fail,
}

impl From<OnBadImage> for data::OnBadImage {
    fn from(choice: OnBadImage) -> Self {
        match choice {
            OnBadImage::Skip => Self::Skip,
            OnBadImage::Fail => Self::Fail,
        }
    }
}

/// `--precision`.
#[derive(Clone, Copy, ValueEnum)]
enum Precision {
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
pub(crate) struct DeviceArg {
    /// Where networks are computed: `cpu`, or a graphics card where this build can use one, as in `gpu` or
    /// `gpu:1` (see `hema list devices`)
    #[arg(long = "device", value_name = "DEVICE", default_value = "cpu")]
    pub(crate) name: String,
    /// The device, once it was opened: several runs of a command share it.
    #[arg(skip)]
    opened: OnceLock<Device>,
}

impl DeviceArg {
    /// Opens the device and checks that it computes as the processor does.
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

/// `--white`.
#[derive(clap::Args)]
pub(crate) struct White {
    /// Number that is white in images of more than 8 bits, such as 4095 for 12
    /// [default: what was white in training, or else what the images tell]
    #[arg(long = "white", value_name = "NUMBER", value_parser = parse_white)]
    pub(crate) number: Option<f64>,
}

fn parse_white(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| "expected a number above 0".to_owned())
}

/// `--set`.
#[derive(clap::Args)]
pub(crate) struct Overrides {
    /// Override a value of the recipe, as in `--set stage.0.epochs=3` (see `hema recipe keys`); values with
    /// text in them stand in quotes: `--set 'augment.mix=[{ name = "mixup" }]'`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) list: Vec<String>,
}

/// The error for an override that a shell has parted at spaces, where there is one among the words of a
/// command line: the words behind it then fit nothing.
pub(crate) fn parted_override(words: &[String]) -> Option<Error> {
    let parted = words.windows(2).find(|pair| {
        pair[0] == "--set" && pair[1].split_once('=').is_none_or(|(_, value)| value.trim().is_empty())
    });
    parted.map(|pair| {
        Error::new(format!("--set {}: expected KEY=VALUE in one word", pair[1]))
            .hint("leave out the spaces, as in `--set stage.0.lr=1e-4`, or put it in single quotes")
    })
}

/// A model that is asked about images, and how.
#[derive(clap::Args)]
pub(crate) struct ModelArgs {
    /// Model file, run directory, or folder of `hema train --seeds` or `--folds`, whose runs answer together
    pub(crate) model: PathBuf,
    /// More models, for an ensemble by mean probability
    #[arg(long = "with", value_name = "MODEL")]
    with: Vec<PathBuf>,
    /// What to do with an image that cannot be read; in the table of `predict` one that is skipped has a row
    /// with the reason and no answer
    #[arg(long, value_enum, default_value = "fail")]
    pub(crate) on_bad_image: OnBadImage,
    /// What feature maps are stored in
    #[arg(long, value_enum, default_value = "fp32")]
    precision: Precision,
    /// Average over views of every image (see `hema list tta`) [default: the model's own]
    #[arg(long, value_name = "VIEWS")]
    tta: Option<String>,
    /// Classes that can occur in these images, as of a laboratory that reports white cells alone; the model
    /// chooses among them, and images that look most like another class are counted
    /// [default: all it knows]
    #[arg(long, value_name = "CLASS", value_delimiter = ',')]
    among: Vec<String>,
    /// Weigh each class by how often the model seems to see it among all images together, in place of how
    /// common it was in training: for many images of one patient or laboratory, of which none needs a label.
    /// The weights are no differential, and a class can be found less often for them: `hema evaluate` shows
    /// what they change
    #[arg(long)]
    adapt_prevalence: bool,
    #[command(flatten)]
    white: White,
    #[command(flatten)]
    device: DeviceArg,
}

impl ModelArgs {
    /// The models that are read.
    pub(crate) fn places(&self) -> Places {
        Places::default().reads(std::iter::once(&self.model).chain(&self.with))
    }

    /// Opens the model, to be shown images as they came.
    pub(crate) fn open(&self, printer: &Printer) -> Result<Classifier> {
        self.open_for(None, printer)
    }

    /// Opens the model, to be shown another field of view of every image where that is asked for.
    pub(crate) fn open_for(&self, rescale: Option<Rescale>, printer: &Printer) -> Result<Classifier> {
        let models: Vec<PathBuf> = std::iter::once(&self.model).chain(&self.with).cloned().collect();
        let mut options = Classifier::options()
            .device(&self.device.open(printer)?)
            .among(self.among.iter().cloned())
            .precision(self.precision.into())
            .adapt_prevalence(self.adapt_prevalence)
            .on_bad_image(self.on_bad_image.into())
            .white(self.white.number);
        if let Some(views) = &self.tta {
            options = options.tta(views);
        }
        if let Some(rescale) = rescale {
            options = options.rescale(rescale);
        }
        let mut together = !self.with.is_empty();
        for path in &models {
            if let Some(runs) = series(path)? {
                together = true;
                printer.note(&format!("{}: its {} runs answer together", path.display(), runs.len()));
            }
        }
        let model = options.open_all(&models).map_err(|e| self.or_swapped(e))?;
        tell_unfinished(&models, printer);
        if self.tta.is_none() && together {
            warn_of_lost_views(model.manifests(), printer);
        }
        Ok(model)
    }

    /// The error of a model that cannot be opened, or the better one where it is a data set.
    fn or_swapped(&self, error: Error) -> Error {
        let is_data = || {
            self.model.extension().is_none_or(|end| end != "safetensors") && data::open(&self.model).is_ok()
        };
        if error.kind() != ErrorKind::Io && is_data() {
            return Error::new("is a data set, expected a model")
                .at(&self.model)
                .hint("the model comes first and the images behind it: they may be swapped");
        }
        error
    }
}

/// `--rescale`.
#[derive(clap::Args)]
pub(crate) struct RescaleArg {
    /// Show the model another field of view of every image: FACTOR below 1 takes the middle of the picture,
    /// above 1 mirrors it outwards; `auto` takes the factor at which the model is surest of the images
    /// together, for pictures of a laboratory that crops its cells otherwise than training's
    #[arg(long, value_name = "auto|FACTOR")]
    pub(crate) rescale: Option<Rescale>,
}

/// Says which models are those of runs that are not finished.
pub(crate) fn tell_unfinished(models: &[PathBuf], printer: &Printer) {
    for model in models {
        let Some(Unfinished { epochs, planned, .. }) = unfinished(model) else { continue };
        let run = run_of(model);
        printer.warn(&format!(
            "{}: its run is not finished, {epochs} of {planned} epochs are done; `{}` goes on",
            run.display(),
            next::resume("train", run, USUAL_DEVICE)
        ));
    }
}

/// Warns where models with views of their own look together at each image once.
pub(crate) fn warn_of_lost_views<'a>(models: impl IntoIterator<Item = &'a Manifest>, printer: &Printer) {
    if let Some(Manifest { tta, .. }) = models.into_iter().find(|model| model.tta != tta::NONE.name) {
        printer.warn(&format!(
            "a model averages over the views `{tta}` by itself, and the models together look at an image once: `--tta {tta}` \
             keeps them"
        ));
    }
}

/// Labelled images that models are compared on, which none of them was trained on.
#[derive(clap::Args)]
pub(crate) struct Unseen {
    /// Labelled images that no model was trained on: an image folder, or any other form of `hema list
    /// readers`
    #[arg(long)]
    pub(crate) data: PathBuf,
    /// CSV with the columns path and split, whose val part is taken; by default the first run's own if it
    /// fits, else the data's own, else all images are taken
    #[arg(long, value_name = "FILE")]
    split: Option<PathBuf>,
    /// What to do with an image that cannot be read
    #[arg(long, value_enum, default_value = "fail")]
    on_bad_image: OnBadImage,
    #[command(flatten)]
    pub(crate) device: DeviceArg,
}

impl Unseen {
    /// The data that are read.
    pub(crate) fn places(&self) -> Places {
        Places::default().data([&self.data]).reads(&self.split)
    }

    /// Decodes the images as a predictor sees them. Gives them with their labels and the name of the part
    /// they are; `model` is the first one's path.
    pub(crate) fn load(
        &self,
        predictor: &Predictor,
        model: &Path,
        printer: &Printer,
    ) -> Result<(Images, Vec<usize>, String)> {
        let source = data::open(&self.data)?.with_classes(predictor.classes(), data::Unknown::Fail)?;
        printer.warn_of_notices(source.notices());
        let (part, indices) = split_choice::choose_part(&source, model, self.split.as_deref(), None)?;
        let options = data::LoadOptions::default().on_bad_image(self.on_bad_image.into());
        let count = indices.as_ref().map_or(source.len(), Vec::len);
        let progress = printer.progress("decoding", count as u64);
        let images = predictor.load(&source, indices.as_deref(), None, &options, &|done| {
            progress.set(done as u64, "images");
        });
        progress.clear();
        let images = images?;
        printer.warn_of_skipped(images.first().skipped());
        printer.warn_of_notices(&source.picture_notices());
        let labels = labels(images.first())?;
        Ok((images, labels, part))
    }
}

/// What is done where a model was trained on some of the images that are to be unseen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnTraining {
    /// Stop: what is fitted there would favour the model.
    Refuse,
    /// Say it.
    Warn,
}

/// Refuses, or warns of, images that the model at a path was trained on, by its prints of what it has seen.
pub(crate) fn check_unseen(
    model: &Path,
    seen: &Seen,
    images: &Dataset,
    on_training: OnTraining,
    printer: &Printer,
) -> Result<()> {
    let Known { images, trained, .. } = seen.among(images)?;
    if trained == 0 {
        return Ok(());
    }
    let found = format!("was trained on {trained} of the {images} images");
    match on_training {
        OnTraining::Warn => {
            printer.warn(&format!(
                "{} {found}: their scores flatter it, and what is chosen or fitted by them favours it",
                model.display()
            ));
            Ok(())
        }
        OnTraining::Refuse => {
            Err(Error::new(format!("{found} that the weights would be fitted on")).at(model).hint(
                "give images that no model was trained on, by --data or --split, or leave out --weights fit",
            ))
        }
    }
}
