//! Weights under other software's names, renamed to those of the zoo: timm's own, torchvision's, Keras'.
//!
//! The names tell the software; a naming is one file and one row of `NAMINGS`. A stem for other than three
//! channels is changed to three, for images are in colour here. Left out on purpose: pickled files (`.pth`),
//! which are programs, and HDF5.

mod keras;
mod naming;
mod torchvision;

#[cfg(test)]
mod tests;

use hema_core::error::{Error, Result};

use self::naming::Naming;
use super::state::{self, Array, Shapes, StateDict};
use crate::model::{ModelSpec, Network, Parts, parts_of};

/// Weights that were taken in.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The software whose names they had.
    pub naming: &'static str,
    /// The weights by the zoo's names, whole but for the classifier, which may be missing or for any classes.
    pub tensors: StateDict,
    /// Differences that remain, in words.
    pub notes: Vec<String>,
}

/// Every naming, the first that fits being taken; timm's names are the zoo's own, and fit last.
const NAMINGS: &[Naming] = &[
    keras::NAMING,
    torchvision::NAMING,
    Naming { name: "timm", is: |_| true, rename: |tensors, _, _| tensors, note: |_| None },
];

/// Takes in the weights of an architecture.
///
/// # Errors
/// An unknown architecture; tensors that are missing, unexpected or of another shape: how many, and the first
/// of them.
pub fn import(tensors: StateDict, model: &str) -> Result<Imported> {
    let expected = shapes(model)?;
    let naming = NAMINGS.iter().find(|naming| (naming.is)(&tensors)).unwrap_or(&NAMINGS[NAMINGS.len() - 1]);
    let mut tensors = (naming.rename)(tensors, model, &expected);
    let mut notes: Vec<String> = (naming.note)(model).into_iter().collect();
    notes.extend(adapt_stem(&mut tensors, &expected));
    compare(&tensors, &expected, parts_of(model)?).map_err(|found| {
        Error::new(found).hint(format!(
            "its names are read as {}'s; give --model the architecture that the file is of",
            naming.name
        ))
    })?;
    Ok(Imported { naming: naming.name, tensors, notes })
}

/// The names of an architecture's tensors, and their shapes.
fn shapes(model: &str) -> Result<Shapes> {
    Ok(state::shapes(&Network::outline(&ModelSpec::bare(model, 2, 64))?.network))
}

/// Compares tensors with those of an architecture, whatever the number of its classes. The error says which
/// do not fit.
fn compare(tensors: &StateDict, expected: &Shapes, parts: &Parts) -> Result<(), String> {
    // the classifier's first axis is that of the classes
    let same = |name: &str, a: &[usize], b: &[usize]| {
        a == b || parts.is_head(name) && a.len() == b.len() && a.get(1..) == b.get(1..)
    };
    let missing = expected.iter().filter(|(name, _)| !tensors.contains_key(*name) && !parts.is_head(name));
    let unexpected = tensors.iter().filter(|(name, _)| !expected.contains_key(*name));
    let misshaped = tensors.iter().filter_map(|(name, array)| {
        let expected = expected.get(name)?;
        let found = &array.shape;
        (!same(name, found, expected)).then(|| format!("`{name}` {found:?}, expected {expected:?}"))
    });
    let groups = [
        ("missing", missing.map(|(name, shape)| format!("`{name}` {shape:?}")).collect::<Vec<_>>()),
        ("unexpected", unexpected.map(|(name, array)| format!("`{name}` {:?}", array.shape)).collect()),
        ("of another shape", misshaped.collect()),
    ];
    let say = |(what, tensors): &(&str, Vec<String>)| {
        let (count, first) = (tensors.len(), &tensors[..tensors.len().min(3)]);
        let more = if count > first.len() { ", ..." } else { "" };
        (count > 0).then(|| format!("{count} {what} ({}{more})", first.join(", ")))
    };
    let found: Vec<String> = groups.iter().filter_map(say).collect();
    if found.is_empty() { Ok(()) } else { Err(format!("of the tensors are {}", found.join("; "))) }
}

/// Changes a stem for another number of channels to one for three, as timm does (`adapt_input_conv`):
/// channels are repeated or left out in order, and scaled so that the sum over them stays about the same.
fn adapt_stem(tensors: &mut StateDict, expected: &Shapes) -> Option<String> {
    const COLOURS: usize = 3;
    let (name, shape) = expected.iter().find(|(_, shape)| shape.len() == 4 && shape[1] == COLOURS)?;
    let Array { shape: found, values } = tensors.get_mut(name)?;
    let channels = *found.get(1)?;
    if channels == COLOURS || channels == 0 || *found != [shape[0], channels, shape[2], shape[3]] {
        return None;
    }
    let pixels = shape[2] * shape[3];
    let scale = channels as f32 / COLOURS as f32;
    *values = values
        .chunks(channels * pixels)
        .flat_map(|filter| (0..COLOURS).map(move |colour| &filter[colour % channels * pixels..][..pixels]))
        .flat_map(|plane| plane.iter().map(|value| value * scale))
        .collect();
    found.clone_from(shape);
    Some(format!(
        "`{name}` takes {channels} channels: they were repeated or left out to make {COLOURS}, and scaled by {channels}/{COLOURS}"
    ))
}
