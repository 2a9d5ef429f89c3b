//! The shape of a nucleus: lobes along an arc, joined by bridges.
//!
//! Every nucleus of the eight classes is one of these. One lobe is a round nucleus; lobes joined by bridges
//! as thick as themselves make a kidney or a band; thin bridges make the segments of a neutrophil.

use rand::RngExt as _;

use crate::rng::Rng;

/// A range a parameter is drawn from evenly.
pub(super) type Between = [f32; 2];

/// Draws from a range.
pub(super) fn draw([low, high]: Between, rng: &mut Rng) -> f32 {
    low + (high - low) * rng.random::<f32>()
}

/// The nuclei of a class, before one is drawn. Lengths are in radii of the cell.
pub(super) struct Nucleus {
    /// How many lobes, from and to.
    pub(super) lobes: [usize; 2],
    /// How long the arc is on which they lie, in degrees.
    pub(super) span: Between,
    /// How far from the arc's centre they lie; for one lobe, how far from the cell's.
    pub(super) reach: Between,
    /// The radius of a lobe.
    pub(super) size: Between,
    /// The thickness of a bridge, as a share of the lobes it joins.
    pub(super) bridge: f32,
}

/// A tapering stroke with round ends: two lobes and the bridge between them, or one lobe.
struct Stroke {
    from: [f32; 2],
    to: [f32; 2],
    radii: [f32; 2],
}

/// One nucleus, in radii of the cell around the cell's centre.
pub(super) struct Outline {
    strokes: Vec<Stroke>,
}

impl Outline {
    /// A nucleus as that kind varies.
    pub(super) fn new(kind: &Nucleus, rng: &mut Rng) -> Self {
        let count = rng.random_range(kind.lobes[0]..=kind.lobes[1]);
        let (reach, size) = (draw(kind.reach, rng), draw(kind.size, rng));
        let span = draw(kind.span, rng).to_radians();
        let turn = rng.random_range(0.0..std::f32::consts::TAU);
        let mut lobes: Vec<([f32; 2], f32)> = (0..count)
            .map(|i| {
                let along = if count == 1 { 0.0 } else { i as f32 / (count - 1) as f32 - 0.5 };
                let (sin, cos) = (turn + span * along + 0.15 * (rng.random::<f32>() - 0.5)).sin_cos();
                let reach = reach * rng.random_range(0.88..1.12);
                ([reach * cos, reach * sin], size * rng.random_range(0.88..1.12))
            })
            .collect();
        if count > 1 {
            centre(&mut lobes);
        }

        let mut strokes: Vec<Stroke> =
            lobes.iter().map(|(at, radius)| Stroke { from: *at, to: *at, radii: [*radius; 2] }).collect();
        strokes.extend(lobes.windows(2).map(|pair| Stroke {
            from: pair[0].0,
            to: pair[1].0,
            radii: [pair[0].1 * kind.bridge, pair[1].1 * kind.bridge],
        }));
        Self { strokes }
    }

    /// How deep inside a position lies; negative outside.
    #[inline]
    pub(super) fn depth(&self, position: [f32; 2]) -> f32 {
        self.strokes.iter().map(|stroke| stroke.depth(position)).fold(-4.0, smooth_max)
    }
}

/// Moves the lobes most of the way to where their middle is the cell's.
fn centre(lobes: &mut [([f32; 2], f32)]) {
    let count = lobes.len() as f32;
    for axis in 0..2 {
        let middle = lobes.iter().map(|(at, _)| at[axis]).sum::<f32>() / count;
        for (at, _) in lobes.iter_mut() {
            at[axis] -= 0.8 * middle;
        }
    }
}

impl Stroke {
    #[inline]
    fn depth(&self, [x, y]: [f32; 2]) -> f32 {
        let (dx, dy) = (x - self.from[0], y - self.from[1]);
        let (lx, ly) = (self.to[0] - self.from[0], self.to[1] - self.from[1]);
        let length = lx * lx + ly * ly;
        let along = if length > 0.0 { ((dx * lx + dy * ly) / length).clamp(0.0, 1.0) } else { 0.0 };
        let radius = self.radii[0] + along * (self.radii[1] - self.radii[0]);
        radius - ((dx - along * lx).powi(2) + (dy - along * ly).powi(2)).sqrt()
    }
}

/// The larger of two depths, rounded where they are close so that joints have no sharp corner.
#[inline]
fn smooth_max(a: f32, b: f32) -> f32 {
    const ROUNDING: f32 = 0.1;
    let near = (ROUNDING - (a - b).abs()).max(0.0) / ROUNDING;
    a.max(b) + near * near * ROUNDING / 4.0
}
