//! Pictures that are damaged inside, although they begin and end as they should.

use std::ops::Range;

use hema_core::audit::audit;
use hema_core::data::{decode, open};
use image::RgbImage;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use crate::helper::{File, folder, load, load_skipping, write_folder};

/// A round cell on a bright ground, and some noise.
fn cell() -> RgbImage {
    RgbImage::from_fn(64, 48, |x, y| {
        let distance = (x as f32 - 30.0).powi(2) + (y as f32 - 22.0).powi(2);
        let depth = (-distance / 130.0).exp();
        let noise = ((x * 7919 + y * 104_729) % 13) as f32;
        image::Rgb(
            [200.0 - 60.0 * depth + noise, 170.0 - 110.0 * depth + noise, 190.0 - noise].map(|v| v as u8),
        )
    })
}

fn encoded(set: impl Fn(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 88);
    set(&mut encoder);
    encoder.encode(cell().as_raw(), 64, 48, ColorType::Rgb).unwrap();
    bytes
}

fn grey() -> Vec<u8> {
    let mut bytes = Vec::new();
    let grey = image::DynamicImage::from(cell()).into_luma8();
    Encoder::new(&mut bytes, 88).encode(grey.as_raw(), 64, 48, ColorType::Luma).unwrap();
    bytes
}

/// Coded in full and half resolution of colour, with tables of its own, in scans of one colour each, ...
fn jpegs() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("baseline", encoded(|encoder| encoder.set_sampling_factor(SamplingFactor::R_4_4_4))),
        ("half colour", encoded(|encoder| encoder.set_sampling_factor(SamplingFactor::R_4_2_0))),
        ("grey", grey()),
        ("own tables", encoded(|encoder| encoder.set_optimized_huffman_tables(true))),
        (
            "restarts",
            encoded(|encoder| {
                encoder.set_sampling_factor(SamplingFactor::R_4_4_4);
                encoder.set_restart_interval(3);
            }),
        ),
        ("progressive", encoded(|encoder| encoder.set_progressive(true))),
        ("refined", include_bytes!("../fixtures/pictures/progressive.jpg").to_vec()),
    ]
}

/// Where the coded data of each scan lies.
fn scans(jpeg: &[u8]) -> Vec<Range<usize>> {
    let (mut scans, mut at) = (Vec::new(), 2);
    while jpeg[at + 1] != 0xd9 {
        let behind = at + 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        let is_coded = |pair: &[u8]| pair[0] != 0xff || matches!(pair[1], 0 | 0xd0..=0xd7);
        let coded = jpeg[behind..].windows(2).take_while(|pair| is_coded(pair)).count();
        if jpeg[at + 1] == 0xda {
            scans.push(behind..behind + coded);
        }
        at = if jpeg[at + 1] == 0xda { behind + coded } else { behind };
    }
    scans
}

/// The scan with most data.
fn largest(jpeg: &[u8]) -> Range<usize> {
    scans(jpeg).into_iter().max_by_key(ExactSizeIterator::len).unwrap()
}

#[track_caller]
fn assert_damaged(jpeg: &[u8], what: &str) {
    match decode(jpeg) {
        Ok(_) => panic!("{what} was decoded"),
        Err(e) => assert!(e.to_string().contains("is a damaged JPEG image: "), "{what}: {e}"),
    }
}

#[test]
fn whole_jpegs_of_every_kind_are_read() {
    for (kind, jpeg) in jpegs() {
        let image = decode(&jpeg).unwrap_or_else(|e| panic!("{kind}: {e}"));
        assert_eq!((image.width(), image.height()), (64, 48));
        let end = jpeg.len() - 2;
        // as many fill bytes as one likes may stand before a marker
        let filled = [&jpeg[..end], &[0xff; 3], &jpeg[end..]].concat();
        assert!(decode(&filled).unwrap() == image, "{kind}");
    }
}

#[test]
fn a_jpeg_that_a_camera_filled_up_with_zeros_is_whole() {
    let (_, jpeg) = jpegs().remove(0);
    let end = jpeg.len() - 2;
    let filled = [&jpeg[..end], &[0; 40], &jpeg[end..]].concat();
    assert!(decode(&filled).unwrap() == decode(&jpeg).unwrap());
}

#[test]
fn jpegs_that_end_early_are_damaged_even_with_an_end_marker() {
    for (kind, jpeg) in jpegs() {
        for scan in scans(&jpeg) {
            for end in scan.clone().step_by(scan.len().div_ceil(60)).chain([scan.end - 1]) {
                assert_damaged(&[&jpeg[..end], &[0xff, 0xd9]].concat(), &format!("{kind} cut at {end}"));
            }
        }
    }
}

#[test]
fn jpegs_with_zeros_to_their_end_are_damaged() {
    for (kind, jpeg) in jpegs() {
        let scan = largest(&jpeg);
        for start in (scan.start + 1..scan.end - 40).step_by(scan.len() / 60) {
            let mut damaged = jpeg.clone();
            damaged[start..scan.end].fill(0);
            assert_damaged(&damaged, &format!("{kind} zero from {start}"));
        }
    }
}

#[test]
fn jpegs_that_lack_bytes_or_have_others_are_damaged() {
    for (kind, jpeg) in jpegs() {
        let scan = largest(&jpeg);
        let mut found = [0; 2];
        for twentieth in 0..15 {
            let start = scan.start + scan.len() * twentieth / 20;
            let (hole, run) = (start..start + scan.len() / 4, start..start + scan.len() / 4);
            let mut lacking = jpeg.clone();
            lacking.drain(hole);
            found[0] += usize::from(decode(&lacking).is_err());
            let mut zeroed = jpeg.clone();
            zeroed[run].fill(0);
            found[1] += usize::from(decode(&zeroed).is_err());
        }
        // by chance the number of blocks may come out right
        assert!(found.iter().all(|found| *found >= 14), "{kind}: {found:?} of 15");
    }
}

#[test]
fn restart_markers_out_of_order_are_damage() {
    let (_, jpeg) = jpegs().remove(4);
    let scan = largest(&jpeg);
    let markers: Vec<usize> =
        scan.filter(|at| jpeg[*at] == 0xff && (0xd0..=0xd7).contains(&jpeg[at + 1])).collect();
    let [first, second, third] = markers[2..5] else { panic!() };
    let swapped = [&jpeg[..first], &jpeg[second..third], &jpeg[first..second], &jpeg[third..]].concat();
    assert_damaged(&swapped, "two intervals in each other's place");
    assert_damaged(&[&jpeg[..first], &jpeg[second..]].concat(), "an interval lost");
    let message = decode(&swapped).unwrap_err().to_string();
    assert!(message.contains("restart marker 3 stands where 2 belongs, in block 10 of 48"), "{message}");
}

#[test]
fn progressive_jpegs_without_their_last_scans_are_damaged() {
    for (kind, jpeg) in &jpegs()[5..] {
        let scans = scans(jpeg);
        for scan in &scans[..scans.len() - 1] {
            assert_damaged(&[&jpeg[..scan.end], &[0xff, 0xd9]].concat(), &format!("{kind} to {scan:?}"));
        }
    }
}

#[test]
fn a_damaged_jpeg_is_found_by_the_audit_and_stops_loading() {
    let (_, whole) = jpegs().remove(0);
    let scan = largest(&whole);
    let cut = [&whole[..scan.start + scan.len() / 2], &[0xff, 0xd9]].concat();
    let dir = folder();
    let files: [File; 2] = [("ig/cut.jpg".into(), cut), ("ig/whole.jpg".into(), whole)];
    write_folder(dir.path(), &files);
    let source = open(dir.path()).unwrap();

    let found = audit(&source, None, None, &[], &|_| ()).unwrap();
    let unreadable: Vec<_> = found.measured.unreadable().iter().collect();
    let [(0, reason)] = unreadable[..] else { panic!("{unreadable:?}") };
    assert!(reason.contains("its coded data ends early, in block 24 of 48"), "{reason}");

    assert!(load(&source).is_err_and(|e| e.to_string().contains("damaged JPEG")));
    let loaded = load_skipping(&source).unwrap();
    assert_eq!((loaded.len(), loaded.skipped().len()), (1, 1));
}
