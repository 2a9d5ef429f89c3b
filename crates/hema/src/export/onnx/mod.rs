//! A model as an ONNX file: a graph of standard operators, with preprocessing, views, members, temperatures
//! and referral inside.
//!
//! Networks are written down by the code that computes them, run by another `Engine`.
//! Weights are of 32 bits. `docs/decisions/0019-onnx.md` says why it is so. Left out on purpose: files with
//! weights beside them, custom operators, other precisions, and what is estimated from the images of a call.

mod answer;
mod file;
mod graph;
mod layers;
mod metadata;
mod preprocess;
mod proto;
mod trust;

#[cfg(test)]
mod tests;

use std::path::Path;

use burn::tensor::Device;
use hema_core::error::Result;
use hema_core::file as files;
use hema_core::provenance::Provenance;

use self::answer::{Answer, build, knows_picture, trust_of};
use self::file::File;
use super::kind::{Export, Output, Preprocessing, Written};
use crate::model::Network;
use crate::model_file::{Ensemble, Member};
use crate::weights;

/// Version of the standard operators, which all runtimes know.
const OPERATORS: i64 = 17;
/// Version of the messages.
const IR_VERSION: i64 = 8;

/// The row of this export.
pub(super) const EXPORT: Export = Export {
    name: "onnx",
    about: "An ONNX file with preprocessing, views and referral inside, for ONNX Runtime, OpenVINO and others",
    output: Output::Onnx,
    preprocesses: true,
    write: export,
};

fn export(model: &Path, out: &Path, preprocessing: Preprocessing) -> Result<Written> {
    let ensemble = Ensemble::read(model)?;
    let written = remarks(&ensemble, out, preprocessing);
    write(&ensemble, model, out, preprocessing)?;
    Ok(written)
}

/// Writes the file of a model or an ensemble that was read from a path, whole or not at all.
///
/// # Errors
/// A model that no graph can express; one that is larger than an ONNX file may be; a file that cannot be
/// written.
pub fn write(ensemble: &Ensemble, model: &Path, out: &Path, preprocessing: Preprocessing) -> Result<()> {
    files::prepare(out)?;
    let outlines =
        ensemble.members.iter().map(|member| Ok(Network::outline(&member.model.manifest.model)?.network));
    let outlines = outlines.collect::<Result<Vec<_>>>()?;
    let of =
        |networks: &[Network]| file_of(ensemble, networks, model, preprocessing).map_err(|e| e.at(model));
    of(&outlines)?.check_size().map_err(|e| e.at(model))?;
    let networks = ensemble.members.iter().map(network).collect::<Result<Vec<_>>>()?;
    let file = of(&networks)?;
    files::write_atomic(out, |w| file.write(w))
}

/// The network of a member, with its weights.
fn network(member: &Member) -> Result<Network> {
    let network = Network::new(&member.model.manifest.model, 0, &Device::flex())?;
    weights::load_all(network, &member.model.tensors).map_err(|e| e.at(&member.path))
}

/// The file of an ensemble, whose members have these networks.
fn file_of(
    ensemble: &Ensemble,
    networks: &[Network],
    model: &Path,
    preprocessing: Preprocessing,
) -> Result<File> {
    let Answer { graph, input, outputs } = build(ensemble, networks, preprocessing)?;
    let name = metadata::name(model);
    let message = proto::Graph {
        nodes: graph.nodes,
        name: name.clone(),
        initializers: Vec::new(),
        inputs: vec![input],
        outputs,
    };
    let message = proto::Model {
        ir_version: IR_VERSION,
        producer_name: "hema".to_owned(),
        producer_version: Provenance::now("", "").version,
        doc_string: format!("{name}: blood cells of {} classes, told by Hema", ensemble.classes().len()),
        graph: Some(message),
        opset_import: vec![proto::OperatorSet { domain: String::new(), version: OPERATORS }],
        metadata: metadata::entries(model, ensemble, preprocessing),
    };
    Ok(File { model: message, initializers: graph.initializers })
}

/// What is to be said of a file.
fn remarks(ensemble: &Ensemble, out: &Path, preprocessing: Preprocessing) -> Written {
    let first = &ensemble.members[0].model.manifest;
    let mut written = Written::default();
    if ensemble.members.iter().any(|member| member.model.manifest.synthetic) {
        written.warnings.push("this model was trained on drawn cells, as the file's metadata say".to_owned());
    }
    let white = ensemble.members.iter().find_map(|member| member.model.manifest.preprocess.white);
    if let (Some(white), Preprocessing::Inside) = (white, preprocessing) {
        written.warnings.push(format!(
            "this model takes {white} for white in images of more than 8 bits, and the file takes 8 bits: bring them to 8 bits \
             before it"
        ));
    }
    let name = out.display();
    let call = match preprocessing {
        Preprocessing::Inside => format!("InferenceSession(\"{name}\").run(None, {{\"image\": rgb[None]}})"),
        Preprocessing::None => {
            written.notes.push(
                "its input is cropped, resized and normalised already: the file's metadata say how (`preprocessing`)".to_owned(),
            );
            format!("InferenceSession(\"{name}\").run(None, {{\"input\": batch}})")
        }
    };
    match trust_of(ensemble) {
        Some(_) if !knows_picture(&first.preprocess, preprocessing) => written.notes.push(
            "answers are referred to a person by two questions of three: whether a picture is poor cannot be told from its input"
                .to_owned(),
        ),
        Some(_) => {}
        None => written.notes.push("it refers no answer to a person: the model carries no thresholds for it".to_owned()),
    }
    if !first.likeness.is_empty() {
        written.notes.push(
            "it does not measure images as `hema predict` does, which says so where their size, shape or light is plainly \
             unlike training's"
                .to_owned(),
        );
    }
    written.notes.push(
        "options of `hema predict` such as `--among`, `--rescale` and `--adapt-prevalence` are not in it"
            .to_owned(),
    );
    written.usage = Some(format!("onnxruntime.{call} gives the probabilities first"));
    written
}
