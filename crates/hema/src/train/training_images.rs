//! The training images as the epochs show them: drawn by the recipe's sampler, shuffled, mixed and augmented.
//!
//! Mixing works on whole batches, whose order follows from the seed and the epoch too.
//!
//! What is drawn follows from the seed and the epoch, and what becomes of an image from its place in the data
//! and how often it came before: a resumed epoch goes on where it stopped.

use std::num::NonZero;

use hema_core::Image;
use hema_core::augment::Augment;
use hema_core::augment::mixing::Mixing;
use hema_core::data::Dataset;
use hema_core::error::Result;
use hema_core::preprocess::{Preprocess, resize};
use hema_core::rng::{Purpose, Rng, stream};
use hema_core::sampler::{Draw, Sampler};
use rand::RngExt as _;
use rand::seq::SliceRandom;
use rayon::prelude::*;

use crate::loss::{Target, VIEWS};
use crate::recipe::{Per, Recipe};

/// The class of an image of a batch.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Labelled {
    /// Its position in the data.
    pub(super) image: usize,
    /// Its class.
    pub(super) target: Target,
}

/// The training images and how they are drawn.
#[derive(Clone)]
pub(super) struct TrainingImages<'a> {
    data: &'a Dataset,
    seed: u64,
    /// Operators that come first.
    base: Augment,
    /// What comes next, of which one is drawn.
    ways: Vec<(Augment, Mixing)>,
    way_per: Per,
    mix_per: Per,
    /// Operators that come last.
    last: Augment,
    /// Copies that all epochs show; none where every epoch augments anew.
    copies: Option<NonZero<u64>>,
    /// Every image is labelled in several views.
    views: bool,
    sampler: &'static Sampler,
    /// Positions of the images of each class.
    classes: Vec<Vec<usize>>,
    /// Images of each class in an epoch.
    quotas: Vec<u64>,
}

impl<'a> TrainingImages<'a> {
    /// The training images of a recipe.
    ///
    /// # Errors
    /// A fill or alpha for an operator or mix that takes none.
    pub(super) fn new(recipe: &Recipe, data: &'a Dataset) -> Result<Self> {
        let sampler = recipe.data.sampler.row();
        let mut classes = vec![Vec::new(); data.classes().len()];
        for i in 0..data.len() {
            if let Some(label) = data.label(i) {
                classes[label].push(i);
            }
        }
        let mut quotas = sampler.quotas(&data.counts());
        for quota in &mut quotas {
            *quota *= recipe.augment.copies.max(1);
        }
        Ok(Self {
            data,
            seed: recipe.seed,
            base: recipe.augment.build_base()?,
            ways: recipe.augment.build_pipelines()?,
            way_per: recipe.augment.one_of_per,
            mix_per: recipe.augment.mix_per,
            last: recipe.augment.build_last()?,
            copies: NonZero::new(recipe.augment.copies),
            views: recipe.loss.consistency > 0.0,
            sampler,
            classes,
            quotas,
        })
    }

    /// Names of everything that changes an image.
    pub(super) fn augmentations(&self) -> Vec<String> {
        let of_way = |(operators, mixing): &(Augment, Mixing)| {
            operators.names().into_iter().chain(mixing.names().map(String::from)).collect::<Vec<_>>()
        };
        let ways = self.ways.iter().flat_map(of_way);
        self.base.names().into_iter().chain(ways).chain(self.last.names()).collect()
    }

    /// Images of an epoch.
    pub(super) fn len(&self) -> usize {
        self.quotas.iter().sum::<u64>() as usize
    }

    /// Images of each class in an epoch.
    pub(super) fn quotas(&self) -> &[u64] {
        &self.quotas
    }

    /// The images of an epoch, in the order they are labelled in batches of `batch_size`.
    pub(super) fn draw(&self, epoch: u64, batch_size: usize) -> Vec<Draw> {
        let drawn_in = self.augmented_in(epoch);
        let mut draws = self.sampler.draw(&self.classes, &self.quotas, self.seed, drawn_in);
        draws.shuffle(&mut stream(self.seed, Purpose::Shuffle, drawn_in, 0));
        if self.copies.is_some() {
            // a batch keeps its images, which are mixed with each other; the last may be smaller and stays
            // last
            let whole = draws.len() / batch_size * batch_size;
            let mut batches: Vec<Vec<Draw>> =
                draws[..whole].chunks(batch_size).map(<[Draw]>::to_vec).collect();
            batches.shuffle(&mut stream(self.seed, Purpose::Shuffle, epoch, 1));
            draws.splice(..whole, batches.into_iter().flatten());
        }
        draws
    }

    /// The epoch whose random numbers augment the images of this one.
    fn augmented_in(&self, epoch: u64) -> u64 {
        if self.copies.is_some() { 0 } else { epoch }
    }

    /// The images of a batch, augmented, with what they show: one an image of the batch, each perhaps with
    /// another one of the batch mixed into it, or [`VIEWS`] of each, view by view.
    ///
    /// # Errors
    /// An image that cannot be read from the data set's store.
    pub(super) fn batch(&self, draws: &[Draw], epoch: u64) -> Result<Vec<(Labelled, Image)>> {
        let epoch = self.augmented_in(epoch);
        let labelled: Vec<Labelled> = draws.iter().map(|draw| self.labelled(draw)).collect();
        let ways: Vec<&(Augment, Mixing)> = draws
            .iter()
            .map(|draw| self.way(if self.way_per == Per::Sample { draw } else { &draws[0] }, epoch))
            .collect();
        let operated = draws.par_iter().zip(&ways).map(|(draw, (operators, _))| (draw, operators));
        let mut batch: Vec<(Labelled, Image)> = if self.views {
            let views: Vec<[Image; VIEWS]> = operated
                .map(|(draw, operators)| self.read_views(draw, operators, epoch))
                .collect::<Result<_>>()?;
            let mut of_view: [Vec<_>; VIEWS] = Default::default();
            for (labelled, views) in labelled.iter().zip(views) {
                of_view.iter_mut().zip(views).for_each(|(all, view)| all.push((labelled.clone(), view)));
            }
            of_view.into_iter().flatten().collect()
        } else {
            let images: Vec<Image> =
                operated.map(|(draw, operators)| self.read(draw, operators, epoch)).collect::<Result<_>>()?;
            let mixings: Vec<&Mixing> = ways.iter().map(|(_, mixing)| mixing).collect();
            self.mix(labelled.into_iter().zip(images).collect(), draws, &mixings, epoch)
        };
        if !self.last.is_empty() {
            batch.par_iter_mut().enumerate().for_each(|(place, (_, image))| {
                let (view, look) = (place / draws.len(), self.look(&draws[place % draws.len()]));
                let mut rng = stream(self.seed, Purpose::Last, epoch * VIEWS as u64 + view as u64, look);
                self.last.apply(image, &mut rng);
            });
        }
        Ok(batch)
    }

    /// The images of a batch after every round of their mixing.
    fn mix(
        &self,
        mut batch: Vec<(Labelled, Image)>,
        draws: &[Draw],
        mixings: &[&Mixing],
        epoch: u64,
    ) -> Vec<(Labelled, Image)> {
        let labels: Vec<usize> = batch.iter().map(|(labelled, _)| labelled.target.label()).collect();
        let streams = |draw: &Draw| {
            let look = self.look(draw);
            let of = if self.mix_per == Per::Sample { look } else { self.look(&draws[0]) };
            [(Purpose::Blend, of), (Purpose::Partner, look)]
                .map(|(purpose, of)| stream(self.seed, purpose, epoch, of))
        };
        let mut rngs: Vec<[Rng; 2]> = draws.iter().map(streams).collect();
        let rounds = mixings.iter().map(|mixing| mixing.rounds()).max().unwrap_or(0);
        for round in 0..rounds {
            let mix = |(place, [rng, own]): (usize, &mut [Rng; 2])| {
                let (mut labelled, mut image) = batch[place].clone();
                if let Some(entry) = mixings[place].choose(round, rng)
                    && let Some(partner) = entry.partner(place, &labels, own)
                {
                    let (other, other_image) = &batch[partner];
                    let share = entry.apply(&mut image, other_image, rng);
                    labelled.target.mix(&other.target, share);
                }
                (labelled, image)
            };
            batch = rngs.par_iter_mut().enumerate().map(mix).collect();
        }
        batch
    }

    /// A batch whose images have the size that a stage shows them at.
    ///
    /// # Errors
    /// Those of [`Self::batch`].
    pub(super) fn batch_at(
        &self,
        draws: &[Draw],
        epoch: u64,
        preprocess: &Preprocess,
    ) -> Result<Vec<(Labelled, Image)>> {
        shrink(self.batch(draws, epoch)?, preprocess)
    }

    /// All images of the data in one batch, each once, as an epoch shows them.
    ///
    /// # Errors
    /// An image that cannot be read from the data set's store.
    pub(super) fn all(&self, epoch: u64) -> Result<Vec<Image>> {
        let draws: Vec<Draw> =
            (0..self.data.len()).map(|image| Draw { image, repeat: 0, mix: None }).collect();
        let batch = self.batch(&draws, epoch)?;
        // of several views the second has gone through everything
        let skipped = if self.views { draws.len() } else { 0 };
        Ok(batch.into_iter().map(|(_, image)| image).skip(skipped).take(draws.len()).collect())
    }

    fn labelled(&self, draw: &Draw) -> Labelled {
        // every image of the part that is trained on has a label
        Labelled { image: draw.image, target: self.data.label(draw.image).unwrap_or_default().into() }
    }

    /// A number for an image and how often it came before: one that comes again must not look the same again.
    fn look(&self, draw: &Draw) -> u64 {
        draw.image as u64 + draw.repeat * self.data.len() as u64
    }

    /// The way that is drawn for an image, or for the batch that it begins.
    fn way(&self, draw: &Draw, epoch: u64) -> &(Augment, Mixing) {
        match &self.ways[..] {
            [only] => only,
            several => {
                let mut rng = stream(self.seed, Purpose::Pipeline, epoch, self.look(draw));
                &several[rng.random_range(0..several.len())]
            }
        }
    }

    /// The image of a draw, augmented.
    fn read(&self, draw: &Draw, operators: &Augment, epoch: u64) -> Result<Image> {
        let (mut image, mut rng) = self.read_base(draw, epoch)?;
        operators.apply(&mut image, &mut rng);
        Ok(image)
    }

    /// The views of a draw: with the first operators alone, and twice with all.
    fn read_views(&self, draw: &Draw, operators: &Augment, epoch: u64) -> Result<[Image; VIEWS]> {
        let (image, mut rng) = self.read_base(draw, epoch)?;
        let (mut second, mut third) = (image.clone(), image.clone());
        operators.apply(&mut second, &mut rng);
        operators.apply(&mut third, &mut stream(self.seed, Purpose::View, epoch, self.look(draw)));
        Ok([image, second, third])
    }

    /// The image of a draw after the operators that come first, and the random numbers of the others.
    fn read_base(&self, draw: &Draw, epoch: u64) -> Result<(Image, Rng)> {
        let mut image = self.data.image(draw.image)?;
        if let Some(mix) = draw.mix {
            mix.apply(&mut image, &self.data.image(mix.with)?);
        }
        let mut rng = stream(self.seed, Purpose::Augment, epoch, self.look(draw));
        self.base.apply(&mut image, &mut rng);
        Ok((image, rng))
    }
}

/// A batch whose images have the size that a stage shows them at.
///
/// # Errors
/// A size of 0.
pub(super) fn shrink<T: Send>(batch: Vec<(T, Image)>, preprocess: &Preprocess) -> Result<Vec<(T, Image)>> {
    let Preprocess { size, filter, .. } = *preprocess;
    if batch.first().is_none_or(|(_, image)| image.width() == size) {
        return Ok(batch);
    }
    batch.into_par_iter().map(|(what, image)| Ok((what, resize(&image, size, size, filter)?))).collect()
}

/// The images as training by this recipe shows them in an epoch, for people to look at. They are one batch.
///
/// # Errors
/// A recipe that makes no sense; an image that cannot be read from the data set's store.
pub fn shown(recipe: &Recipe, data: &Dataset, epoch: u64) -> Result<Vec<Image>> {
    TrainingImages::new(recipe, data)?.all(epoch)
}

#[cfg(test)]
mod tests {
    use hema_core::synthetic;

    use super::*;

    const RECIPE: &str = r#"
name = "test"
[data]
size = 16
sampler = "oversample"
[model]
name = "cnn_gap"
[augment]
base = [{ name = "flip-horizontal", probability = 0.5 }]
operators = [{ name = "rotate" }, { name = "brightness" }]
[[stage]]
name = "all"
epochs = 1
lr = 1e-3
"#;

    const MIX: &str =
        r#"augment.mix=[{ name = "mixup", probability = 0.3 }, { name = "cutmix", probability = 0.5 }]"#;

    fn cells(counts: [usize; 8]) -> Dataset {
        let images = synthetic::images(&counts, 16, 1).into_iter();
        let classes = synthetic::CLASSES.map(String::from).to_vec();
        let images = images.map(|(path, image, label)| (path, image, Some(label))).collect();
        Dataset::from_images(classes, images).unwrap()
    }

    fn batch(
        data: &Dataset,
        overrides: &[&str],
        epoch: u64,
        range: std::ops::Range<usize>,
    ) -> Vec<(Labelled, Image)> {
        let recipe = Recipe::parse(RECIPE, "test", overrides).unwrap();
        let images = TrainingImages::new(&recipe, data).unwrap();
        images.batch(&images.draw(epoch, 16)[range], epoch).unwrap()
    }

    #[test]
    fn mixtures_are_of_the_batch_and_follow_from_seed_and_epoch_whatever_the_threads() {
        let data = cells([6; 8]);
        let first = batch(&data, &[MIX], 3, 0..32);
        let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert!(first == one_thread.install(|| batch(&data, &[MIX], 3, 0..32)));
        assert!(first != batch(&data, &[MIX], 4, 0..32) && first != batch(&data, &[MIX, "seed=1"], 3, 0..32));
        let plain = batch(&data, &[], 3, 0..32);
        let mixed = first.iter().zip(&plain).filter(|(mixed, plain)| mixed.1 != plain.1).count();
        let mixed_labels = first.iter().filter(|(labelled, _)| !labelled.target.mixed().is_empty()).count();
        assert!((20..32).contains(&mixed) && mixed_labels >= mixed, "{mixed} {mixed_labels}");
        assert!(plain.iter().all(|(labelled, _)| labelled.target.mixed().is_empty()));
    }

    #[test]
    fn a_stage_with_a_size_shrinks_what_augmentation_made() {
        let data = cells([2; 8]);
        let recipe = Recipe::parse(RECIPE, "test", &["data.sampler=natural"]).unwrap();
        let images = TrainingImages::new(&recipe, &data).unwrap();
        let draws = images.draw(0, 16);
        let at = |size| images.batch_at(&draws, 0, &Preprocess::imagenet(size)).unwrap();
        let whole = images.batch(&draws, 0).unwrap();
        assert!(at(16) == whole);
        for ((_, small), (_, image)) in at(10).iter().zip(&whole) {
            assert!(*small == resize(image, 10, 10, Preprocess::imagenet(10).filter).unwrap());
        }
    }

    #[test]
    fn a_mix_of_the_batch_has_one_share() {
        let always = r#"augment.mix=[{ name = "cutmix" }]"#;
        let shares = |per: &str| {
            let batch = batch(&cells([6; 8]), &[always, per], 0, 0..16);
            let mut shares: Vec<f32> =
                batch.iter().map(|(labelled, _)| labelled.target.mixed()[0].1).collect();
            shares.dedup();
            shares.len()
        };
        assert_eq!(shares("augment.mix_per=batch"), 1);
        assert!(shares("augment.mix_per=sample") > 12);
    }

    #[test]
    fn all_images_are_shown_as_in_training() {
        let data = cells([2; 8]);
        for overrides in [&[][..], &["loss.consistency=12"]] {
            let recipe = Recipe::parse(RECIPE, "test", overrides).unwrap();
            let images = TrainingImages::new(&recipe, &data).unwrap();
            let all = images.all(4).unwrap();
            let draws = images.draw(4, 16);
            for (draw, (_, image)) in draws.iter().zip(batch(&data, &[], 4, 0..16)) {
                assert!(all[draw.image] == image);
            }
        }
    }

    #[test]
    fn one_of_several_ways_is_drawn_for_an_image_or_for_a_batch() {
        let data = cells([6; 8]);
        let ways =
            r#"augment.one_of=[{ operators = [{ name = "invert" }] }, { mix = [{ name = "cutmix" }] }]"#;
        let mixed = |batch: &[(Labelled, Image)]| {
            batch.iter().filter(|(labelled, _)| !labelled.target.mixed().is_empty()).count()
        };
        let of = |per: &str, range: std::ops::Range<usize>| {
            batch(&data, &["augment.operators=[]", ways, per], 2, range)
        };
        let apart = mixed(&of("augment.one_of_per=sample", 0..32));
        assert!((8..25).contains(&apart), "{apart}");
        let together: Vec<usize> = (0..4)
            .map(|of_epoch| mixed(&of("augment.one_of_per=batch", of_epoch * 8..of_epoch * 8 + 8)))
            .collect();
        assert!(together.iter().all(|mixed| [0, 8].contains(mixed)), "{together:?}");
        assert!(together.contains(&0) && together.contains(&8), "{together:?}");
    }

    #[test]
    fn within_a_class_labels_stay_and_what_has_no_partner_is_not_mixed() {
        let within = r#"augment.mix=[{ name = "mixup", alpha = 1.0, within_class = true }]"#;
        for (labelled, _) in batch(&cells([6; 8]), &[within], 0, 0..48) {
            assert_eq!(labelled.target.mixed()[0].0, labelled.target.label());
        }
        let one_class = batch(&cells([5, 0, 0, 0, 0, 0, 0, 0]), &[MIX], 0, 0..5);
        assert!(
            one_class.iter().all(|(labelled, _)| labelled
                .target
                .mixed()
                .iter()
                .all(|(label, _)| *label == 0))
        );
        for mix in [within, MIX] {
            let single = batch(&cells([6; 8]), &[mix], 0, 0..1);
            assert!(single[0].0.target.mixed().is_empty());
        }
    }

    #[test]
    fn the_first_view_has_the_first_operators_alone_and_the_second_is_that_of_a_run_without_views() {
        let data = cells([3; 8]);
        let views = batch(&data, &["loss.consistency=12"], 1, 0..8);
        assert_eq!(views.len(), 24);
        let base = batch(&data, &["augment.operators=[]"], 1, 0..8);
        let whole = batch(&data, &[], 1, 0..8);
        assert!(views[..8] == base && views[8..16] == whole);
        let targets =
            |of: &[(Labelled, Image)]| of.iter().map(|(labelled, _)| labelled.clone()).collect::<Vec<_>>();
        assert_eq!(targets(&views[16..]), targets(&whole));
        assert!(views[16..].iter().zip(&whole).all(|(third, second)| third.1 != second.1));
    }

    #[test]
    fn mixes_follow_each_other_and_what_comes_last_covers_them() {
        let data = cells([6; 8]);
        let all = r#"augment.mix=[{ name = "cutmix" }, { name = "mixup", alpha = 1.0 }]"#;
        let mixed = batch(&data, &[all, "augment.mix_all=true"], 1, 0..16);
        for (labelled, _) in &mixed {
            // two after the first round, another two after the second
            assert_eq!(labelled.target.mixed().len(), 3);
        }
        let grid = "augment.last=[{ name = \"grid-mask\" }]";
        let covered = batch(&data, &[all, "augment.mix_all=true", grid], 1, 0..16);
        let (mut black, mut differ) = (0, 0);
        for ((_, image), (_, before)) in covered.iter().zip(&mixed) {
            for (pixel, before) in image.pixels().chunks(3).zip(before.pixels().chunks(3)) {
                differ += usize::from(pixel != before);
                black += usize::from(pixel != before && pixel == [0; 3]);
            }
        }
        assert!(differ > 100 && differ == black, "{differ} {black}");
        let views = |more: &[&str]| batch(&data, &[&["loss.consistency=12"], more].concat(), 1, 0..8);
        let (plain, covered) = (views(&[]), views(&[grid]));
        assert!(plain.iter().zip(&covered).filter(|(a, b)| a.1 != b.1).count() > 12);
    }

    #[test]
    fn copies_made_in_advance_are_the_same_in_every_epoch() {
        let data = cells([6; 8]);
        let recipe =
            Recipe::parse(RECIPE, "test", &["augment.copies=2", "data.sampler=natural", MIX]).unwrap();
        let images = TrainingImages::new(&recipe, &data).unwrap();
        assert_eq!(images.len(), 96);
        let epoch = |epoch: u64| -> Vec<(Labelled, Image)> {
            let draws = images.draw(epoch, 20);
            assert_eq!(draws.len(), 96);
            draws.chunks(20).flat_map(|draws| images.batch(draws, epoch).unwrap()).collect()
        };
        let first = epoch(0);
        let others = [1, 2, 3].map(epoch);
        assert!(others.iter().any(|other| *other != first), "the order differs");
        assert!(others.iter().all(|other| first.iter().all(|one| other.contains(one))));
        for image in 0..48 {
            let copies: Vec<_> = first.iter().filter(|(labelled, _)| labelled.image == image).collect();
            assert!(copies.len() == 2 && copies[0].1 != copies[1].1);
        }
    }
}
