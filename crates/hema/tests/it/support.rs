//! Drawn cells as files.

use std::path::Path;

use hema::{Image, synthetic};

/// Drawn cells of every class, 24 pixels a side: path, image and class.
pub(crate) fn cells(per_class: usize) -> Vec<(String, Image, usize)> {
    synthetic::images(&[per_class; synthetic::CLASSES.len()], 24, 1)
}

/// Writes drawn cells of every class as files in a folder of the class's name.
pub(crate) fn write_cells(folder: &Path, per_class: usize) {
    for (path, image, _) in cells(per_class) {
        let file = folder.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, image.to_png().unwrap()).unwrap();
    }
}
