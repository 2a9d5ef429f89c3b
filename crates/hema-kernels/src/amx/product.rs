//! [`gemm::product`](crate::gemm::product) on tiles.

use super::tile::{Grid, Place, Shape, Tiles};
use super::{BLOCK, SIDE, Steps, Tile, spacing};
use crate::act::{Activation, with_activation};
use crate::element::Element;
use crate::gemm::Epilogue;
use crate::pack::{Packed, Sizes};
use crate::simd::{Avx512, Simd};
use std::arch::x86_64::{_mm512_maskz_loadu_ps, _mm512_storeu_ps};
use std::cell::Cell;
use std::ops::Range;

/// A block's sums, between the tiles and the output.
#[repr(align(64))]
struct Sums([[f32; BLOCK]; BLOCK]);

/// As [`gemm::product`](crate::gemm::product).
///
/// The outer loop is over strips of columns: each comes from L2, or from beyond, once for all rows. The left-hand side is laid out as the
/// first strip wants it, and stays in L2 for the others.
///
/// # Safety
/// As there; the processor has AMX and the process may use it.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx512bf16,avx2,fma")]
pub(crate) unsafe fn product<E: Element>(
    b: &Packed<E>,
    columns: Range<usize>,
    taps: &[usize],
    rows: &[*const E],
    out: &[*mut E],
    epilogue: Epilogue,
) {
    // SAFETY: this function's own target features.
    let s = unsafe { Avx512::<true>::new() };
    let steps = Steps::of(b.sizes.k / E::PER_WORD);
    // the last step's place is not where it would follow from the others'
    let regular = steps.count - usize::from(steps.overlap() > 0);
    let mut left = LEFT.take();
    left.clear(out.len(), taps.len(), steps);
    let mut sums = Sums([[0.0; BLOCK]; BLOCK]);
    // SAFETY: the caller's condition.
    let mut tiles = unsafe { Tiles::new() };
    tiles.set(Shape { rows: [SIDE; 2], columns: [SIDE; 2], words: steps.words });
    for (i, strip) in strips(b, columns).enumerate() {
        // a row that every row of sums starts from
        let mut bias = [0.0; BLOCK];
        if let Some(values) = epilogue.bias {
            bias[..strip.columns].copy_from_slice(&values[strip.first..][..strip.columns]);
        }
        for (block, out) in out.chunks(BLOCK).enumerate() {
            // SAFETY: the caller's conditions. A left-hand tile was given its place by `fill`. A right-hand one is `steps.words` rows of
            // the panel, which has `steps.depth` for each tap: `regular` times as many from its first row on, or as many up to its
            // last. `sums` is a whole block.
            unsafe {
                if i == 0 {
                    left.fill(steps, taps.len(), rows, block * BLOCK, out.len());
                }
                let grid = Grid { tall: out.len() > SIDE, wide: strip.columns > SIDE };
                tiles.load_sums(grid, bias.as_ptr(), 0);
                for (&tap, &left) in taps.iter().zip(&left.places[block * taps.len()..]) {
                    let right = strip.places(tap, 0, steps);
                    tiles.multiply(grid, left, right, regular);
                    if regular < steps.count {
                        let left = left.map(|place| place.after(regular));
                        let right = strip.places(tap, steps.depth - steps.words, steps);
                        tiles.multiply(grid, left, right, 1);
                    }
                }
                tiles.store_sums(grid, sums.0.as_mut_ptr().cast(), size_of::<[f32; BLOCK]>());
                store(s, &sums, out, strip.first, strip.columns, epilogue);
            }
        }
    }
    LEFT.set(left);
}

/// A panel of a right-hand side: up to two vectors of columns.
struct Strip {
    first: usize,
    columns: usize,
    words: *const f32,
    /// Bytes from one row of words to the next.
    row: usize,
}

impl Strip {
    /// The tiles of a tap from a row of words on.
    fn places(&self, tap: usize, word: usize, steps: Steps) -> [Place; 2] {
        let at = self.words.wrapping_byte_add((tap * steps.depth + word) * self.row);
        [0, SIDE].map(|column| Place {
            at: at.wrapping_add(column),
            row: self.row,
            step: steps.words * self.row,
        })
    }
}

/// The strips of the given panels.
fn strips<E: Element>(b: &Packed<E>, panels_used: Range<usize>) -> impl Iterator<Item = Strip> {
    let Sizes { taps, k, n } = b.sizes;
    let rows = taps * (k / E::PER_WORD);
    let (mut first, mut words) = (0, b.words.as_ptr());
    let strip = move |vectors: usize| {
        let columns = (n - first).min(vectors * SIDE).min(BLOCK);
        let strip = Strip { first, columns, words, row: vectors * size_of::<[f32; SIDE]>() };
        first += vectors * SIDE;
        words = words.wrapping_add(rows * vectors * SIDE);
        strip
    };
    b.widths().map(strip).skip(panels_used.start).take(panels_used.len())
}

/// Stores the sums, as the epilogue wants them, in `columns` columns of each output from `first` on.
///
/// # Safety
/// The outputs have these columns and are the caller's alone.
#[inline(always)]
unsafe fn store<S: Simd, E: Element>(
    s: S,
    sums: &Sums,
    out: &[*mut E],
    first: usize,
    columns: usize,
    epilogue: Epilogue,
) {
    with_activation!(epilogue.act, A => {
        for (out, sums) in out.iter().zip(&sums.0) {
            for c in (0..columns).step_by(SIDE) {
                let live = (columns - c).min(SIDE);
                // SAFETY: the caller's condition; a row of sums has whole vectors.
                unsafe {
                    let out = out.add(first + c);
                    let mut sum = A::value::<S, E>(s, s.load(sums.as_ptr().add(c)));
                    if epilogue.add {
                        sum = s.add(sum, E::load_n(s, out, live));
                    }
                    E::store_n(s, out, live, sum);
                }
            }
        }
    });
}

thread_local! {
    /// This thread's, so that its memory is used again.
    static LEFT: Cell<Left> = Cell::default();
}

/// The left-hand side of a product.
#[derive(Default)]
struct Left {
    /// Copies of rows that cannot be loaded where they are.
    tiles: Vec<Tile>,
    /// Of each tap of each block of rows: its upper and its lower tile.
    places: Vec<[Place; 2]>,
}

impl Left {
    /// Makes room for `m` rows and forgets those of before.
    fn clear(&mut self, m: usize, taps: usize, steps: Steps) {
        self.places.clear();
        let tiles = 2 * m.div_ceil(BLOCK) * taps * steps.count;
        // never shorter, or it would be filled with zeros again
        self.tiles.resize(tiles.max(self.tiles.len()), Tile::ZERO);
    }

    /// Appends the places of the next block's tiles: rows from `first` on, `live` of them, in each tap's part of the table.
    ///
    /// # Safety
    /// The table holds addresses of `steps.depth` readable words, no fewer for each tap than `clear` made room for; the processor
    /// has AVX-512.
    #[target_feature(enable = "avx512f")]
    unsafe fn fill<E>(&mut self, steps: Steps, taps: usize, rows: &[*const E], first: usize, live: usize) {
        for tap in 0..taps {
            let rows = &rows[tap * (rows.len() / taps) + first..][..live];
            let mut places = [Place::of_tiles(self.tiles.as_ptr()); 2];
            for (half, rows) in rows.chunks(SIDE).enumerate() {
                let spacing = spacing(rows).filter(|_| rows.len() == SIDE && steps.overlap() == 0);
                if let Some(row) = spacing {
                    places[half] = Place { at: rows[0].cast(), row, step: steps.words * size_of::<f32>() };
                    continue;
                }
                let first = (2 * self.places.len() + half) * steps.count;
                debug_assert!(first + steps.count <= self.tiles.len());
                // SAFETY: `clear` made room for so many tiles of every tap of every block; the rows are the caller's, and no more than a
                // tile has.
                unsafe {
                    let tiles = self.tiles.as_mut_ptr().add(first);
                    copy(rows, steps, tiles);
                    places[half] = Place::of_tiles(tiles);
                }
            }
            self.places.push(places);
        }
    }
}

/// Copies rows to one tile a step.
///
/// # Safety
/// There are no more rows than a tile has, with `steps.depth` readable words each, and as many tiles as there are steps; the
/// processor has AVX-512.
#[target_feature(enable = "avx512f")]
unsafe fn copy<E>(rows: &[*const E], steps: Steps, tiles: *mut Tile) {
    let whole = (1_u32 << steps.words) - 1;
    for step in 0..steps.count {
        let last = step + 1 == steps.count;
        let (first, mask) = if last {
            (steps.depth - steps.words, whole & !((1 << steps.overlap()) - 1))
        } else {
            (step * steps.words, whole)
        };
        for (i, row) in rows.iter().enumerate() {
            // SAFETY: the caller's conditions; what the mask leaves out is not read.
            unsafe {
                let words = _mm512_maskz_loadu_ps(mask as u16, row.cast::<f32>().add(first));
                _mm512_storeu_ps(tiles.add(step).cast::<f32>().add(i * SIDE), words);
            }
        }
    }
}
