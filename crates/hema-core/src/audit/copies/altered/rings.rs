//! A picture on rings around what is darkest in it: turning the picture turns the rings, mirroring it
//! reverses them, and cropping leaves them where they were around the cell.
//!
//! Along each ring the luma is a sum of waves. Their strengths alone do not change when the picture is turned
//! or mirrored: they make the [`Rings::pattern`] by which pictures are searched. With their phases they tell
//! by what angle one picture has to be turned to look like another ([`Rings::alignment`]). The waves of a
//! ring are those of Fourier; as invariants of a picture that is turned about its centre they are old (Zahn
//! and Roskies, 1972).

use std::f32::consts::TAU;

use hema_kernels::dot;

use super::plane::{Between, Plane};
use crate::audit::measurements::square::SIDE;

/// Rings of a picture.
const RINGS: usize = 12;
/// Pixels between two rings.
const SPACING: f32 = 2.0;
/// Places on a ring.
const PLACES: usize = 64;
/// Waves of a ring whose strengths are searched by, with the mean as the first.
const STRENGTHS: usize = 8;
/// Waves of a ring whose phases are compared, without the mean.
const WAVES: usize = 16;
/// Numbers of a pattern.
pub(super) const PATTERN: usize = RINGS * STRENGTHS;
/// Numbers of the waves of all rings: real and imaginary parts.
const PHASED: usize = RINGS * WAVES * 2;

/// What a picture is searched and turned by.
pub(super) struct Rings {
    /// Strengths of the lowest waves of each ring.
    pub(super) pattern: [f32; PATTERN],
    /// Waves of each ring, at length 1 together.
    pub(super) waves: Waves,
}

/// Waves of rings with their phases.
pub(super) struct Waves([f32; PHASED]);

/// How one picture has to be laid to look like another.
#[derive(Clone, Copy)]
pub(super) struct Alignment {
    /// How alike the rings are then, at most 1.
    pub(super) likeness: f32,
    /// By how much the other is turned, in radians from the right towards the bottom.
    pub(super) angle: f32,
    /// Whether it is mirrored top to bottom, after being turned.
    pub(super) mirrored: bool,
}

/// The point around which a picture's rings are laid, by row and column: from the middle on to where what is
/// darker than the background around it has its centre (mean shift: Fukunaga and Hostetler, 1975).
pub(super) fn middle(plane: &Plane) -> [f32; 2] {
    /// Standard deviation of the window, as a share of the side.
    const WINDOW: f32 = 0.16;
    /// The share of the pixels that are darker than the background.
    const DARKER: usize = 75;
    const STEPS: usize = 15;
    let mut sorted = plane.values().to_vec();
    let (_, background, _) = sorted.select_nth_unstable_by(SIDE * SIDE * DARKER / 100, f32::total_cmp);
    let background = *background;
    let stain: Vec<f32> = plane.values().iter().map(|level| (background - level).max(0.0)).collect();
    let mut middle = [(SIDE - 1) as f32 / 2.0; 2];
    for _ in 0..STEPS {
        let [down, right] = middle.map(|middle| {
            let sigma = WINDOW * SIDE as f32;
            std::array::from_fn::<f32, SIDE, _>(|i| {
                (-(i as f32 - middle).powi(2) / (2.0 * sigma * sigma)).exp()
            })
        });
        let (mut columns, mut rows) = ([0.0; SIDE], [0.0; SIDE]);
        for ((row, sum), weight) in stain.chunks_exact(SIDE).zip(&mut rows).zip(down) {
            *sum = weight * dot(row, &right);
            columns.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
        }
        columns.iter_mut().zip(right).for_each(|(sum, weight)| *sum *= weight);
        let all: f32 = rows.iter().sum();
        if all <= 0.0 {
            break;
        }
        let mean =
            |sums: &[f32; SIDE]| sums.iter().enumerate().map(|(i, sum)| i as f32 * sum).sum::<f32>() / all;
        middle = [mean(&rows), mean(&columns)];
    }
    middle
}

/// The waves that rings are compared with.
pub(super) struct Basis {
    cosines: Vec<[f32; PLACES]>,
    sines: Vec<[f32; PLACES]>,
    /// Of every angle, what each wave's real and imaginary part count there.
    angles: Vec<[f32; 2 * WAVES]>,
}

impl Basis {
    pub(super) fn new() -> Self {
        let angle = |wave: usize, place: usize| TAU * ((wave * place) % PLACES) as f32 / PLACES as f32;
        let of = |value: fn(f32) -> f32| {
            (0..=WAVES).map(|wave| std::array::from_fn(|place| value(angle(wave, place)))).collect()
        };
        let counts = |place: usize| {
            std::array::from_fn(|i| {
                let angle = angle(i / 2 + 1, place);
                if i % 2 == 0 { angle.cos() } else { -angle.sin() }
            })
        };
        Self { cosines: of(f32::cos), sines: of(f32::sin), angles: (0..PLACES).map(counts).collect() }
    }
}

impl Rings {
    /// The rings around a point of a picture that is `scale` times as large as usual.
    pub(super) fn around(middle: [f32; 2], plane: &Plane, scale: f32, basis: &Basis) -> Self {
        let mut levels = [[0.0; PLACES]; RINGS];
        for (ring, levels) in levels.iter_mut().enumerate() {
            let radius = radius(ring) * scale;
            for ((level, cosine), sine) in levels.iter_mut().zip(&basis.cosines[1]).zip(&basis.sines[1]) {
                *level = Between::at(middle[0] + radius * sine, middle[1] + radius * cosine).of(plane);
            }
        }
        normalise(&mut levels);
        let (mut pattern, mut waves) = ([0.0; PATTERN], [0.0; PHASED]);
        for (ring, levels) in levels.iter().enumerate() {
            for wave in 0..=WAVES {
                let parts = [dot(levels, &basis.cosines[wave]), -dot(levels, &basis.sines[wave])];
                if wave < STRENGTHS {
                    // of a real signal, every wave but the mean is there twice
                    let strength =
                        if wave == 0 { parts[0] } else { 2.0_f32.sqrt() * parts[0].hypot(parts[1]) };
                    pattern[ring * STRENGTHS + wave] = strength / (PLACES as f32).sqrt();
                }
                if wave > 0 {
                    // high waves are weak, and tell cells apart
                    let weight = (wave as f32).sqrt();
                    waves[2 * (ring * WAVES + wave - 1)..][..2]
                        .copy_from_slice(&parts.map(|part| part * weight));
                }
            }
        }
        let length = dot(&waves, &waves).sqrt().max(f32::MIN_POSITIVE);
        Self { pattern, waves: Waves(waves.map(|wave| wave / length)) }
    }
}

impl Waves {
    /// Bytes of [`Waves::to_bytes`].
    pub(super) const BYTES: usize = PHASED * size_of::<f32>();

    /// All of them, without loss.
    pub(super) fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes.as_chunks_mut().0.iter_mut().zip(self.0).for_each(|(bytes, wave)| *bytes = wave.to_le_bytes());
        bytes
    }

    /// Reads the bytes of [`Waves::to_bytes`].
    pub(super) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let mut waves = [0.0; PHASED];
        waves
            .iter_mut()
            .zip(bytes.as_chunks().0)
            .for_each(|(wave, bytes)| *wave = f32::from_le_bytes(*bytes));
        Self(waves)
    }

    /// How the other picture has to be laid to be most like this one.
    pub(super) fn alignment(&self, other: &Self, basis: &Basis) -> Alignment {
        let laid = |mirrored: bool| {
            let mut products = [0.0; 2 * WAVES];
            let flip = if mirrored { -1.0 } else { 1.0 };
            for (own, others) in self.0.chunks_exact(2 * WAVES).zip(other.0.chunks_exact(2 * WAVES)) {
                let pairs = own.as_chunks::<2>().0.iter().zip(others.as_chunks::<2>().0);
                for (sum, ([a, b], [c, d])) in products.as_chunks_mut::<2>().0.iter_mut().zip(pairs) {
                    // the wave, or the reversed wave, by the conjugate of the other
                    let b = flip * b;
                    sum[0] += a * c + b * d;
                    sum[1] += b * c - a * d;
                }
            }
            let likeness = basis.angles.iter().map(|counts| dot(&products, counts)).enumerate();
            let (place, likeness) = likeness.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or_default();
            Alignment { likeness, angle: TAU * place as f32 / PLACES as f32, mirrored }
        };
        let (plain, mirrored) = (laid(false), laid(true));
        if mirrored.likeness > plain.likeness { mirrored } else { plain }
    }
}

/// The radius of a ring in pixels.
fn radius(ring: usize) -> f32 {
    SPACING * (ring + 1) as f32
}

/// Takes away the mean level and the contrast, each ring counting by its length.
fn normalise(levels: &mut [[f32; PLACES]; RINGS]) {
    let all: f32 = (0..RINGS).map(radius).sum::<f32>() * PLACES as f32;
    let mean: f32 =
        levels.iter().enumerate().map(|(i, ring)| radius(i) * ring.iter().sum::<f32>()).sum::<f32>() / all;
    let mut squares = 0.0;
    for (i, ring) in levels.iter_mut().enumerate() {
        let weight = radius(i).sqrt();
        for level in ring {
            *level = (*level - mean) * weight;
            squares += *level * *level;
        }
    }
    let length = squares.sqrt().max(f32::MIN_POSITIVE);
    levels.iter_mut().flatten().for_each(|level| *level /= length);
}
