//! Fits what a model knows of how far its answers can be trusted, see [`hema_core::trust`].

use std::path::Path;

use burn::tensor::Device;
use hema_core::Image;
use hema_core::corrupt::BLOOD_C;
use hema_core::data::{self, Dataset, Unknown};
use hema_core::error::Result;
use hema_core::image_op::ImageOp;
use hema_core::rng::{Purpose, stream};
use hema_core::suite::{self, Condition, SEVERITIES};
use hema_core::trust::{Answered, FEWEST, Halves, SEVERAL, Trust};
use rand::RngExt as _;
use rand::seq::index::sample;

use crate::classifier::Classifier;
use crate::evaluate::labels;
use crate::model_file::{BEST, Bundle, Ensemble};
use crate::predict::{Images, Predictor};
use crate::split_choice::choose_part;
use crate::watch::{Phase, Watch};

/// Images of training that statistics are taken of, unchanged and once damaged.
const OF_TRAINING: usize = 3000;
/// Damaged copies of every validation image.
const COPIES: usize = 2;
/// Seed of the damage: another one than that of evaluations.
const SEED: u64 = 39;

/// Fits trust to labelled images that the model was trained on, and others.
///
/// # Errors
/// Fewer images than [`hema_core::trust::FEWEST`] of training or in either half of validation; images that
/// cannot be read; features that do not vary.
pub(crate) fn fit(
    predictor: &Predictor,
    trained: &Images,
    val: &Images,
    watch: &mut dyn Watch,
) -> Result<Trust> {
    let halves = Halves::of(val.first())?;
    let mut observer = Observer { predictor, damages: Damages::new()?, watch, rounds: 0 };
    let trained = observer.observe(&some_of(trained), 1)?;
    let fitting = observer.observe(&val.subset(&halves.fitting), COPIES)?;
    let certifying = observer.observe(&val.subset(&halves.certifying), COPIES)?;
    let images = val.first().hash()?;
    Trust::fit(predictor.tta().name, &images, &trained, &fitting, &certifying)
}

/// Adds trust to the model that a run's folder keeps, where it has none and there are images enough; says so
/// where there are not.
///
/// # Errors
/// Images that cannot be read; a file that cannot be written.
pub(crate) fn add_to_run(
    folder: &Path,
    trained: &Dataset,
    val: &Dataset,
    device: &Device,
    watch: &mut dyn Watch,
) -> Result<()> {
    let path = folder.join(BEST);
    let bundle = Bundle::read(&path)?;
    if bundle.manifest.trust.is_some() {
        return Ok(());
    }
    let halves = Halves::of(val)?;
    if !halves.suffice() || trained.len() < FEWEST {
        watch.note(&format!(
            "the model gets no thresholds of doubt: they take {FEWEST} images of training and as many in either half of \
             validation, which has {} and {}",
            halves.fitting.len(),
            halves.certifying.len()
        ));
        return Ok(());
    }
    let mut ensemble = Ensemble::of_one(&path, bundle)?;
    let predictor = Predictor::of_ensemble(&ensemble, device)?;
    let trust = fit(&predictor, &predictor.view_cropped(trained), &predictor.view_cropped(val), watch);
    match trust {
        Ok(trust) => {
            let bundle = &mut ensemble.members[0].model;
            bundle.manifest.trust = Some(trust);
            bundle.write(&path)
        }
        // the run is not lost for it
        Err(error) => {
            watch.warn(&format!("the model gets no thresholds of doubt: {error}"));
            Ok(())
        }
    }
}

/// As many images as statistics are taken of, drawn by seed.
fn some_of(images: &Images) -> Images {
    let count = images.first().len();
    let mut rng = stream(SEED, Purpose::Sample, 0, 0);
    let mut drawn = sample(&mut rng, count, OF_TRAINING.min(count)).into_vec();
    drawn.sort_unstable();
    images.subset(&drawn)
}

/// Passes over images that are made: those of training twice, those of either half one more than copies.
const ROUNDS: usize = 2 + 2 * (1 + COPIES);

/// Looks at images, unchanged and damaged anew each time.
struct Observer<'a> {
    predictor: &'a Predictor,
    damages: Damages,
    watch: &'a mut dyn Watch,
    rounds: u64,
}

impl Observer<'_> {
    /// What the model makes of images as they are, and of so many damaged copies.
    fn observe(&mut self, images: &Images, copies: usize) -> Result<Vec<Answered>> {
        self.tell();
        let mut answers = self.predictor.observe(images, None, &|_| 0)?;
        for _ in 0..copies {
            self.tell();
            let (damages, round) = (&self.damages, self.rounds);
            let edit = |i: usize, image: &mut Image| damages.apply(image, round, i as u64);
            answers
                .extend(self.predictor.observe(images, Some(&edit), &|i| damages.severity(round, i as u64))?);
        }
        Ok(answers)
    }

    fn tell(&mut self) {
        self.watch.progress(Phase::Judging("what can be trusted"), self.rounds as usize, ROUNDS);
        self.rounds += 1;
    }
}

/// What images are damaged with: the corruptions of `blood-c` at every severity, and one time in four the
/// compositions of `challenge`.
struct Damages {
    corruptions: Vec<Condition>,
    compositions: Vec<Condition>,
}

impl Damages {
    fn new() -> Result<Self> {
        let each = |corruption: &&'static dyn ImageOp| {
            let corruption = *corruption;
            SEVERITIES.map(move |severity| Condition::corruption(corruption, severity))
        };
        let compositions = suite::find("challenge")?.conditions;
        Ok(Self { corruptions: BLOOD_C.iter().flat_map(each).collect(), compositions })
    }

    /// The damage of an image in a round.
    fn of(&self, round: u64, image: u64) -> &Condition {
        let mut rng = stream(SEED, Purpose::Corrupt, round, image);
        let kind = if rng.random_bool(0.25) { &self.compositions } else { &self.corruptions };
        &kind[rng.random_range(0..kind.len())]
    }

    fn severity(&self, round: u64, image: u64) -> u8 {
        self.of(round, image).severity().unwrap_or(SEVERAL)
    }

    fn apply(&self, image: &mut Image, round: u64, index: u64) {
        self.of(round, index).apply(image, SEED + round, index);
    }
}

/// Fits trust to a single model anew, by the training and validation parts of a data set, and writes the
/// model with it. The split is found as [`choose_part`] finds it.
///
/// # Errors
/// An ensemble; data without a split, without labels, or with too few images; a file that cannot be written.
pub fn calibrate(
    model: &Classifier,
    data: &Path,
    split: Option<&Path>,
    out: &Path,
    watch: &mut dyn Watch,
) -> Result<Trust> {
    let mut bundle = Bundle::read(model.path())?;
    let source = data::open_as(data, model.white())?.with_classes(model.classes(), Unknown::Fail)?;
    let mut part = |name: &str| -> Result<Images> {
        let (_, indices) = choose_part(&source, model.path(), split, Some(name))?;
        let images = model.load(&source, indices.as_deref(), watch)?;
        labels(images.first())?;
        Ok(images)
    };
    let (trained, val) = (part("train")?, part("val")?);
    let trust = fit(model.predictor(), &trained, &val, watch).map_err(|e| e.at(data))?;
    bundle.manifest.trust = Some(trust.clone());
    bundle.write(out)?;
    Ok(trust)
}
