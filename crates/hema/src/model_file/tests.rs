//! Model files that were damaged or made up.

use burn::tensor::Device;
use hema_core::preprocess::Preprocess;
use hema_core::provenance::Provenance;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

use super::*;
use crate::model::{ModelSpec, Network};
use crate::weights::{Array, StateDict, state_dict};

/// A model with fresh weights.
pub(crate) fn bundle(spec: ModelSpec) -> Bundle {
    let network = Network::new(&spec, 1, &Device::flex()).unwrap();
    Bundle { manifest: manifest(spec), tensors: state_dict(&network) }
}

/// The manifest of a model that was never trained.
pub(crate) fn manifest(spec: ModelSpec) -> Manifest {
    Manifest {
        format: FORMAT,
        classes: (0..spec.classes).map(|class| class.to_string()).collect(),
        preprocess: Preprocess::imagenet(spec.size),
        model: spec,
        temperature: 1.5,
        prevalence: Vec::new(),
        tta: "none".into(),
        augmentations: Vec::new(),
        synthetic: true,
        fitted_on: None,
        seen: hema_core::seen::Seen::default(),
        likeness: hema_core::likeness::Likeness::default(),
        trust: None,
        origins: None,
        trained: None,
        metrics: [].into(),
        recipe: String::new(),
        provenance: Provenance::now("", ""),
    }
}

/// A folder with the model of 2 x 8 weights and a bias in it.
struct Place {
    folder: tempfile::TempDir,
    model: Bundle,
}

impl Place {
    fn new() -> Self {
        let model = bundle(ModelSpec::bare("mlp", 2, 2));
        let place = Self { folder: tempfile::tempdir().unwrap(), model };
        place.model.write(&place.path()).unwrap();
        place
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("model.safetensors")
    }

    /// The error of a file with this document and these tensors, and a checksum of its own.
    fn error(&self, document: &Value, tensors: &StateDict) -> String {
        let metadata = [(KEY.to_owned(), document.to_string())].into();
        weights::write(&self.path(), tensors, &metadata).unwrap();
        Ensemble::read(&self.path()).unwrap_err().to_string()
    }

    fn document(&self) -> Value {
        serde_json::to_value(&self.model.manifest).unwrap()
    }
}

/// Writes a file as other software does, without a checksum.
fn write_plain(path: &Path, tensors: &StateDict, document: &Value) {
    let bytes = |array: &Array| array.values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let raw: Vec<_> = tensors.iter().map(|(name, array)| (name, &array.shape, bytes(array))).collect();
    let view = |shape: &[usize], raw| TensorView::new(Dtype::F32, shape.to_vec(), raw).unwrap();
    let views = raw.iter().map(|(name, shape, raw)| (name.as_str(), view(shape, raw)));
    let metadata = Some([(KEY.to_owned(), document.to_string())].into());
    std::fs::write(path, safetensors::serialize(views, metadata).unwrap()).unwrap();
}

#[test]
fn a_model_of_which_a_byte_was_flipped_is_refused() {
    let place = Place::new();
    let whole = std::fs::read(place.path()).unwrap();
    let (mut refused, mut by_checksum) = (0, 0);
    for index in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[index] ^= 1 << (index % 8);
        std::fs::write(place.path(), &flipped).unwrap();
        match Bundle::read(&place.path()) {
            Err(error) => {
                refused += 1;
                by_checksum += usize::from(error.to_string().contains("checksum"));
            }
            // white space at the end of the header says nothing
            Ok(read) => assert_eq!(read.tensors, place.model.tensors, "byte {index}"),
        }
    }
    assert!(refused > whole.len() - 16 && by_checksum > 100, "{refused} {by_checksum}");
}

#[test]
fn a_checksum_may_be_missing_in_older_formats_alone() {
    let place = Place::new();
    let mut document = place.document();
    assert_eq!(document["format"], json!(FORMAT));
    write_plain(&place.path(), &place.model.tensors, &document);
    let error = Bundle::read(&place.path()).unwrap_err().to_string();
    assert!(error.ends_with("its checksum is missing, which every model of its format has"), "{error}");

    document["format"] = json!(1);
    write_plain(&place.path(), &place.model.tensors, &document);
    let old = Bundle::read(&place.path()).unwrap();
    assert_eq!(old.tensors, place.model.tensors);
    // what is written again is of today's format
    old.write(&place.path()).unwrap();
    assert_eq!(Bundle::read(&place.path()).unwrap().manifest.format, FORMAT);

    let member = json!({ "weights": [1.0], "model": document });
    let mut ensemble = json!({
        "format": 2, "tta": "none", "temperature": 1.0, "members": [member], "metrics": {},
        "provenance": document["provenance"],
    });
    let prefixed = |(name, array): (&String, &Array)| (format!("members.0.{name}"), array.clone());
    let tensors: StateDict = place.model.tensors.iter().map(prefixed).collect();
    write_plain(&place.path(), &tensors, &ensemble);
    assert_eq!(Ensemble::read(&place.path()).unwrap().members[0].model.tensors, place.model.tensors);
    ensemble["format"] = json!(ENSEMBLE_FORMAT);
    write_plain(&place.path(), &tensors, &ensemble);
    assert!(Ensemble::read(&place.path()).unwrap_err().to_string().contains("its checksum is missing"));
}

#[test]
fn what_a_manifest_says_is_checked_before_anything_is_built() {
    let place = Place::new();
    let error = |change: &dyn Fn(&mut Value)| {
        let mut document = place.document();
        change(&mut document);
        place.error(&document, &place.model.tensors)
    };
    let large = |d: &mut Value, size: usize| {
        d["model"]["size"] = json!(size);
        d["preprocess"]["size"] = json!(size);
    };
    assert!(
        error(&|d| d["model"]["head"] = json!([1_000_000_000]))
            .contains("`head` of the network is 1000000000")
    );
    assert!(error(&|d| d["model"]["head"] = json!([u64::MAX])).contains("`head` of the network is"));
    assert!(error(&|d| d["model"]["dropout"] = json!([1e300])).contains("`dropout` of the network is"));
    assert!(
        error(&|d| d["model"]["classes"] = json!(1_000_000_000)).contains("contradicts itself about classes")
    );
    assert!(error(&|d| large(d, 1_000_000)).contains("preprocess size is 1000000"));
    assert!(
        error(&|d| large(d, 4096))
            .contains("tensor `classifier.weight` has shape [2, 12], expected [2, 50331648]")
    );
    let wide = error(&|d| {
        large(d, 4096);
        d["model"]["head"] = json!([65_536]);
    });
    assert!(wide.contains("parameters, expected at most 2000000000"), "{wide}");
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let metadata = [(KEY.to_owned(), deep)].into();
    weights::write(&place.path(), &place.model.tensors, &metadata).unwrap();
    assert!(Bundle::read(&place.path()).unwrap_err().to_string().contains("recursion limit"));
}

#[test]
fn tensors_must_be_those_of_the_manifest() {
    let place = Place::new();
    let error = |change: &dyn Fn(&mut StateDict)| {
        let mut tensors = place.model.tensors.clone();
        change(&mut tensors);
        place.error(&place.document(), &tensors)
    };
    let extra = Array { shape: vec![1], values: vec![0.0] };
    let misfit = "its tensors do not fit its architecture, first ";
    assert!(error(&|t| drop(t.remove("classifier.bias"))).ends_with(&format!("{misfit}`classifier.bias`")));
    assert!(error(&|t| drop(t.insert("more".into(), extra.clone()))).ends_with(&format!("{misfit}`more`")));
    let reshaped = error(&|t| t.get_mut("classifier.weight").unwrap().shape = vec![12, 2]);
    assert!(
        reshaped.ends_with("tensor `classifier.weight` has shape [12, 2], expected [2, 12]"),
        "{reshaped}"
    );
}

#[test]
fn models_are_told_apart_by_what_was_read() {
    let place = Place::new();
    let checksum = || Ensemble::read(&place.path()).unwrap().members[0].checksum.unwrap();
    let first = checksum();
    assert_eq!(first, checksum());
    let mut other = place.model.clone();
    other.manifest.temperature = 1.6;
    other.write(&place.path()).unwrap();
    assert_ne!(first, checksum());
}
