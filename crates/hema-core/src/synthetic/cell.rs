//! The eight classes, as a table that reads like a textbook's, and the drawing of one cell from its row.

use rand::RngExt as _;

use super::canvas::{Canvas, Rgb, Texture, mix, smoothstep};
use super::nucleus::{Between, Nucleus, Outline, draw};
use super::smear::Stain;
use crate::rng::Rng;

/// The look of one class. Colours are those of the standard stain; of a pair, each cell takes a mixture.
pub(super) struct Anatomy {
    /// The cell's radius, in sides of the image.
    pub(super) radius: Between,
    /// How far the cell's outline strays from a circle, in radii.
    ragged: f32,
    cytoplasm: [Rgb; 2],
    /// The nuclei the class may have, each with its share of the cells; none for a platelet.
    nuclei: &'static [(f32, Nucleus)],
    /// The chromatin's dark and light parts.
    chromatin: [Rgb; 2],
    /// How coarse the chromatin is: the share of it that is light.
    lightness: f32,
    granules: Granules,
    /// The largest number of vacuoles.
    vacuoles: usize,
}

/// The granules of a class.
struct Granules {
    count: [usize; 2],
    /// Size in radii of the cell.
    size: Between,
    colour: [Rgb; 2],
    opacity: f32,
    /// How far out they lie, in radii of the cell.
    spread: f32,
    /// Whether they also lie over the nucleus.
    cover_nucleus: bool,
}

const ROUND: Nucleus =
    Nucleus { lobes: [1, 1], span: [0.0, 0.0], reach: [0.0, 0.25], size: [0.58, 0.72], bridge: 1.0 };
const KIDNEY: Nucleus =
    Nucleus { lobes: [3, 4], span: [130.0, 190.0], reach: [0.34, 0.46], size: [0.34, 0.44], bridge: 0.96 };
const BAND: Nucleus =
    Nucleus { lobes: [5, 6], span: [170.0, 280.0], reach: [0.42, 0.54], size: [0.19, 0.25], bridge: 0.93 };
const SEGMENTED: Nucleus =
    Nucleus { lobes: [3, 5], span: [190.0, 310.0], reach: [0.42, 0.55], size: [0.21, 0.28], bridge: 0.3 };
const TWO_LOBES: Nucleus =
    Nucleus { lobes: [2, 2], span: [120.0, 180.0], reach: [0.44, 0.54], size: [0.32, 0.42], bridge: 0.25 };
const THREE_LOBES: Nucleus =
    Nucleus { lobes: [3, 3], span: [170.0, 240.0], reach: [0.46, 0.56], size: [0.27, 0.33], bridge: 0.25 };

const NO_GRANULES: Granules = Granules {
    count: [0, 0],
    size: [0.0, 0.0],
    colour: [DARK, DARK],
    opacity: 0.0,
    spread: 0.0,
    cover_nucleus: false,
};

const DARK: Rgb = [64.0, 26.0, 128.0];

/// One row for each of [`super::CLASSES`].
pub(super) const ANATOMY: [Anatomy; 8] = [
    // basophil: coarse, nearly black granules hide a nucleus of two or three lobes
    Anatomy {
        radius: [0.27, 0.38],
        ragged: 0.14,
        cytoplasm: [[190.0, 150.0, 180.0], [150.0, 105.0, 165.0]],
        nuclei: &[(0.6, KIDNEY), (0.4, THREE_LOBES)],
        chromatin: [[72.0, 32.0, 132.0], [120.0, 72.0, 158.0]],
        lightness: 0.4,
        granules: Granules {
            count: [60, 170],
            size: [0.045, 0.075],
            colour: [[56.0, 20.0, 108.0], [84.0, 28.0, 112.0]],
            opacity: 0.85,
            spread: 0.98,
            cover_nucleus: true,
        },
        vacuoles: 2,
    },
    // eosinophil: orange granules fill the cell around two lobes
    Anatomy {
        radius: [0.29, 0.39],
        ragged: 0.07,
        cytoplasm: [[214.0, 140.0, 145.0], [196.0, 122.0, 142.0]],
        nuclei: &[(0.75, TWO_LOBES), (0.25, THREE_LOBES)],
        chromatin: [DARK, [134.0, 84.0, 160.0]],
        lightness: 0.35,
        granules: Granules {
            count: [140, 220],
            size: [0.04, 0.06],
            colour: [[205.0, 100.0, 104.0], [176.0, 92.0, 120.0]],
            opacity: 0.55,
            spread: 0.95,
            cover_nucleus: false,
        },
        vacuoles: 1,
    },
    // erythroblast: a small, round, very dense nucleus in grey to pinkish cytoplasm
    Anatomy {
        radius: [0.19, 0.28],
        ragged: 0.09,
        cytoplasm: [[176.0, 146.0, 172.0], [118.0, 98.0, 158.0]],
        nuclei: &[(
            1.0,
            Nucleus { lobes: [1, 1], span: [0.0, 0.0], reach: [0.0, 0.28], size: [0.56, 0.8], bridge: 1.0 },
        )],
        chromatin: [[46.0, 20.0, 102.0], [128.0, 88.0, 140.0]],
        lightness: 0.2,
        granules: NO_GRANULES,
        vacuoles: 0,
    },
    // immature granulocyte: a large round, indented or bent nucleus, fine purple granules
    Anatomy {
        radius: [0.32, 0.42],
        ragged: 0.1,
        cytoplasm: [[208.0, 178.0, 188.0], [170.0, 152.0, 190.0]],
        nuclei: &[(0.4, ROUND), (0.5, KIDNEY), (0.1, BAND)],
        chromatin: [[72.0, 30.0, 134.0], [138.0, 84.0, 162.0]],
        lightness: 0.4,
        granules: Granules {
            count: [20, 150],
            size: [0.018, 0.036],
            colour: [[110.0, 40.0, 128.0], [140.0, 62.0, 140.0]],
            opacity: 0.75,
            spread: 0.95,
            cover_nucleus: false,
        },
        vacuoles: 1,
    },
    // lymphocyte: a round, dense nucleus, a thin blue rim
    Anatomy {
        radius: [0.21, 0.3],
        ragged: 0.11,
        cytoplasm: [[128.0, 118.0, 178.0], [172.0, 158.0, 194.0]],
        nuclei: &[(
            1.0,
            Nucleus {
                lobes: [1, 2],
                span: [35.0, 60.0],
                reach: [0.02, 0.16],
                size: [0.76, 0.9],
                bridge: 1.0,
            },
        )],
        chromatin: [[66.0, 29.0, 124.0], [112.0, 62.0, 148.0]],
        lightness: 0.35,
        granules: Granules {
            count: [0, 3],
            size: [0.02, 0.04],
            colour: [DARK, DARK],
            opacity: 0.5,
            spread: 1.0,
            cover_nucleus: false,
        },
        vacuoles: 0,
    },
    // monocyte: a large, ragged, grey-blue cell with vacuoles and a folded, lacy nucleus
    Anatomy {
        radius: [0.34, 0.44],
        ragged: 0.25,
        cytoplasm: [[176.0, 158.0, 190.0], [140.0, 126.0, 176.0]],
        nuclei: &[(0.75, KIDNEY), (0.25, ROUND)],
        chromatin: [[88.0, 36.0, 140.0], [146.0, 86.0, 166.0]],
        lightness: 0.5,
        granules: Granules {
            count: [0, 25],
            size: [0.012, 0.022],
            colour: [[130.0, 70.0, 150.0], [130.0, 70.0, 150.0]],
            opacity: 0.5,
            spread: 0.95,
            cover_nucleus: false,
        },
        vacuoles: 9,
    },
    // neutrophil: three to five segments on threads, or a band, in pale pink
    Anatomy {
        radius: [0.31, 0.39],
        ragged: 0.09,
        cytoplasm: [[222.0, 190.0, 194.0], [198.0, 162.0, 184.0]],
        nuclei: &[(0.68, SEGMENTED), (0.27, BAND), (0.05, KIDNEY)],
        chromatin: [DARK, [128.0, 78.0, 158.0]],
        lightness: 0.3,
        granules: Granules {
            count: [30, 110],
            size: [0.014, 0.026],
            colour: [[176.0, 112.0, 158.0], [160.0, 90.0, 150.0]],
            opacity: 0.6,
            spread: 0.95,
            cover_nucleus: false,
        },
        vacuoles: 2,
    },
    // platelet: a small body of purple granules without a nucleus
    Anatomy {
        radius: [0.09, 0.16],
        ragged: 0.3,
        cytoplasm: [[206.0, 186.0, 204.0], [172.0, 148.0, 190.0]],
        nuclei: &[],
        chromatin: [DARK, DARK],
        lightness: 0.0,
        granules: Granules {
            count: [25, 60],
            size: [0.07, 0.13],
            colour: [[112.0, 46.0, 142.0], [138.0, 64.0, 146.0]],
            opacity: 0.6,
            spread: 0.78,
            cover_nucleus: true,
        },
        vacuoles: 0,
    },
];

/// One cell, ready to be drawn.
struct Cell<'a> {
    centre: [f32; 2],
    radius: f32,
    ragged: f32,
    nucleus: Option<Outline>,
    texture: &'a Texture,
}

/// Draws a cell of that anatomy and radius at a place.
pub(super) fn draw_cell(
    canvas: &mut Canvas,
    anatomy: &Anatomy,
    radius: f32,
    centre: [f32; 2],
    stain: &Stain,
    rng: &mut Rng,
) {
    let texture = Texture::new(rng);
    let nucleus = choose(anatomy.nuclei, rng).map(|kind| Outline::new(kind, rng));
    let cell = Cell { centre, radius, ragged: anatomy.ragged, nucleus, texture: &texture };
    let mixture = |pair: [Rgb; 2], rng: &mut Rng| stain.colour(mix(pair[0], pair[1], rng.random()));

    cell.draw_cytoplasm(canvas, mixture(anatomy.cytoplasm, rng));
    let clear = mix(stain.background(), [255.0; 3], 0.2);
    for _ in 0..rng.random_range(0..=anatomy.vacuoles) {
        let (place, size) = (cell.random_place(0.9, rng), rng.random_range(0.04..0.1));
        if cell.holds(place, size, false) {
            canvas.dot(place, size * radius, clear, 0.75);
        }
    }
    cell.draw_nucleus(canvas, anatomy.chromatin.map(|colour| stain.colour(colour)), anatomy.lightness);
    let granules = &anatomy.granules;
    for _ in 0..rng.random_range(granules.count[0]..=granules.count[1]) {
        let (place, size) = (cell.random_place(granules.spread, rng), draw(granules.size, rng));
        let colour = mixture(granules.colour, rng);
        if cell.holds(place, size, granules.cover_nucleus) {
            canvas.dot(place, size * radius, colour, granules.opacity);
        }
    }
}

/// One of the nuclei, each as often as its share says.
fn choose(nuclei: &'static [(f32, Nucleus)], rng: &mut Rng) -> Option<&'static Nucleus> {
    let mut left = rng.random::<f32>();
    nuclei
        .iter()
        .find(|(share, _)| {
            left -= share;
            left < 0.0
        })
        .or(nuclei.last())
        .map(|(_, nucleus)| nucleus)
}

impl Cell<'_> {
    /// A position in radii of the cell around its centre, bent by the texture so that no outline is a perfect
    /// circle.
    #[inline]
    fn local(&self, position: [f32; 2]) -> [f32; 2] {
        let frequency = 1.1 / self.radius;
        let bend = |at| self.ragged * 2.0 * (self.texture.at(at, frequency) - 0.5);
        let shifted = [position[0] + 0.37, position[1] + 0.61];
        [
            (position[0] - self.centre[0]) / self.radius + bend(position),
            (position[1] - self.centre[1]) / self.radius + bend(shifted),
        ]
    }

    /// How deep inside the cell a local position lies, in radii.
    #[inline]
    fn depth([x, y]: [f32; 2]) -> f32 {
        1.0 - (x * x + y * y).sqrt()
    }

    /// How deep inside the nucleus a local position lies, in radii; a rim of cytoplasm is left around it.
    #[inline]
    fn nucleus_depth(nucleus: &Outline, local: [f32; 2]) -> f32 {
        nucleus.depth(local).min(Self::depth(local) - 0.03)
    }

    fn reach(&self) -> f32 {
        self.radius * (1.0 + 1.5 * self.ragged)
    }

    fn draw_cytoplasm(&self, canvas: &mut Canvas, colour: Rgb) {
        canvas.paint(self.centre, self.reach(), |position, under| {
            let depth = Self::depth(self.local(position));
            let cloud = self.texture.at(position, 23.0) - 0.5;
            let membrane = 1.0 - smoothstep(0.0, 0.09, depth);
            let light = 1.0 + 0.09 * cloud - 0.08 * membrane;
            (mix(under, colour.map(|value| value * light), 0.95), depth * self.radius)
        });
    }

    fn draw_nucleus(&self, canvas: &mut Canvas, [dark, light]: [Rgb; 2], lightness: f32) {
        let Some(nucleus) = &self.nucleus else { return };
        canvas.paint(self.centre, self.reach(), |position, under| {
            let depth = Self::nucleus_depth(nucleus, self.local(position));
            if depth < -0.1 {
                return (under, -1.0);
            }
            let grain = 0.6 * self.texture.at(position, 26.0) + 0.4 * self.texture.at(position, 51.0);
            let clear = smoothstep(0.75 - 0.5 * lightness, 0.95 - 0.5 * lightness, grain);
            let inner = smoothstep(0.0, 0.1, depth);
            (mix(dark, light, clear * inner), depth * self.radius)
        });
    }

    /// A place within `spread` radii of the centre, all as likely.
    fn random_place(&self, spread: f32, rng: &mut Rng) -> [f32; 2] {
        let distance = spread * self.radius * rng.random::<f32>().sqrt();
        let (sin, cos) = rng.random_range(0.0..std::f32::consts::TAU).sin_cos();
        [self.centre[0] + distance * cos, self.centre[1] + distance * sin]
    }

    /// Whether a speck of that size, in radii, has room at a place: inside the cell and, unless it may cover
    /// the nucleus, beside it.
    fn holds(&self, place: [f32; 2], size: f32, cover_nucleus: bool) -> bool {
        let local = self.local(place);
        let on_nucleus =
            || self.nucleus.as_ref().is_some_and(|nucleus| Self::nucleus_depth(nucleus, local) > -size / 2.0);
        Self::depth(local) > size / 2.0 && (cover_nucleus || !on_nucleus())
    }
}
