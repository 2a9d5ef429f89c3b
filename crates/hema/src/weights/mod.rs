//! Weights as named arrays: out of a network, into a network, from and to safetensors files.
//!
//! Names are those of timm's state dictionaries (see [`crate::nn`]). Only `import` renames: weights of
//! other software.

mod file;
mod hub_cache;
mod import;
mod origin;
mod pretrained;
mod published;
mod state;

pub(crate) use file::{Header, MAX_BYTES};
pub use file::{Packing, TensorFile, read, write, write_as};
pub use hub_cache::HubCache;
pub use import::{Imported, import};
pub use origin::{Origin, origins_together};
pub use pretrained::{HUB_FILE, check_fits, find_pretrained, start_from};
pub(crate) use pretrained::{Taken, begin_from, go_on_from};
pub use published::{PUBLISHED, Published};
pub use state::{Array, LoadReport, StateDict, count_trainable, load, state_dict};
pub(crate) use state::{Names, Shapes, check_shapes, gradient_norms, load_all, shapes};
