//! Where steps and predictions run: the threads of the kernels' pool.

use burn::tensor::Device;
use hema_kernels as kernels;

use crate::device;

/// Images up to which a prediction is so short that handing it over to another thread would be 1 % of it or
/// more.
const FEW_IMAGES: usize = 8;

/// Runs a step, on the CPU with all threads of the pool at hand ([`kernels::step`]).
///
/// On a graphics card it runs on this thread: Burn gives each thread a queue of its own there, and tensors
/// that pass from one to the other are waited for.
pub fn on_pool<T: Send>(device: &Device, f: impl FnOnce() -> T + Send) -> T {
    if device::is_cpu(device) { kernels::step(f) } else { f() }
}

/// Runs the prediction of so many images: a few of them on this thread, which leads the pool's
/// ([`kernels::step_here`]), more of them as [`on_pool`] does, where the images of the next batch are made
/// between two steps.
pub fn predicting<T: Send>(device: &Device, images: usize, f: impl FnOnce() -> T + Send) -> T {
    if device::is_cpu(device) && images <= FEW_IMAGES { kernels::step_here(f) } else { on_pool(device, f) }
}
