//! The door to a trained model: open it once, classify as often as wanted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::Device;
use hema_core::Image;
use hema_core::data::{self, Dataset, LoadOptions, OnBadImage, Source, Unknown};
use hema_core::error::{Error, Result};
use hema_core::likeness::{Likeness, Unlike};
use hema_core::metrics::argmax;
use hema_core::prevalence::ClassWeight;
use hema_core::record::ModelSummary;
use hema_core::rescale::{Rescale, Rescaling};
use hema_core::seen::{Known, Seen};
use hema_core::trust::{Marks, Trust};
use hema_core::tta;
use rayon::prelude::*;

use crate::device;
use crate::model_file::{self, Manifest};
use crate::nn::Precision;
use crate::predict::{Geometry, Images, Predictor, Untrusted};
use crate::rescaling;
use crate::train::{Unfinished, unfinished};
use crate::watch::{Phase, Watch, from_any_thread, skipped_images, tell};

/// Images that are classified before their predictions are handed out: a few batches of the network.
const AT_ONCE: usize = 256;

/// A trained model that classifies images: a bundle, a run's folder, an ensemble, or a folder of timm's.
///
/// It owns everything that prediction needs: the networks, their device, how pictures are cropped, resized
/// and scaled, the views that are averaged over and the temperature. It can be shared between threads; one
/// call uses all processor cores.
///
/// ```no_run
/// let model = hema::Classifier::open("runs/v2b0")?;
/// for cell in model.classify(["cells.zip"])? {
/// }
/// # Ok::<(), hema::Error>(())
/// ```
#[derive(Debug)]
pub struct Classifier {
    predictor: Predictor,
    paths: Vec<PathBuf>,
    manifests: Vec<Manifest>,
    classes: Arc<[String]>,
    loading: LoadOptions,
    /// In place of the number that was white in training.
    white: Option<f64>,
    rescale: Option<Rescale>,
}

/// Options for opening a [`Classifier`]: the device, the views, the classes that can occur.
#[derive(Clone, Debug, Default)]
pub struct ClassifierOptions {
    device: Option<Device>,
    tta: Option<String>,
    among: Vec<String>,
    adapts: bool,
    precision: Precision,
    loading: LoadOptions,
    white: Option<f64>,
    rescale: Option<Rescale>,
}

/// The answer for one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    path: String,
    classes: Arc<[String]>,
    class: usize,
    probabilities: Vec<f32>,
    excluded: f32,
    excluded_class: Option<usize>,
    marks: Option<Marks>,
}

impl ClassifierOptions {
    /// Computes on this device, see [`device::open`]; by default on the processor.
    pub fn device(self, device: &Device) -> Self {
        Self { device: Some(device.clone()), ..self }
    }

    /// Averages over these views of every image, one of [`tta::VIEW_SETS`], in place of the model's own.
    pub fn tta(self, views: impl Into<String>) -> Self {
        Self { tta: Some(views.into()), ..self }
    }

    /// Chooses among these classes only, the ones that can occur; by default among all that the model knows.
    pub fn among<S: Into<String>>(self, classes: impl IntoIterator<Item = S>) -> Self {
        Self { among: classes.into_iter().map(Into::into).collect(), ..self }
    }

    /// Weighs each class by how often it seems to occur among all images of a call, in place of how common it
    /// was in training, see [`hema_core::prevalence`].
    pub fn adapt_prevalence(self, adapts: bool) -> Self {
        Self { adapts, ..self }
    }

    /// Stores feature maps in this precision; by default in 32 bits.
    pub fn precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// Leaves out images that cannot be read (with a [warning](Watch::warn)), or stops at the first, which is
    /// the default.
    pub fn on_bad_image(mut self, choice: OnBadImage) -> Self {
        self.loading.on_bad_image = choice;
        self
    }

    /// Takes this number for white in images of more than 8 bits; by default what was white in training, or
    /// else what the images tell.
    pub fn white(self, white: Option<f64>) -> Self {
        Self { white, ..self }
    }

    /// Shows the model another field of view of every image: by a factor (below 1 the middle of the picture,
    /// above 1 the picture mirrored outwards), or by the one at which it is surest of the images of a call
    /// together, see [`hema_core::rescale`]. By default images are shown as they came.
    pub fn rescale(self, rescale: Rescale) -> Self {
        Self { rescale: Some(rescale), ..self }
    }

    /// Keeps at most this many bytes of decoded images in memory, by default 4 GiB, or what
    /// [`set_memory`](crate::data::set_memory) says; a data set that takes more goes to a temporary file.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.loading.memory_budget = bytes;
        self
    }

    /// Opens a model.
    ///
    /// # Errors
    /// A path that holds no model; a device that cannot compute in the precision; unknown views or classes;
    /// to adapt prevalence, a model without the class shares of its training data.
    pub fn open(&self, model: impl AsRef<Path>) -> Result<Classifier> {
        self.open_all(&[model.as_ref().to_path_buf()])
    }

    /// Opens several models as an ensemble with equal weights. The folder of a series of runs stands for all
    /// of them.
    ///
    /// # Errors
    /// The errors of [`open`](Self::open), and models for different classes.
    pub fn open_all(&self, models: &[PathBuf]) -> Result<Classifier> {
        let device = match &self.device {
            Some(device) => device.clone(),
            None => device::open("cpu")?,
        };
        self.precision.check(&device)?;
        let models = &model_file::expand(models)?;
        let (mut predictor, manifests) = Predictor::open(models, &device)?;
        if let Some(views) = &self.tta {
            predictor = predictor.with_tta(tta::find(views)?);
        }
        if !self.among.is_empty() {
            predictor = predictor.among(&self.among)?;
        }
        predictor = predictor.with_precision(self.precision);
        if self.adapts {
            predictor = predictor.adapting()?;
        }
        let classes = predictor.classes().into();
        Ok(Classifier {
            predictor,
            paths: models.clone(),
            manifests,
            classes,
            loading: self.loading,
            white: self.white,
            rescale: self.rescale,
        })
    }
}

impl Classifier {
    /// Opens a model with the usual options: on the processor, with the model's own views.
    ///
    /// # Errors
    /// A path that holds no model.
    pub fn open(model: impl AsRef<Path>) -> Result<Self> {
        Self::options().open(model)
    }

    /// Options to open a model with.
    pub fn options() -> ClassifierOptions {
        ClassifierOptions::default()
    }

    /// Names of the classes, in the order of [`Prediction::probabilities`].
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Manifest of each member of the model: everything that is known of it but its weights.
    pub fn manifests(&self) -> &[Manifest] {
        &self.manifests
    }

    /// The number that is white in images of more than 8 bits, where one was chosen or the model was trained
    /// on such.
    pub fn white(&self) -> Option<f64> {
        let trained = || self.manifests.iter().find_map(|manifest| manifest.preprocess.white);
        self.white.or_else(trained)
    }

    /// How far it changes the field of view of images, where that was asked for.
    pub fn rescale(&self) -> Option<Rescale> {
        self.rescale
    }

    /// The networks behind it, for probabilities without names and for features.
    pub fn predictor(&self) -> &Predictor {
        &self.predictor
    }

    /// Classifies data in any form: pictures, folders, archives, `.npz` files, shards, tables. Predictions
    /// stand in the order of the inputs and, within one, of the paths.
    ///
    /// # Errors
    /// An input that is not there or in no known form; a picture that cannot be read, unless those are
    /// skipped.
    pub fn classify<P: AsRef<Path>>(&self, inputs: impl IntoIterator<Item = P>) -> Result<Vec<Prediction>> {
        let inputs: Vec<PathBuf> = inputs.into_iter().map(|input| input.as_ref().to_path_buf()).collect();
        let images = self.load(&self.open_data(&inputs)?, None, &mut ())?;
        self.predict(&images).collect()
    }

    /// Classifies picture files in memory: JPEG, PNG, BMP, TIFF, WebP, GIF or PNM. Predictions have no path.
    ///
    /// # Errors
    /// The first file that cannot be decoded, named by its position.
    pub fn classify_bytes<B: AsRef<[u8]> + Sync>(&self, files: &[B]) -> Result<Vec<Prediction>> {
        let decode = |(position, file): (usize, &B)| {
            let (file, white) = (file.as_ref(), self.white());
            white
                .map_or_else(|| data::decode(file), |white| data::decode_as(file, white))
                .map_err(|e| e.at(format!("image {position}")))
        };
        let images: Vec<Image> = files.par_iter().enumerate().map(decode).collect::<Result<_>>()?;
        self.classify_images(&images)
    }

    /// Classifies decoded images of any size: each is cropped, resized and scaled as the model was trained.
    /// Predictions have no path.
    ///
    /// # Errors
    /// Probabilities that are not numbers, as those of a damaged model.
    pub fn classify_images(&self, images: &[Image]) -> Result<Vec<Prediction>> {
        self.predict(&self.show(images)?).collect()
    }

    /// Shows the model decoded images of any size, for [`predict`](Self::predict).
    ///
    /// # Errors
    /// Where a field of view is looked for: probabilities that are not numbers, as those of a damaged model.
    pub fn show(&self, images: &[Image]) -> Result<Images> {
        let named: Vec<_> = images.iter().map(|image| ("", image, None)).collect();
        let rescaling = self.find_rescaling(images.len(), &mut (), &|positions, geometry| {
            let some: Vec<_> = positions.iter().map(|i| named[*i]).collect();
            self.predictor.view_images(&some, geometry)
        })?;
        let shown = self.predictor.view_images(&named, Geometry::rescaled(rescaling.as_ref()))?;
        Ok(shown.with_rescaling(rescaling))
    }

    /// Lists inputs as one data set, with labels in the order of the model's classes. Nothing is decoded.
    ///
    /// # Errors
    /// An input that is not there or in no known form.
    pub fn open_data(&self, inputs: &[PathBuf]) -> Result<Source> {
        data::open_many_as(inputs, self.white())?.with_classes(&self.classes, Unknown::Unlabel)
    }

    /// Decodes the images at `indices` (all of them when `None`) for [`predict`](Self::predict), within the
    /// [memory](ClassifierOptions::memory) that was granted.
    ///
    /// # Errors
    /// A picture that cannot be read, unless those are skipped.
    pub fn load(&self, source: &Source, indices: Option<&[usize]>, watch: &mut dyn Watch) -> Result<Images> {
        tell(source.notices(), watch);
        let total = indices.map_or(source.len(), <[usize]>::len);
        let rescaling = self.find_rescaling(total, watch, &|positions, geometry| {
            let positions: Vec<usize> = match indices {
                None => positions.to_vec(),
                Some(indices) => positions.iter().map(|i| indices[*i]).collect(),
            };
            self.predictor.load_as(source, Some(&positions), geometry, &self.loading, &|_| ())
        })?;
        let geometry = Geometry::rescaled(rescaling.as_ref());
        let images = self.load_as(source, indices, geometry, watch)?.with_rescaling(rescaling);
        if let Some(warning) = skipped_images(images.first().skipped()) {
            watch.warn(&warning);
        }
        tell(&source.picture_notices(), watch);
        Ok(images)
    }

    /// Decodes images in a geometry of their own.
    pub(crate) fn load_as(
        &self,
        source: &Source,
        indices: Option<&[usize]>,
        geometry: Geometry,
        watch: &mut dyn Watch,
    ) -> Result<Images> {
        let total = indices.map_or(source.len(), <[usize]>::len);
        let progress = from_any_thread(watch, Phase::Decoding, total);
        self.predictor.load_as(source, indices, geometry, &self.loading, &progress)
    }

    /// Shows the model images in memory, with their field of view rescaled where that was asked for.
    pub(crate) fn view(&self, data: &Dataset, watch: &mut dyn Watch) -> Result<Images> {
        let rescaling = self.find_rescaling(data.len(), watch, &|positions, geometry| {
            self.predictor.view_as(&data.subset(positions), geometry)
        })?;
        let images = self.predictor.view_as(data, Geometry::rescaled(rescaling.as_ref()))?;
        Ok(images.with_rescaling(rescaling))
    }

    /// How far the field of view of so many images is to be changed, where that was asked for; `show` gives
    /// those at some positions. What was found is told.
    fn find_rescaling(
        &self,
        images: usize,
        watch: &mut dyn Watch,
        show: &dyn Fn(&[usize], Geometry) -> Result<Images>,
    ) -> Result<Option<Rescaling>> {
        let rescaling = match self.rescale {
            None => return Ok(None),
            Some(Rescale::Factor(factor)) => return Ok(Some(Rescaling::by(factor))),
            Some(Rescale::Auto) => rescaling::find(&self.predictor, images, show, &mut |done, total| {
                watch.progress(Phase::Rescaling, done, total);
            })?,
        };
        watch.note(&rescaling.to_string());
        if let Some(curve) = rescaling.curve_in_words() {
            watch.note(&curve);
        }
        Ok(Some(rescaling))
    }

    /// Classifies loaded images, a few hundred at a time as the iterator is asked for more: memory stays
    /// bounded, and a caller can count, show or stop. Where prevalence is adapted, all images are classified
    /// first.
    pub fn predict<'a>(&'a self, images: &'a Images) -> Predictions<'a> {
        Predictions { classifier: self, images, next: 0, ready: Vec::new().into_iter(), weights: None }
    }

    /// Summary of the model for the record of an evaluation.
    pub fn summary(&self) -> ModelSummary {
        let join = |parts: Vec<String>| parts.join(" + ");
        let mut augmentations: Vec<String> =
            self.manifests.iter().flat_map(|m| m.augmentations.clone()).collect();
        augmentations.sort();
        augmentations.dedup();
        let first = self.manifests.first().map(|m| &m.preprocess);
        let possible = self.predictor.possible();
        ModelSummary {
            path: join(self.paths.iter().map(|p| p.display().to_string()).collect()),
            checksums: self.predictor.checksums().into_iter().flatten().collect(),
            architecture: join(self.manifests.iter().map(|m| m.model.name.clone()).collect()),
            parameters: self.predictor.parameters() as u64,
            size: first.map_or(0, |p| p.size),
            enlarged: first.and_then(|p| p.enlarge),
            augmentations,
            tta: self.predictor.tta().name.to_owned(),
            adapted: self.predictor.adapts(),
            among: if possible.len() < self.classes.len() { possible } else { Vec::new() },
            rescale: None,
            fitted_here: None,
            unfinished: self
                .paths
                .iter()
                .find_map(|path| unfinished(path))
                .map(|Unfinished { epochs, planned }| [epochs, planned]),
        }
    }

    /// How many images the model is known to have seen, as it is shown them; `None` where it does not say
    /// what it saw.
    ///
    /// # Errors
    /// A temporary file that cannot be read.
    pub fn known_of(&self, images: &Dataset) -> Result<Option<Known>> {
        let of_members = self.manifests.iter().map(|manifest| &manifest.seen);
        let seen = of_members.fold(Seen::default(), |all, seen| all.and(seen));
        if seen.is_empty() { Ok(None) } else { seen.among(images).map(Some) }
    }

    /// What the model knows of how far its answers can be trusted, as it is asked here. Where the field of
    /// view is still to be looked for, that may not hold for the [images](Self::trust_of).
    ///
    /// # Errors
    /// Why nothing is known.
    pub fn trust(&self) -> Result<&Trust, Untrusted> {
        match self.rescale {
            None | Some(Rescale::Auto | Rescale::Factor(1.0)) => self.predictor.trust(),
            Some(Rescale::Factor(_)) => Err(Untrusted::Crop),
        }
    }

    /// What the model knows of how far its answers about these images can be trusted, as they are shown.
    ///
    /// # Errors
    /// Why nothing is known.
    pub fn trust_of(&self, images: &Images) -> Result<&Trust, Untrusted> {
        match images.rescaling() {
            Some(rescaling) if rescaling.changes() => Err(Untrusted::Crop),
            _ => self.trust(),
        }
    }

    /// In what each image is plainly unlike those that the model was trained on, as it is shown them: a whole
    /// smear field, a negative. Nothing of most images, nor where the model does not say what its own were
    /// like.
    ///
    /// # Errors
    /// A temporary file that cannot be read.
    pub fn unlike_training(&self, images: &Dataset) -> Result<Vec<Vec<Unlike>>> {
        let of_members = self.manifests.iter().map(|manifest| &manifest.likeness);
        of_members.fold(Likeness::default(), |all, likeness| all.and(likeness)).unlike(images)
    }

    /// Path of the first member, as it was opened.
    pub fn path(&self) -> &Path {
        &self.paths[0]
    }

    /// Everything about the model that decides its probabilities, in words: precision, views, classes,
    /// weights, manifests.
    pub(crate) fn identity(&self, images: &str) -> Result<String> {
        let manifests = serde_json::to_string(&self.manifests).map_err(|e| Error::new(e.to_string()))?;
        // of what was read: the file may be another by now
        let weights = self.predictor.checksums();
        let precision = self.predictor.precision().name();
        let tta = self.predictor.tta().name;
        let among = self.predictor.possible().join(",");
        let adapts = self.predictor.adapts();
        Ok(format!("{precision} {tta} {among} {adapts} {images} {weights:?} {manifests}"))
    }
}

/// Predictions, made as they are asked for: see [`Classifier::predict`].
pub struct Predictions<'a> {
    classifier: &'a Classifier,
    images: &'a Images,
    /// Position of the first image that is not classified yet.
    next: usize,
    /// Predictions that wait to be handed out.
    ready: std::vec::IntoIter<Prediction>,
    /// Weights of the classes, where they were adapted.
    weights: Option<Vec<ClassWeight>>,
}

impl Iterator for Predictions<'_> {
    type Item = Result<Prediction>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.len() == 0 && self.next < self.images.first().len() {
            match self.classify_some() {
                Ok(some) => self.ready = some.into_iter(),
                Err(error) => {
                    self.next = self.images.first().len();
                    return Some(Err(error));
                }
            }
        }
        self.ready.next().map(Ok)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let most = self.ready.len() + self.images.first().len() - self.next;
        (0, Some(most))
    }
}

impl Predictions<'_> {
    /// Weights of the classes, once the first prediction was handed out; `None` where they are not
    /// [adapted](ClassifierOptions::adapt_prevalence).
    pub fn class_weights(&self) -> Option<&[ClassWeight]> {
        self.weights.as_deref()
    }

    /// Classifies the next images.
    fn classify_some(&mut self) -> Result<Vec<Prediction>> {
        let Classifier { predictor, classes, .. } = self.classifier;
        let data = self.images.first();
        let count = if predictor.adapts() { data.len() } else { AT_ONCE.min(data.len() - self.next) };
        let positions: Vec<usize> = (self.next..self.next + count).collect();
        self.next += count;
        let answers = predictor.answers(&self.images.subset(&positions), None, &mut |_| ())?;
        let own = answers.rows;
        let mut marks = answers.marks.into_iter();
        let mut probabilities = own.clone();
        predictor.restrict(&mut probabilities);
        let before = if predictor.adapts() { probabilities.clone() } else { Vec::new() };
        let weights = predictor.weigh(&mut probabilities);
        self.weights = weights.map(|weights| predictor.class_weights(&before, &weights));
        let rows = probabilities.chunks_exact(classes.len()).zip(own.chunks_exact(classes.len()));
        let prediction = |(position, (row, own)): (&usize, (&[f32], &[f32]))| {
            let (excluded, excluded_class) = predictor.excluded(own);
            Prediction {
                path: data.entry(*position).path.to_owned(),
                classes: Arc::clone(classes),
                class: argmax(row),
                probabilities: row.to_vec(),
                excluded,
                excluded_class,
                marks: marks.next(),
            }
        };
        Ok(positions.iter().zip(rows).map(prediction).collect())
    }
}

#[cfg(test)]
impl Prediction {
    /// An answer of these probabilities, with no marks.
    pub(crate) fn of(classes: &[String], probabilities: &[f32]) -> Self {
        Self {
            path: String::new(),
            classes: classes.into(),
            class: argmax(probabilities),
            probabilities: probabilities.to_vec(),
            excluded: 0.0,
            excluded_class: None,
            marks: None,
        }
    }
}

impl Prediction {
    /// Path of the image within its input; with several inputs, behind the input's own. Empty for images in
    /// memory.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Name of the most probable class.
    pub fn label(&self) -> &str {
        &self.classes[self.class]
    }

    /// Position of the most probable class in [`Classifier::classes`].
    pub fn class(&self) -> usize {
        self.class
    }

    /// Probability of the most probable class, 0 to 1.
    pub fn probability(&self) -> f32 {
        self.probabilities[self.class]
    }

    /// Probability of every class, in the order of [`Classifier::classes`]; they sum to 1.
    pub fn probabilities(&self) -> &[f32] {
        &self.probabilities
    }

    /// Position of the second most probable class in [`Classifier::classes`].
    pub fn runner_up(&self) -> usize {
        let others = (0..self.probabilities.len()).filter(|class| *class != self.class);
        // of equal ones the first
        let order = |a: &usize, b: &usize| self.probabilities[*a].total_cmp(&self.probabilities[*b]);
        others.rev().max_by(order).unwrap_or(self.class)
    }

    /// Name of the second most probable class.
    pub fn runner_up_label(&self) -> &str {
        &self.classes[self.runner_up()]
    }

    /// What the model tells of the image beside its class; `None` of a model that carries no trust, or none
    /// for the views that it was asked over.
    pub fn marks(&self) -> Option<&Marks> {
        self.marks.as_ref()
    }

    /// Probability, 0 to 1, that the model gives to the classes that it was told not to choose, see
    /// [`ClassifierOptions::among`].
    pub fn excluded(&self) -> f32 {
        self.excluded
    }

    /// Name of the likeliest class of all that the model knows, where that is one that it was told not to
    /// choose.
    pub fn excluded_label(&self) -> Option<&str> {
        self.excluded_class.map(|class| self.classes[class].as_str())
    }
}
