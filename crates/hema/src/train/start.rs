//! Where the first weights of a run come from, and what of them is new.

use hema_core::data::are_same_classes;
use hema_core::error::Result;

use crate::model::{ModelSpec, Network};
use crate::model_file;
use crate::recipe::Weights;
use crate::weights::{self, Taken};

/// The network with its first weights, and a line for people about those from a file.
///
/// A model for the same classes in the same order gives its head too: a run goes on where the other one
/// ended. Of every other file the head is left out.
///
/// # Errors
/// A file that is not there, or of another network.
pub(super) fn start_weights(
    network: Network,
    spec: &ModelSpec,
    start: &Weights,
    classes: &[String],
) -> Result<(Network, Option<String>)> {
    let path = match start {
        Weights::None => return Ok((network, None)),
        Weights::Imagenet => weights::find_pretrained(&spec.name)?,
        Weights::Path(path) => model_file::find(path)?,
    };
    let known = model_file::classes(&path)?;
    let alike = known.as_deref().is_some_and(|known| are_same_classes(known, classes));
    let (network, taken) = if alike {
        weights::go_on_from(network, spec, &path)?
    } else {
        weights::begin_from(network, spec, &path)?
    };
    let of_classes = match &known {
        Some(_) if alike => "; its classes are the same".to_owned(),
        Some(known) => format!("; its classes are others ({})", known.join(", ")),
        None => String::new(),
    };
    let Taken { loaded, new, left_out } = taken;
    let new = match new.as_slice() {
        [] => "none is new".to_owned(),
        [first, ..] => format!("{} new (first `{first}`)", new.len()),
    };
    let line = format!(
        "weights: {loaded} tensors loaded from {}, {new}, {left_out} of the file left out{of_classes}",
        path.display()
    );
    Ok((network, Some(line)))
}
