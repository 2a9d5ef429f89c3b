//! Picture files: formats, colour types, orientation, damage.

use std::time::Instant;

use hema_core::data::decode;
use image::{DynamicImage, GrayImage, ImageBuffer, ImageFormat, Luma, Rgba, RgbaImage};

use crate::helper::{close, encode, picture};

#[test]
fn reads_every_format() {
    let original = picture(24, 17, 3);
    for (format, tolerance) in [
        (ImageFormat::Png, 0),
        (ImageFormat::Bmp, 0),
        (ImageFormat::Tiff, 0),
        (ImageFormat::WebP, 0),
        (ImageFormat::Pnm, 0),
        (ImageFormat::Jpeg, 24),
    ] {
        let decoded = decode(&encode(original.clone(), format)).unwrap();
        assert!(close(&decoded, &original, tolerance), "{format:?}");
    }
    // few enough colours for a palette
    let original = picture(9, 7, 3);
    assert!(close(&decode(&encode(original.clone(), ImageFormat::Gif)).unwrap(), &original, 8));
}

#[test]
fn grey_alpha_and_16_bit_become_rgb8() {
    let grey = GrayImage::from_fn(4, 3, |x, y| Luma([(x * 10 + y) as u8]));
    let expected = DynamicImage::from(grey.clone()).into_rgb8();
    assert!(close(&decode(&encode(grey, ImageFormat::Png)).unwrap(), &expected, 0));

    // what lies under transparent pixels is kept, not composited
    let alpha = RgbaImage::from_pixel(4, 3, Rgba([200, 100, 50, 0]));
    assert_eq!(decode(&encode(alpha, ImageFormat::Png)).unwrap().rgb(2, 2), [200, 100, 50]);

    let deep: ImageBuffer<Luma<u16>, _> = ImageBuffer::from_fn(4, 3, |x, _| Luma([x as u16 * 0x0101]));
    assert_eq!(decode(&encode(deep, ImageFormat::Png)).unwrap().rgb(3, 0), [3, 3, 3]);
}

#[test]
fn applies_the_cameras_orientation() {
    let jpeg = encode(picture(20, 10, 1), ImageFormat::Jpeg);
    // an EXIF block with the single tag 0x0112 (orientation) set to 6: turned a quarter to the right
    let exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut turned = jpeg[..2].to_vec();
    turned.extend([0xff, 0xe1]);
    turned.extend((exif.len() as u16 + 2).to_be_bytes());
    turned.extend(exif);
    turned.extend(&jpeg[2..]);
    let (plain, turned) = (decode(&jpeg).unwrap(), decode(&turned).unwrap());
    assert_eq!((turned.width(), turned.height()), (10, 20));
    assert_eq!(turned.rgb(9, 0), plain.rgb(0, 0));
}

#[test]
fn truncated_pictures_are_errors_at_any_length() {
    let original = picture(64, 64, 5);
    for format in [
        ImageFormat::Jpeg,
        ImageFormat::Png,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::WebP,
        ImageFormat::Gif,
        ImageFormat::Pnm,
    ] {
        let whole = encode(original.clone(), format);
        for tenths in 0..10 {
            let part = &whole[..whole.len() * tenths / 10];
            assert!(decode(part).is_err(), "{format:?} cut to {tenths}/10 was decoded");
        }
    }
    let mut jpeg = encode(original, ImageFormat::Jpeg);
    jpeg.truncate(jpeg.len() - 2);
    assert!(decode(&jpeg).unwrap_err().to_string().contains("truncated JPEG"));
}

#[test]
fn bytes_behind_the_end_of_a_jpeg_do_no_harm() {
    let original = picture(16, 16, 5);
    let mut jpeg = encode(original.clone(), ImageFormat::Jpeg);
    jpeg.extend([0; 100]);
    assert!(close(&decode(&jpeg).unwrap(), &original, 24));
}

#[test]
fn what_is_no_picture_is_said_so() {
    assert!(decode(b"").unwrap_err().to_string().contains("is empty"));
    assert!(
        decode(b"<html>not found</html>").unwrap_err().to_string().contains("not an image in a known format")
    );
    assert!(decode(b"\xff\xd8\xff\xd9").is_err());
}

#[test]
fn a_header_that_claims_a_huge_picture_is_refused_at_once() {
    let start = Instant::now();
    let mut png = encode(picture(9, 7, 0), ImageFormat::Png);
    png[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    png[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let crc = {
        let mut crc = flate2::Crc::new();
        crc.update(&png[12..29]);
        crc.sum()
    };
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    let error = decode(&png).unwrap_err().to_string();
    assert!(error.contains("60000x60000 pixels (at most 16384"), "{error}");

    let mut bmp = encode(picture(9, 7, 0), ImageFormat::Bmp);
    bmp[18..22].copy_from_slice(&60_000_i32.to_le_bytes());
    bmp[22..26].copy_from_slice(&60_000_i32.to_le_bytes());
    let error = decode(&bmp).unwrap_err().to_string();
    assert!(error.contains("60000x60000"), "{error}");
    assert!(start.elapsed().as_secs() < 2);
}
