//! Evidence of a model for the audit of a data set: its features find outliers, its probabilities doubtful
//! labels.
//!
//! A model that was trained on an image mostly repeats its label. [`out_of_fold`] therefore predicts every
//! image by a linear head that was fitted to the other folds' images on frozen features: seconds in place of
//! hours of training.

use std::path::Path;

use burn::tensor::Device;
use hema_core::audit::ModelEvidence;
use hema_core::data::{LoadOptions, OnBadImage, Source, match_classes};
use hema_core::error::{Error, Result};
use hema_core::preprocess::Preprocess;
use hema_core::rng::{Purpose, stream};
use hema_core::seen::Seen;
use rand::seq::SliceRandom;
use rayon::prelude::*;

use crate::logistic::Logistic;
use crate::model::{ModelSpec, Network};
use crate::predict::Predictor;
use crate::weights;

/// The backbone that stands in where no model is given.
const BACKBONE: &str = "tf_efficientnetv2_b0";
/// Side of the images that it sees, in pixels.
const SIZE: usize = 128;
/// The weight of the squared norm of a head's weights beside its mean loss.
const PENALTY: f64 = 1e-2;

/// A model that is asked.
pub(crate) struct Expert {
    pub(crate) predictor: Predictor,
    /// Prints of the images that it has seen.
    pub(crate) seen: Seen,
    /// What it was opened by, with the checksum of its contents.
    pub(crate) called: String,
}

/// The backbone with `ImageNet`'s weights: its features suit any classes, its probabilities mean nothing.
///
/// # Errors
/// Weights that are not found, see [`weights::find_pretrained`].
pub(crate) fn pretrained(classes: &[String], device: &Device) -> Result<Predictor> {
    let spec = ModelSpec::bare(BACKBONE, classes.len().max(2), SIZE);
    let path: &Path = &weights::find_pretrained(BACKBONE)?;
    let network = weights::start_from(Network::new(&spec, 0, device)?, &spec, path)?;
    let mut names = classes.to_vec();
    names.resize(spec.classes, String::new());
    Ok(Predictor::of_network(&network, &Preprocess::imagenet(SIZE), &names, device))
}

/// The features and probabilities of the images of `source` at `images`, where they can be read. The model's
/// classes must be the source's, in order, for its probabilities to mean anything; `seen` are prints of the
/// images that it has seen. `progress` hears how many images are done.
///
/// # Errors
/// A shared file of the data that cannot be read any further, no readable image, or a model that gives no
/// numbers.
pub(crate) fn ask(
    predictor: &Predictor,
    seen: &Seen,
    source: &Source,
    images: &[usize],
    options: &LoadOptions,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<ModelEvidence> {
    let mut opinion = ModelEvidence {
        probabilities: vec![None; source.len()],
        embeddings: vec![None; source.len()],
        out_of_fold: false,
        trained_on: 0,
    };
    let options = options.on_bad_image(OnBadImage::Skip);
    let order = source.reading_order(Some(images))?;
    let images = predictor.load(source, Some(&order), None, &options, &|_| ())?;
    let data = images.first();
    opinion.trained_on = seen.among(data)?.trained;
    let embedded = predictor.embed(&images, &mut |done| progress(done))?;
    let width = embedded.features.len() / data.len().max(1);
    let classes = predictor.classes().len();
    let mut rows =
        embedded.features.chunks_exact(width.max(1)).zip(embedded.probabilities.chunks_exact(classes));
    // what could not be read is missing among the rows, whose order is kept
    let mut read = (0..data.len()).map(|row| data.entry(row)).peekable();
    for image in order {
        if read.next_if(|entry| *entry == source.entry(image)).is_some()
            && let Some((features, probabilities)) = rows.next()
        {
            opinion.embeddings[image] = Some(features.to_vec());
            opinion.probabilities[image] = Some(probabilities.to_vec());
        }
    }
    Ok(opinion)
}

/// The probabilities of the model itself in the order of the source's classes, where it is known to have been
/// trained on none of the images and knows all their classes; else the reason why they tell nothing of
/// labels.
pub(crate) fn own_predictions(
    evidence: &ModelEvidence,
    expert: &Expert,
    source: &Source,
) -> Result<ModelEvidence, String> {
    if expert.seen.is_empty() {
        return Err("it keeps no record of the images that it has seen".to_owned());
    }
    if evidence.trained_on > 0 {
        return Err(format!("it was trained on {} of these images", evidence.trained_on));
    }
    let mut columns = Vec::new();
    for (name, position) in
        source.classes().iter().zip(match_classes(source.classes(), expert.predictor.classes()))
    {
        columns.push(position.ok_or_else(|| format!("it knows no class `{name}`"))?);
    }
    let among = |row: &Vec<f32>| {
        let row: Vec<f32> = columns.iter().map(|column| row[*column]).collect();
        let sum = row.iter().sum::<f32>().max(f32::MIN_POSITIVE);
        row.into_iter().map(|p| p / sum).collect()
    };
    let probabilities = evidence.probabilities.iter().map(|row| row.as_ref().map(among)).collect();
    Ok(ModelEvidence { probabilities, out_of_fold: true, ..evidence.clone() })
}

/// Replaces the probabilities by those of linear heads on the features, each image's by the head that was
/// fitted to the other folds. Folds have the classes in equal shares; the images of a group in `copies` lie
/// in one.
///
/// # Errors
/// Fewer than two folds, or fewer labelled images than folds.
pub(crate) fn out_of_fold(
    opinion: ModelEvidence,
    source: &Source,
    copies: &[Vec<usize>],
    folds: usize,
) -> Result<ModelEvidence> {
    let fold_of = folds_of(&opinion, source, copies, folds);
    let labelled = fold_of.iter().flatten().count();
    if folds < 2 || labelled < folds {
        return Err(Error::new(format!(
            "{folds} folds of {labelled} labelled images (expected 2 folds or more)"
        ))
        .at(source.path()));
    }
    let width = opinion.embeddings.iter().flatten().map(Vec::len).next().unwrap_or(0);
    let label = |image: usize| source.entry(image).label.unwrap_or(0);
    let mut probabilities = vec![None; source.len()];
    for fold in 0..folds {
        let others: Vec<usize> =
            (0..source.len()).filter(|image| fold_of[*image].is_some_and(|own| own != fold)).collect();
        let rows: Vec<&[f32]> =
            others.iter().filter_map(|image| opinion.embeddings[*image].as_deref()).collect();
        let labels: Vec<usize> = others.iter().map(|image| label(*image)).collect();
        let head = Logistic::fit(&rows, width, &labels, source.classes().len(), PENALTY);
        let predicted: Vec<(usize, Vec<f32>)> = (0..source.len())
            .into_par_iter()
            .filter(|image| fold_of[*image] == Some(fold))
            .filter_map(|image| Some((image, head.predict(opinion.embeddings[image].as_deref()?))))
            .collect();
        for (image, row) in predicted {
            probabilities[image] = Some(row);
        }
    }
    Ok(ModelEvidence { probabilities, out_of_fold: true, ..opinion })
}

/// The fold of every labelled image that the model saw.
fn folds_of(
    opinion: &ModelEvidence,
    source: &Source,
    copies: &[Vec<usize>],
    folds: usize,
) -> Vec<Option<usize>> {
    let usable = |image: &usize| source.entry(*image).label.is_some() && opinion.embeddings[*image].is_some();
    let mut alone = vec![true; source.len()];
    copies.iter().flatten().for_each(|image| alone[*image] = false);
    let singles = (0..source.len()).filter(|image| alone[*image]).map(|image| vec![image]);
    let mut of_class: Vec<Vec<Vec<usize>>> = vec![Vec::new(); source.classes().len()];
    for group in copies.iter().cloned().chain(singles) {
        let members: Vec<usize> = group.into_iter().filter(usable).collect();
        if let Some(label) = members.first().and_then(|first| source.entry(*first).label) {
            of_class[label].push(members);
        }
    }
    let mut fold_of = vec![None; source.len()];
    let mut dealt = 0;
    for (class, mut groups) in of_class.into_iter().enumerate() {
        groups.shuffle(&mut stream(0, Purpose::Split, class as u64, folds as u64));
        for group in groups {
            for image in group {
                fold_of[image] = Some(dealt % folds.max(1));
            }
            dealt += 1;
        }
    }
    fold_of
}

#[cfg(test)]
mod tests {
    use hema_core::data;

    use super::*;

    /// Two classes of images that a picture of their features tells apart; the first image cannot be read.
    fn data(folder: &Path) -> Source {
        for (class, red) in [("a", 40), ("b", 200)] {
            std::fs::create_dir_all(folder.join(class)).unwrap();
            for i in 0..12 {
                let image = hema_core::Image::filled(24, 24, [red + i, 90, 120 - i]);
                std::fs::write(folder.join(class).join(format!("{i:02}.png")), image.to_png().unwrap())
                    .unwrap();
            }
        }
        std::fs::write(folder.join("a/00.png"), b"no picture").unwrap();
        data::open(folder).unwrap()
    }

    fn predictor(source: &Source) -> Predictor {
        let spec = ModelSpec { classes: 2, size: 24, ..crate::model::tests::spec("cnn_gap") };
        let network = Network::new(&spec, 0, &Device::flex()).unwrap();
        Predictor::of_network(&network, &Preprocess::imagenet(24), source.classes(), &Device::flex())
    }

    fn all(source: &Source) -> Vec<usize> {
        (0..source.len()).collect()
    }

    /// What a model that has seen none of these images says of them.
    fn opinion(predictor: &Predictor, source: &Source, images: &[usize]) -> ModelEvidence {
        ask(predictor, &Seen::default(), source, images, &LoadOptions::default(), &|_| ()).unwrap()
    }

    #[test]
    fn only_the_images_asked_for_are_judged() {
        let folder = tempfile::tempdir().unwrap();
        let source = data(folder.path());
        let opinion = opinion(&predictor(&source), &source, &[3, 20]);
        let judged: Vec<usize> = (0..source.len()).filter(|i| opinion.embeddings[*i].is_some()).collect();
        assert_eq!(judged, [3, 20]);
    }

    #[test]
    fn every_readable_image_is_embedded_and_predicted_as_the_predictor_does() {
        let folder = tempfile::tempdir().unwrap();
        let source = data(folder.path());
        let predictor = predictor(&source);
        let opinion = opinion(&predictor, &source, &all(&source));
        assert!(!opinion.out_of_fold);
        assert_eq!((opinion.embeddings.len(), opinion.probabilities.len()), (24, 24));
        assert_eq!((&opinion.embeddings[0], &opinion.probabilities[0]), (&None, &None));
        let images = predictor.load(&source, Some(&[5]), None, &LoadOptions::default(), &|_| ()).unwrap();
        let alone = predictor.predict(&images, None, &mut |_| ()).unwrap();
        let found = opinion.probabilities[5].as_ref().unwrap();
        assert!(found.iter().zip(&alone).all(|(f, e)| (f - e).abs() < 1e-5), "{found:?} {alone:?}");
        assert_eq!(opinion.embeddings[5].as_ref().unwrap().len(), 128);
    }

    #[test]
    fn heads_on_the_other_folds_tell_the_classes_apart_and_contradict_a_swapped_label() {
        let folder = tempfile::tempdir().unwrap();
        data(folder.path());
        std::fs::rename(folder.path().join("a/07.png"), folder.path().join("b/swapped.png")).unwrap();
        let source = data::open(folder.path()).unwrap();
        let opinion = opinion(&predictor(&source), &source, &all(&source));
        let unfolded = out_of_fold(opinion, &source, &[vec![1, 2], vec![3, 4, 5]], 4).unwrap();
        assert!(unfolded.out_of_fold);
        assert_eq!(unfolded.probabilities[0], None);
        for (image, entry) in source.entries().iter().enumerate().skip(1) {
            let row = unfolded.probabilities[image].as_ref().unwrap();
            let contradicted = row[entry.label.unwrap()] < 0.5;
            assert_eq!(contradicted, entry.path == "b/swapped.png", "{}: {row:?}", entry.path);
        }
    }

    #[test]
    fn a_model_judges_labels_itself_only_of_known_classes_and_where_it_is_known_to_have_seen_none() {
        let folder = tempfile::tempdir().unwrap();
        let source = data(folder.path());
        let load = |predictor: &Predictor, images: &[usize]| {
            let images =
                predictor.load(&source, Some(images), None, &LoadOptions::default(), &|_| ()).unwrap();
            images.first().clone()
        };
        let named = |names: [&str; 3]| {
            let spec = ModelSpec { classes: 3, size: 24, ..crate::model::tests::spec("cnn_gap") };
            let network = Network::new(&spec, 0, &Device::flex()).unwrap();
            Predictor::of_network(
                &network,
                &Preprocess::imagenet(24),
                &names.map(String::from),
                &Device::flex(),
            )
        };
        let judged = |predictor: Predictor, seen: Seen| {
            let expert = Expert { predictor, seen, called: String::new() };
            let asked =
                ask(&expert.predictor, &expert.seen, &source, &[3, 20], &LoadOptions::default(), &|_| ());
            own_predictions(&asked.unwrap(), &expert, &source)
        };
        let seen = |images: &[usize]| {
            let predictor = predictor(&source);
            Seen::new(&load(&predictor, images), &load(&predictor, &[])).unwrap()
        };
        let own = judged(named(["b", "c", "a"]), seen(&[5])).unwrap();
        let row = own.probabilities[20].as_ref().unwrap();
        assert!(own.out_of_fold && row.len() == 2 && (row[0] + row[1] - 1.0).abs() < 1e-6, "{row:?}");
        let plain =
            ask(&named(["b", "c", "a"]), &Seen::default(), &source, &[20], &LoadOptions::default(), &|_| ());
        let whole = plain.unwrap().probabilities[20].clone().unwrap();
        assert!((row[0] - whole[2] / (whole[2] + whole[0])).abs() < 1e-5, "{row:?} {whole:?}");
        for (names, seen, reason) in [
            (["b", "c", "a"], Seen::default(), "it keeps no record"),
            (["b", "c", "a"], seen(&[3]), "it was trained on 1 of these images"),
            (["b", "c", "d"], seen(&[5]), "it knows no class `a`"),
        ] {
            let error = judged(named(names), seen).unwrap_err();
            assert!(error.starts_with(reason), "{error}");
        }
    }

    #[test]
    fn folds_are_even_and_keep_copies_together() {
        let folder = tempfile::tempdir().unwrap();
        let source = data(folder.path());
        let opinion = opinion(&predictor(&source), &source, &all(&source));
        let copies = [vec![1, 2], vec![3, 14, 20]];
        let fold_of = folds_of(&opinion, &source, &copies, 3);
        assert_eq!(fold_of[0], None);
        for group in &copies {
            assert!(group.iter().all(|image| fold_of[*image] == fold_of[group[0]]));
        }
        for fold in 0..3 {
            let size = fold_of.iter().filter(|own| **own == Some(fold)).count();
            assert!((6..=10).contains(&size), "{fold_of:?}");
        }
        assert!(out_of_fold(opinion.clone(), &source, &[], 1).is_err());
        assert!(out_of_fold(opinion.clone(), &source, &[], 0).is_err());
        assert!(out_of_fold(opinion, &source, &[], 99).is_err());
    }
}
