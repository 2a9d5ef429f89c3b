//! What a client needs to know of a model beside its graph: `metadata_props`, keys and values of text. Lists
//! and tables are JSON.

use std::path::Path;

use hema_core::background::Background;
use hema_core::preprocess::{Crop, Filter, Preprocess};
use hema_core::provenance::Provenance;
use hema_core::trust::USUAL_SHARE;
use serde_json::json;

use super::super::kind::Preprocessing;
use super::answer::{knows_picture, trust_of};
use super::proto::Entry;
use crate::builtin;
use crate::model_file::Ensemble;
use crate::weights::origins_together;

/// Keys and values, in the order in which they stand in the file.
pub(super) fn entries(model: &Path, ensemble: &Ensemble, preprocessing: Preprocessing) -> Vec<Entry> {
    let members = &ensemble.members;
    let names: Vec<String> = ensemble.classes().to_vec();
    let Provenance { version, commit, .. } = Provenance::now("", "");
    let checksums: Vec<String> =
        members.iter().filter_map(|member| member.checksum).map(|sum| format!("{sum:08x}")).collect();
    let architectures: Vec<&str> = members.iter().map(|member| &*member.model.manifest.model.name).collect();
    let preprocesses: Vec<&Preprocess> =
        members.iter().map(|member| &member.model.manifest.preprocess).collect();
    let temperatures: Vec<f64> = members.iter().map(|member| member.model.manifest.temperature).collect();
    let weights: Vec<&Vec<f64>> = members.iter().map(|member| &member.weights).collect();
    let mut entries = vec![
        ("names", json!(names).to_string()),
        ("task", "classify".to_owned()),
        ("model", name(model)),
        ("architectures", json!(architectures).to_string()),
        ("checksums_crc32c", json!(checksums).to_string()),
        ("hema_version", format!("{version} ({commit})")),
        ("input", input(preprocesses[0], preprocessing)),
        ("preprocessing", words(&preprocesses, preprocessing)),
        // through no value of JSON, which would show all digits of a number of 32 bits
        ("preprocess", serde_json::to_string(&preprocesses).unwrap_or_default()),
        ("views", ensemble.tta.name.to_owned()),
        ("weights", json!(weights).to_string()),
        ("temperatures", json!(temperatures).to_string()),
        ("ensemble_temperature", json!(ensemble.temperature).to_string()),
    ];
    if let Some(trust) = trust_of(ensemble) {
        let [unsure, unlike, poor] = trust.thresholds(USUAL_SHARE).0;
        let mut thresholds = json!({ "share": USUAL_SHARE, "unsure": unsure, "unlike": unlike });
        if knows_picture(preprocesses[0], preprocessing) {
            thresholds["poor"] = json!(poor);
        }
        entries.push(("thresholds", thresholds.to_string()));
        entries.push(("refer", json!(["", "low-confidence", "unlike-training", "poor-image"]).to_string()));
    }
    if members.iter().any(|member| member.model.manifest.synthetic) {
        entries
            .push(("synthetic", "it was trained on drawn cells and says nothing about real ones".to_owned()));
    }
    if let Some(origins) =
        origins_together(members.iter().map(|member| member.model.manifest.origins.clone()))
    {
        entries.push(("origins", json!(origins).to_string()));
    }
    if builtin::is_name(model) {
        entries.push(("model_license", builtin::LICENCE.to_owned()));
    }
    let entry = |(key, value): (&str, String)| Entry { key: key.into(), value };
    entries.into_iter().map(entry).collect()
}

/// The model by the name of its file.
pub(super) fn name(model: &Path) -> String {
    let model = builtin::with_version(model);
    model.file_name().unwrap_or(model.as_os_str()).to_string_lossy().into_owned()
}

fn input(preprocess: &Preprocess, preprocessing: Preprocessing) -> String {
    match preprocessing {
        Preprocessing::Inside => "image: uint8 [n, height, width, 3], RGB, of any size".to_owned(),
        Preprocessing::None => {
            let side = preprocess.network_size();
            format!("input: float32 [n, 3, {side}, {side}], RGB, preprocessed")
        }
    }
}

/// What is done to a picture before the network, in words; of an ensemble, for each member.
fn words(preprocesses: &[&Preprocess], preprocessing: Preprocessing) -> String {
    let place = match preprocessing {
        Preprocessing::Inside => "in this file",
        Preprocessing::None => "to be done before",
    };
    let mut each: Vec<String> = preprocesses.iter().map(|preprocess| steps(preprocess)).collect();
    each.dedup();
    format!("{place}: {}", each.join(" | "))
}

fn steps(preprocess: &Preprocess) -> String {
    let Preprocess { size, crop, filter, mean, std, background, enlarge, white, rescale: _ } = preprocess;
    let filter = match filter {
        Filter::Bilinear => "bilinear",
        Filter::Bicubic => "bicubic",
        Filter::Lanczos => "Lanczos",
    };
    let mut steps = Vec::new();
    if let Some(white) = white {
        steps.push(format!("values of more than 8 bits become 0 to 255, with {white} for white"));
    }
    match crop {
        Crop::None => {}
        Crop::Square => steps.push("crop to the centred square".to_owned()),
        Crop::Pixels(side) => steps.push(format!("crop to the centred {side} x {side} pixels")),
    }
    steps.push(format!("resize to {size} x {size} pixels ({filter}, antialiased, as Pillow)"));
    if *background == Background::Remove {
        steps.push("make the background black".to_owned());
    }
    if let Some(side) = enlarge {
        steps.push(format!("enlarge to {side} x {side} pixels ({filter})"));
    }
    steps.push(format!("(value / 255 - {mean:?}) / {std:?}"));
    steps.join("; ")
}
