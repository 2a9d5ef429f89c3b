//! Batches of network input, made ahead of time on their own thread.
//!
//! What a batch holds depends on the order of its samples and on each sample alone, never on threads.

use std::sync::mpsc;
use std::thread;

use burn::tensor::{Device, Tensor, TensorData};
use hema_core::Image;
use hema_core::error::{Error, Result};
use hema_core::preprocess::Preprocess;
use rayon::prelude::*;

/// Batches that may wait for the network: enough to hide the making of one, few enough to hold little memory.
const AHEAD: usize = 2;

/// Normalised images ready for a network.
#[derive(Debug)]
pub struct Batch<S> {
    /// What the images were read for, in the batch's order.
    pub samples: Vec<S>,
    values: Vec<f32>,
    size: usize,
}

impl<S> Batch<S> {
    /// The images, `[n, size, size, 3]`.
    pub fn into_tensor(self, device: &Device) -> Tensor<4> {
        let shape = [self.samples.len(), self.size, self.size, 3];
        Tensor::from_data(TensorData::new(self.values, shape), device)
    }
}

/// Makes the image of a sample, as it is before it is normalised.
pub type Read<'a, S> = &'a (dyn Fn(&S) -> Result<Image> + Sync);

/// What the consumer of a batch wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The next batch.
    Continue,
    /// No more.
    Stop,
}

/// Hands the samples of `order` to `consume` in batches, while the next ones are being made.
///
/// # Errors
/// An image that cannot be read or is of another size than the network's, or whatever `consume` returns.
pub fn for_each_batch<S: Clone + Send + Sync>(
    order: &[S],
    batch_size: usize,
    preprocess: &Preprocess,
    read: Read<S>,
    mut consume: impl FnMut(Batch<S>) -> Result<Flow>,
) -> Result<()> {
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(AHEAD);
        scope.spawn(move || {
            for samples in order.chunks(batch_size) {
                // the receiver is gone when the consumer has stopped
                if sender.send(make_batch(samples, preprocess, read)).is_err() {
                    break;
                }
            }
        });
        while let Ok(batch) = receiver.recv() {
            if consume(batch?)? == Flow::Stop {
                break;
            }
        }
        Ok(())
    })
}

fn make_batch<S: Clone + Sync>(samples: &[S], preprocess: &Preprocess, read: Read<S>) -> Result<Batch<S>> {
    let size = preprocess.size;
    let length = size * size * 3;
    let mut values = vec![0.0; samples.len() * length];
    values.par_chunks_exact_mut(length).zip(samples).try_for_each(|(out, sample)| {
        let image = read(sample)?;
        if (image.width(), image.height()) != (size, size) {
            let (width, height) = (image.width(), image.height());
            return Err(Error::new(format!("images of {width}x{height} pixels, expected {size}x{size}")));
        }
        preprocess.normalize_into(image.pixels(), out);
        Ok(())
    })?;
    Ok(Batch { samples: samples.to_vec(), values, size })
}
