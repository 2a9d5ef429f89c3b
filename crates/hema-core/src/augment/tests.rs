//! Operators that Pillow defines, held to what Pillow makes of one picture
//! (`scripts/reference/image_ops_pillow.py`).

use super::photometric::{
    autocontrast::autocontrast, equalize::equalize, invert::invert, posterize::posterize,
    saturation::saturation, sharpness::sharpness, solarize::solarize,
};
use crate::image_op::{brightness, contrast};
use crate::sample::Image;

const WIDTH: usize = 13;
const HEIGHT: usize = 11;
const PICTURES: &[u8] = include_bytes!("../../tests/fixtures/image_ops/pillow.bin");

type Change = fn(&mut Image);

/// The changes in the script's order, each with the largest difference in grey levels.
const CHANGES: [(&str, u8, Change); 13] = [
    ("brightness 0.6", 0, |image| brightness(image, 0.6)),
    ("brightness 1.7", 0, |image| brightness(image, 1.7)),
    ("contrast 0.4", 0, |image| contrast(image, 0.4)),
    ("contrast 1.6", 0, |image| contrast(image, 1.6)),
    // Pillow rounds the grey image before it mixes
    ("saturation 0.3", 1, |image| saturation(image, 0.3)),
    ("saturation 1.7", 1, |image| saturation(image, 1.7)),
    ("sharpness 0.2", 0, |image| sharpness(image, 0.2)),
    ("sharpness 1.8", 0, |image| sharpness(image, 1.8)),
    ("autocontrast", 0, |image| autocontrast(image, 1.0)),
    ("equalize", 0, equalize_enlarged),
    ("solarize 100", 0, |image| solarize(image, 100.0)),
    ("posterize 3", 0, |image| posterize(image, 3)),
    ("invert", 0, invert),
];

/// The picture has fewer pixels than tones; ten times as many in each direction can be spread.
fn equalize_enlarged(image: &mut Image) {
    let pixels = (0..HEIGHT * 10).flat_map(|y| (0..WIDTH * 10).map(move |x| (x / 10, y / 10)));
    let enlarged: Vec<u8> = pixels.flat_map(|(x, y)| image.rgb(x, y)).collect();
    let mut enlarged = Image::new(WIDTH * 10, HEIGHT * 10, enlarged).unwrap();
    equalize(&mut enlarged, 1.0);
    let pixels = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x * 10, y * 10)));
    *image = Image::new(WIDTH, HEIGHT, pixels.flat_map(|(x, y)| enlarged.rgb(x, y)).collect()).unwrap();
}

#[test]
fn what_pillow_defines_is_what_pillow_makes() {
    let mut pictures = PICTURES.chunks_exact(WIDTH * HEIGHT * 3);
    let original = Image::new(WIDTH, HEIGHT, pictures.next().unwrap().to_vec()).unwrap();
    assert_eq!(pictures.len(), CHANGES.len());
    for ((name, allowed, change), expected) in CHANGES.into_iter().zip(pictures) {
        let mut image = original.clone();
        change(&mut image);
        let furthest = image.pixels().iter().zip(expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(furthest <= allowed, "{name} is {furthest} grey levels from Pillow's");
    }
}
