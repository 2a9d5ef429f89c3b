//! Where the first weights of a run come from, what of them is new, which images they have seen, and whose
//! they are.

use hema_core::data::{are_same_classes, match_classes};
use hema_core::error::Result;
use hema_core::seen::Seen;

use crate::model::{ModelSpec, Network};
use crate::model_file::{self, Place};
use crate::origins::known_origins;
use crate::recipe::Weights;
use crate::weights::{self, Origin, Published, Taken};

/// A network at the start of a run.
pub(super) struct Started {
    /// The network with its first weights.
    pub(super) network: Network,
    /// A line for people about weights from a file.
    pub(super) line: Option<String>,
    /// Prints of the images that the model of that file had seen.
    pub(super) seen: Seen,
    /// Published weights that the network starts from, perhaps through other models.
    pub(super) origins: Option<Vec<Origin>>,
}

/// The network with its first weights.
///
/// A model for the same classes in the same order gives its head too: a run goes on where the other one
/// ended. One that knows some of the classes gives what its classifier has learned of them. Of every other
/// file the head is left out.
///
/// # Errors
/// A file that is not there, or of another network.
pub(super) fn start_weights(
    network: Network,
    spec: &ModelSpec,
    start: &Weights,
    classes: &[String],
) -> Result<Started> {
    let place = match start {
        Weights::None => {
            return Ok(Started { network, line: None, seen: Seen::default(), origins: Some(Vec::new()) });
        }
        Weights::Imagenet => Place::File(weights::find_pretrained(&spec.name)?),
        Weights::Path(path) => model_file::find(path)?,
    };
    let (header, path) = (place.header()?, place.path());
    let before = model_file::manifest(&header, path)?;
    let known = before.as_ref().map(|before| &before.classes);
    let alike = known.is_some_and(|known| are_same_classes(known, classes));
    let positions = known.map(|known| match_classes(classes, known)).unwrap_or_default();
    let (network, taken) = if alike {
        weights::go_on_from(network, spec, header, path)?
    } else {
        weights::begin_from(network, spec, header, path, &positions)?
    };
    let of_classes = match known {
        Some(_) if alike => "; its classes are the same".to_owned(),
        Some(known) => {
            let names = known.join(", ");
            let rows = match taken.classes {
                0 => String::new(),
                n => format!(", and its classifier goes on with the {n} of them that the run has too"),
            };
            format!("; its classes are others ({names}){rows}")
        }
        None => String::new(),
    };
    let Taken { loaded, new, left_out, .. } = taken;
    let new = match new.as_slice() {
        [] => "none is new".to_owned(),
        [first, ..] => format!("{} new (first `{first}`)", new.len()),
    };
    let line = format!(
        "weights: {loaded} tensors loaded from {}, {new}, {left_out} of the file left out{of_classes}",
        path.display()
    );
    let origins = match (&before, start) {
        (Some(before), _) => known_origins(before),
        (None, Weights::Imagenet) => {
            Some(Published::of_model(&spec.name).map(Origin::published).into_iter().collect())
        }
        (None, _) => Some(vec![Origin::of_file(path)]),
    };
    let seen = before.map(|before| before.seen).unwrap_or_default();
    Ok(Started { network, line: Some(line), seen, origins })
}
