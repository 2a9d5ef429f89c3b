//! Test-time augmentation: the sets of views of an image over which a prediction is averaged.
//!
//! A view takes the square bytes that a network is about to see, so that flips and quarter turns are exact.
//! The random numbers of a view depend on the view and on the image's content: a prediction is the same
//! wherever the image lies and whichever others come with it.
//!
//! Left out on purpose: views of another size, which would need another preprocessing.

use crate::augment::geometric::flip_horizontal::flip_horizontal;
use crate::augment::geometric::quarter_turn::turn;
use crate::augment::geometric::rotate::rotate;
use crate::augment::geometric::{translate_x::translate_x, translate_y::translate_y};
use crate::augment::photometric::saturation::saturation;
use crate::error::{Error, Result, suggest};
use crate::image_op::{Fill, contrast, factor, map_values, signed_unit};
use crate::rng::{Purpose, Rng, stream};
use crate::sample::Image;

/// One view of an image.
enum View {
    Oriented(Orientation),
    /// Drawn at random, by the image's content.
    Drawn(fn(&mut Image, &mut Rng)),
}

/// An image mirrored left to right, or not, and then turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orientation {
    /// Whether it is mirrored left to right.
    pub mirrored: bool,
    /// Clockwise turns by 90 degrees after that, 0 to 3.
    pub quarters: u32,
}

/// A named set of views.
pub struct ViewSet {
    /// The name after `--tta`.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    views: &'static [View],
}

/// The image as it is.
const PLAIN: View = turned(0);

const fn turned(quarters: u32) -> View {
    View::Oriented(Orientation { mirrored: false, quarters })
}

const fn mirrored(quarters: u32) -> View {
    View::Oriented(Orientation { mirrored: true, quarters })
}

/// The set of the image alone.
pub const NONE: &ViewSet = &VIEW_SETS[0];

/// Every set, in the order of `hema list tta`.
pub const VIEW_SETS: &[ViewSet] = &[
    ViewSet { name: "none", about: "the image as it is", views: &[PLAIN] },
    ViewSet {
        name: "flips",
        about: "4 views: the image, mirrored left to right, top to bottom, and both",
        views: &[PLAIN, mirrored(0), mirrored(2), turned(2)],
    },
    ViewSet {
        name: "dihedral",
        about: "8 views: the four quarter turns of the image and of its mirror image",
        views: &[PLAIN, turned(1), turned(2), turned(3), mirrored(0), mirrored(1), mirrored(2), mirrored(3)],
    },
    ViewSet {
        name: "report9",
        about: "9 views of the founding report: the image, mirrored, a quarter turn, random saturation, contrast, \
                brightness, rotation, translations down and across",
        views: &[
            PLAIN,
            mirrored(0),
            turned(1),
            View::Drawn(|image, rng| saturation(image, factor(0.5, rng))),
            View::Drawn(|image, rng| contrast(image, factor(0.5, rng))),
            View::Drawn(|image, rng| {
                let addition = 0.3 * 255.0 * signed_unit(rng);
                map_values(image, |value| value + addition);
            }),
            // Keras counts rotation in whole turns, translation in whole images, and shows the mirror image
            // beyond
            View::Drawn(|image, rng| rotate(image, 0.3 * 360.0 * signed_unit(rng), Fill::Reflect)),
            View::Drawn(|image, rng| {
                translate_y(image, 0.3 * image.height() as f32 * signed_unit(rng), Fill::Reflect);
            }),
            View::Drawn(|image, rng| {
                translate_x(image, 0.3 * image.width() as f32 * signed_unit(rng), Fill::Reflect);
            }),
        ],
    },
];

/// The set of that name.
///
/// # Errors
/// When there is none; the hint names the closest one.
pub fn find(name: &str) -> Result<&'static ViewSet> {
    VIEW_SETS.iter().find(|set| set.name == name).ok_or_else(|| {
        Error::new(format!("there are no views `{name}`"))
            .hint(suggest(name, VIEW_SETS.iter().map(|set| set.name)))
    })
}

impl ViewSet {
    /// Number of views, at least 1.
    #[allow(clippy::len_without_is_empty)] // a set without views would say nothing of an image
    pub const fn len(&self) -> usize {
        self.views.len()
    }

    /// Every view of a square image, in order; the first is the image itself.
    pub fn views(&self, image: &Image) -> Vec<Image> {
        let content = if self.len() > 1 { content(image) } else { 0 };
        let made = |(number, view): (usize, &View)| {
            let mut image = image.clone();
            match view {
                View::Oriented(orientation) => orient(&mut image, *orientation),
                View::Drawn(draw) => {
                    draw(&mut image, &mut stream(0, Purpose::TestTime, number as u64, content));
                }
            }
            image
        };
        self.views.iter().enumerate().map(made).collect()
    }

    /// The orientation of every view, in order; `None` where a view is drawn at random.
    pub fn orientations(&self) -> Option<Vec<Orientation>> {
        let orientation = |view: &View| match view {
            View::Oriented(orientation) => Some(*orientation),
            View::Drawn(_) => None,
        };
        self.views.iter().map(orientation).collect()
    }
}

impl std::fmt::Debug for ViewSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Mirrors an image left to right if asked to, then turns it clockwise by so many quarters.
fn orient(image: &mut Image, Orientation { mirrored, quarters }: Orientation) {
    if mirrored {
        flip_horizontal(image);
    }
    turn(image, quarters);
}

/// A number that stands for the pixels: the 64-bit FNV-1a hash.
fn content(image: &Image) -> u64 {
    let fnv = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    image.pixels().iter().fold(0xcbf2_9ce4_8422_2325, fnv)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(seed: u8) -> Image {
        let value = |i: usize| (i * 37 % 251) as u8 ^ seed;
        Image::new(6, 6, (0..6 * 6 * 3).map(value).collect()).unwrap()
    }

    #[test]
    fn every_view_is_another_one_and_the_first_is_the_image() {
        for set in VIEW_SETS {
            let views = set.views(&image(0));
            assert_eq!(views.len(), set.len());
            assert_eq!(views[0], image(0), "{}", set.name);
            for (i, view) in views.iter().enumerate() {
                assert!(!views[..i].contains(view), "{} view {i}", set.name);
            }
        }
        assert_eq!(NONE.name, "none");
    }

    #[test]
    fn dihedral_views_are_the_same_of_every_orientation() {
        let views = find("dihedral").unwrap().views(&image(0));
        for view in &views {
            let again = find("dihedral").unwrap().views(view);
            assert!(again.iter().all(|view| views.contains(view)));
        }
        let [flips, dihedral] = ["flips", "dihedral"].map(|name| find(name).unwrap().views(&image(0)));
        assert!(flips.iter().all(|view| dihedral.contains(view)));
        // mirrored top to bottom
        assert_eq!(flips[2].rgb(1, 0), image(0).rgb(1, 5));
    }

    #[test]
    fn random_views_depend_on_the_content_alone() {
        let set = find("report9").unwrap();
        assert_eq!(set.views(&image(0)), set.views(&image(0)));
        let shift = |image: &Image| i16::from(set.views(image)[5].pixels()[4]) - i16::from(image.pixels()[4]);
        assert_ne!(shift(&image(0)), shift(&image(1)), "another image is made brighter by something else");
    }

    #[test]
    fn an_unknown_set_suggests_a_known_one() {
        assert_eq!(find("dihedrals").unwrap_err().hint_text(), Some("did you mean `dihedral`?"));
    }
}
