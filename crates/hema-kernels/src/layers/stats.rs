//! Statistics of each channel.

use crate::parallel;
use crate::simd::{Element, Kernel, Simd, dispatch, for_vectors};

/// Mean and biased variance of each channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Stats {
    /// Mean.
    pub mean: Vec<f32>,
    /// Biased variance (divided by the count).
    pub var: Vec<f32>,
}

/// Sums over one block of rows.
pub(crate) struct Partial {
    rows: usize,
    /// Mean, then sum of squared distances from it.
    sums: Vec<f32>,
}

impl Partial {
    /// The sums over `x`, rows of `channels` values, at least one row.
    pub(crate) fn of<E: Element>(x: &[E], channels: usize) -> Self {
        let rows = x.len() / channels;
        assert!(rows > 0 && rows * channels == x.len(), "whole rows expected");
        let mut sums = vec![0.0; 2 * channels];
        let (first, second) = sums.split_at_mut(channels);
        // SAFETY: `x` is one or more whole rows; both outputs have `channels` values.
        unsafe { dispatch(ShiftedSums { x, first, second }) };
        for (c, (s1, s2)) in first.iter_mut().zip(second).enumerate() {
            let distance = *s1 / rows as f32;
            *s2 = (*s2 - *s1 * distance).max(0.0);
            *s1 = x[c].to_f32() + distance;
        }
        Self { rows, sums }
    }
}

impl Stats {
    /// Statistics of `x`, rows of `channels` values.
    ///
    /// # Panics
    /// If `x` is empty or not whole rows.
    pub fn of<E: Element>(x: &[E], channels: usize) -> Self {
        check_rows("x", x, channels);
        let partials = parallel::map(x.chunks(chunk(channels)), |block| Partial::of(block, channels));
        Self::merge(channels, &partials)
    }

    /// The statistics of all blocks together.
    pub(crate) fn merge(channels: usize, blocks: &[Partial]) -> Self {
        let (mut mean, mut m2) = (vec![0.0f64; channels], vec![0.0f64; channels]);
        let mut count = 0.0;
        for block in blocks {
            let rows = block.rows as f64;
            let share = rows / (count + rows);
            let (block_mean, block_m2) = block.sums.split_at(channels);
            for c in 0..channels {
                let distance = f64::from(block_mean[c]) - mean[c];
                mean[c] += distance * share;
                m2[c] += f64::from(block_m2[c]) + distance * distance * count * share;
            }
            count += rows;
        }
        Self {
            mean: mean.into_iter().map(|m| m as f32).collect(),
            var: m2.into_iter().map(|m| (m / count) as f32).collect(),
        }
    }
}

/// Values of one task: whole rows, four at a time.
pub(crate) fn chunk(channels: usize) -> usize {
    ((1 << 14) / channels).clamp(16, 1024).next_multiple_of(4) * channels
}

#[track_caller]
pub(crate) fn check_rows<E>(name: &str, x: &[E], channels: usize) {
    assert!(
        channels > 0 && !x.is_empty() && x.len().is_multiple_of(channels),
        "length of `{name}`: found {}, expected a positive multiple of {channels} channels",
        x.len()
    );
}

/// Rows taken together by the passes with sums.
pub(crate) const ROWS: usize = 4;

/// Adds `x - x[0]` and its square, summed over rows, to `first` and `second`.
///
/// # Safety
/// `x` is one or more whole rows of the outputs' length.
struct ShiftedSums<'a, E> {
    x: &'a [E],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl<E: Element> Kernel for ShiftedSums<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(mut self, s: S) {
        let channels = self.first.len();
        let (fours, rest) = self.x.split_at(self.x.len() / (ROWS * channels) * ROWS * channels);
        // SAFETY: the kernel's conditions.
        unsafe {
            self.rows::<S, ROWS>(s, fours);
            self.rows::<S, 1>(s, rest);
        }
    }
}

impl<E: Element> ShiftedSums<'_, E> {
    /// Takes `R` rows at a time.
    ///
    /// # Safety
    /// The conditions of the kernel, for this part of its map.
    #[inline(always)]
    unsafe fn rows<S: Simd, const R: usize>(&mut self, s: S, part: &[E]) {
        let Self { x: shift, first, second } = self;
        let channels = first.len();
        for x in part.chunks_exact(R * channels) {
            for_vectors!(S, channels, |c, n| {
                // SAFETY: `n` channels remain from c in each row and each sum.
                unsafe {
                    let by = E::load_n(s, shift.as_ptr().add(c), n);
                    let mut s1 = s.load_n(first.as_ptr().add(c), n);
                    let mut s2 = s.load_n(second.as_ptr().add(c), n);
                    for r in 0..R {
                        let d = s.sub(E::load_n(s, x.as_ptr().add(r * channels + c), n), by);
                        s1 = s.add(s1, d);
                        s2 = s.fma(d, d, s2);
                    }
                    s.store_n(first.as_mut_ptr().add(c), n, s1);
                    s.store_n(second.as_mut_ptr().add(c), n, s2);
                }
            });
        }
    }
}
