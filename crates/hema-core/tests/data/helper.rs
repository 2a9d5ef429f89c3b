//! Small data sets in every form, made in a temporary folder.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use hema_core::data::{Dataset, LoadOptions, OnBadImage, Source, open};
use hema_core::preprocess::Preprocess;
use hema_core::{Image, Result};
use image::{DynamicImage, ImageFormat, RgbImage};
use tempfile::TempDir;

/// A file with its path under the data set's root.
pub(crate) type File = (String, Vec<u8>);

/// A folder that is removed at the end of the test.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A small picture whose colours depend on `seed`.
pub(crate) fn picture(width: u32, height: u32, seed: u8) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([(x * 7) as u8, (y * 11) as u8, seed.wrapping_mul(37)])
    })
}

/// A picture as the bytes of a file.
pub(crate) fn encode(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub(crate) fn png(seed: u8) -> Vec<u8> {
    encode(picture(9, 7, seed), ImageFormat::Png)
}

/// Three platelets and two basophils, with files that are no pictures between them.
pub(crate) fn cells() -> Vec<File> {
    let mut files: Vec<File> = (0..5_u8)
        .map(|i| (format!("{}/{i}.png", if i < 3 { "platelet" } else { "basophil" }), png(i)))
        .collect();
    for extra in
        ["labels.csv", "platelet/notes.txt", ".DS_Store", "__MACOSX/platelet/._0.png", ".hidden/9.png"]
    {
        files.push((extra.to_owned(), b"not a picture".to_vec()));
    }
    files
}

/// The files under another top folder.
pub(crate) fn under(top: &str, files: Vec<File>) -> Vec<File> {
    files.into_iter().map(|(name, bytes)| (format!("{top}/{name}"), bytes)).collect()
}

pub(crate) fn write_folder(root: &Path, files: &[File]) {
    for (name, bytes) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

pub(crate) fn tar(files: &[File]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        // written by hand: the builder refuses the names that hostile archives have
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, bytes.as_slice()).unwrap();
    }
    builder.into_inner().unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zip(files: &[File], deflated: bool) -> Vec<u8> {
    let method = if deflated { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(name.as_str(), options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Writes bytes to a file of the folder.
pub(crate) fn file(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// Loads everything at 8 pixels.
pub(crate) fn load(source: &Source) -> Result<Dataset> {
    Dataset::load(source, None, &Preprocess::imagenet(8), &LoadOptions::default(), &|_| ())
}

/// Loads everything that can be read at 8 pixels.
pub(crate) fn load_skipping(source: &Source) -> Result<Dataset> {
    let options = LoadOptions::default().on_bad_image(OnBadImage::Skip);
    Dataset::load(source, None, &Preprocess::imagenet(8), &options, &|_| ())
}

/// The message and hint of the error that opening gives.
pub(crate) fn open_error(path: &Path) -> String {
    match open(path) {
        Ok(source) => panic!("{} was opened: {} entries", path.display(), source.len()),
        Err(e) => format!("{e} / {}", e.hint_text().unwrap_or_default()),
    }
}

/// The paths of a source's entries.
pub(crate) fn paths(source: &Source) -> Vec<&str> {
    source.entries().iter().map(|e| e.path).collect()
}

/// Whether two images are the same to within `tolerance` levels everywhere.
pub(crate) fn close(a: &Image, b: &RgbImage, tolerance: u8) -> bool {
    (a.width(), a.height()) == (b.width() as usize, b.height() as usize)
        && a.pixels().iter().zip(b.as_raw()).all(|(a, b)| a.abs_diff(*b) <= tolerance)
}
