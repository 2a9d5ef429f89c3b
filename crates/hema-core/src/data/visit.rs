//! Going over many images of a source once: bytes in reading order, everything else on all threads, and no
//! more memory than one batch takes.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::deep::White;
use super::memory::{Reservation, most_decoding};
use super::place::{Fetched, Picture};
use super::source::Source;
use crate::error::{Error, ErrorKind, Result};

/// Most compressed bytes of one batch.
const BATCH_BYTES: usize = 64 << 20;

/// An entry on its way.
struct Item<T> {
    number: usize,
    state: State<T>,
}

enum State<T> {
    Fetched(Fetched),
    /// The result, or the error that ends the visit.
    Done(Result<T>),
}

impl Source {
    /// The order in which a source's entries are read fastest, going forward through every shared file:
    /// `indices` sorted and without repetition, or every entry.
    ///
    /// # Errors
    /// An index beyond the source.
    pub fn reading_order(&self, indices: Option<&[usize]>) -> Result<Vec<usize>> {
        let mut order = indices.map_or_else(|| (0..self.len()).collect(), <[usize]>::to_vec);
        if let Some(beyond) = order.iter().find(|i| **i >= self.len()) {
            return Err(Error::new(format!("image {beyond} was asked for of {}", self.len())).at(self.path()));
        }
        order.sort_unstable();
        order.dedup();
        // shared files in the order in which the entries first come to them
        let mut rank = HashMap::new();
        let shared = |i: usize| self.places.in_shared_file(i).unzip();
        for i in &order {
            let next = rank.len();
            rank.entry(shared(*i).0).or_insert(next);
        }
        order.sort_unstable_by_key(|i| {
            let (file, offset) = shared(*i);
            (rank[&file], offset, *i)
        });
        Ok(order)
    }

    /// Reads the entries of `order` (see [`Source::reading_order`]), turns each into whatever `work` makes of
    /// it, on all threads, and hands the results to `each` on this thread, in that order. No more than
    /// `in_flight` results wait at a time. An entry that is no picture reaches `work` as an error of the kind
    /// [`ErrorKind::Unreadable`], with its path.
    ///
    /// # Errors
    /// What the system cannot read, with its path: one that lost its right to read, a file that is gone since
    /// the source was opened, a broken disk. Whatever `each` returns.
    pub fn visit<T: Send>(
        &self,
        order: &[usize],
        in_flight: usize,
        work: impl Fn(usize, Result<Picture>) -> T + Sync,
        each: impl FnMut(usize, T) -> Result<()>,
    ) -> Result<()> {
        self.visit_as(self.white, order, in_flight, work, each)
    }

    /// As [`Source::visit`], for results that keep pictures: `weigh` gives the bytes that one holds. Entries
    /// wait while the results before them hold half the memory that decoding may take.
    ///
    /// # Errors
    /// The errors of [`Source::visit`].
    pub(super) fn visit_keeping<T: Send>(
        &self,
        order: &[usize],
        in_flight: usize,
        weigh: impl Fn(&T) -> usize + Sync,
        work: impl Fn(usize, Result<Picture>) -> T + Sync,
        each: impl FnMut(usize, T) -> Result<()>,
    ) -> Result<()> {
        self.go_over((order, in_flight, self.white), weigh, work, each)
    }

    /// As [`Source::visit`], with this number for white in images of more than 8 bits.
    pub(super) fn visit_as<T: Send>(
        &self,
        white: Option<f64>,
        order: &[usize],
        in_flight: usize,
        work: impl Fn(usize, Result<Picture>) -> T + Sync,
        each: impl FnMut(usize, T) -> Result<()>,
    ) -> Result<()> {
        self.go_over((order, in_flight, white), |_| 0, work, each)
    }

    fn go_over<T: Send>(
        &self,
        (order, in_flight, white): (&[usize], usize, Option<f64>),
        weigh: impl Fn(&T) -> usize + Sync,
        work: impl Fn(usize, Result<Picture>) -> T + Sync,
        mut each: impl FnMut(usize, T) -> Result<()>,
    ) -> Result<()> {
        let white = white.map_or(White::Unknown, White::At);
        let (held, most_held) = (AtomicU64::new(0), most_decoding() / 2);
        let mut cursor = None;
        let mut order = order.iter().copied().peekable();
        let mut batch: VecDeque<Item<T>> = VecDeque::new();
        while order.peek().is_some() || !batch.is_empty() {
            let mut bytes: usize = batch.iter().map(Item::fetched).sum();
            while bytes < BATCH_BYTES
                && batch.len() < in_flight.max(1)
                && let Some(number) = order.next()
            {
                let fetched =
                    self.places.get(number).fetch(&mut cursor).map_err(|e| e.at(self.location(number)))?;
                bytes += fetched.len();
                batch.push_back(Item { number, state: State::Fetched(fetched) });
            }
            batch.par_iter_mut().enumerate().for_each(|(position, Item { number, state })| {
                let State::Fetched(fetched) = state else { return };
                // the first goes ahead in any case: the others wait for it
                if position > 0 && held.load(Ordering::Relaxed) > most_held {
                    return;
                }
                let mut room = Reservation::new();
                let decoded = self.places.get(*number).picture(fetched.take(), white, &mut room);
                let decoded = match decoded.map_err(|e| e.at(self.location(*number))) {
                    // what failed here may read well tomorrow: nobody may take it for a bad image
                    Err(failed) if failed.kind() != ErrorKind::Unreadable => {
                        *state = State::Done(Err(failed));
                        return;
                    }
                    decoded => decoded,
                };
                self.remarks.decoded(*number, &decoded);
                let result = work(*number, decoded.map(|(picture, _)| picture));
                held.fetch_add(weigh(&result) as u64, Ordering::Relaxed);
                *state = State::Done(Ok(result));
            });
            while let Some(Item { number, state }) = batch.pop_front() {
                let State::Done(result) = state else {
                    batch.push_front(Item { number, state });
                    break;
                };
                let result = result?;
                held.fetch_sub(weigh(&result) as u64, Ordering::Relaxed);
                each(number, result)?;
            }
        }
        Ok(())
    }
}

impl<T> Item<T> {
    /// Bytes that were read of it and wait for being decoded.
    fn fetched(&self) -> usize {
        match &self.state {
            State::Fetched(fetched) => fetched.len(),
            State::Done(_) => 0,
        }
    }
}
