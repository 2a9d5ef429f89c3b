//! Where pretrained backbones are found on this machine, and how a network starts from one.
//!
//! Left out on purpose: downloading, which is `hema-fetch`'s and the command line's. A weights file is looked
//! for in the folders people keep them in.

use std::env;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use hema_core::error::{Error, Result};

use super::file::Header;
use super::hub_cache::HubCache;
use super::published::Published;
use super::state::{Array, Shapes, StateDict, load, shapes, state_dict, wrong_shape};
use crate::model::{ModelSpec, Network};

/// Folders to look in, as `PATH` lists them.
const WEIGHTS_VARIABLE: &str = "HEMA_WEIGHTS";

/// The file of a repository of timm's that holds the weights.
pub const HUB_FILE: &str = "model.safetensors";

/// Finds the ImageNet weights of an architecture: `NAME*.safetensors` in the folders that `HEMA_WEIGHTS`
/// names or in `weights/` here, or in the Hugging Face hub's cache, of the published tag or else of any.
///
/// # Errors
/// Says where it looked.
pub fn find_pretrained(name: &str) -> Result<PathBuf> {
    let mut folders: Vec<PathBuf> =
        env::var_os(WEIGHTS_VARIABLE).map(|v| env::split_paths(&v).collect()).unwrap_or_default();
    folders.push("weights".into());
    for folder in &folders {
        if let Some(found) = file_for(folder, name)? {
            return Ok(found);
        }
    }
    let cache = HubCache::from_environment();
    if let Some(found) = cache.as_ref().and_then(|cache| in_hub_cache(cache, name)) {
        return Ok(found);
    }
    let mut looked: Vec<String> = folders.iter().map(|f| f.display().to_string()).collect();
    looked.extend(cache.map(|cache| cache.folder().display().to_string()));
    let otherwise = format!(
        "take the recipe `few-cells`, which needs none: it starts from the model in the box; or set \
         {WEIGHTS_VARIABLE} to the folder that holds {name}.*.safetensors, or model.weights to the file, or to \
         \"none\" to start from scratch"
    );
    Err(Error::new(format!("no ImageNet weights of `{name}` found (looked in {})", looked.join(", "))).hint(
        match Published::of_model(name) {
            Some(_) => format!("get them with `hema weights fetch {name}`; or {otherwise}"),
            None => format!("none are published where `hema weights fetch` looks; {otherwise}"),
        },
    ))
}

/// `NAME.safetensors` or `NAME.<tag>.safetensors`, the first in name order.
///
/// # Errors
/// A folder that is there and cannot be listed.
fn file_for(folder: &Path, name: &str) -> Result<Option<PathBuf>> {
    let is_wanted = |path: &PathBuf| {
        let file = path.file_name().and_then(|f| f.to_str()).unwrap_or_default();
        file.strip_prefix(name)
            .and_then(|rest| rest.strip_suffix(".safetensors"))
            .is_some_and(|tag| !tag.contains("reference") && (tag.is_empty() || tag.starts_with('.')))
    };
    Ok(hema_core::file::list(folder)?.into_iter().find(is_wanted))
}

/// The published repository's file, else that of any repository `timm/NAME.<tag>`.
fn in_hub_cache(cache: &HubCache, name: &str) -> Option<PathBuf> {
    let published = Published::of_model(name).map(Published::repository);
    let others = cache.repositories("timm", &format!("{name}."));
    published.into_iter().chain(others).find_map(|repository| cache.find(&repository, HUB_FILE))
}

/// Checks that a file holds a backbone of this architecture.
///
/// # Errors
/// An unknown name; a file that [`start_from`] refuses.
pub fn check_fits(name: &str, path: &Path) -> Result<()> {
    let spec = ModelSpec::bare(name, 2, 64);
    start_from(Network::new(&spec, 0, &Device::flex())?, &spec, path).map(|_| ())
}

/// Loads a backbone into a fresh network, whose head keeps its initial weights. A network with fewer stages
/// takes those it has, and keeps the initial weights of the layers after them.
///
/// # Errors
/// A file that cannot be read, a backbone tensor that is missing or of another shape, or nothing in it that
/// the network knows.
pub fn start_from(network: Network, spec: &ModelSpec, path: &Path) -> Result<Network> {
    begin_from(network, spec, Header::read(path)?, path, &[]).map(|(network, _)| network)
}

/// What a network has taken from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Tensors that the network has from the file.
    pub(crate) loaded: usize,
    /// Names of the others that it has.
    pub(crate) new: Vec<String>,
    /// Tensors of the file of which it has taken nothing.
    pub(crate) left_out: usize,
    /// Classes that its classifier goes on with, of a file for others.
    pub(crate) classes: usize,
}

/// Loads a whole network from an open file, at `path` in errors, that holds the very same, head and all; else
/// as [`begin_from`] does.
///
/// # Errors
/// Those of [`start_from`].
pub(crate) fn go_on_from(
    network: Network,
    spec: &ModelSpec,
    header: Header,
    path: &Path,
) -> Result<(Network, Taken)> {
    let own = shapes(&network);
    if header.shapes() != own {
        return begin_from(network, spec, header, path, &[]);
    }
    let state = header.read_tensors()?.tensors;
    let (network, _) = load(network, &state).map_err(|e| e.at(path))?;
    Ok((network, Taken { loaded: own.len(), new: Vec::new(), left_out: 0, classes: 0 }))
}

/// Loads a backbone as [`start_from`] does, and says what was taken. `known` has the position in the file of
/// each of the network's classes that the file's model knows: it goes on from what the classifier there has
/// learned of them, where that alone is the head.
///
/// # Errors
/// Those of [`start_from`].
pub(crate) fn begin_from(
    network: Network,
    spec: &ModelSpec,
    header: Header,
    path: &Path,
    known: &[Option<usize>],
) -> Result<(Network, Taken)> {
    let parts = network.parts();
    let own = shapes(&network);
    let mut found = header.shapes();
    // what lies behind the stages fits a file that has as many of them
    let fits = |name: &str| found.contains_key(name) && found.get(name) == own.get(name);
    let is_new = |name: &str| spec.stages.is_some() && parts.is_after_stages(name) && !fits(name);
    let new: Vec<String> = own.keys().chain(found.keys()).filter(|name| is_new(name)).cloned().collect();
    let is_fresh = |name: &str| parts.is_head(name) || new.iter().any(|new| new == name);
    // a classifier for other classes (ImageNet's) is not wanted, and of stages that are left out nothing
    let is_wanted = |name: &str| !is_fresh(name) && (spec.stages.is_none() || own.contains_key(name));
    found.retain(|name, _| is_wanted(name));
    let expected: Shapes = own
        .iter()
        .filter(|(name, _)| !is_fresh(name))
        .map(|(name, shape)| (name.clone(), shape.clone()))
        .collect();
    check_backbone(&found, &expected, &spec.name).map_err(|e| e.at(path))?;

    let mut state = header.read_tensors()?.tensors;
    let in_file = state.len();
    let of_classes =
        if spec.head.is_empty() { classifier(&network, &state, known) } else { StateDict::new() };
    state.retain(|name, _| is_wanted(name));
    let loaded = state.len();
    let classes = if of_classes.is_empty() { 0 } else { known.iter().flatten().count() };
    let left_out = in_file - loaded - of_classes.len();
    state.extend(of_classes);
    let (network, report) = load(network, &state).map_err(|e| e.at(path))?;
    Ok((network, Taken { loaded, new: report.missing, left_out, classes }))
}

/// The network's classifier with the rows of another one for the classes that it knows, by their positions
/// there; nothing where it knows none.
fn classifier(network: &Network, other: &StateDict, known: &[Option<usize>]) -> StateDict {
    let parts = network.parts();
    let mut merged = state_dict(network);
    merged.retain(|name, _| parts.is_head(name));
    let fits = |name: &String, array: &Array| {
        other
            .get(name)
            .is_some_and(|other| array.shape[0] == known.len() && array.shape[1..] == other.shape[1..])
    };
    if known.iter().all(Option::is_none) || !merged.iter().all(|(name, array)| fits(name, array)) {
        return StateDict::new();
    }
    for (name, array) in &mut merged {
        let width: usize = array.shape[1..].iter().product();
        for (row, from) in array.values.chunks_exact_mut(width).zip(known) {
            let Some(from) = from else { continue };
            row.copy_from_slice(&other[name].values[from * width..][..width]);
        }
    }
    merged
}

/// Checks the backbone in a file, by the names and shapes of its tensors.
fn check_backbone(found: &Shapes, expected: &Shapes, model: &str) -> Result<()> {
    let foreign = |what: String| Err(Error::new(what).hint("the file belongs to another architecture"));
    let misshaped =
        |(name, shape): &(&String, &Vec<usize>)| expected.get(*name).is_some_and(|own| own != *shape);
    if let Some((name, shape)) = found.iter().find(misshaped) {
        return Err(wrong_shape(name, shape, &expected[name]));
    }
    let missing: Vec<&String> = expected.keys().filter(|name| !found.contains_key(*name)).collect();
    if let Some(first) = missing.first() {
        return foreign(format!(
            "{} of the tensors of `{model}` are missing, first `{first}`",
            missing.len()
        ));
    }
    let unexpected: Vec<&String> = found.keys().filter(|name| !expected.contains_key(*name)).collect();
    if let Some(first) = unexpected.first() {
        return foreign(format!("{} tensors do not belong to `{model}`, first `{first}`", unexpected.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use burn::tensor::Device;

    use super::*;
    use crate::model::tests::spec;
    use crate::weights::{state_dict, write};

    #[test]
    fn a_backbone_loads_without_its_head_and_a_foreign_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let device = Device::flex();
        let cases =
            [("resnet18", "conv1.weight", "fc.bias"), ("cnn_gap", "stages.0.conv.weight", "classifier.bias")];
        for (name, backbone, classifier) in cases {
            let path = folder.path().join(format!("{name}.test.safetensors"));
            let source = Network::new(&spec(name), 1, &device).unwrap();
            write(&path, &state_dict(&source), &BTreeMap::new()).unwrap();

            let narrower = ModelSpec { classes: 3, ..spec(name) };
            let fresh = Network::new(&narrower, 2, &device).unwrap();
            let loaded = state_dict(&start_from(fresh, &narrower, &path).unwrap());
            assert_eq!(loaded[backbone], state_dict(&source)[backbone]);
            assert_eq!(loaded[classifier].shape, [3]);
        }

        let path = folder.path().join("resnet18.test.safetensors");
        let shorter = ModelSpec { stages: Some(2), ..spec("resnet18") };
        let fresh = Network::new(&shorter, 2, &device).unwrap();
        let loaded = state_dict(&start_from(fresh, &shorter, &path).unwrap());
        let whole = state_dict(&Network::new(&spec("resnet18"), 1, &device).unwrap());
        assert_eq!(loaded["layer2.1.conv2.weight"], whole["layer2.1.conv2.weight"]);
        assert!(!loaded.contains_key("layer3.0.conv1.weight"));
        assert_eq!(loaded["fc.weight"].shape, [8, 128]);

        let path = folder.path().join("cnn_gap.test.safetensors");
        let other = spec("tf_efficientnetv2_b0");
        let error = start_from(Network::new(&other, 2, &device).unwrap(), &other, &path).unwrap_err();
        assert!(error.to_string().contains("tensors of `tf_efficientnetv2_b0` are missing"), "{error}");
        assert_eq!(file_for(folder.path(), "cnn_gap"), Ok(Some(path)));
        assert_eq!(file_for(folder.path(), "cnn"), Ok(None));
    }

    #[test]
    fn a_model_for_other_classes_gives_what_it_has_learned_of_those_that_it_knows() {
        let folder = tempfile::tempdir().unwrap();
        let (device, path) = (Device::flex(), folder.path().join("x.safetensors"));
        let spec_of = |classes| ModelSpec { classes, ..spec("cnn_gap") };
        let source = Network::new(&spec_of(3), 1, &device).unwrap();
        let theirs = state_dict(&source);
        write(&path, &theirs, &BTreeMap::new()).unwrap();
        let begin = |known: &[Option<usize>]| {
            let network = Network::new(&spec_of(2), 2, &device).unwrap();
            let fresh = state_dict(&network);
            let header = Header::read(&path).unwrap();
            let (network, taken) = begin_from(network, &spec_of(2), header, &path, known).unwrap();
            (fresh, state_dict(&network), taken)
        };
        let rows = |state: &StateDict, row: usize| {
            let (weight, bias) = (&state["classifier.weight"], &state["classifier.bias"]);
            let width = weight.shape[1];
            (weight.values[row * width..][..width].to_vec(), bias.values[row])
        };
        let (fresh, state, taken) = begin(&[None, Some(2)]);
        assert_eq!((taken.classes, taken.new.len()), (1, 0), "{taken:?}");
        assert_eq!((rows(&state, 0), rows(&state, 1)), (rows(&fresh, 0), rows(&theirs, 2)));

        let (fresh, state, taken) = begin(&[None, None]);
        assert_eq!((taken.classes, taken.new.len()), (0, 2), "{taken:?}");
        assert_eq!(rows(&state, 1), rows(&fresh, 1));
    }

    #[test]
    fn a_network_of_some_stages_takes_what_is_behind_them_from_one_with_as_many() {
        let folder = tempfile::tempdir().unwrap();
        let (device, path) = (Device::flex(), folder.path().join("x.safetensors"));
        let spec_of = |stages| ModelSpec { stages, ..spec("tf_efficientnetv2_b0") };
        let new = |stages| {
            let theirs = Network::new(&spec_of(stages), 1, &device).unwrap();
            write(&path, &state_dict(&theirs), &BTreeMap::new()).unwrap();
            let (own, spec) = (Network::new(&spec_of(Some(1)), 2, &device).unwrap(), spec_of(Some(1)));
            let (_, taken) = begin_from(own, &spec, Header::read(&path).unwrap(), &path, &[]).unwrap();
            taken.new
        };
        assert!(new(Some(1)).iter().all(|name| name.starts_with("classifier")), "{:?}", new(Some(1)));
        assert!(new(None).iter().any(|name| name.starts_with("conv_head")), "{:?}", new(None));
    }

    #[test]
    fn the_published_tag_comes_before_others_in_the_hubs_cache() {
        let folder = tempfile::tempdir().unwrap();
        let cache = HubCache::new(folder.path());
        let keep = |repository: &str| {
            let blob = cache.blob(repository, "00");
            std::fs::create_dir_all(blob.parent().unwrap()).unwrap();
            std::fs::write(blob, "").unwrap();
            cache.link(repository, "1", HUB_FILE, "00").unwrap()
        };
        assert_eq!(in_hub_cache(&cache, "efficientnet_b1"), None);
        let other = keep("timm/efficientnet_b1.ft_in1k");
        assert_eq!(in_hub_cache(&cache, "efficientnet_b1"), Some(other));
        let published = keep("timm/efficientnet_b1.ra4_e3600_r240_in1k");
        assert_eq!(in_hub_cache(&cache, "efficientnet_b1"), Some(published));
        assert_eq!(in_hub_cache(&cache, "efficientnet"), None);
    }
}
