//! Products on tiles.

use std::arch::x86_64::{_mm512_maskz_loadu_ps, _mm512_storeu_ps};
use std::cell::Cell;
use std::ops::Range;

use super::shape::{BLOCK, SIDE, Steps, Tile, spacing};
use super::tile::{Grid, Place, Shape, Tiles};
use crate::products::{Epilogue, Packed, Sizes};
use crate::simd::{Activation, Avx512, Element, Simd, with_activation};

/// A block's sums, between the tiles and the output.
#[repr(align(64))]
struct Sums([[f32; BLOCK]; BLOCK]);

/// [`products::product`](crate::products::product) on tiles.
///
/// The outer loop is over strips of columns: each comes from L2, or from beyond, once for all rows. The
/// left-hand side is laid out as the first strip wants it, and stays in L2 for the others. Rows that are left
/// for one row of tiles meet two strips at once: with two tiles of sums each product would wait for the one
/// before it.
///
/// # Safety
/// The conditions of that function; the processor has AMX and the process may use it.
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
    let mut left = LEFT.take();
    left.clear(out.len(), taps.len(), steps);
    // SAFETY: the caller's condition.
    let mut tiles = unsafe { Tiles::new() };
    tiles.set(Shape { rows: [SIDE; 2], columns: [SIDE; 2], words: steps.words });
    let mut work = Work { tiles, steps, taps, sums: Sums([[0.0; BLOCK]; BLOCK]), epilogue };
    let strips: Vec<Strip> = strips(b, columns, epilogue.bias).collect();
    let left_over = Some(out.len() % BLOCK).filter(|rows| *rows <= SIDE).unwrap_or(0);
    for (i, pair) in strips.chunks(2).enumerate() {
        let (blocks, row) = out.split_at(out.len() - if pair.len() == 2 { left_over } else { 0 });
        // SAFETY: the caller's conditions. A left-hand tile was given its place by `fill`.
        unsafe {
            for (j, strip) in pair.iter().enumerate() {
                for (block, out) in blocks.chunks(BLOCK).enumerate() {
                    if i + j == 0 {
                        left.fill(steps, taps.len(), rows, block * BLOCK, out.len());
                    }
                    work.block(s, &left.places[block * taps.len()..], strip, out);
                }
            }
            if let ([a, b], false) = (pair, row.is_empty()) {
                if i == 0 {
                    left.fill(steps, taps.len(), rows, blocks.len(), row.len());
                }
                work.row(s, &left.places[blocks.len() / BLOCK * taps.len()..], [a, b], row);
            }
        }
    }
    LEFT.set(left);
}

/// The state that all blocks of a product share.
struct Work<'a> {
    tiles: Tiles,
    steps: Steps,
    taps: &'a [usize],
    sums: Sums,
    epilogue: Epilogue<'a>,
}

impl Work<'_> {
    /// Steps whose places follow from the first's: the last does not end where it would where it takes words
    /// anew.
    fn regular(&self) -> usize {
        self.steps.count - usize::from(self.steps.overlap() > 0)
    }

    /// The product of up to two rows of tiles, in their places of each tap, and a strip.
    ///
    /// # Safety
    /// The places are of rows of `steps`; the strip is of weights of as many, for each tap; the outputs have
    /// its columns and are the caller's alone.
    #[inline(always)]
    unsafe fn block<S: Simd, E: Element>(
        &mut self,
        s: S,
        places: &[[Place; 2]],
        strip: &Strip,
        out: &[*mut E],
    ) {
        let (steps, regular) = (self.steps, self.regular());
        let grid = Grid { tall: out.len() > SIDE, wide: strip.columns > SIDE };
        // SAFETY: the caller's conditions. A right-hand tile is `steps.words` rows of the panel, which has
        // `steps.depth` for each tap: `regular` times as many from its first row on, or as many up to its
        // last. `sums` is a whole block.
        unsafe {
            self.tiles.load_sums(grid, [strip.bias.as_ptr(); 2], 0);
            for (&tap, &left) in self.taps.iter().zip(places) {
                self.tiles.multiply(grid, left, strip.places(tap, 0, steps), regular);
                if regular < steps.count {
                    let left = left.map(|place| place.after(regular));
                    let right = strip.places(tap, steps.depth - steps.words, steps);
                    self.tiles.multiply(grid, left, right, 1);
                }
            }
            self.tiles.store_sums(grid, self.sums.0.as_mut_ptr().cast(), size_of::<[f32; BLOCK]>());
            store(s, &self.sums.0, out, strip, self.epilogue);
        }
    }

    /// The product of one row of tiles and two strips, the first a whole one.
    ///
    /// # Safety
    /// The conditions of [`block`](Self::block); there are no more rows than a tile has.
    #[inline(always)]
    unsafe fn row<S: Simd, E: Element>(
        &mut self,
        s: S,
        places: &[[Place; 2]],
        strips: [&Strip; 2],
        out: &[*mut E],
    ) {
        let (steps, regular) = (self.steps, self.regular());
        let (grid, wide) = (Grid { tall: true, wide: true }, strips[1].columns > SIDE);
        // SAFETY: as in `block`.
        unsafe {
            self.tiles.load_sums(grid, strips.map(|strip| strip.bias.as_ptr()), 0);
            for (&tap, &[left, _]) in self.taps.iter().zip(places) {
                let right = strips.map(|strip| strip.places(tap, 0, steps));
                self.tiles.multiply_by_two(wide, left, right, regular);
                if regular < steps.count {
                    let right = strips.map(|strip| strip.places(tap, steps.depth - steps.words, steps));
                    self.tiles.multiply_by_two(wide, left.after(regular), right, 1);
                }
            }
            self.tiles.store_sums(grid, self.sums.0.as_mut_ptr().cast(), size_of::<[f32; BLOCK]>());
            for (strip, sums) in strips.into_iter().zip(self.sums.0.chunks(SIDE)) {
                store(s, sums, out, strip, self.epilogue);
            }
        }
    }
}

/// A panel of a right-hand side: up to two vectors of columns.
struct Strip {
    first: usize,
    columns: usize,
    words: *const f32,
    /// Bytes from one row of words to the next.
    row: usize,
    /// The values that every row of sums starts from. Tiles load them, which would wait for them if they were
    /// written just before.
    bias: [f32; BLOCK],
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
fn strips<E: Element>(
    b: &Packed<E>,
    panels_used: Range<usize>,
    bias: Option<&[f32]>,
) -> impl Iterator<Item = Strip> {
    let Sizes { taps, k, n } = b.sizes;
    let rows = taps * (k / E::PER_WORD);
    let places = b.widths().scan((0, b.words.as_ptr()), move |(first, words), vectors| {
        let place = (*first, *words, vectors);
        *first += vectors * SIDE;
        *words = words.wrapping_add(rows * vectors * SIDE);
        Some(place)
    });
    places.skip(panels_used.start).take(panels_used.len()).map(move |(first, words, vectors)| {
        let columns = (n - first).min(vectors * SIDE).min(BLOCK);
        let row = vectors * size_of::<[f32; SIDE]>();
        let mut strip = Strip { first, columns, words, row, bias: [0.0; BLOCK] };
        if let Some(bias) = bias {
            strip.bias[..columns].copy_from_slice(&bias[first..][..columns]);
        }
        strip
    })
}

/// Stores the sums, as the epilogue wants them, in a strip's columns of each output.
///
/// # Safety
/// The outputs have these columns and are the caller's alone.
#[inline(always)]
unsafe fn store<S: Simd, E: Element>(
    s: S,
    sums: &[[f32; BLOCK]],
    out: &[*mut E],
    strip: &Strip,
    epilogue: Epilogue,
) {
    let Strip { first, columns, .. } = *strip;
    with_activation!(epilogue.act, A => {
        for (out, sums) in out.iter().zip(sums) {
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
    /// The upper and the lower tile of each tap of each block of rows.
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

    /// Appends the places of the next block's tiles: rows from `first` on, `live` of them, in each tap's part
    /// of the table.
    ///
    /// # Safety
    /// The table holds addresses of `steps.depth` readable words, no fewer for each tap than `clear` made
    /// room for; the processor has AVX-512.
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
                // SAFETY: `clear` made room for so many tiles of every tap of every block; the rows are the
                // caller's, and no more than a tile has.
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
/// There are no more rows than a tile has, with `steps.depth` readable words each, and as many tiles as there
/// are steps; the processor has AVX-512.
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
            // SAFETY: the caller's conditions; words that the mask leaves out are not read.
            unsafe {
                let words = _mm512_maskz_loadu_ps(mask as u16, row.cast::<f32>().add(first));
                _mm512_storeu_ps(tiles.add(step).cast::<f32>().add(i * SIDE), words);
            }
        }
    }
}
