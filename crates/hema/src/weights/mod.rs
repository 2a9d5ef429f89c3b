//! Weights as named arrays: out of a network, into a network, from and to safetensors files.
//!
//! Names are those of PyTorch state dictionaries (see [`crate::nn`]), so there is no renaming table anywhere.

mod file;
mod pretrained;
mod state;

pub use file::{TensorFile, read, write};
pub use pretrained::{find_pretrained, start_from};
pub(crate) use state::Names;
#[cfg(test)]
pub(crate) use state::gradient_norms;
pub use state::{Array, LoadReport, StateDict, count_trainable, load, state_dict};
