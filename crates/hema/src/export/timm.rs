//! A model as a folder of timm's: `model.safetensors` and `config.json`, as the Hugging Face hub keeps it.
//!
//! `timm.create_model("local-dir:FOLDER", pretrained=True)` loads it, and Hema reads such a folder wherever
//! it takes a model ([`crate::model_file`]). The temperature is folded into the classifier, so that timm's
//! probabilities are Hema's. PyTorch's batch counters are left out: they load as 0, strictly too, and nothing
//! but training with momentum `None` reads them.

use std::path::Path;

use hema_core::background::Background;
use hema_core::error::{Error, Result};
use hema_core::file;
use hema_core::preprocess::{Crop, Preprocess};
use hema_core::tta;

use super::kind::{Export, Output, Preprocessing, Written};
use crate::model::{self, ModelSpec};
use crate::model_file::timm::{CONFIG, Config, CropMode, Pretrained, WEIGHTS};
use crate::model_file::{Bundle, Manifest};
use crate::weights;

/// The row of this export.
pub(super) const EXPORT: Export = Export {
    name: "timm",
    about: "A folder with model.safetensors and config.json, for timm and the Hugging Face hub",
    output: Output::Folder(&[WEIGHTS, CONFIG]),
    preprocesses: false,
    write: export,
};

fn export(model: &Path, out: &Path, _: Preprocessing) -> Result<Written> {
    let bundle = Bundle::read(model)?;
    write(&bundle, out).map_err(|e| e.at(model))?;
    let usage = format!("timm.create_model(\"local-dir:{}\", pretrained=True) loads it", out.display());
    Ok(Written { usage: Some(usage), ..left_out(&bundle.manifest)? })
}

/// What of a model the folder has no place for.
fn left_out(manifest: &Manifest) -> Result<Written> {
    // every field by name: a new one has to find its place here
    let Manifest {
        preprocess,
        tta,
        synthetic,
        temperature,
        prevalence: _,
        recipe: _,
        metrics: _,
        augmentations: _,
        fitted_on: _,
        seen: _,
        likeness: _,
        trust,
        origins: _,
        trained: _,
        provenance: _,
        format: _,
        model: _,
        classes: _,
    } = manifest;
    let mut warnings = not_in_transforms(preprocess);
    let views = tta::find(tta)?;
    if views.len() > 1 {
        warnings.push(format!(
            "this model averages over {} views of an image (`{tta}`), and timm looks at it once: it predicts as `hema \
             predict --tta none` does",
            views.len()
        ));
    }
    if *synthetic {
        warnings.push("this model was trained on drawn cells, and the folder does not say so".to_owned());
    }
    if trust.is_some() {
        warnings.push(
            "this model divides its logits by a temperature of each image's own and knows which answers to refer to a \
             person; timm does neither"
                .to_owned(),
        );
    }
    let mut notes = vec![
        "left out: the classes' shares in training, which `--adapt-prevalence` needs, the prints of the images that the \
         model has seen, the recipe, the scores and the provenance"
            .to_owned(),
    ];
    if *temperature != 1.0 {
        notes.push(format!("the temperature, {temperature:.2}, is in the classifier's weights"));
    }
    Ok(Written { warnings, notes, usage: None })
}

/// What is done to a picture that timm's transforms cannot say.
fn not_in_transforms(preprocess: &Preprocess) -> Vec<String> {
    // a background that is removed is refused, and no model holds a factor to rescale by
    let Preprocess { size, crop, enlarge, white, filter: _, mean: _, std: _, background: _, rescale: _ } =
        preprocess;
    let mut warnings = Vec::new();
    if let Crop::Pixels(side) = crop {
        warnings.push(format!(
            "this model sees the centred {side} pixels of a picture, which timm's transforms cannot say: crop before them"
        ));
    }
    if let Some(side) = enlarge {
        warnings.push(format!(
            "this model sees images of {size} pixels enlarged to {side}, and timm's transforms resize once: make larger images \
             that small before them"
        ));
    }
    if let Some(white) = white {
        warnings.push(format!(
            "this model takes {white} for white in images of more than 8 bits, which timm's transforms cannot say: bring them \
             to 8 bits before them"
        ));
    }
    warnings
}

/// Writes the folder.
///
/// # Errors
/// A network that timm does not have, a head of several layers, or a folder that cannot be written.
pub fn write(model: &Bundle, folder: &Path) -> Result<()> {
    let Manifest { model: spec, preprocess, classes, temperature, .. } = &model.manifest;
    check_is_timms(spec, preprocess)?;
    let parts = model::parts_of(&spec.name)?;
    let mut tensors = model.tensors.clone();
    for (_, array) in tensors.iter_mut().filter(|(name, _)| parts.is_head(name)) {
        array.values.iter_mut().for_each(|value| *value = (f64::from(*value) / temperature) as f32);
    }
    let classifier =
        tensors.keys().find_map(|name| name.strip_suffix(".weight").filter(|name| parts.is_head(name)));
    let config = Config {
        architecture: spec.name.clone(),
        num_classes: classes.len(),
        label_names: Some(classes.clone()),
        pretrained_cfg: Pretrained {
            input_size: [3, preprocess.network_size(), preprocess.network_size()],
            interpolation: preprocess.filter,
            crop_pct: 1.0,
            crop_mode: if preprocess.crop == Crop::None { CropMode::Squash } else { CropMode::Center },
            mean: preprocess.mean,
            std: preprocess.std,
            num_classes: classes.len(),
            classifier: classifier.unwrap_or_default().to_owned(),
        },
    };
    let path = folder.join(CONFIG);
    let json = serde_json::to_string_pretty(&config).map_err(|e| Error::new(e.to_string()).at(&path))?;
    weights::write(&folder.join(WEIGHTS), &tensors, &[("format".to_owned(), "pt".to_owned())].into())?;
    file::write_atomic(&path, |w| writeln!(w, "{json}"))
}

fn check_is_timms(spec: &ModelSpec, preprocess: &Preprocess) -> Result<()> {
    let name = &spec.name;
    if !model::architectures().any(|a| a.name == name && a.parameters.is_some()) {
        return Err(Error::new(format!("`{name}` is a network of Hema's own, which timm does not have"))
            .hint("`hema export --to codabench` takes any network"));
    }
    if preprocess.background != Background::Keep {
        return Err(Error::new("its `data.background` is removed, which timm cannot do")
            .hint("`hema export --to codabench` takes any network"));
    }
    if let Some(stages) = spec.stages {
        return Err(Error::new(format!("it has {stages} stages of `{name}` alone, timm's has all"))
            .hint("`hema export --to codabench` takes any network"));
    }
    if spec.head.is_empty() {
        return Ok(());
    }
    let head: Vec<String> = spec.head.iter().map(ToString::to_string).collect();
    Err(Error::new(format!("its head has the hidden layers {}, timm's have none", head.join(", ")))
        .hint("train with an empty `model.head`, or use `hema export --to codabench`"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hema_core::data::{self, LoadOptions};
    use serde::Deserialize;

    use super::*;
    use crate::Device;
    use crate::model::Network;
    use crate::model::tests::parity::filled;
    use crate::model_file::timm::manifest_beside;
    use crate::predict::Predictor;
    use crate::weights::state_dict;

    /// What timm makes of a folder, see `scripts/reference/timm_folder.py`.
    #[derive(Deserialize)]
    struct Timm {
        config: serde_json::Value,
        classifier_scale: f32,
        probabilities: Vec<f32>,
    }

    fn fixtures() -> BTreeMap<String, Timm> {
        serde_json::from_str(include_str!("../../tests/fixtures/timm_folder.json")).unwrap()
    }

    /// Probabilities of the sixteen cells of a fixture.
    fn probabilities(model: &Path) -> Vec<f32> {
        let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/timm_v2b0.npz");
        let (predictor, _) = Predictor::open(&[model.to_owned()], &Device::flex()).unwrap();
        let source = data::open(&images).unwrap();
        let views = predictor.load(&source, None, None, &LoadOptions::default(), &|_| ()).unwrap();
        predictor.predict(&views, None, &mut |_| ()).unwrap()
    }

    fn assert_close(found: &[f32], expected: &[f32], what: &str) {
        assert_eq!(found.len(), expected.len(), "{what}");
        for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
            assert!((found - expected).abs() < 1e-4, "{what}, value {i}: {found}, expected {expected}");
        }
    }

    #[test]
    fn a_folder_that_timm_wrote_gives_timms_probabilities_and_is_written_back() {
        let fixtures = fixtures();
        assert_eq!(fixtures.len(), 6);
        for (name, timm) in fixtures {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(CONFIG), timm.config.to_string()).unwrap();
            let manifest = manifest_beside(&folder.path().join(WEIGHTS)).unwrap().unwrap();
            let network = Network::new(&manifest.model, 0, &Device::flex()).unwrap();
            let tensors = filled(&manifest.model.name, state_dict(&network), timm.classifier_scale);
            weights::write(&folder.path().join(WEIGHTS), &tensors, &BTreeMap::new()).unwrap();
            assert_close(&probabilities(folder.path()), &timm.probabilities, &name);

            let mut model = Bundle::read(folder.path()).unwrap();
            model.manifest.temperature = 1.7;
            let own = folder.path().join("own.safetensors");
            model.write(&own).unwrap();
            let again = folder.path().join("again");
            write(&model, &again).unwrap();
            assert_close(&probabilities(&again), &probabilities(&own), &name);
        }
    }

    #[test]
    fn what_the_folder_has_no_place_for_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let (_, timm) = fixtures().into_iter().next().unwrap();
        std::fs::write(folder.path().join(CONFIG), timm.config.to_string()).unwrap();
        let mut manifest = manifest_beside(&folder.path().join(WEIGHTS)).unwrap().unwrap();
        let said = |manifest: &Manifest| {
            let Written { warnings, notes, .. } = left_out(manifest).unwrap();
            (warnings, notes.join("\n"))
        };
        let (warnings, notes) = said(&manifest);
        assert!(warnings.is_empty() && notes.starts_with("left out: the classes' shares"), "{warnings:?}");
        assert!(!notes.contains("temperature"));

        manifest.tta = "flips".into();
        manifest.temperature = 1.25;
        manifest.synthetic = true;
        manifest.preprocess.crop = Crop::Pixels(200);
        manifest.preprocess.enlarge = Some(224);
        manifest.preprocess.white = Some(4095.0);
        let (warnings, notes) = said(&manifest);
        for expected in [
            "centred 200 pixels",
            "enlarged to 224",
            "takes 4095 for white",
            "4 views of an image (`flips`)",
            "drawn cells",
        ] {
            assert!(warnings.iter().any(|warning| warning.contains(expected)), "{expected}: {warnings:?}");
        }
        assert!(notes.contains("the temperature, 1.25, is in the classifier's weights"), "{notes}");
    }

    #[test]
    fn networks_that_timm_lacks_are_not_written() {
        let spec = |name: &str, head: &[usize]| ModelSpec { head: head.to_vec(), ..model::tests::spec(name) };
        let plain = Preprocess::imagenet(32);
        check_is_timms(&spec("resnet18", &[]), &plain).unwrap();
        let error = |spec| check_is_timms(&spec, &plain).unwrap_err().to_string();
        assert_eq!(
            error(spec("cnn_gap", &[])),
            "`cnn_gap` is a network of Hema's own, which timm does not have"
        );
        assert!(error(spec("resnet18", &[64, 32])).contains("hidden layers 64, 32"));
        let shorter = ModelSpec { stages: Some(3), ..spec("resnet18", &[]) };
        assert!(error(shorter).contains("3 stages of `resnet18` alone"));
        let removed = Preprocess { background: Background::Remove, ..plain.clone() };
        let error = check_is_timms(&spec("resnet18", &[]), &removed).unwrap_err().to_string();
        assert!(error.contains("its `data.background` is removed"), "{error}");
    }
}
