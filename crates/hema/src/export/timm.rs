//! A model as a folder of timm's: `model.safetensors` and `config.json`, as the Hugging Face hub keeps it.
//!
//! `timm.create_model("local-dir:FOLDER", pretrained=True)` loads it, and Hema reads such a folder wherever it takes a model.
//! The temperature is folded into the classifier, so that timm's probabilities are Hema's. PyTorch's batch counters are left
//! out: they load as 0, strictly too, and nothing but training with momentum `None` reads them.

use std::path::Path;

use hema_core::background::Background;
use hema_core::error::{Error, Result};
use hema_core::file;
use hema_core::preprocess::{Crop, Filter, Preprocess};
use hema_core::provenance::Provenance;
use serde::{Deserialize, Serialize};

use crate::bundle::{self, Bundle, Manifest};
use crate::model::{self, ModelSpec};
use crate::weights;

/// Name of the weights in the folder.
pub const WEIGHTS: &str = "model.safetensors";

/// Name of the description in the folder.
pub const CONFIG: &str = "config.json";

/// Classes of a network, several times those of `ImageNet`'s largest form.
const MOST_CLASSES: usize = 100_000;

/// `config.json`, as far as it decides what a model computes.
#[derive(Serialize, Deserialize)]
struct Config {
    architecture: String,
    num_classes: usize,
    /// Absent where classes have numbers only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label_names: Option<Vec<String>>,
    pretrained_cfg: Pretrained,
}

#[derive(Serialize, Deserialize)]
struct Pretrained {
    /// Channels, height, width.
    input_size: [usize; 3],
    #[serde(default = "bicubic")]
    interpolation: Filter,
    #[serde(default = "one")]
    crop_pct: f64,
    #[serde(default)]
    crop_mode: CropMode,
    mean: [f32; 3],
    std: [f32; 3],
    #[serde(default)]
    num_classes: usize,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    classifier: String,
}

/// What timm does to a picture that is not square.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum CropMode {
    /// The shorter side fits, the longer one is cut.
    #[default]
    Center,
    /// Stretches it.
    Squash,
    /// Fills it up.
    Border,
}

fn bicubic() -> Filter {
    Filter::Bicubic
}

fn one() -> f64 {
    1.0
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

/// The manifest of weights with a `config.json` beside them; `None` where there is none.
///
/// # Errors
/// A `config.json` that is none of timm's, or one that asks for what Hema does not do.
pub(crate) fn manifest_beside(weights: &Path) -> Result<Option<Manifest>> {
    let path = weights.with_file_name(CONFIG);
    if !path.is_file() {
        return Ok(None);
    }
    let reader = std::io::BufReader::new(file::open(&path)?);
    let config: Config = serde_json::from_reader(reader)
        .map_err(|e| Error::new(format!("is no description of a model of timm's: {e}")).at(&path))?;
    manifest(config).map(Some).map_err(|e| e.at(&path))
}

fn manifest(config: Config) -> Result<Manifest> {
    let Pretrained { input_size, interpolation, crop_pct, crop_mode, mean, std, .. } = config.pretrained_cfg;
    let [channels, height, width] = input_size;
    if channels != 3 || height != width {
        return Err(Error::new(format!("its input size is {input_size:?}, expected 3 channels of a square")));
    }
    let crop = match crop_mode {
        CropMode::Squash if crop_pct == 1.0 => Crop::None,
        CropMode::Center if crop_pct == 1.0 => Crop::Square,
        _ => {
            return Err(Error::new(format!(
                "it crops pictures to {crop_pct} of their sides or fills them up, which hema does not do"
            ))
            .hint("where that fits your pictures, set `crop_pct` to 1.0 and `crop_mode` to \"squash\""));
        }
    };
    if config.num_classes > MOST_CLASSES {
        let found = config.num_classes;
        return Err(Error::new(format!("it has {found} classes, expected at most {MOST_CLASSES}")));
    }
    let numbers = || (0..config.num_classes).map(|class| class.to_string()).collect();
    let classes: Vec<String> = config.label_names.unwrap_or_else(numbers);
    if classes.len() != config.num_classes {
        let names = classes.len();
        return Err(Error::new(format!("it names {names} classes, expected {}", config.num_classes)));
    }
    let preprocess = Preprocess {
        size: height,
        crop,
        filter: interpolation,
        mean,
        std,
        background: Background::Keep,
        enlarge: None,
    };
    preprocess.validate()?;
    Ok(Manifest {
        format: bundle::FORMAT,
        model: ModelSpec::bare(&config.architecture, classes.len(), height),
        classes,
        preprocess,
        temperature: 1.0,
        prevalence: Vec::new(),
        tta: hema_core::tta::NONE.name.into(),
        augmentations: Vec::new(),
        synthetic: false,
        metrics: [].into(),
        recipe: String::new(),
        provenance: Provenance {
            version: String::new(),
            commit: "unknown".into(),
            dirty: false,
            command: String::new(),
            device: String::new(),
            time: String::new(),
        },
    })
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

    fn config(change: impl FnOnce(&mut serde_json::Value)) -> Result<Manifest> {
        let mut config = fixtures().into_values().next().unwrap().config;
        change(&mut config);
        manifest(serde_json::from_value(config).unwrap())
    }

    #[test]
    fn what_hema_does_otherwise_is_refused() {
        let error = |change: fn(&mut serde_json::Value)| config(change).unwrap_err().to_string();
        assert!(
            error(|c| c["pretrained_cfg"]["crop_pct"] = 0.875.into()).contains("to 0.875 of their sides")
        );
        assert!(
            error(|c| c["pretrained_cfg"]["input_size"] = [3, 96, 64].as_slice().into()).contains("a square")
        );
        assert!(
            error(|c| c["label_names"] = ["a"].as_slice().into()).contains("names 1 classes, expected 8")
        );
        assert!(
            error(|c| c["num_classes"] = u32::MAX.into()).contains("4294967295 classes, expected at most")
        );
        let numbered = config(|c| drop(c.as_object_mut().unwrap().remove("label_names"))).unwrap();
        assert_eq!(numbered.classes[7], "7");
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
