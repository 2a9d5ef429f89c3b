//! CPU kernels for convolutional networks on plain slices.
//!
//! Maps are contiguous in **NHWC** order (channels last), of `f32` or [`bf16`](Element); parameters and their gradients are
//! `f32`, weights in torch's order, (O, I, kh, kw).
//! Every operator has a forward pass, the gradients a training step needs, and a plain reference it is tested against.
//!
//! Work is cut into tasks by the shape of the problem alone and partial sums are added in a fixed order, so results do not
//! depend on the number of threads. Buffers of the wrong length are errors of the calling program and panic.

// explicit SIMD and tasks that write disjoint parts of one buffer need it; no other crate of the workspace may
#![allow(unsafe_code)]
// kernels are generic functions that must be merged into their entry points, or they lose the target features
#![allow(clippy::inline_always)]
// register tiles are arrays walked by loops of constant length, several arrays by one index
#![allow(clippy::needless_range_loop)]

mod act;
#[cfg(target_arch = "x86_64")]
mod amx;
mod block;
mod cache_lines;
mod conv;
mod depthwise;
mod dot;
mod element;
#[cfg(all(test, unix))]
mod fuzz;
mod gather;
mod gemm;
mod layer_norm;
mod max_pool;
mod mixer;
mod norm;
mod optim;
mod pack;
mod pixels;
mod pool;
#[cfg(test)]
mod reference;
mod response_norm;
mod simd;
mod squeeze;
mod tables;
mod team;
mod unit;
mod workspace;

pub use act::Act;
pub use block::{Block, BlockGrads, BlockParams, BlockSaved, FoldedBlock, Residual};
pub use cache_lines::CacheLines;
pub use conv::{Conv2d, Pad};
pub use depthwise::Depthwise;
pub use dot::dot;
pub use element::{Element, bf16, narrow};
pub use layer_norm::{LayerNorm, LayerNormGrads, RowStats};
pub use max_pool::MaxPool;
pub use mixer::{FoldedMixer, Mixer, MixerGrads, MixerParams, MixerSaved};
pub use norm::{Norm, NormGrads, Stats};
pub use optim::{AdamW, Lion, lerp, sum_of_squares};
pub use pixels::{Border, COLOUR_BITS, ColourMatrix, STEPS, bilinear, mix_channels};
pub use pool::Map;
pub use response_norm::{ResponseNorm, ResponseNormGrads};
pub use simd::{Level, level};
pub use squeeze::{Gate, SqueezeExcite, SqueezeGrads, SqueezeParams, SqueezeSaved};
pub use tables::{Table, map_bytes, map_pixels, sharpen};
pub use team::{step, step_here};
pub use unit::{Filter, InputGrad, Unit, UnitGrads, UnitParams, UnitSaved};
pub use workspace::Workspace;

/// Panics unless `found == expected`.
#[track_caller]
fn check_len(name: &str, found: usize, expected: usize) {
    assert!(found == expected, "length of `{name}`: found {found}, expected {expected}");
}

/// Runs `f(i, chunk i of y)` in parallel; the chunks depend on `size` alone.
fn par_chunks<E: Send>(y: &mut [E], size: usize, f: impl Fn(usize, &mut [E]) + Sync + Send) {
    team::for_each(y.chunks_mut(size).enumerate(), |(i, y)| f(i, y));
}

/// A base pointer that tasks writing disjoint parts of one buffer may share.
struct SharedMut<E>(*mut E);

impl<E> Clone for SharedMut<E> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<E> Copy for SharedMut<E> {}

// SAFETY: only an address; each use states why the parts written through it are disjoint.
unsafe impl<E> Send for SharedMut<E> {}
// SAFETY: as above.
unsafe impl<E> Sync for SharedMut<E> {}

impl<E> SharedMut<E> {
    fn get(self) -> *mut E {
        self.0
    }
}
