//! Makes the files that tests hand to the program: cells, archives, arrays, and pictures that are
//! not what they seem.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use hema::{Image, synthetic};

/// A file in an archive: its name and its bytes.
pub(crate) type File = (String, Vec<u8>);

/// Drawn cells as PNG files under `<class>/`.
pub(crate) fn cells(per_class: usize, size: usize) -> Vec<File> {
    let png = |(path, image, _): (String, Image, usize)| (path, image.to_png().unwrap());
    synthetic::images(&[per_class; 8], size, 1).into_iter().map(png).collect()
}

/// Writes drawn cells as an image folder.
pub(crate) fn write_cells(root: &Path, per_class: usize, size: usize) {
    for (name, png) in cells(per_class, size) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, png).unwrap();
    }
}

/// One drawn cell as a PNG file.
pub(crate) fn one_png() -> Vec<u8> {
    cells(1, 24).remove(0).1
}

/// The first half of a JPEG file.
pub(crate) fn truncated_jpeg() -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let picture = image::load_from_memory(&one_png()).unwrap().into_rgb8();
    picture.write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
    let mut bytes = bytes.into_inner();
    bytes.truncate(bytes.len() / 2);
    bytes
}

/// A PNG file of a few bytes that claims a side of 60,000 pixels.
pub(crate) fn giant_png() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let side = 60_000_u32.to_be_bytes();
    chunk(&mut bytes, *b"IHDR", &[&side[..], &side, &[8, 2, 0, 0, 0]].concat());
    chunk(&mut bytes, *b"IDAT", &[0x78, 0x9c, 0x63, 0, 0]);
    bytes
}

fn chunk(png: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    let checked = [&kind, data].concat();
    let mut crc = flate2::Crc::new();
    crc.update(&checked);
    png.extend((data.len() as u32).to_be_bytes());
    png.extend(checked);
    png.extend(crc.sum().to_be_bytes());
}

/// A tar archive, whatever its members are called.
pub(crate) fn tar(files: &[File]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        // the builder itself refuses the names that hostile archives have
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, bytes.as_slice()).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A zip archive.
pub(crate) fn zip(files: &[File]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A numpy array: its type, its shape as Python writes it, its numbers.
pub(crate) fn npy(dtype: &str, shape: &str, numbers: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(numbers);
    bytes
}

/// Integer labels as an array.
pub(crate) fn labels(labels: &[i64]) -> Vec<u8> {
    let numbers: Vec<u8> = labels.iter().flat_map(|label| label.to_le_bytes()).collect();
    npy("<i8", &format!("({},)", labels.len()), &numbers)
}

/// Two drawn cells of every class, class by class, as an array of bytes.
pub(crate) fn images() -> Vec<u8> {
    npy("|u1", "(16, 24, 24, 3)", &pixels())
}

/// Two drawn cells of every class as an array of numbers from 0 to 1, one of which is not a number.
pub(crate) fn images_with_nan() -> Vec<u8> {
    let mut values: Vec<f32> = pixels().into_iter().map(|p| f32::from(p) / 255.0).collect();
    values[2000] = f32::NAN;
    let numbers: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    npy("<f4", "(16, 24, 24, 3)", &numbers)
}

fn pixels() -> Vec<u8> {
    synthetic::images(&[2; 8], 24, 1).iter().flat_map(|(_, image, _)| image.pixels().to_vec()).collect()
}

/// The labels of [`images`].
pub(crate) fn sixteen_labels() -> Vec<i64> {
    (0..16).map(|i| i / 2).collect()
}

/// A numpy archive.
pub(crate) fn npz(images: Vec<u8>, labels: Option<Vec<u8>>) -> Vec<u8> {
    let labels = labels.map(|bytes| ("labels.npy".to_owned(), bytes));
    zip(&std::iter::once(("images.npy".to_owned(), images)).chain(labels).collect::<Vec<_>>())
}
