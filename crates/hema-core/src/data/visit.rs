//! Going over many images of a source once: bytes in reading order, everything else on all threads, and no
//! more memory than one batch takes.

use std::collections::HashMap;

use rayon::prelude::*;

use super::deep::White;
use super::place::Picture;
use super::source::Source;
use crate::error::{Error, ErrorKind, Result};

/// Most compressed bytes of one batch.
const BATCH_BYTES: usize = 64 << 20;

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

    /// As [`Source::visit`], with this number for white in images of more than 8 bits.
    pub(super) fn visit_as<T: Send>(
        &self,
        white: Option<f64>,
        order: &[usize],
        in_flight: usize,
        work: impl Fn(usize, Result<Picture>) -> T + Sync,
        mut each: impl FnMut(usize, T) -> Result<()>,
    ) -> Result<()> {
        let white = white.map_or(White::Unknown, White::At);
        let mut cursor = None;
        let mut next = 0;
        while next < order.len() {
            let (mut batch, mut bytes) = (Vec::new(), 0);
            while next < order.len() && batch.len() < in_flight.max(1) && bytes < BATCH_BYTES {
                let place = self.places.get(order[next]);
                let fetched = place.fetch(&mut cursor).map_err(|e| e.at(self.location(order[next])))?;
                bytes += fetched.len();
                batch.push((order[next], fetched));
                next += 1;
            }
            let results: Vec<Result<(usize, T)>> = batch
                .into_par_iter()
                .map(|(i, fetched)| {
                    let decoded =
                        self.places.get(i).picture(fetched, white).map_err(|e| e.at(self.location(i)));
                    match decoded {
                        // what failed here may read well tomorrow: nobody may take it for a bad image
                        Err(failed) if failed.kind() != ErrorKind::Unreadable => Err(failed),
                        decoded => {
                            self.remarks.decoded(i, &decoded);
                            Ok((i, work(i, decoded.map(|(picture, _)| picture))))
                        }
                    }
                })
                .collect();
            for result in results {
                let (i, done) = result?;
                each(i, done)?;
            }
        }
        Ok(())
    }
}
