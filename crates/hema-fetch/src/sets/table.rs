//! The rows: one for each file that can be fetched.
//!
//! Where the facts are from: addresses, checksums and counts of `BloodMNIST`, the package `medmnist` 3.0.2
//! (`medmnist/info.py`); counts of PBC, the article (its table of the eight groups), and its address, the one
//! its home page's download button has. No checksum of PBC's archive is published that could be verified, so
//! none stands here. The checksum of BCCD's pictures was computed from the named commit of the repository.

use super::public_set::{Known, Preparation, PublicSet};

/// Everything that can be fetched.
pub const SETS: &[PublicSet] = &[
    PublicSet {
        name: "pbc",
        about: "17,092 normal peripheral blood cells of eight classes at 360x363 (Barcelona, 2020)",
        contents: "17,092 JPEG images of 360x363 pixels, one cell in the middle of each, in eight folders: basophil, \
                   eosinophil, erythroblast, ig (immature granulocytes), lymphocyte, monocyte, neutrophil, platelet. \
                   May Gruenwald-Giemsa stain, CellaVision DM96, Hospital Clinic of Barcelona; people without disease. \
                   There are no patient or slide identifiers, and a few duplicates: run `hema audit` before splitting.",
        size: "about 0.3 GB",
        most: 1_000_000_000,
        home: "https://data.mendeley.com/datasets/snkd93bnjr/1",
        licence: "CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/)",
        citation: ACEVEDO,
        url: "https://data.mendeley.com/public-files/datasets/snkd93bnjr/files/\
              2fc38728-2ae7-4a62-a857-032af82334c3/file_downloaded",
        file: "PBC_dataset_normal_DIB.zip",
        known: Known::Classes(&[
            ("basophil", 1218),
            ("eosinophil", 3117),
            ("erythroblast", 1551),
            ("ig", 2895),
            ("lymphocyte", 1214),
            ("monocyte", 1420),
            ("neutrophil", 3329),
            ("platelet", 2348),
        ]),
        preparation: Preparation::None,
    },
    PublicSet {
        name: "bloodmnist",
        about: "BloodMNIST: the cells of PBC at 28x28, split into train, val and test",
        size: "at most 40 MB",
        most: 45_000_000,
        url: "https://zenodo.org/records/10519652/files/bloodmnist.npz?download=1",
        file: "bloodmnist.npz",
        known: Known::Md5("7053d0359d879ad8a5505303e11de1dc"),
        ..BLOODMNIST
    },
    PublicSet {
        name: "bloodmnist-64",
        about: "BloodMNIST at 64x64",
        size: "at most 0.2 GB",
        most: 220_000_000,
        url: "https://zenodo.org/records/10519652/files/bloodmnist_64.npz?download=1",
        file: "bloodmnist_64.npz",
        known: Known::Md5("2b94928a2ae4916078ca51e05b6b800b"),
        ..BLOODMNIST
    },
    PublicSet {
        name: "bloodmnist-128",
        about: "BloodMNIST at 128x128",
        size: "at most 0.9 GB",
        most: 900_000_000,
        url: "https://zenodo.org/records/10519652/files/bloodmnist_128.npz?download=1",
        file: "bloodmnist_128.npz",
        known: Known::Md5("adace1e0ed228fccda1f39692059dd4c"),
        ..BLOODMNIST
    },
    PublicSet {
        name: "bloodmnist-224",
        about: "BloodMNIST at 224x224 (enlarged from 200x200)",
        size: "at most 2.6 GB",
        most: 2_700_000_000,
        url: "https://zenodo.org/records/10519652/files/bloodmnist_224.npz?download=1",
        file: "bloodmnist_224.npz",
        known: Known::Md5("b718ff6835fcbdb22ba9eacccd7b2601"),
        ..BLOODMNIST
    },
    PublicSet {
        name: "bccd",
        about: "351 white cells of five classes cut out of the BCCD smear frames: another site, to test on",
        contents: "351 white blood cells as JPEG images of 131 to 367 pixels a side: 207 neutrophils, 88 eosinophils, 33 \
                   lymphocytes, 20 monocytes, 3 basophils. They were cut out of smear frames of 640x480 pixels as squares \
                   around the segmented nuclei; frames labelled with more than one type were left out. The file \
                   `labels.csv` in the archive has the types of all frames.",
        size: "1.6 MB",
        most: 10_000_000,
        home: "https://github.com/apple2373/BCCD",
        licence: "MIT for the frames (https://github.com/Shenggan/BCCD_Dataset); the repository of the cut-out cells \
                  names no licence of its own",
        citation: "Frames: Shenggan, BCCD Dataset (2017), https://github.com/Shenggan/BCCD_Dataset. Cut-out cells: S. \
                   Tsutsui, Z. Su, B. Wen: Benchmarking White Blood Cell Classification Under Domain Shift (2023). \
                   arXiv:2303.01777",
        url: "https://codeload.github.com/apple2373/BCCD/tar.gz/7751031e0b41bcfdff998cbc4c698a445a60b49e",
        file: "BCCD-7751031.tar.gz",
        known: Known::Members("68f831f6eebcccef5459a8075c8d1a877721ff8423ffc04395e9e77f41f68929"),
        preparation: Preparation::PackBccd,
    },
];

const ACEVEDO: &str = "A. Acevedo, A. Merino, S. Alferez, A. Molina, L. Boldu, J. Rodellar: A dataset of microscopic \
                       peripheral blood cell images for development of automatic recognition systems. Data in Brief \
                       30, 105474 (2020). doi:10.1016/j.dib.2020.105474";

/// The fields that all sizes of `BloodMNIST` have in common.
const BLOODMNIST: PublicSet = PublicSet {
    name: "",
    about: "",
    contents: "The 17,092 cells of PBC (Acevedo et al. 2020), their middle 200x200 pixels scaled, of the same eight classes: \
               11,959 to train on, 1,712 to validate, 3,421 to test. Not for clinical use.",
    size: "",
    most: 0,
    home: "https://zenodo.org/records/10519652",
    licence: "CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/)",
    citation: "J. Yang, R. Shi, D. Wei, Z. Liu, L. Zhao, B. Ke, H. Pfister, B. Ni: MedMNIST v2 - A large-scale lightweight \
               benchmark for 2D and 3D biomedical image classification. Scientific Data 10, 41 (2023). \
               doi:10.1038/s41597-022-01721-8. And the source of its cells: A. Acevedo et al.: A dataset of microscopic \
               peripheral blood cell images for development of automatic recognition systems. Data in Brief 30, 105474 \
               (2020). doi:10.1016/j.dib.2020.105474",
    url: "",
    file: "",
    known: Known::Md5(""),
    preparation: Preparation::None,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_download_is_without_a_limit() {
        for set in SETS {
            assert!((1_000_000..3_000_000_000).contains(&set.most), "{}", set.name);
        }
    }
}
