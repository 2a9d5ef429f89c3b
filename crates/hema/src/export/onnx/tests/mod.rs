//! Tests of the graphs themselves; what runtimes make of them is in [`runtimes`].

mod runtimes;

use std::collections::BTreeSet;
use std::path::Path;

use hema_core::preprocess::{Crop, Preprocess};
use prost::Message;

use super::graph::Content;
use super::*;
use crate::model::{ModelSpec, architectures};
use crate::model_file::Bundle;
use crate::model_file::tests::manifest;
use crate::weights::{StateDict, shapes};

/// The name that models have here.
const MODEL: &str = "model.safetensors";

/// A model of an architecture without weights, for 8 classes.
fn outline(spec: &ModelSpec) -> Ensemble {
    let model = Bundle { manifest: manifest(spec.clone()), tensors: StateDict::new() };
    Ensemble::of_one(Path::new(MODEL), model).unwrap()
}

/// The file of a model, whose weights have no values.
fn file(ensemble: &Ensemble, preprocessing: Preprocessing) -> Result<File> {
    let network = |member: &Member| Network::outline(&member.model.manifest.model).unwrap().network;
    let networks: Vec<Network> = ensemble.members.iter().map(network).collect();
    file_of(ensemble, &networks, Path::new(MODEL), preprocessing)
}

#[test]
fn every_architecture_is_written_down_whole_and_no_name_is_used_before_it_is_there() {
    for architecture in architectures() {
        let name = architecture.name;
        let spec = ModelSpec { head: vec![12], head_batch_norm: true, ..ModelSpec::bare(name, 8, 64) };
        let ensemble = outline(&spec);
        for preprocessing in [Preprocessing::Inside, Preprocessing::None] {
            let file = file(&ensemble, preprocessing).unwrap();
            check_names(&file, name);
            // kernels and matrices; what is per channel is folded into them
            let of_network = shapes(&Network::outline(&spec).unwrap().network);
            let count = |dims: &[usize]| if dims.len() > 1 { dims.iter().product() } else { 0 };
            let expected: usize = of_network.values().map(|dims| count(dims)).sum();
            let weights = file.initializers.iter().filter(|w| matches!(w.content, Content::Weights(_)));
            assert_eq!(weights.map(|w| count(&w.dims)).sum::<usize>(), expected, "{name}");
        }
    }
}

fn check_names(file: &File, of: &str) {
    let graph = file.model.graph.as_ref().unwrap();
    let inputs = graph.inputs.iter().map(|input| &input.name);
    let mut known: BTreeSet<&String> =
        inputs.chain(file.initializers.iter().map(|tensor| &tensor.name)).collect();
    assert_eq!(known.len(), 1 + file.initializers.len(), "{of}");
    for node in &graph.nodes {
        let missing = node.inputs.iter().find(|input| !known.contains(input));
        assert_eq!(missing, None, "{of}: {node:?}");
        assert!(node.outputs.iter().all(|output| known.insert(output)), "{of}: {node:?}");
    }
    assert!(graph.outputs.iter().all(|output| known.contains(&output.name)), "{of}");
}

#[test]
fn a_file_has_the_size_that_was_told_and_reads_again() {
    let spec = ModelSpec::bare("mobilenetv3_small_100", 8, 64);
    let bundle = crate::model_file::tests::bundle(spec);
    let ensemble = Ensemble::of_one(Path::new(MODEL), bundle).unwrap();
    let networks = [network(&ensemble.members[0]).unwrap()];
    let file = file_of(&ensemble, &networks, Path::new(MODEL), Preprocessing::Inside).unwrap();
    let mut bytes = Vec::new();
    file.write(&mut bytes).unwrap();
    assert_eq!(bytes.len() as u64, file.size());
    let read = proto::Model::decode(&*bytes).unwrap();
    assert_eq!((read.ir_version, read.opset_import[0].version), (8, 17));
    let graph = read.graph.unwrap();
    assert_eq!(graph.initializers.len(), file.initializers.len());
    for (read, tensor) in graph.initializers.iter().zip(&file.initializers) {
        assert_eq!((&read.name, read.values.len() as u64), (&tensor.name, tensor.bytes()));
    }
    let value = |key: &str| &read.metadata.iter().find(|entry| entry.key == key).unwrap().value;
    assert_eq!(value("names"), r#"["0","1","2","3","4","5","6","7"]"#);
    assert!(value("preprocessing").starts_with("in this file: resize to 64 x 64 pixels (bicubic"));
}

#[test]
fn a_model_that_an_onnx_file_cannot_hold_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("model.onnx");
    let refused = |ensemble: &Ensemble, preprocessing| {
        write(ensemble, Path::new(MODEL), &out, preprocessing).unwrap_err().to_string()
    };
    let huge = outline(&ModelSpec::bare("convnextv2_huge", 8, 64));
    let error = refused(&huge, Preprocessing::Inside);
    assert!(error.contains("an ONNX file of 26") && error.contains("expected at most 2147483647"), "{error}");

    let mut drawn = outline(&ModelSpec::bare("mlp", 8, 16));
    drawn.tta = hema_core::tta::find("report9").unwrap();
    let error = refused(&drawn, Preprocessing::Inside);
    assert!(error.contains("its views `report9` are drawn at random"), "{error}");

    let mut several = outline(&ModelSpec::bare("mlp", 8, 16));
    several.members.push(several.members[0].clone());
    several.members[1].model.manifest.preprocess =
        Preprocess { crop: Crop::Square, ..Preprocess::imagenet(16) };
    let error = refused(&several, Preprocessing::None);
    assert!(error.contains("preprocessed in different ways"), "{error}");
    check_names(&file(&several, Preprocessing::Inside).unwrap(), "two members");
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}
