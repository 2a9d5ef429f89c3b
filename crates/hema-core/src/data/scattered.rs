//! Images of an array in Fortran order, whose numbers lie scattered: the first axis, that of the images, runs
//! fastest. They are gathered a few at a time where they lie; the array is never in memory as a whole.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::file::ReadAt;

/// Bytes of the images that are gathered at once: those that follow each other lie side by side.
const BLOCK: usize = 8 << 20;

/// Images of an array in Fortran order, of at least one number each.
pub(super) struct Scattered {
    file: Arc<dyn ReadAt>,
    /// Where the numbers begin.
    start: u64,
    images: usize,
    /// Height, width and channels of an image.
    sides: [usize; 3],
    /// Bytes of a number: 1, 2, 4 or 8.
    number: usize,
    /// The images gathered last.
    block: Mutex<Block>,
}

#[derive(Default)]
struct Block {
    first: usize,
    /// One image after the other, in C order.
    images: Vec<u8>,
}

impl Scattered {
    /// The images whose numbers begin at `start` of a file.
    pub(super) fn new(
        file: Arc<dyn ReadAt>,
        start: u64,
        images: usize,
        sides: [usize; 3],
        number: usize,
    ) -> Self {
        Self { file, start, images, sides, number, block: Mutex::default() }
    }

    /// Bytes of an image.
    fn image_bytes(&self) -> usize {
        self.sides.iter().product::<usize>() * self.number
    }

    /// The `len` bytes at an offset among those of all images, one after the other in C order; they are one
    /// image.
    pub(super) fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let bytes = self.image_bytes();
        if len != bytes || !offset.is_multiple_of(bytes as u64) {
            return Err(io::Error::other("not one image of the array was asked for"));
        }
        let image = (offset / bytes as u64) as usize;
        let mut block = self.block.lock().unwrap_or_else(PoisonError::into_inner);
        let held = block.images.len() / bytes;
        if !(block.first..block.first + held).contains(&image) {
            // its memory first, so that there are never two
            *block = Block::default();
            *block = self.gather(image)?;
        }
        Ok(block.images[(image - block.first) * bytes..][..bytes].to_vec())
    }

    /// Gathers an image and some behind it.
    fn gather(&self, first: usize) -> io::Result<Block> {
        let bytes = self.image_bytes();
        let count = (BLOCK / bytes).clamp(1, self.images.saturating_sub(first).max(1));
        let mut images = Vec::new();
        images.try_reserve_exact(count * bytes)?;
        images.resize(count * bytes, 0);
        let [height, width, channels] = self.sides;
        let mut at = self.start + (first * self.number) as u64;
        let mut runs = vec![0; height * count * self.number];
        // the columns of an image in the order of the file, in which the row runs fastest
        for (channel, column) in (0..channels).flat_map(|channel| (0..width).map(move |c| (channel, c))) {
            for run in runs.chunks_exact_mut(count * self.number) {
                self.file.fill(at, run)?;
                at += (self.images * self.number) as u64;
            }
            let column = Column { first: column * channels + channel, step: width * channels, height };
            match self.number {
                1 => column.fill::<1>(&mut images, &runs),
                2 => column.fill::<2>(&mut images, &runs),
                4 => column.fill::<4>(&mut images, &runs),
                _ => column.fill::<8>(&mut images, &runs),
            }
        }
        Ok(Block { first, images })
    }
}

/// A column of one channel, by the places of its numbers in an image.
struct Column {
    first: usize,
    step: usize,
    height: usize,
}

impl Column {
    /// Puts the column into every image. `runs` have its rows, and each row a number of every image; numbers
    /// take `N` bytes.
    fn fill<const N: usize>(&self, images: &mut [u8], runs: &[u8]) {
        let (runs, _) = runs.as_chunks::<N>();
        let (images, _) = images.as_chunks_mut::<N>();
        let count = runs.len() / self.height;
        for (number, image) in images.chunks_exact_mut(images.len() / count).enumerate() {
            let places = image[self.first..].iter_mut().step_by(self.step);
            for (place, value) in places.zip(runs[number..].iter().step_by(count)) {
                *place = *value;
            }
        }
    }
}

/// Copies the bytes of a packed array to a temporary file without a name, in which they can be read anywhere.
///
/// # Errors
/// Fewer bytes than `len`, no room on the disk.
pub(super) fn unpack(packed: &mut dyn Read, len: u64) -> Result<File> {
    let full = |e: io::Error| {
        Error::new(format!("the temporary file for an array in Fortran order failed: {e}"))
            .at(std::env::temp_dir())
            .with_kind(e.kind().into())
            .hint(
                "free some space there, point TMPDIR to a larger disk, or save the array in C order: \
                   `np.ascontiguousarray(images)`",
            )
    };
    let mut out = BufWriter::with_capacity(1 << 20, tempfile::tempfile().map_err(full)?);
    let (mut left, mut chunk) = (len, vec![0; 1 << 16]);
    while left > 0 {
        let wanted = left.min(chunk.len() as u64) as usize;
        packed.read_exact(&mut chunk[..wanted]).map_err(|e| {
            Error::inside(&e, || Error::new(format!("ends {left} bytes before its end: {e}")))
        })?;
        out.write_all(&chunk[..wanted]).map_err(full)?;
        left -= wanted as u64;
    }
    out.into_inner().map_err(|e| full(e.into_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_a_fortran_array_are_gathered_as_numpy_orders_them() {
        // `np.arange(5 * 2 * 3 * 4).reshape(5, 2, 3, 4)`, with two bytes a number
        let (images, sides) = (5, [2, 3, 4]);
        let value = |n: usize, h: usize, w: usize, c: usize| ((n * 2 + h) * 3 + w) * 4 + c;
        let mut bytes = b"header".to_vec();
        for c in 0..4 {
            for w in 0..3 {
                for h in 0..2 {
                    (0..images).for_each(|n| bytes.extend((value(n, h, w, c) as u16).to_le_bytes()));
                }
            }
        }
        let mut packed = bytes.as_slice();
        let file = Arc::new(unpack(&mut packed, bytes.len() as u64).unwrap());
        let scattered = Scattered::new(file, 6, images, sides, 2);
        for n in [3, 0, 4, 1] {
            let expected: Vec<u8> =
                (n * 24..(n + 1) * 24).flat_map(|value| (value as u16).to_le_bytes()).collect();
            assert_eq!(scattered.read(n as u64 * 48, 48).unwrap(), expected, "{n}");
        }
        assert!(scattered.read(5 * 48, 48).is_err());
        assert!(scattered.read(7, 48).is_err());
        assert!(unpack(&mut [0_u8; 3].as_slice(), 4).is_err());
    }
}
