//! Files of several pages or frames, and the colours of TIFF files.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use hema_core::Image;
use hema_core::data::write::{Change, Form, Options, copy, create};
use hema_core::data::{OnBadImage, Source, Subject, decode, open, open_many};
use image::{Frame, ImageFormat, RgbImage};
use tiff::encoder::TiffEncoder;
use tiff::encoder::colortype::{Gray8, RGB8};
use tiff::tags::Tag;

use crate::helper::{
    close, encode, file, folder, gzip, load, load_skipping, paths, picture, png, tar, write_folder, zip,
};

/// A TIFF file of these pages.
pub(crate) fn stack(pages: &[RgbImage]) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut out).unwrap();
    for page in pages {
        encoder.write_image::<RGB8>(page.width(), page.height(), page.as_raw()).unwrap();
    }
    out.into_inner()
}

/// A TIFF file of more than 4 GiB, as far as its offsets go.
pub(crate) fn big_stack(pages: &[RgbImage]) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new_big(&mut out).unwrap();
    for page in pages {
        encoder.write_image::<RGB8>(page.width(), page.height(), page.as_raw()).unwrap();
    }
    out.into_inner()
}

/// A TIFF file of grey pages, each with a mark of its own.
fn marked(pages: &[(u32, u32, Option<u32>)]) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut out).unwrap();
    for (width, height, mark) in pages {
        let mut page = encoder.new_image::<Gray8>(*width, *height).unwrap();
        if let Some(mark) = mark {
            page.encoder().write_tag(Tag::NewSubfileType, *mark).unwrap();
        }
        page.write_data(&vec![7; (width * height) as usize]).unwrap();
    }
    out.into_inner()
}

fn cells(seeds: std::ops::Range<u8>) -> Vec<RgbImage> {
    seeds.map(|seed| picture(24, 17, seed)).collect()
}

fn count(source: &Source, subject: Subject) -> u64 {
    source.all_notices().iter().filter(|notice| notice.subject == subject).map(|notice| notice.count).sum()
}

#[test]
fn every_page_of_a_stack_is_an_image_in_every_form() {
    let dir = folder();
    let files = vec![
        ("ig/a.tif".to_owned(), stack(&cells(0..3))),
        ("ig/b.png".to_owned(), png(9)),
        ("mono/c.TIFF".to_owned(), big_stack(&cells(3..5))),
    ];
    write_folder(&dir.path().join("in"), &files);
    let expected = ["ig/a.tif", "ig/a.tif#2", "ig/a.tif#3", "ig/b.png", "mono/c.TIFF", "mono/c.TIFF#2"];
    for path in [
        dir.path().join("in"),
        file(&dir, "x.tar", &tar(&files)),
        file(&dir, "x.tar.gz", &gzip(&tar(&files))),
        file(&dir, "stored.zip", &zip(&files, false)),
        file(&dir, "deflated.zip", &zip(&files, true)),
    ] {
        let source = open(&path).unwrap();
        assert_eq!(paths(&source), expected, "{}", path.display());
        assert_eq!(source.counts(), [4, 2]);
        for (i, seed) in [(0, 0), (1, 1), (2, 2), (4, 3), (5, 4)] {
            assert!(close(&source.image(i).unwrap(), &picture(24, 17, seed), 0), "{i} of {}", path.display());
        }
        let groups: Vec<Option<&str>> = source.entries().iter().map(|entry| entry.group).collect();
        assert_eq!(groups[..4], [Some("ig/a.tif"), Some("ig/a.tif"), Some("ig/a.tif"), None]);
        assert_eq!(groups[4..], [Some("mono/c.TIFF"), Some("mono/c.TIFF")]);
        assert_eq!(load(&source).unwrap().len(), 6);
        let notices = source.all_notices();
        assert_eq!(notices.len(), 1, "{notices:?}");
        assert_eq!(
            notices[0].to_string(),
            "5 pages in 2 TIFF files, each an image of its own, those of a file one group: ig/a.tif, mono/c.TIFF, \
             ..."
        );
    }
}

#[test]
fn pages_keep_the_label_part_and_group_of_their_file() {
    let dir = folder();
    write_folder(
        dir.path(),
        &[("a.tif".to_owned(), stack(&cells(0..2))), ("b.tif".to_owned(), stack(&cells(2..4)))],
    );
    let text = b"path,label,split,group\na.tif,ig,train,p1\nb.tif,mono,test,\n";
    let source = open(&file(&dir, "m.csv", text)).unwrap();
    assert_eq!(paths(&source), ["a.tif", "a.tif#2", "b.tif", "b.tif#2"]);
    let [a, b] = [1, 3].map(|i| source.entry(i));
    assert_eq!(
        (a.label, a.part.map(|part| part.to_string()), a.group),
        (Some(0), Some("train".into()), Some("p1"))
    );
    assert_eq!((b.label, b.group), (Some(1), Some("b.tif")));
}

#[test]
fn a_stack_alone_and_beside_others_names_its_pages() {
    let dir = folder();
    let path = file(&dir, "cells.tif", &stack(&cells(0..2)));
    assert_eq!(paths(&open(&path).unwrap()), ["cells.tif", "cells.tif#2"]);
    let other = file(&dir, "x.png", &png(1));
    let both = open_many(&[path.clone(), other.clone()]).unwrap();
    let second = format!("{}#2", path.display());
    assert_eq!(paths(&both), [&*path.to_string_lossy(), &second, &*other.to_string_lossy()]);
    assert!(close(&both.image(1).unwrap(), &picture(24, 17, 1), 0));
}

#[test]
fn copies_of_a_stack_hold_its_pages_as_files() {
    let dir = folder();
    let files =
        vec![("ig/a.tif".to_owned(), stack(&cells(0..2))), ("mono/b.tif".to_owned(), stack(&cells(2..3)))];
    write_folder(&dir.path().join("in"), &files);
    let source = open(&dir.path().join("in")).unwrap();
    for (form, out, expected) in [
        ("folder", "out", ["ig/a.tif", "ig/a_0002.tif", "mono/b.tif"]),
        ("webdataset", "shards", ["ig/a.tif", "ig/a_0002.tif", "mono/b.tif"]),
    ] {
        let out = dir.path().join(out);
        let mut writer =
            create(&out, Form::find(form).unwrap(), source.classes(), &Options::default()).unwrap();
        let order = source.reading_order(None).unwrap();
        copy(&source, &order, &Change::default(), OnBadImage::Fail, writer.as_mut(), |_| Ok(())).unwrap();
        writer.finish().unwrap();
        let written = open(&out).unwrap();
        assert_eq!(paths(&written), expected, "{form}");
        assert_eq!(written.entry(1).group, Some("ig/a.tif"), "{form}");
        assert_eq!(count(&written, Subject::Pages), 0, "a page is a file of one page");
        assert!(close(&written.image(1).unwrap(), &picture(24, 17, 1), 0), "{form}");
    }
}

#[test]
fn smaller_copies_and_masks_are_no_images() {
    let dir = folder();
    let open = |name: &str, pages: &[(u32, u32, Option<u32>)]| {
        let source = open(&file(&dir, name, &marked(pages))).unwrap();
        let paths: Vec<String> = source.entries().iter().map(|entry| entry.path.to_owned()).collect();
        (paths, count(&source, Subject::SmallerPages))
    };
    // marked as smaller, as a mask, as one page of several
    let pages = [(64, 48, None), (40, 48, Some(1)), (64, 48, Some(4)), (64, 48, Some(2))];
    assert_eq!(open("a.tif", &pages), (vec!["a.tif".into(), "a.tif#4".into()], 2));
    // a pyramid without marks, and a page of another shape
    let pages = [(64, 48, None), (32, 24, None), (16, 12, None), (20, 48, None)];
    assert_eq!(open("b.tif", &pages), (vec!["b.tif".into(), "b.tif#4".into()], 2));
    // the preview comes first
    assert_eq!(open("c.tif", &[(32, 24, Some(1)), (64, 48, None)]), (vec!["c.tif".into()], 1));
    let source = hema_core::data::open(&dir.path().join("c.tif")).unwrap();
    assert_eq!(source.image(0).unwrap().width(), 64);
}

#[test]
fn damaged_chains_of_pages_end_and_lose_nothing_in_silence() {
    let dir = folder();
    let whole = stack(&cells(0..3));
    let first = u32::from_le_bytes(whole[4..8].try_into().unwrap()) as usize;
    let next_at =
        |at: usize| at + 2 + 12 * usize::from(u16::from_le_bytes(whole[at..at + 2].try_into().unwrap()));
    let at = next_at(first);
    // back to the first page
    let mut turning = whole.clone();
    turning[at..at + 4].copy_from_slice(&(first as u32).to_le_bytes());
    assert_eq!(open(&file(&dir, "turning.tif", &turning)).unwrap().len(), 1);
    // beyond the end of the file
    let mut torn = whole.clone();
    torn[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    let source = open(&file(&dir, "torn.tif", &torn)).unwrap();
    assert_eq!(paths(&source), ["torn.tif", "torn.tif#2"]);
    let error = load(&source).err().unwrap().to_string();
    assert!(error.contains("torn.tif#2: is a damaged page of a TIFF image"), "{error}");
    assert_eq!(load_skipping(&source).unwrap().skipped().len(), 1);
}

/// A TIFF file of 4 x 2 pixels whose numbers are positions in a palette of such levels: `10 i`, `10 i + 1`
/// and `10 i + 2` for the colour at `i`.
pub(crate) fn palette(bits: u16, rows: &[u8]) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut out).unwrap();
    let mut page = encoder.new_image::<Gray8>(4, 2).unwrap();
    let level = |channel: u16| (0..1 << bits).map(move |i| (i * 10 + channel) % 256 * 256);
    let levels: Vec<u16> = (0..3).flat_map(level).collect();
    page.encoder().write_tag(Tag::PhotometricInterpretation, 3_u16).unwrap();
    page.encoder().write_tag(Tag::ColorMap, &levels[..]).unwrap();
    page.write_data(&[0xee; 8]).unwrap();
    // the encoder knows no fewer bits
    let mut bytes = out.into_inner();
    let strip = bytes.windows(8).position(|pixels| pixels == [0xee; 8]).unwrap();
    bytes[strip..strip + rows.len()].copy_from_slice(rows);
    let field = bytes.windows(4).position(|w| w == [2, 1, 3, 0]).unwrap();
    bytes[field + 8] = bits as u8;
    bytes
}

/// A TIFF file of one row of brightness and two differences of colour.
pub(crate) fn ycbcr(pixels: &[[u8; 3]]) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut out).unwrap();
    let mut page = encoder.new_image::<RGB8>(pixels.len() as u32, 1).unwrap();
    page.encoder().write_tag(Tag::PhotometricInterpretation, 6_u16).unwrap();
    page.encoder().write_tag(Tag::ChromaSubsampling, &[1_u16, 1][..]).unwrap();
    page.write_data(&pixels.concat()).unwrap();
    out.into_inner()
}

#[test]
fn palettes_and_ycbcr_are_read_in_their_colours() {
    let expected = [[0, 1, 2], [10, 11, 12], [20, 21, 22], [30, 31, 32]];
    for (bits, rows) in
        [(8, &[0, 1, 2, 3, 3, 2, 1, 0][..]), (4, &[0x01, 0x23, 0x32, 0x10]), (2, &[0x1b, 0xe4])]
    {
        let image = decode(&palette(bits, rows)).unwrap();
        let row = |y: usize| [0, 1, 2, 3].map(|x| image.rgb(x, y));
        assert_eq!(row(0), expected, "{bits} bits");
        assert_eq!(row(1), [3, 2, 1, 0].map(|i: usize| expected[i]), "{bits} bits");
    }
    let colours: [([u8; 3], [u8; 3]); 3] =
        [([76, 85, 255], [254, 0, 0]), ([150, 44, 21], [0, 255, 1]), ([128, 128, 128], [128; 3])];
    let image = decode(&ycbcr(&colours.map(|(ycbcr, _)| ycbcr))).unwrap();
    let found: [[u8; 3]; 3] = [0, 1, 2].map(|x| image.rgb(x, 0));
    assert_eq!(found, colours.map(|(_, rgb)| rgb));
}

/// An animated GIF.
pub(crate) fn gif(frames: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    for seed in 0..frames {
        let frame = image::DynamicImage::from(picture(9, 7, seed)).into_rgba8();
        encoder.encode_frame(Frame::new(frame)).unwrap();
    }
    drop(encoder);
    bytes
}

#[test]
fn of_several_frames_the_first_is_read_and_the_others_are_said() {
    // an animation of two frames, around the still picture's own chunks
    let webp = |frames: usize| {
        let still = encode(picture(9, 7, 0), ImageFormat::WebP);
        let chunk = |name: &[u8], body: &[u8]| {
            let len = (body.len() as u32).to_le_bytes();
            [name, &len, body, &vec![0; body.len() % 2][..]].concat()
        };
        let frame = [&[0; 6][..], &[8, 0, 0], &[6, 0, 0], &[0; 4], &still[12..]].concat();
        let body = [
            chunk(b"VP8X", &[2, 0, 0, 0, 8, 0, 0, 6, 0, 0]),
            chunk(b"ANIM", &[0; 6]),
            chunk(b"ANMF", &frame).repeat(frames),
        ]
        .concat();
        [&b"RIFF"[..], &(4 + body.len() as u32).to_le_bytes(), b"WEBP", &body].concat()
    };
    // a still picture that says it has frames behind it
    let apng = |frames: u8| {
        let still = png(0);
        let body = [&b"acTL"[..], &[0, 0, 0, frames], &[0; 4]].concat();
        let mut crc = flate2::Crc::new();
        crc.update(&body);
        [&still[..33], &[0, 0, 0, 8], &body, &crc.sum().to_be_bytes(), &still[33..]].concat()
    };
    let dir = folder();
    let files = [
        ("a/1.gif", gif(1)),
        ("a/2.gif", gif(2)),
        ("a/1.webp", webp(1)),
        ("a/2.webp", webp(2)),
        ("a/1.png", apng(1)),
        ("a/2.png", apng(2)),
    ];
    write_folder(dir.path(), &files.map(|(name, bytes)| (name.to_owned(), bytes)));
    let source = open(dir.path()).unwrap();
    assert_eq!(source.all_notices(), [], "nothing is known before the images are decoded");
    assert_eq!(load(&source).unwrap().len(), 6);
    for i in 0..6 {
        assert!(close(&source.image(i).unwrap(), &picture(9, 7, 0), 8), "{}", source.entry(i).path);
    }
    let notices = source.all_notices();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert_eq!((notices[0].subject, notices[0].count), (Subject::FurtherFrames, 3));
    assert_eq!(notices[0].examples, ["a/2.gif", "a/2.png", "a/2.webp"]);
    load(&source).unwrap();
    assert_eq!(count(&source, Subject::FurtherFrames), 3, "an image that is decoded twice counts once");
}

#[test]
fn transparent_images_are_counted_and_opaque_ones_are_not() {
    let dir = folder();
    let rgba = |alpha: u8| {
        let mut image = image::DynamicImage::from(picture(9, 7, 1)).into_rgba8();
        image.get_pixel_mut(3, 3).0[3] = alpha;
        image
    };
    let deep = |alpha: u8| image::DynamicImage::from(rgba(alpha)).into_rgba16();
    let files = [
        ("a/opaque.png", encode(rgba(255), ImageFormat::Png)),
        ("a/hole.png", encode(rgba(254), ImageFormat::Png)),
        ("a/deep.png", encode(deep(0), ImageFormat::Png)),
        ("a/deep_opaque.tif", encode(deep(255), ImageFormat::Tiff)),
        ("b/hole.tif", encode(rgba(0), ImageFormat::Tiff)),
        ("b/plain.png", png(3)),
    ];
    write_folder(dir.path(), &files.map(|(name, bytes)| (name.to_owned(), bytes)));
    let source = open(dir.path()).unwrap();
    load(&source).unwrap();
    let notices = source.picture_notices();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert_eq!((notices[0].subject, notices[0].count), (Subject::Alpha, 3));
    assert_eq!(notices[0].examples, ["a/deep.png", "a/hole.png", "b/hole.tif"]);
}

#[test]
fn opening_reads_little_of_a_stack() {
    // the pixels are a hole in the file that would take long to read
    let dir = folder();
    let path = dir.path().join("huge.tif");
    let whole = stack(&cells(0..2));
    fs::write(&path, &whole).unwrap();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(open(Path::new(&path)).unwrap().len(), 2);
    let image: Image = open(&path).unwrap().image(1).unwrap();
    assert!(close(&image, &picture(24, 17, 1), 0));
}
