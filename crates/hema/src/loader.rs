//! Batches of network input, made ahead of time on their own thread.
//!
//! What a batch holds depends on the order of its samples and on each sample's index alone, never on threads.

use std::sync::mpsc;
use std::thread;

use burn::tensor::{Device, Tensor, TensorData};
use hema_core::Image;
use hema_core::data::Dataset;
use hema_core::error::{Error, Result};
use hema_core::preprocess::Preprocess;
use rayon::prelude::*;

/// Batches that may wait for the network: enough to hide the making of one, few enough to hold little memory.
const AHEAD: usize = 2;

/// Normalised images ready for a network.
#[derive(Debug)]
pub struct Batch {
    /// Which samples of the data set, in the batch's order.
    pub samples: Vec<usize>,
    values: Vec<f32>,
    size: usize,
}

impl Batch {
    /// The images, `[n, size, size, 3]`.
    pub fn into_tensor(self, device: &Device) -> Tensor<4> {
        let shape = [self.samples.len(), self.size, self.size, 3];
        Tensor::from_data(TensorData::new(self.values, shape), device)
    }
}

/// Changes one image before it is normalised, given its index in the data set.
pub type Edit<'a> = &'a (dyn Fn(usize, &mut Image) + Sync);

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
/// An image that cannot be read from the data set's store, or whatever `consume` returns.
pub fn for_each_batch(
    data: &Dataset,
    order: &[usize],
    batch_size: usize,
    preprocess: &Preprocess,
    edit: Option<Edit>,
    mut consume: impl FnMut(Batch) -> Result<Flow>,
) -> Result<()> {
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(AHEAD);
        scope.spawn(move || {
            for samples in order.chunks(batch_size) {
                // the receiver is gone when the consumer has stopped
                if sender.send(make_batch(data, samples, preprocess, edit)).is_err() {
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

fn make_batch(
    data: &Dataset,
    samples: &[usize],
    preprocess: &Preprocess,
    edit: Option<Edit>,
) -> Result<Batch> {
    let size = preprocess.size;
    if data.dimensions() != (size, size) {
        let (width, height) = data.dimensions();
        return Err(Error::new(format!("images of {width}x{height} pixels, expected {size}x{size}")));
    }
    let length = size * size * 3;
    let mut values = vec![0.0; samples.len() * length];
    values.par_chunks_exact_mut(length).zip(samples).try_for_each(|(out, &sample)| {
        let mut image = data.image(sample)?;
        if let Some(edit) = edit {
            edit(sample, &mut image);
        }
        preprocess.normalize_into(image.pixels(), out);
        Ok::<(), Error>(())
    })?;
    Ok(Batch { samples: samples.to_vec(), values, size })
}
