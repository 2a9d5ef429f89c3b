//! Lays one picture over another so that their pixels match, and tells how alike they are then.
//!
//! The mapping is affine, so that a copy may be turned, cropped and resized; gain and offset of the luma are
//! free. It is found by Gauss and Newton's steps from a first guess (Lucas and Kanade, 1981), on a blurred
//! picture first. Only the discs inside both squares are compared: what a turned picture has in its corners
//! was never in the other.
//!
//! Cells of one kind are alike in their outlines, not in their grain. So the likeness is the correlation of
//! what remains when coarse light and shadow are taken away.

use super::plane::{Between, Plane};
use crate::audit::measurements::square::{SIDE, Square};

/// Row and column of a square's middle.
const MIDDLE: f32 = (SIDE - 1) as f32 / 2.0;
/// Radius of the disc that is compared, in pixels.
const RADIUS: f32 = MIDDLE - 1.0;
/// Standard deviations of the blur, in pixels, under which pictures are laid over each other, and the pixels
/// from one that is looked at to the next.
const LEVELS: [(f32, usize); 2] = [(2.0, 2), (0.7, 1)];
/// Standard deviations of the blur between which the grain lies by which pictures are told.
const GRAIN: [f32; 2] = [0.7, 2.5];
/// Steps at a level, at most.
const STEPS: usize = 6;
/// A step that moves no pixel further is the last, in pixels.
const STILL: f32 = 0.02;
/// Pictures that are less alike after the first level are not looked at any further.
const HOPELESS: f32 = 0.3;
/// Enlargements of a copy that are believed.
const SCALES: std::ops::RangeInclusive<f32> = 0.6..=1.7;
/// Discs that share less cannot be told to be of one picture.
const LEAST_OVERLAP: f32 = 0.4;

/// A mapping of the places of one square to those of another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Registration {
    /// Where steps down and right lead: rows and columns of the other square.
    turn: [[f32; 2]; 2],
    /// Where the middle comes to lie, from the other's middle, in pixels.
    shift: [f32; 2],
    /// Correlation of the grain where the two overlap, at most 1.
    pub(crate) similarity: f32,
    /// The share that the two show both, of the one that shows less else.
    pub(crate) overlap: f32,
}

/// A square made ready to be laid over others.
pub(super) struct Prepared {
    levels: Vec<Level>,
    grain: Plane,
}

struct Level {
    plane: Plane,
    slopes: [Plane; 2],
    stride: usize,
}

impl Prepared {
    pub(super) fn of(square: &Square) -> Self {
        let plane = Plane::of(square);
        let level = |(sigma, stride)| {
            let plane = plane.blurred(sigma);
            Level { slopes: plane.slopes(), plane, stride }
        };
        let [fine, coarse] = GRAIN.map(|sigma| plane.blurred(sigma));
        Self { levels: LEVELS.into_iter().map(level).collect(), grain: fine.less(&coarse) }
    }
}

impl Registration {
    /// A first guess: a picture that is laid around a point, scaled, turned and perhaps mirrored.
    pub(super) fn guess(own: [f32; 2], other: [f32; 2], scale: f32, angle: f32, mirrored: bool) -> Self {
        let (cosine, sine) = (scale * angle.cos(), scale * angle.sin());
        let flip = if mirrored { -1.0 } else { 1.0 };
        let turn = [[flip * cosine, flip * sine], [-sine, cosine]];
        let mut guess = Self { turn, shift: [0.0; 2], similarity: 0.0, overlap: 0.0 };
        let [y, x] = guess.place(other[0], other[1]);
        guess.shift = [own[0] - y, own[1] - x];
        guess
    }

    /// The best mapping of the places of `other` to those of `own`, from this guess; none where the two
    /// cannot be laid over each other.
    pub(super) fn refined(mut self, own: &Prepared, other: &Prepared) -> Option<Self> {
        for (own_level, other_level) in own.levels.iter().zip(&other.levels) {
            for _ in 0..STEPS {
                if self.step(own_level, &other_level.plane)? < STILL {
                    break;
                }
            }
            self = self.judged(&own.grain, &other.grain, own_level.stride)?;
            if self.similarity < HOPELESS {
                return None;
            }
        }
        Some(self)
    }

    /// A step towards the least squared difference of the luma; how far it moves a pixel.
    fn step(&mut self, own: &Level, other: &Plane) -> Option<f32> {
        /// Farthest that a step may move the middle, in pixels, and change the turn.
        const FARTHEST: [f32; 2] = [3.0, 0.15];
        let mut sums = [[0.0_f64; 9]; UNKNOWNS];
        for y in (0..SIDE).step_by(own.stride) {
            let mut row_sums = [[0.0_f32; 9]; UNKNOWNS];
            for x in (0..SIDE).step_by(own.stride) {
                let Some([place_y, place_x]) = self.shared(y, x) else { continue };
                let at = Between::at(place_y, place_x);
                let [down, right] = [&own.slopes[0], &own.slopes[1]].map(|slopes| at.of(slopes));
                let (from_y, from_x) = ((y as f32 - MIDDLE) / MIDDLE, (x as f32 - MIDDLE) / MIDDLE);
                let level = other.values()[y * SIDE + x] / 64.0;
                let row = [
                    down * from_y,
                    down * from_x,
                    down,
                    right * from_y,
                    right * from_x,
                    right,
                    -level,
                    -1.0,
                    -at.of(&own.plane),
                ];
                for (sums, own) in row_sums.iter_mut().zip(row) {
                    sums.iter_mut().zip(row).for_each(|(sum, other)| *sum += own * other);
                }
            }
            for (sums, row) in sums.iter_mut().flatten().zip(row_sums.as_flattened()) {
                *sums += f64::from(*row);
            }
        }
        let [turn_yy, turn_yx, down, turn_xy, turn_xx, right, ..] = solved(sums)?.map(|value| value as f32);
        let turn = [[turn_yy, turn_yx], [turn_xy, turn_xx]].map(|row| row.map(|value| value / MIDDLE));
        let farthest =
            |values: &[f32]| values.iter().fold(0.0_f32, |farthest, value| farthest.max(value.abs()));
        let (shifted, turned) = (farthest(&[down, right]), farthest(turn.as_flattened()));
        let share = (FARTHEST[0] / shifted).min(FARTHEST[1] / turned).min(1.0);
        self.turn.iter_mut().flatten().zip(turn.as_flattened()).for_each(|(own, step)| *own += share * step);
        self.shift.iter_mut().zip([down, right]).for_each(|(own, step)| *own += share * step);
        let moved = share * (shifted + turned * MIDDLE);
        (moved.is_finite() && SCALES.contains(&self.scale())).then_some(moved)
    }

    /// With the likeness of the grain, and the overlap, by every so many pixels.
    fn judged(mut self, own: &Plane, other: &Plane, stride: usize) -> Option<Self> {
        let mut sums = [0.0_f32; 6];
        let mut disc = 0_usize;
        for y in (0..SIDE).step_by(stride) {
            for x in (0..SIDE).step_by(stride) {
                disc += usize::from(is_inside(y as f32, x as f32));
                let Some([place_y, place_x]) = self.shared(y, x) else { continue };
                let (a, b) = (Between::at(place_y, place_x).of(own), other.values()[y * SIDE + x]);
                sums.iter_mut().zip([1.0, a, b, a * a, b * b, a * b]).for_each(|(sum, value)| *sum += value);
            }
        }
        let [n, a, b, aa, bb, ab] = sums;
        let shared = n / disc as f32;
        // the discs are equally large, but not what their pixels show
        self.overlap = shared.max(shared * self.scale().powi(2)).min(1.0);
        let variances = (aa - a * a / n) * (bb - b * b / n);
        self.similarity = (ab - a * b / n) / variances.sqrt().max(f32::MIN_POSITIVE);
        (self.overlap >= LEAST_OVERLAP && self.similarity.is_finite()).then_some(self)
    }

    /// Where a pixel lies in the other square, if it is in the discs of both.
    fn shared(&self, y: usize, x: usize) -> Option<[f32; 2]> {
        let (y, x) = (y as f32, x as f32);
        let place = self.place(y, x);
        (is_inside(y, x) && is_inside(place[0], place[1])).then_some(place)
    }

    /// Where a place lies in the other square.
    fn place(&self, y: f32, x: f32) -> [f32; 2] {
        let (y, x) = (y - MIDDLE, x - MIDDLE);
        let along = |row: [f32; 2], shift: f32| row[0] * y + row[1] * x + shift + MIDDLE;
        [along(self.turn[0], self.shift[0]), along(self.turn[1], self.shift[1])]
    }

    /// Pixels of the other square that a pixel is wide.
    pub(crate) fn scale(&self) -> f32 {
        self.determinant().abs().sqrt()
    }

    /// Whether one picture is a mirror image of the other.
    pub(crate) fn is_mirrored(&self) -> bool {
        self.determinant() < 0.0
    }

    fn determinant(&self) -> f32 {
        let [[a, b], [c, d]] = self.turn;
        a * d - b * c
    }

    /// By how many degrees one picture is turned, either way, once a mirrored one is mirrored back; 0 to 180.
    pub(crate) fn degrees(&self) -> f32 {
        let [[a, b], [c, d]] = self.turn;
        let flip = if self.is_mirrored() { -1.0 } else { 1.0 };
        (flip * b - c).atan2(flip * a + d).abs().to_degrees()
    }

    /// How far the middle of one picture lies from the other's, as a share of the side.
    pub(crate) fn offset(&self) -> f32 {
        self.shift[0].hypot(self.shift[1]) / SIDE as f32
    }
}

/// Unknowns of a step: six of the mapping, gain and offset.
const UNKNOWNS: usize = 8;

fn is_inside(y: f32, x: f32) -> bool {
    (y - MIDDLE).powi(2) + (x - MIDDLE).powi(2) < RADIUS * RADIUS
}

/// Solves symmetric equations, each with its right-hand side as the last number, by elimination; none where
/// they have no one solution.
fn solved(mut rows: [[f64; UNKNOWNS + 1]; UNKNOWNS]) -> Option<[f64; UNKNOWNS]> {
    /// The least pivot, as a share of the largest.
    const LEAST: f64 = 1e-9;
    let largest = (0..UNKNOWNS).map(|i| rows[i][i]).fold(0.0, f64::max);
    for i in 0..UNKNOWNS {
        if rows[i][i] <= LEAST * largest {
            return None;
        }
        let pivot = rows[i];
        for (_, row) in rows.iter_mut().enumerate().filter(|(k, _)| *k != i) {
            let share = row[i] / pivot[i];
            row.iter_mut().zip(pivot).for_each(|(value, pivot)| *value -= share * pivot);
        }
    }
    Some(std::array::from_fn(|i| rows[i][UNKNOWNS] / rows[i][i]))
}
