//! Batches of network input, made ahead of time on their own thread.
//!
//! The contents of a batch depend on the order of its samples and on each sample alone, never on threads.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use burn::tensor::{Device, Tensor, TensorData};
use hema_core::Image;
use hema_core::error::{Error, Result};
use hema_core::preprocess::Preprocess;
use rayon::prelude::*;

use crate::threads::{self, Threads};

/// Batches that may wait for the network: enough to hide the making of one, few enough to hold little memory.
const AHEAD: usize = 2;
/// Batches that are there at once: those that wait, the one that is being made and the one in the network.
pub(crate) const MADE_AHEAD: usize = AHEAD + 2;

/// Normalised images ready for a network.
#[derive(Debug)]
pub(crate) struct Batch<S> {
    /// The samples that the images were read for, in the batch's order.
    pub(crate) samples: Vec<S>,
    values: Vec<f32>,
    size: usize,
}

impl<S> Batch<S> {
    /// The batch in parts of at most `most` images; each of the `views` of an image, which stand one after
    /// the other, goes with it.
    pub(crate) fn parts(self, most: usize, views: usize) -> Vec<Self>
    where
        S: Clone,
    {
        let images = self.samples.len() / views;
        if most >= images {
            return vec![self];
        }
        let length = self.size * self.size * 3;
        let part = |start: usize| {
            let rows = || {
                (0..views)
                    .flat_map(move |view| view * images + start..view * images + (start + most).min(images))
            };
            Self {
                samples: rows().map(|row| self.samples[row].clone()).collect(),
                values: rows()
                    .flat_map(|row| &self.values[row * length..(row + 1) * length])
                    .copied()
                    .collect(),
                size: self.size,
            }
        };
        (0..images).step_by(most).map(part).collect()
    }

    /// The images, `[n, size, size, 3]`.
    pub(crate) fn into_tensor(self, device: &Device) -> Tensor<4> {
        let shape = [self.samples.len(), self.size, self.size, 3];
        Tensor::from_data(TensorData::new(self.values, shape), device)
    }
}

/// Makes the image of a sample, as it is before it is normalised.
pub(crate) type Read<'a, S> = &'a (dyn Fn(&S) -> Result<Image> + Sync);

/// Makes the images of the samples of a batch, as they are before they are normalised, each with a sample for
/// the consumer.
pub(crate) type Make<'a, S, T> = &'a (dyn Fn(&[S]) -> Result<Vec<(T, Image)>> + Sync);

/// The wish of a consumer after a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// The next batch.
    Continue,
    /// No more.
    Stop,
}

/// Hands the samples of `order` to `consume` in batches, while the next ones are being made. Gives the time
/// that `consume` was kept waiting.
///
/// # Errors
/// An image that cannot be read or is of another size than the preprocessing's, or whatever `consume`
/// returns.
pub(crate) fn for_each_batch<S: Clone + Send + Sync>(
    order: &[S],
    batch_size: usize,
    preprocess: &Preprocess,
    read: Read<S>,
    consume: impl FnMut(Batch<S>) -> Result<Flow>,
) -> Result<Duration> {
    let make = |samples: &[S]| samples.par_iter().map(|sample| Ok((sample.clone(), read(sample)?))).collect();
    for_each_made_batch(order, batch_size, preprocess, &make, consume)
}

/// Hands the samples of `order` to `consume` in batches, as [`for_each_batch`] does, where the images of a
/// batch are made together.
///
/// # Errors
/// Images that cannot be made or are of another size than the preprocessing's, or whatever `consume` returns.
pub(crate) fn for_each_made_batch<S: Sync, T: Send>(
    order: &[S],
    batch_size: usize,
    preprocess: &Preprocess,
    make: Make<S, T>,
    mut consume: impl FnMut(Batch<T>) -> Result<Flow>,
) -> Result<Duration> {
    let threads = Threads::own();
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(AHEAD);
        scope.spawn(move || {
            for samples in order.chunks(batch_size) {
                let batch = threads::run_on(threads.as_ref(), || {
                    make(samples).and_then(|images| normalize(images, preprocess))
                });
                // the receiver is gone when the consumer has stopped
                if sender.send(batch).is_err() {
                    break;
                }
            }
        });
        let mut waited = Duration::ZERO;
        loop {
            let asked = Instant::now();
            let Some(batch) = threads::receive(&receiver) else { break };
            waited += asked.elapsed();
            if consume(batch?)? == Flow::Stop {
                break;
            }
        }
        Ok(waited)
    })
}

fn normalize<T>(made: Vec<(T, Image)>, preprocess: &Preprocess) -> Result<Batch<T>> {
    let (size, side) = (preprocess.size, preprocess.network_size());
    let length = side * side * 3;
    let (samples, images): (Vec<T>, Vec<Image>) = made.into_iter().unzip();
    let mut values = vec![0.0; images.len() * length];
    values.par_chunks_exact_mut(length).zip(&images).try_for_each(|(out, image)| {
        if (image.width(), image.height()) != (size, size) {
            let (width, height) = (image.width(), image.height());
            return Err(Error::new(format!("images of {width}x{height} pixels, expected {size}x{size}")));
        }
        preprocess.normalize_into(image, out)
    })?;
    Ok(Batch { samples, values, size: side })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_batch_hold_all_its_images_with_their_views() {
        let values = (0..2 * 5 * 3).map(|value| value as f32).collect();
        let batch = Batch { samples: (0..10).collect(), values, size: 1 };
        let parts = batch.parts(2, 2);
        let samples: Vec<&[i32]> = parts.iter().map(|part| &part.samples[..]).collect();
        assert_eq!(samples, [&[0, 1, 5, 6][..], &[2, 3, 7, 8], &[4, 9]]);
        assert_eq!(parts[2].values, [12.0, 13.0, 14.0, 27.0, 28.0, 29.0]);
        let whole = Batch { samples: vec![1, 2], values: vec![0.0; 6], size: 1 };
        assert_eq!(whole.parts(8, 1).len(), 1);
    }

    #[test]
    fn the_time_spent_waiting_is_that_of_making_images_ahead() {
        let nap = Duration::from_millis(4);
        let read = |_: &usize| {
            thread::sleep(nap);
            Ok(Image::filled(8, 8, [0; 3]))
        };
        let order: Vec<usize> = (0..10).collect();
        let pass = |rest: Duration| {
            let consume = |_: Batch<usize>| {
                thread::sleep(rest);
                Ok(Flow::Continue)
            };
            for_each_batch(&order, 1, &Preprocess::imagenet(8), &read, consume).unwrap()
        };
        let (eager, rested) = (pass(Duration::ZERO), pass(nap * 5));
        assert!(eager >= nap * 10, "every batch takes a nap to make: {eager:?}");
        assert!(rested < eager, "{rested:?} of {eager:?}: batches are made while the last one is used");
    }
}
