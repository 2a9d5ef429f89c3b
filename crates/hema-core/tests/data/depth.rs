//! Images of more than 8 bits, in files and arrays: one rule for the number that is white.

use std::io::Cursor;

use hema_core::Image;
use hema_core::data::{Dataset, LoadOptions, OnBadImage, Source, Subject, decode, decode_as, open, open_as};
use hema_core::preprocess::Preprocess;
use image::{DynamicImage, ImageBuffer, ImageFormat, Luma};
use tempfile::TempDir;
use tiff::encoder::colortype::{ColorType, Gray16, Gray32, Gray32Float, GrayI16, RGB16, RGB32Float};
use tiff::encoder::{TiffEncoder, TiffValue};
use tiff::tags::Tag;

use crate::helper::{encode, file, folder, open_error, zip};

/// Every level of 8 bits.
fn levels() -> impl Iterator<Item = u16> {
    0..256
}

/// A TIFF file of 16x16 pixels.
fn tiff<C: ColorType>(values: &[C::Inner], tags: &[(Tag, u16)]) -> Vec<u8>
where
    [C::Inner]: TiffValue,
{
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
    let mut image = encoder.new_image::<C>(16, 16).unwrap();
    for (tag, value) in tags {
        image.encoder().write_tag(*tag, *value).unwrap();
    }
    image.write_data(values).unwrap();
    bytes.into_inner()
}

/// Grey levels times `factor`, in 16 bits.
fn deep(factor: u16) -> Vec<u8> {
    tiff::<Gray16>(&levels().map(|level| level * factor).collect::<Vec<_>>(), &[])
}

/// A data set of one class.
fn set(dir: &TempDir, files: &[(&str, Vec<u8>)]) -> hema_core::Result<Source> {
    std::fs::create_dir_all(dir.path().join("ig")).unwrap();
    for (name, bytes) in files {
        std::fs::write(dir.path().join("ig").join(name), bytes).unwrap();
    }
    open(dir.path())
}

/// The grey level of every pixel.
fn grey(image: &Image) -> Vec<u8> {
    assert!(image.pixels().chunks(3).all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]));
    image.pixels().chunks(3).map(|pixel| pixel[0]).collect()
}

/// The message, hint and all, of the error that opening the source gives.
fn refused(source: hema_core::Result<Source>) -> String {
    match source {
        Ok(_) => panic!("was opened"),
        Err(e) => format!("{e} / {}", e.hint_text().unwrap_or_default()),
    }
}

#[test]
fn every_type_of_number_keeps_its_levels() {
    let all: Vec<u8> = (0..=255).collect();
    let floats = |white: f32| levels().map(|level| f32::from(level) / 255.0 * white).collect::<Vec<_>>();
    let whole =
        |white: f64| levels().map(|level| (f64::from(level) / 255.0 * white).round()).collect::<Vec<_>>();
    let signed: Vec<i16> = whole(4095.0).into_iter().map(|v| v as i16).collect();
    let long: Vec<u32> = whole(4_294_967_295.0).into_iter().map(|v| v as u32).collect();
    let png = |white: f64| {
        let values = whole(white).into_iter().map(|v| v as u16).collect();
        let image: ImageBuffer<Luma<u16>, Vec<u16>> = ImageBuffer::from_vec(16, 16, values).unwrap();
        encode(DynamicImage::from(image), ImageFormat::Png)
    };
    for (name, bytes, white) in [
        ("unit.tif", tiff::<Gray32Float>(&floats(1.0), &[]), 1.0),
        ("bytes.tif", tiff::<Gray32Float>(&floats(255.0), &[]), 255.0),
        (
            "12_bits.tif",
            tiff::<Gray16>(&whole(4095.0).into_iter().map(|v| v as u16).collect::<Vec<_>>(), &[]),
            4095.0,
        ),
        ("16_bits.tif", deep(257), 65_535.0),
        ("8_in_16.tif", deep(1), 255.0),
        ("signed.tif", tiff::<GrayI16>(&signed, &[]), 4095.0),
        ("32_bits.tif", tiff::<Gray32>(&long, &[]), 4_294_967_295.0),
        ("12_bits.png", png(4095.0), 4095.0),
        ("16_bits.png", png(65_535.0), 65_535.0),
    ] {
        let dir = folder();
        let source = set(&dir, &[(name, bytes)]).unwrap();
        assert_eq!(source.white(), Some(white), "{name}");
        assert_eq!(grey(&source.image(0).unwrap()), all, "{name}");
        let [notice] = source.notices() else { panic!("{name}: {:?}", source.notices()) };
        assert_eq!(notice.subject, Subject::AssumedWhite);
        assert!(notice.text.contains(&format!("{white} for white")), "{notice}");
    }
}

#[test]
fn colours_of_floats_from_0_to_255_are_not_white() {
    let values: Vec<f32> = (0..16 * 16 * 3).map(|i| (i % 256) as f32).collect();
    let dir = folder();
    let source = set(&dir, &[("x.tif", tiff::<RGB32Float>(&values, &[]))]).unwrap();
    let expected: Vec<u8> = values.iter().map(|v| *v as u8).collect();
    assert_eq!(source.image(0).unwrap().pixels(), expected);
    let values: Vec<u16> = (0..16 * 16 * 3).map(|i| (i % 256) as u16 * 16).collect();
    let source = set(&folder(), &[("x.tif", tiff::<RGB16>(&values, &[]))]).unwrap();
    assert_eq!(source.white(), Some(4095.0));
}

#[test]
fn a_white_of_zero_is_turned_round() {
    let photometric = [(Tag::PhotometricInterpretation, 0)];
    let values: Vec<u16> = levels().map(|level| level * 16).collect();
    let dir = folder();
    let source = set(&dir, &[("x.tif", tiff::<Gray16>(&values, &photometric))]).unwrap();
    assert_eq!(source.white(), Some(4095.0));
    let image = grey(&source.image(0).unwrap());
    assert_eq!((image[0], image[255]), (255, 255 - 254));
}

#[test]
fn one_white_holds_for_all_images_of_a_data_set() {
    let dir = folder();
    let source = set(&dir, &[("bright.tif", deep(16)), ("dark.tif", deep(1))]).unwrap();
    assert_eq!(source.white(), Some(4095.0));
    assert_eq!(grey(&source.image(1).unwrap())[255], 16);
    // and for all inputs that are opened together
    let [bright, dark] = ["bright.tif", "dark.tif"].map(|name| dir.path().join("ig").join(name));
    assert_eq!(hema_core::data::open_many(&[dark, bright]).unwrap().white(), Some(4095.0));
}

#[test]
fn a_file_may_say_which_number_is_white() {
    let values: Vec<u16> = levels().collect();
    for tag in [Tag::MaxSampleValue, Tag::SMaxSampleValue] {
        let source = set(&folder(), &[("dark.tif", tiff::<Gray16>(&values, &[(tag, 4095)]))]).unwrap();
        assert_eq!(source.white(), Some(4095.0), "{tag:?}");
    }
}

#[test]
fn white_can_be_given_and_then_nothing_is_assumed() {
    let dir = folder();
    set(&dir, &[("x.tif", deep(2))]).unwrap();
    let source = open_as(dir.path(), Some(4095.0)).unwrap();
    assert_eq!((source.white(), source.notices()), (Some(4095.0), &[][..]));
    assert_eq!(grey(&source.image(0).unwrap())[255], 32);
    let error = refused(open_as(dir.path(), Some(400.0)));
    assert!(error.contains("holds values from 0 to 510 (expected 0 to 400, see `data.white`)"), "{error}");
    let error = refused(open_as(dir.path(), Some(4_294_967_295.0)));
    assert!(error.contains("all is black"), "{error}");
}

#[test]
fn an_image_beyond_white_is_an_error_that_names_the_key() {
    let dir = folder();
    let source = set(&dir, &[("a.tif", deep(1)), ("b.tif", deep(16))]).unwrap();
    let preprocess = Preprocess { white: Some(1023.0), ..Preprocess::imagenet(8) };
    let load = |options| Dataset::load(&source, None, &preprocess, &options, &|_| ());
    let error = load(LoadOptions::default()).err().unwrap().to_string();
    assert!(
        error.contains("b.tif: holds values from 0 to 4080 (expected 0 to 1023, see `data.white`)"),
        "{error}"
    );
    let skipping = load(LoadOptions::default().on_bad_image(OnBadImage::Skip)).unwrap();
    assert_eq!((skipping.len(), skipping.skipped().len()), (1, 1));
}

#[test]
fn numbers_that_fit_no_rule_are_refused() {
    let floats = |high: f32| tiff::<Gray32Float>(&[0.0, high].repeat(128), &[]);
    for (high, expected) in [(1e6, "from 0 to 1000000"), (1.5, "from 0 to 1.5"), (400.0, "from 0 to 400")] {
        let error = refused(set(&folder(), &[("x.tif", floats(high))]));
        assert!(error.contains(expected) && error.contains("expected 0 to 1 or 0 to 255"), "{error}");
        assert!(error.contains("data.white"), "{error}");
    }
    // one bad image among others is that image's own fault
    let dir = folder();
    let files = [("bad.tif", floats(f32::NAN)), ("good.tif", floats(255.0)), ("negative.tif", floats(-3.0))];
    let source = set(&dir, &files).unwrap();
    assert_eq!(source.white(), Some(255.0));
    assert!(source.image(0).unwrap_err().to_string().contains("holds NaN"));
    assert!(source.image(1).is_ok());
    assert!(source.image(2).unwrap_err().to_string().contains("holds values from -3 to 0"));
}

#[test]
fn arrays_and_all_their_parts_share_the_rule() {
    let array = |high: u16| {
        let header = "{'descr': '<u2', 'fortran_order': False, 'shape': (1, 1, 2), }\n";
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend([0, high].into_iter().flat_map(u16::to_le_bytes));
        bytes
    };
    let dir = folder();
    let parts = [("train_images.npy".to_owned(), array(4000)), ("val_images.npy".to_owned(), array(400))];
    let source = open(&file(&dir, "parts.npz", &zip(&parts, false))).unwrap();
    assert_eq!(source.white(), Some(4095.0));
    let brightest = |i: usize| source.image(i).unwrap().rgb(1, 0)[0];
    assert_eq!((brightest(0), brightest(1)), (249, 25));
    assert_eq!(source.notices().len(), 1);

    let path = file(&dir, "wild.npz", &zip(&[("images.npy".to_owned(), array(9))], false));
    assert!(refused(open_as(&path, Some(8.0))).contains("expected 0 to 8, see `data.white`"));
    assert!(open_error(&file(&dir, "x.npy", &array(9))).contains("single numpy array"));
}

#[test]
fn a_lone_file_has_the_largest_number_of_its_type_for_white() {
    assert_eq!(grey(&decode(&deep(16)).unwrap())[255], 16);
    assert_eq!(grey(&decode_as(&deep(16), 4080.0).unwrap())[255], 255);
    let floats = tiff::<Gray32Float>(&[0.0, 200.0].repeat(128), &[]);
    let error = decode(&floats).unwrap_err().to_string();
    assert!(error.contains("holds values from 0 to 200 (expected 0 to 1, see `data.white`)"), "{error}");
}

#[test]
fn images_of_8_bits_have_nothing_to_decide() {
    let source = set(&folder(), &[("x.png", crate::helper::png(1))]).unwrap();
    assert_eq!((source.white(), source.notices()), (None, &[][..]));
}
