//! Memory that hostile files take: little more than is lent to images, whatever they claim.
//!
//! Peaks are those of the whole process, as Linux counts them, so that the tests take turns; elsewhere they
//! test the messages alone.

use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hema_core::data::write::{Change, Form, Options, copy, create};
use hema_core::data::{Dataset, LoadOptions, OnBadImage, Source, open, set_memory};
use hema_core::error::ErrorKind;
use hema_core::preprocess::Preprocess;
use image::{DynamicImage, ImageFormat};
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use tempfile::TempDir;

const MIB: u64 = 1 << 20;

static TURN: Mutex<()> = Mutex::new(());

/// A test's turn, with this much memory for images.
fn turn(mebibytes: u64) -> MutexGuard<'static, ()> {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    set_memory(mebibytes * MIB);
    turn
}

/// The result of some work, and the most memory that it took, in mebibytes; 0 where the system does not say.
fn peak_of<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let line = |name: &str| -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
    };
    let _ = fs::write("/proc/self/clear_refs", "5");
    let before = line("VmRSS:");
    let done = work();
    (done, line("VmHWM:").saturating_sub(before) >> 10)
}

fn load(source: &Source) -> Dataset {
    let options = LoadOptions::default().on_bad_image(OnBadImage::Skip);
    Dataset::load(source, None, &Preprocess::imagenet(8), &options, &|_| ()).unwrap()
}

/// A lossless WebP file of 34 bytes, all of one colour.
fn webp(side: u32) -> Vec<u8> {
    let mut bits: Vec<bool> = Vec::new();
    let mut push = |number: u32, count: u32| bits.extend((0..count).map(|bit| number >> bit & 1 == 1));
    push(side - 1, 14);
    push(side - 1, 14);
    // opaque, version 0; no transform, no cache of colours, one set of codes
    push(0, 1 + 3 + 3);
    // five codes of one symbol each, 0
    (0..5).for_each(|_| push(0b0001, 4));
    let mut data = vec![0x2f];
    data.extend(bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |sum, bit| sum << 1 | u8::from(*bit))));
    data.resize(14, 0);
    let mut file = b"RIFF\x1a\0\0\0WEBPVP8L\x0e\0\0\0".to_vec();
    file.extend(data);
    file
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A folder of two classes with these pictures.
fn folder(pictures: &[Vec<u8>]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (i, bytes) in pictures.iter().enumerate() {
        write(dir.path(), &format!("{}/{i}.webp", ["ig", "mono"][i % 2]), bytes);
    }
    dir
}

#[test]
fn a_picture_that_takes_more_than_all_are_lent_cannot_be_read() {
    let _turn = turn(512);
    let dir = folder(&[webp(16_383), webp(64), webp(16_383)]);
    assert_eq!(webp(16_383).len(), 34);
    let source = open(dir.path()).unwrap();
    let (data, peak) = peak_of(|| load(&source));
    assert_eq!((data.len(), data.skipped().len()), (1, 2));
    let said = "is 16383x16383 pixels, which takes 1792 MiB of memory to decode (at most 512 MiB are lent to images)";
    assert_eq!(data.skipped()[0].reason, said);
    assert!(peak < 64, "{peak} MiB");
    let error = source.image(0).unwrap_err();
    assert_eq!(
        (error.kind(), error.hint_text()),
        (ErrorKind::Unreadable, Some("allow more, as with `--memory 2G`"))
    );
}

#[test]
fn many_large_pictures_share_what_is_lent_and_come_out_the_same() {
    let _turn = turn(40);
    // 28 MiB each
    let dir = folder(&vec![webp(2048); 12]);
    let source = open(dir.path()).unwrap();
    let (little, peak) = peak_of(|| load(&source));
    assert_eq!(little.len(), 12);
    assert!(peak < 110, "{peak} MiB");
    set_memory(4096 * MIB);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(pool.install(|| load(&source)).hash().unwrap(), little.hash().unwrap());
}

#[test]
fn copies_of_large_pictures_wait_for_those_before_them_to_be_written() {
    let _turn = turn(40);
    let dir = folder(&vec![webp(2048); 12]);
    let source = open(dir.path()).unwrap();
    let out = tempfile::tempdir().unwrap();
    let ((), peak) = peak_of(|| {
        let form = Form::find("folder").unwrap();
        let path = out.path().join("copy");
        let mut writer = create(&path, form, source.classes(), &Options::default()).unwrap();
        let order = source.reading_order(None).unwrap();
        copy(&source, &order, &Change::default(), OnBadImage::Fail, writer.as_mut(), |_| Ok(())).unwrap();
        writer.finish().unwrap();
    });
    assert!(peak < 120, "{peak} MiB");
    assert_eq!(open(&out.path().join("copy")).unwrap().len(), 12);
}

/// Pictures of a side in every format and of many kinds of numbers.
fn of_every_format(side: u32) -> Vec<(String, Vec<u8>)> {
    let rgb = DynamicImage::ImageRgb8(image::RgbImage::from_fn(side, side, |x, y| {
        image::Rgb([(x * 7) as u8, (y * 5) as u8, (x ^ y) as u8])
    }));
    let rgba = DynamicImage::ImageRgba8(rgb.to_rgba8());
    let mut all = Vec::new();
    for (format, pictures) in [
        (ImageFormat::Jpeg, vec![rgb.clone(), rgb.to_luma8().into()]),
        (ImageFormat::Png, vec![rgb.clone(), rgba.clone(), rgb.to_luma8().into(), rgb.to_rgb16().into()]),
        (ImageFormat::Png, vec![rgb.to_rgba16().into(), rgb.to_luma_alpha16().into()]),
        (ImageFormat::Bmp, vec![rgb.clone(), rgba.clone(), rgb.to_luma8().into()]),
        (ImageFormat::Tiff, vec![rgb.clone(), rgba.clone(), rgb.to_luma8().into(), rgb.to_rgb16().into()]),
        (ImageFormat::Tiff, vec![rgb.to_rgba16().into(), rgb.to_rgb32f().into()]),
        (ImageFormat::WebP, vec![rgb.clone(), rgba.clone()]),
        (ImageFormat::Gif, vec![rgba.clone()]),
        (ImageFormat::Pnm, vec![rgb.clone(), rgb.to_luma8().into(), rgb.to_rgb16().into()]),
    ] {
        for picture in pictures {
            let mut bytes = Cursor::new(Vec::new());
            picture.write_to(&mut bytes, format).unwrap();
            all.push((format!("{format:?} {:?}", picture.color()), bytes.into_inner()));
        }
    }
    let mut progressive = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut progressive, 90);
    encoder.set_progressive(true);
    let (pixels, narrow) = (rgb.to_rgb8(), side as u16);
    encoder.encode(pixels.as_raw(), narrow, narrow, jpeg_encoder::ColorType::Rgb).unwrap();
    all.push(("progressive JPEG".into(), progressive));
    let lossy = webp::Encoder::from_rgb(pixels.as_raw(), side, side).encode(80.0).to_vec();
    all.push(("lossy WebP".into(), lossy));
    let mut clear = rgba.to_rgba8();
    clear.pixels_mut().for_each(|pixel| pixel[3] = pixel[0]);
    all.push((
        "lossy WebP, alpha".into(),
        webp::Encoder::from_rgba(clear.as_raw(), side, side).encode(80.0).to_vec(),
    ));
    all
}

#[test]
fn no_format_takes_more_than_it_reserves() {
    let _turn = turn(0);
    for (name, bytes) in of_every_format(1800) {
        set_memory(0);
        // the least that is lent
        let reserved = match hema_core::data::decode(&bytes) {
            Ok(_) => 16,
            Err(e) => {
                let said = e.to_string();
                let (_, said) = said.split_once("which takes ").unwrap_or_else(|| panic!("{name}: {said}"));
                said.split(' ').next().unwrap().parse().unwrap()
            }
        };
        set_memory(reserved * MIB);
        let (decoded, peak) = peak_of(|| hema_core::data::decode(&bytes).map(drop));
        assert!(decoded.is_ok(), "{name}: {decoded:?}");
        // freed memory that the allocator keeps counts too
        assert!(peak <= reserved + 4, "{name}: {peak} MiB, {reserved} reserved");
    }
}

/// A chunk of a PNG file.
fn chunk(name: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut sum = flate2::Crc::new();
    sum.update(&name);
    sum.update(data);
    [&(data.len() as u32).to_be_bytes()[..], &name, data, &sum.sum().to_be_bytes()].concat()
}

fn deflated(mebibytes: u64) -> Vec<u8> {
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::copy(&mut std::io::Read::take(std::io::repeat(0), mebibytes * MIB), &mut packed).unwrap();
    packed.finish().unwrap()
}

#[test]
fn text_and_colour_profiles_that_inflate_without_end_take_little() {
    let _turn = turn(512);
    let mut png = Cursor::new(Vec::new());
    image::RgbImage::new(9, 7).write_to(&mut png, ImageFormat::Png).unwrap();
    let png = png.into_inner();
    let (start, rest) = png.split_at(33);
    for (name, before) in [(b"iCCP", &b"x\0\0"[..]), (b"zTXt", b"x\0\0"), (b"iTXt", b"x\0\x01\0\0\0")] {
        let bomb = chunk(*name, &[before, &deflated(256)].concat());
        let bytes = [start, &bomb, rest].concat();
        let (_, peak) = peak_of(|| hema_core::data::decode(&bytes));
        assert!(peak < 64, "{}: {peak} MiB", String::from_utf8_lossy(name));
    }
}

#[test]
fn a_webp_chunk_that_claims_gigabytes_takes_little() {
    let _turn = turn(512);
    let mut lying = b"RIFF\xff\xff\xff\x7fWEBPVP8X\x0a\0\0\0\x0c\0\0\0\x08\0\0\x08\0\0".to_vec();
    lying.extend(&webp(9)[12..]);
    lying.extend(b"EXIF\xf0\xff\xff\x7e");
    let (read, peak) = peak_of(|| hema_core::data::decode(&lying));
    assert!(peak < 32, "{peak} MiB: {read:?}");
}

/// A `.npy` file of bytes that are all 0.
fn npy(order: &str, shape: &str, len: u64) -> impl std::io::Read {
    let text = format!("{{'descr': '|u1', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    let mut start = b"\x93NUMPY\x01\x00".to_vec();
    start.extend((text.len() as u16).to_le_bytes());
    start.extend(text.bytes());
    std::io::Read::chain(Cursor::new(start), std::io::Read::take(std::io::repeat(7), len))
}

fn npz(path: &Path, deflated: bool, mut images: impl std::io::Read) {
    let method = if deflated { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
    let options = zip::write::SimpleFileOptions::default().compression_method(method).large_file(true);
    let mut writer = zip::ZipWriter::new(File::create(path).unwrap());
    writer.start_file("images.npy", options).unwrap();
    std::io::copy(&mut images, &mut writer).unwrap();
    writer.finish().unwrap();
}

#[test]
fn an_array_holds_no_more_images_than_its_bytes_can() {
    let _turn = turn(512);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npz");
    npz(&path, true, npy("False", "(30000000, 1, 1)", 30_000_000));
    assert!(fs::metadata(&path).unwrap().len() < 60_000);
    let (error, peak) = peak_of(|| open(&path).err().unwrap());
    assert!(error.to_string().contains("images: claims 30000000 images in "), "{error}");
    assert!(peak < 32, "{peak} MiB");
}

#[test]
fn an_array_in_fortran_order_is_never_in_memory_as_a_whole() {
    let _turn = turn(512);
    let dir = tempfile::tempdir().unwrap();
    for is_deflated in [false, true] {
        let path = dir.path().join(format!("{is_deflated}.npz"));
        npz(&path, is_deflated, npy("True", "(1300, 180, 180, 3)", 1300 * 180 * 180 * 3));
        let ((), peak) = peak_of(|| {
            let source = open(&path).unwrap();
            assert_eq!(load(&source).len(), 1300);
            assert_eq!(source.image(1299).unwrap().rgb(179, 179), [7; 3]);
        });
        // as much is read ahead as of any packed file
        assert!(peak < 110, "deflated {is_deflated}: {peak} MiB");
    }
}

#[test]
fn a_text_that_is_the_same_in_every_row_of_a_parquet_file_is_not_read_without_end() {
    let _turn = turn(512);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.parquet");
    let schema = "message m { required binary image; required binary label; }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer =
        SerializedFileWriter::new(File::create(&path).unwrap(), schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for value in [webp(9), vec![b'a'; 256 << 10]] {
        let mut column = group.next_column().unwrap().unwrap();
        let rows = vec![ByteArray::from(value); 8000];
        column.typed::<ByteArrayType>().write_batch(&rows, None, None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    assert!(fs::metadata(&path).unwrap().len() < MIB);
    let (error, peak) = peak_of(|| open(&path).err().unwrap());
    assert!(error.to_string().contains("holds more texts than its "), "{error}");
    assert!(peak < 256, "{peak} MiB");
}

#[test]
fn tables_with_a_cell_without_end_or_with_ever_new_columns_take_little() {
    let _turn = turn(512);
    let dir = folder(&[webp(9)]);
    let endless = [b"path,label\nig/0.webp,\"".to_vec(), vec![b'a'; 48 << 20]].concat();
    write(dir.path(), "labels.csv", &endless);
    let (error, peak) = peak_of(|| open(dir.path()).err().unwrap());
    assert!(error.to_string().contains("a row is longer than 1024 KiB"), "{error}");
    // the file itself, which may be no longer than 64 MiB
    assert!(peak < 160, "{peak} MiB");
    fs::remove_file(dir.path().join("labels.csv")).unwrap();

    let mut objects = Vec::new();
    (0..100_000).for_each(|i| writeln!(objects, "{{\"file_name\": \"ig/{i}.webp\", \"k{i}\": 1}}").unwrap());
    write(dir.path(), "metadata.jsonl", &objects);
    let (opened, peak) = peak_of(|| open(dir.path()));
    assert!(peak < 160, "{peak} MiB");
    drop(opened);
}

#[cfg(unix)]
#[test]
fn a_table_that_links_to_a_device_is_refused() {
    let _turn = turn(512);
    for name in ["labels.csv", "groups.csv", "split.csv", "metadata.csv", "metadata.jsonl"] {
        let dir = folder(&[webp(9)]);
        std::os::unix::fs::symlink("/dev/zero", dir.path().join(name)).unwrap();
        let error = open(dir.path()).err().unwrap();
        assert!(error.to_string().contains("a device"), "{name}: {error}");
    }
}

/// A TIFF file of two pages with these fields each: tag, type, count, number.
fn tiff(fields: &[(u16, u16, u32, u32)], len: usize) -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    let size = 2 + 12 * fields.len() + 4;
    for next in [8 + size, 0] {
        bytes.extend((fields.len() as u16).to_le_bytes());
        for (tag, kind, count, number) in fields {
            bytes.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
            bytes.extend([count.to_le_bytes(), number.to_le_bytes()].concat());
        }
        bytes.extend((next as u32).to_le_bytes());
    }
    bytes.resize(bytes.len().max(len), 0);
    bytes
}

#[test]
fn tiff_pages_that_repeat_what_they_point_to_take_little() {
    let _turn = turn(512);
    let page =
        [(256, 4, 1, 16), (257, 4, 1, 16), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 8), (279, 4, 1, 256)];
    // a description of 15 MiB, a thousand times
    let repeated: Vec<_> = page.into_iter().chain(vec![(270, 2, 15 << 20, 8); 1000]).collect();
    // a million strips that are all the same bytes
    let strips: Vec<_> =
        page[..4].iter().copied().chain([(273, 3, 1 << 20, 8), (279, 3, 1 << 20, 8)]).collect();
    let dir = tempfile::tempdir().unwrap();
    for (name, fields) in [("repeated", repeated), ("strips", strips)] {
        let path = dir.path().join(format!("{name}.tif"));
        fs::write(&path, tiff(&fields, 16 << 20)).unwrap();
        let source = open(&path).unwrap();
        assert_eq!(source.len(), 2);
        let ((), peak) = peak_of(|| (0..2).for_each(|page| drop(source.image(page))));
        assert!(peak < 200, "{name}: {peak} MiB");
    }
}

#[test]
fn a_tiff_picture_is_refused_by_what_it_announces() {
    let _turn = turn(256);
    for (photometric, bits) in [(1, 8), (1, 16), (3, 8), (6, 8)] {
        let fields = [
            (256, 4, 1, 16_384),
            (257, 4, 1, 16_384),
            (258, 3, 1, bits),
            (259, 3, 1, 8),
            (262, 3, 1, photometric),
            (273, 4, 1, 8),
            (277, 3, 1, 1),
            (278, 4, 1, 16_384),
            (279, 4, 1, 256),
        ];
        let (error, peak) = peak_of(|| hema_core::data::decode(&tiff(&fields, 4096)).unwrap_err());
        let said = error.to_string();
        assert!(
            said.contains("16384x16384 pixels, which takes") || photometric == 6,
            "{photometric}: {said}"
        );
        assert!(peak < 32, "{photometric}: {peak} MiB");
    }
}
