//! Pictures that are damaged inside, although they begin and end as they should.

use std::io::{Cursor, Write as _};
use std::ops::Range;

use hema_core::audit::audit;
use hema_core::data::{decode, open};
use image::RgbImage;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use tiff::encoder::colortype::RGB8;
use tiff::encoder::{Compression, DeflateLevel, TiffEncoder};
use tiff::tags::Tag;

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

/// A PNG file of these chunks, with checksums that hold.
fn png(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in chunks {
        let mut sum = flate2::Crc::new();
        sum.update(*name);
        sum.update(data);
        bytes.extend((data.len() as u32).to_be_bytes());
        bytes.extend(*name);
        bytes.extend(data);
        bytes.extend(sum.sum().to_be_bytes());
    }
    bytes
}

/// The header of a cell's picture, and its pixels in pieces.
fn png_pieces() -> (Vec<u8>, Vec<Vec<u8>>) {
    let header = [64_u32.to_be_bytes(), 48_u32.to_be_bytes()].concat();
    let header = [&header[..], &[8, 2, 0, 0, 0]].concat();
    let rows: Vec<u8> = cell().as_raw().chunks(64 * 3).flat_map(|row| [&[0], row].concat()).collect();
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&rows).unwrap();
    (header, encoder.finish().unwrap().chunks(1000).map(<[u8]>::to_vec).collect())
}

#[test]
fn png_files_with_wrong_checksums_or_without_all_chunks_are_damaged() {
    let (header, pieces) = png_pieces();
    let assembled = |pieces: &[Vec<u8>]| {
        let mut chunks = vec![(b"IHDR", header.clone()), (b"tEXt", b"Title\0cell".to_vec())];
        chunks.extend(pieces.iter().map(|piece| (b"IDAT", piece.clone())));
        chunks.push((b"IEND", Vec::new()));
        png(&chunks)
    };
    let whole = assembled(&pieces);
    assert_eq!(decode(&whole).unwrap().pixels(), cell().as_raw());

    let text = whole.windows(4).position(|name| name == b"tEXt").unwrap() + 6;
    let pixels = whole.len() / 2;
    for at in [text, pixels] {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        let error = decode(&flipped).unwrap_err().to_string();
        assert!(error.contains("damaged PNG") && error.contains("checksum"), "{error}");
    }
    assert!(decode(&whole[..whole.len() - 3]).unwrap_err().to_string().contains("truncated PNG"));

    let without = |lost: usize| [&pieces[..lost], &pieces[lost + 1..]].concat();
    for lost in 1..pieces.len() {
        assert!(decode(&assembled(&without(lost))).is_err(), "piece {lost} of {}", pieces.len());
    }
    let mut swapped = pieces.clone();
    swapped.swap(1, 2);
    assert!(decode(&assembled(&swapped)).is_err());
    let mut wrong_sum = pieces.clone();
    *wrong_sum.last_mut().unwrap().last_mut().unwrap() ^= 1;
    let error = decode(&assembled(&wrong_sum)).unwrap_err().to_string();
    assert!(error.contains("its pixels do not have the checksum they claim"), "{error}");
}

/// A TIFF file in strips of eight rows.
fn tiff(compression: Compression) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).unwrap().with_compression(compression);
    let mut image = encoder.new_image::<RGB8>(64, 48).unwrap();
    image.rows_per_strip(8).unwrap();
    image.write_data(cell().as_raw()).unwrap();
    bytes.into_inner()
}

/// The numbers of a tag, and where they lie in the file.
fn tag(tiff: &[u8], tag: Tag) -> (Vec<u32>, usize) {
    let mut decoder = tiff::decoder::Decoder::new(Cursor::new(tiff)).unwrap();
    let numbers: Vec<u32> = decoder.find_tag_unsigned_vec(tag).unwrap().unwrap();
    let as_bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_ne_bytes()).collect();
    let at = tiff.windows(as_bytes.len()).position(|bytes| bytes == as_bytes).unwrap();
    (numbers, at)
}

#[test]
fn tiff_strips_outside_the_file_or_too_short_are_damage() {
    for (name, compression) in [
        ("plain", Compression::Uncompressed),
        ("deflated", Compression::Deflate(DeflateLevel::Fast)),
        ("LZW", Compression::Lzw),
    ] {
        let whole = tiff(compression);
        assert_eq!(decode(&whole).unwrap().pixels(), cell().as_raw(), "{name}");
        let ((_, offsets), (lengths, counts)) =
            (tag(&whole, Tag::StripOffsets), tag(&whole, Tag::StripByteCounts));
        let patched = |at: usize, number: u32| {
            let mut patched = whole.clone();
            patched[at + 8..at + 12].copy_from_slice(&number.to_ne_bytes());
            patched
        };
        for (what, damaged) in [
            ("a strip before the header's end", patched(offsets, 4)),
            ("a strip beyond the file's end", patched(offsets, whole.len() as u32 - 10)),
            ("an empty strip", patched(counts, 0)),
            ("half a strip", patched(counts, lengths[2] / 2)),
            ("an endless strip", patched(counts, u32::MAX)),
        ] {
            let error = decode(&damaged).err().unwrap_or_else(|| panic!("{name}: {what}"));
            assert!(error.to_string().contains("TIFF image"), "{name}: {what}: {error}");
        }
    }
}

#[test]
fn deflated_tiff_strips_that_were_overwritten_are_damage() {
    let whole = tiff(Compression::Deflate(DeflateLevel::Fast));
    let ((offsets, _), (lengths, _)) = (tag(&whole, Tag::StripOffsets), tag(&whole, Tag::StripByteCounts));
    let mut damaged = whole.clone();
    let (start, length) = (offsets[3] as usize, lengths[3] as usize);
    damaged[start + length / 2..start + length].fill(0);
    let error = decode(&damaged).unwrap_err().to_string();
    assert!(error.contains("its strip 4 of 6 cannot be inflated"), "{error}");
}
