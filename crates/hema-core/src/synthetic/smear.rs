//! The surroundings of the cell: the stain of the slide, its background and its red cells.

use rand::RngExt as _;

use super::canvas::{Canvas, Rgb, mix, smoothstep};
use crate::rng::Rng;

/// The background between the cells of a well-stained May-Grünwald-Giemsa smear.
const BACKGROUND: Rgb = [253.0, 228.0, 202.0];
/// The share of the light that a red cell lets through, at its rim and at its pale centre.
const RED_CELL: [Rgb; 2] = [[0.82, 0.75, 0.82], [0.96, 0.94, 0.97]];

/// How strongly and in which tone one slide took the stain, and how it is lit.
pub(super) struct Stain {
    strength: f32,
    tone: Rgb,
    light: Rgb,
}

impl Stain {
    /// A stain as slides vary: strength by a tenth or so, tone between bluer and redder, light between cold
    /// and warm.
    pub(super) fn new(rng: &mut Rng) -> Self {
        let warmth = rng.random_range(-1.0f32..1.0);
        let exposure = rng.random_range(0.93..1.0);
        let red = rng.random_range(-1.0f32..1.0);
        Self {
            strength: rng.random_range(0.82..1.08),
            tone: [9.0 * red, 2.0 * rng.random_range(-1.0f32..1.0), -7.0 * red],
            light: [exposure, exposure * (1.0 - 0.01 * warmth), exposure * (1.0 - 0.035 * warmth)],
        }
    }

    /// A colour of the standard stain as it looks on this slide.
    pub(super) fn colour(&self, standard: Rgb) -> Rgb {
        std::array::from_fn(|i| {
            // the tone belongs to what is stained, so the background keeps clear of it
            let absorbed = BACKGROUND[i] - standard[i];
            let tone = self.tone[i] * (absorbed / 100.0).min(1.0);
            (BACKGROUND[i] - self.strength * absorbed + tone) * self.light[i]
        })
    }

    /// The empty slide.
    pub(super) fn background(&self) -> Rgb {
        self.colour(BACKGROUND)
    }
}

/// Draws red cells around a white cell of that radius at the centre of the image; few of them touch it.
pub(super) fn draw_red_cells(canvas: &mut Canvas, white_cell: f32, rng: &mut Rng) {
    let wanted = rng.random_range(3..=7);
    let radius = rng.random_range(0.17..0.21);
    // places are drawn until enough are free, but not for ever: a large cell leaves little room
    let mut places: Vec<[f32; 2]> = Vec::new();
    for _ in 0..40 {
        let place = [rng.random_range(-0.12f32..1.12), rng.random_range(-0.12f32..1.12)];
        let from = |[x, y]: [f32; 2]| (place[0] - x).hypot(place[1] - y);
        let free = from([0.5, 0.5]) > white_cell + radius * 0.85;
        if free && places.iter().all(|other| from(*other) > radius * 1.55) {
            places.push(place);
        }
        if places.len() == wanted {
            break;
        }
    }
    for place in places {
        draw_red_cell(canvas, place, radius * rng.random_range(0.88..1.12), rng);
    }
}

/// Draws one biconcave disc. It takes away a share of the light beneath, so overlaps are darker, as they are.
fn draw_red_cell(canvas: &mut Canvas, centre: [f32; 2], radius: f32, rng: &mut Rng) {
    let squeeze = rng.random_range(0.0..0.18);
    let (sin, cos) = rng.random_range(0.0f32..std::f32::consts::PI).sin_cos();
    let density = rng.random_range(0.75..1.1);
    let pallor = rng.random_range(0.25..1.0);
    canvas.paint(centre, radius, |[x, y], under| {
        let (dx, dy) = (x - centre[0], y - centre[1]);
        let (along, across) = (dx * cos + dy * sin, (dy * cos - dx * sin) / (1.0 - squeeze));
        let distance = along.hypot(across) / radius;
        let rim = 1.0 - pallor * (1.0 - smoothstep(0.15, 0.65, distance));
        let through = mix(RED_CELL[1], RED_CELL[0], rim);
        let colour = std::array::from_fn(|i| under[i] * (1.0 - density * (1.0 - through[i])));
        (colour, radius * (1.0 - squeeze) * (1.0 - distance))
    });
}
