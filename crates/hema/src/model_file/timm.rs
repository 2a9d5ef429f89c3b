//! A model in a folder of timm's: `model.safetensors` and `config.json`, as the Hugging Face hub keeps it.
//!
//! Hema takes such a folder wherever it takes a model. [`crate::export::timm`] writes one.

use std::path::Path;

use hema_core::background::Background;
use hema_core::error::{Error, Result};
use hema_core::file;
use hema_core::likeness::Likeness;
use hema_core::preprocess::{Crop, Filter, Preprocess};
use hema_core::provenance::Provenance;
use hema_core::seen::Seen;
use serde::{Deserialize, Serialize};

use super::bundle::{self, Manifest};
use crate::model::{MOST_CLASSES, ModelSpec};

/// Name of the weights in the folder.
pub(crate) const WEIGHTS: &str = "model.safetensors";

/// Name of the description in the folder.
pub(crate) const CONFIG: &str = "config.json";

/// Most bytes of the description, those of the names of as many classes as there may be.
const MOST_BYTES: u64 = 16 << 20;

/// `config.json`, as far as it decides what a model computes.
#[derive(Serialize, Deserialize)]
pub(crate) struct Config {
    pub(crate) architecture: String,
    pub(crate) num_classes: usize,
    /// Absent where classes have numbers only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label_names: Option<Vec<String>>,
    pub(crate) pretrained_cfg: Pretrained,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Pretrained {
    /// Channels, height, width.
    pub(crate) input_size: [usize; 3],
    #[serde(default = "bicubic")]
    pub(crate) interpolation: Filter,
    #[serde(default = "one")]
    pub(crate) crop_pct: f64,
    #[serde(default)]
    pub(crate) crop_mode: CropMode,
    pub(crate) mean: [f32; 3],
    pub(crate) std: [f32; 3],
    #[serde(default)]
    pub(crate) num_classes: usize,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) classifier: String,
}

/// How timm treats a picture that is not square.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CropMode {
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

/// The manifest of weights with a `config.json` beside them; `None` where there is none.
///
/// # Errors
/// A `config.json` that is none of timm's, or one that asks for what Hema does not do.
pub(crate) fn manifest_beside(weights: &Path) -> Result<Option<Manifest>> {
    let path = weights.with_file_name(CONFIG);
    if !path.is_file() {
        return Ok(None);
    }
    let config: Config = serde_json::from_str(&file::read_text(&path, MOST_BYTES)?)
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
        white: None,
        size: height,
        crop,
        filter: interpolation,
        mean,
        std,
        background: Background::Keep,
        enlarge: None,
        rescale: None,
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
        fitted_on: None,
        seen: Seen::default(),
        likeness: Likeness::default(),
        trust: None,
        origins: None,
        trained: None,
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

    use super::*;

    /// A folder's description as timm wrote it, see `scripts/reference/timm_folder.py`.
    fn fixture() -> serde_json::Value {
        let all: BTreeMap<String, serde_json::Value> =
            serde_json::from_str(include_str!("../../tests/fixtures/timm_folder.json")).unwrap();
        all.into_values().next().unwrap()
    }

    fn config(change: impl FnOnce(&mut serde_json::Value)) -> Result<Manifest> {
        let mut config = fixture()["config"].clone();
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
}
