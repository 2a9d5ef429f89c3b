//! How good a picture is as a picture: light, contrast, sharpness, compression.
//!
//! Everything is measured on the luma, in two passes over it, and in numbers that do not depend on what is
//! shown where.

use crate::data::Picture;
use crate::sample::Image;

/// The quality of a picture in numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quality {
    /// Luma that 1 % of the pixels lie below: the darkest there is, but for noise.
    pub(crate) darkest: u8,
    /// Luma that 99 % of the pixels lie below: the background of a smear.
    pub(crate) brightest: u8,
    /// Share of the pixels at the upper end of the scale (250 and above).
    pub(crate) clipped: f64,
    /// Shannon entropy of the luma in bits, 0 to 8.
    pub(crate) entropy: f64,
    /// How steep the steepest edges are, from 0: the 99th percentile of the Laplacian's magnitude at half
    /// size, relative to the contrast. Half size, because noise and JPEG blocks leave it alone. `None` for
    /// images too small or flat to tell.
    pub(crate) sharpness: Option<f64>,
    /// Step at the borders of 8 x 8 blocks in excess of the steps elsewhere, in levels of luma: the trace of
    /// JPEG compression, in whatever format the picture is now. `None` for images too small to tell.
    pub(crate) blockiness: Option<f64>,
    /// Quality setting of the JPEG file, 1 to 100, as its quantisation table tells.
    pub(crate) jpeg_setting: Option<f64>,
}

impl Quality {
    /// Measures a picture, whose luma is given.
    pub(crate) fn of(picture: &Picture, luma: &Luma) -> Self {
        let total = luma.pixels.len() as f64;
        let share = |count: &u32| f64::from(*count) / total;
        let bits = |share: f64| if share > 0.0 { -share * share.log2() } else { 0.0 };
        let (darkest, brightest) = (luma.percentile(0.01), luma.percentile(0.99));
        Self {
            darkest,
            brightest,
            clipped: luma.histogram[250..].iter().map(share).sum(),
            entropy: luma.histogram.iter().map(share).map(bits).sum(),
            sharpness: sharpness(luma),
            blockiness: blockiness(luma),
            jpeg_setting: picture.file.as_deref().and_then(jpeg_quality),
        }
    }

    /// Distance between the darkest and the brightest, relative to the brightest: 0 to 1, whatever the
    /// exposure.
    pub(crate) fn contrast(&self) -> f64 {
        f64::from(self.brightest - self.darkest) / f64::from(self.brightest.max(1))
    }
}

/// The luma of an image.
pub(crate) struct Luma {
    pub(crate) width: usize,
    pub(crate) pixels: Vec<u8>,
    pub(crate) histogram: [u32; 256],
}

impl Luma {
    /// Rec. 601 luma, in eighths of a bit.
    pub(crate) fn of(image: &Image) -> Self {
        let luma = |[r, g, b]: &[u8; 3]| {
            ((77 * u16::from(*r) + 150 * u16::from(*g) + 29 * u16::from(*b) + 128) >> 8) as u8
        };
        let pixels: Vec<u8> = image.pixels().as_chunks::<3>().0.iter().map(luma).collect();
        let mut histogram = [0; 256];
        for value in &pixels {
            histogram[usize::from(*value)] += 1;
        }
        Self { width: image.width(), pixels, histogram }
    }

    /// The smallest value that at least this share of the pixels do not exceed.
    pub(crate) fn percentile(&self, share: f64) -> u8 {
        percentile(&self.histogram, share) as u8
    }
}

/// The first bin at which at least this share of the counts is reached.
fn percentile(histogram: &[u32], share: f64) -> usize {
    let wanted = share * histogram.iter().map(|count| f64::from(*count)).sum::<f64>();
    let mut below = 0.0;
    let reaches = |count: &u32| {
        below += f64::from(*count);
        below >= wanted
    };
    histogram.iter().position(reaches).unwrap_or(0)
}

/// See [`Quality::sharpness`].
pub(crate) fn sharpness(luma: &Luma) -> Option<f64> {
    let contrast = f64::from(luma.percentile(0.99) - luma.percentile(0.01));
    let (width, height) = (luma.width / 2, luma.pixels.len() / luma.width / 2);
    if width < 8 || height < 8 || contrast < 1.0 {
        return None;
    }
    // sums of 2 x 2 pixels, four times a level
    let mut halved = Vec::with_capacity(width * height);
    for rows in luma.pixels.chunks_exact(2 * luma.width) {
        let (upper, lower) = rows.split_at(luma.width);
        let pairs = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
        halved.extend(pairs.map(|(u, l)| u.iter().chain(l).map(|v| i16::from(*v)).sum::<i16>()));
    }
    let mut steepness = vec![0; 4 * 255 + 1];
    for rows in halved.windows(3 * width).step_by(width) {
        let (above, here, below) = (&rows[..width], &rows[width..2 * width], &rows[2 * width..]);
        for x in 1..width - 1 {
            let laplacian = 4 * here[x] - here[x - 1] - here[x + 1] - above[x] - below[x];
            steepness[usize::from(laplacian.unsigned_abs() / 4)] += 1;
        }
    }
    Some(percentile(&steepness, 0.99) as f64 / contrast)
}

/// Sides of the blocks that JPEG codes.
const BLOCK: usize = 8;

/// See [`Quality::blockiness`].
fn blockiness(luma: &Luma) -> Option<f64> {
    let height = luma.pixels.len() / luma.width;
    if luma.width.min(height) < BLOCK * BLOCK {
        return None;
    }
    // sums of the steps across each line between two columns, and between two rows
    let mut columns = vec![0_u32; luma.width - 1];
    for row in luma.pixels.chunks_exact(luma.width) {
        for (sum, (left, right)) in columns.iter_mut().zip(row.iter().zip(&row[1..])) {
            *sum += u32::from(left.abs_diff(*right));
        }
    }
    let rows: Vec<u32> = luma
        .pixels
        .chunks_exact(luma.width)
        .zip(luma.pixels[luma.width..].chunks_exact(luma.width))
        .map(|(upper, lower)| upper.iter().zip(lower).map(|(u, l)| u32::from(u.abs_diff(*l))).sum())
        .collect();
    // blocks have borders both ways; stripes and straight edges do not
    Some(grid(&columns, height).min(grid(&rows, luma.width)))
}

/// By how much the steps at every eighth line exceed those beside them, for the phase at which they do so
/// most, in levels a pixel.
fn grid(steps: &[u32], length: usize) -> f64 {
    let mut excess = [0.0; BLOCK];
    let mut lines = [0.0; BLOCK];
    for (i, neighbours) in steps.windows(3).enumerate() {
        let [before, here, after] = [0, 1, 2].map(|n| f64::from(neighbours[n]));
        excess[i % BLOCK] += here - f64::midpoint(before, after);
        lines[i % BLOCK] += length as f64;
    }
    let mut phases: [f64; BLOCK] = std::array::from_fn(|phase| excess[phase] / lines[phase]);
    phases.sort_by(f64::total_cmp);
    phases[BLOCK - 1] - phases[BLOCK / 2]
}

/// Steps at the start of a quantisation table that tell its quality: the coarsest tables end in steps cut off
/// at 255.
const TELLING: usize = 10;
/// Sum of those steps in the luma table of quality 50 (ITU-T T.81, table K.1).
const STANDARD_SUM: f64 = 132.0;

/// The quality setting that a JPEG file's first quantisation table stands for, by the formula of the
/// Independent JPEG Group's software, which nearly all encoders follow; `None` for other files.
fn jpeg_quality(file: &[u8]) -> Option<f64> {
    const QUANTISATION: u8 = 0xdb;
    const SCAN: u8 = 0xda;
    let mut rest = file.strip_prefix(&[0xff, 0xd8])?;
    loop {
        let &[0xff, marker, high, low, ..] = rest else { return None };
        let segment = rest.get(4..2 + usize::from(u16::from_be_bytes([high, low])))?;
        match marker {
            SCAN => return None,
            QUANTISATION => {
                let (precision, table) = segment.split_first()?;
                let sum: u32 = if precision >> 4 == 0 {
                    table.get(..TELLING)?.iter().map(|step| u32::from(*step)).sum()
                } else {
                    let steps = table.as_chunks::<2>().0.get(..TELLING)?;
                    steps.iter().map(|step| u32::from(u16::from_be_bytes(*step))).sum()
                };
                let percent = 100.0 * f64::from(sum) / STANDARD_SUM;
                let quality = if percent <= 100.0 { 100.0 - percent / 2.0 } else { 5000.0 / percent };
                return Some(quality.clamp(1.0, 100.0));
            }
            _ => rest = &rest[4 + segment.len()..],
        }
    }
}
