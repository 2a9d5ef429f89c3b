//! Small data sets of every form, damaged at random: any error will do, a panic or a flood of memory will
//! not.
//!
//! The rounds of an ordinary test run are few and always the same. For more:
//! `HEMA_FUZZ_SECONDS=600 cargo test --release -p hema-core --test data -- --ignored fuzz --nocapture`

#![allow(clippy::print_stderr)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs};

use hema_core::data::write::{Change, Form, Options, copy, create};
use hema_core::data::{OnBadImage, open, set_memory};
use hema_core::rng::{Purpose, Rng, stream};
use image::ImageFormat;
use jpeg_encoder::{ColorType, Encoder};
use rand::Rng as _;

use crate::helper::{File, encode, folder, gzip, load_skipping, picture, png, tar, zip};
use crate::pages::{big_stack, gif, palette, stack, ycbcr};

/// A file to begin with, and whether it is compressed after it was damaged.
struct Seed {
    name: &'static str,
    bytes: Vec<u8>,
    pack: bool,
}

fn seeds(dir: &Path) -> Vec<Seed> {
    let mut files: Vec<File> =
        (0..3).map(|i| (format!("{}/{i}.png", ["ig", "mono"][i % 2]), png(i as u8))).collect();
    files.push(("split.csv".into(), b"path,label,split\nig/0.png,ig,train\nmono/1.png,mono,val\n".to_vec()));
    files.push(("groups.csv".into(), b"path,group\nig/0.png,\"p,1\"\n".to_vec()));
    let shard: Vec<File> =
        [("0.png", png(1)), ("0.cls", b"1".to_vec()), ("0.json", br#"{"label": "a"}"#.to_vec())]
            .into_iter()
            .map(|(name, bytes)| (name.to_owned(), bytes))
            .collect();
    let packed = dir.join("seed.tar");
    fs::write(&packed, tar(&files)).unwrap();
    let written = |form: &str, out: &str| {
        let source = open(&packed).unwrap();
        let options = Options::default().has_groups(true);
        let mut writer =
            create(&dir.join(out), Form::find(form).unwrap(), source.classes(), &options).unwrap();
        let order = source.reading_order(None).unwrap();
        copy(&source, &order, &Change::default(), OnBadImage::Fail, writer.as_mut(), |_| Ok(())).unwrap();
        writer.finish().unwrap();
        fs::read(dir.join(out)).unwrap()
    };
    let fixture = |name: &str| {
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
    };
    let seed = |name, bytes| Seed { name, bytes, pack: false };
    let pages = [0, 1, 2].map(|seed| picture(12, 9, seed));
    let stacks: Vec<File> = vec![
        ("ig/a.tif".into(), stack(&pages)),
        ("mono/b.tif".into(), big_stack(&pages)),
        ("mono/c.gif".into(), gif(2)),
        ("mono/d.jp2".into(), b"jp2".to_vec()),
        ("mono/noend".into(), png(3)),
    ];
    vec![
        seed("x.tar", tar(&files)),
        Seed { name: "x.tar.gz", bytes: tar(&files), pack: true },
        seed("y.tar.gz", gzip(&tar(&files))),
        seed("stored.zip", zip(&files, false)),
        seed("deflated.zip", zip(&files, true)),
        seed("shard.tar", tar(&shard)),
        seed(
            "manifest.csv",
            b"path,label,split,group\nseed.tar,ig,train,p\n\"a\"\"b.png\",mono,,\n".to_vec(),
        ),
        seed("baseline.jpg", jpeg()),
        seed("progressive.jpg", fixture("pictures/progressive.jpg")),
        seed("written.npz", written("npz", "w.npz")),
        seed("written.parquet", written("parquet", "w.parquet")),
        seed("deflated.npz", fixture("numpy/deflated.npz")),
        seed("fortran.npz", fixture("numpy/fortran_float.npz")),
        seed("big_endian.npz", fixture("numpy/big_endian.npz")),
        seed("medmnist.npz", fixture("numpy/medmnist.npz")),
        seed("huggingface.parquet", fixture("forms/huggingface.parquet")),
        seed("snappy.parquet", fixture("forms/snappy_dictionary.parquet")),
        seed("version2.parquet", fixture("forms/version2.parquet")),
        seed("zstd.parquet", fixture("forms/zstd.parquet")),
        seed("stack.tif", stack(&pages)),
        seed("big.tif", big_stack(&pages)),
        seed("palette.tif", palette(4, &[0x01, 0x23, 0x32, 0x10])),
        seed("ycbcr.tif", ycbcr(&[[76, 85, 255], [128; 3]])),
        seed("stacks.tar", tar(&stacks)),
        Seed { name: "stacks.tar.gz", bytes: tar(&stacks), pack: true },
        seed("stacks.zip", zip(&stacks, true)),
        seed("frames.gif", gif(2)),
        seed("x.ppm", encode(picture(9, 7, 2), ImageFormat::Pnm)),
        seed("x.webp", encode(picture(9, 7, 2), ImageFormat::WebP)),
    ]
}

/// A sequential JPEG file with restart markers.
fn jpeg() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 90);
    encoder.set_restart_interval(2);
    encoder.encode(picture(40, 24, 1).as_raw(), 40, 24, ColorType::Rgb).unwrap();
    bytes
}

/// A few random changes of the kinds that break parsers.
fn damage(bytes: &mut Vec<u8>, other: &[u8], rng: &mut Rng) {
    const NUMBERS: [u64; 12] =
        [0, 1, 2, 0x7f, 0x80, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, u64::MAX >> 1, u64::MAX];
    for _ in 0..=below(rng, 4) {
        if bytes.is_empty() {
            return;
        }
        let at = below(rng, bytes.len());
        match below(rng, 8) {
            0 => bytes[at] ^= 1 << below(rng, 8),
            1 => bytes[at] = rng.next_u64() as u8,
            2 => bytes.truncate(at),
            // a number of a length field, in either order
            3 | 4 => {
                let number = NUMBERS[below(rng, NUMBERS.len())];
                let width = [1, 2, 4, 8][below(rng, 4)];
                let mut field = number.to_le_bytes()[..width].to_vec();
                if below(rng, 2) == 0 {
                    field.reverse();
                }
                for (byte, new) in bytes[at..].iter_mut().zip(field) {
                    *byte = new;
                }
            }
            5 => {
                let end = at + below(rng, (bytes.len() - at).min(64) + 1);
                bytes.drain(at..end);
            }
            6 => {
                let piece = bytes[at..].iter().take(below(rng, 64)).copied().collect::<Vec<u8>>();
                let to = below(rng, bytes.len());
                bytes.splice(to..to, piece);
            }
            _ => {
                let from = below(rng, other.len());
                let piece = other[from..].iter().take(below(rng, 256)).copied().collect::<Vec<u8>>();
                let end = (at + piece.len()).min(bytes.len());
                bytes.splice(at..end, piece);
            }
        }
    }
}

fn below(rng: &mut Rng, end: usize) -> usize {
    (rng.next_u64() % end as u64) as usize
}

/// Damages a seed and reads it; gives the file when that panicked.
fn one_round(round: u64, seeds: &[Seed], dir: &Path) -> Option<PathBuf> {
    let mut rng = stream(1, Purpose::Corrupt, round, 0);
    let seed = &seeds[below(&mut rng, seeds.len())];
    let other = below(&mut rng, seeds.len());
    let mut bytes = seed.bytes.clone();
    damage(&mut bytes, &seeds[other].bytes, &mut rng);
    if seed.pack {
        bytes = gzip(&bytes);
    }
    let path = dir.join(seed.name);
    fs::write(&path, bytes).unwrap();
    let read = catch_unwind(AssertUnwindSafe(|| {
        if let Ok(source) = open(&path) {
            let _ = source.read_split_inside();
            let _ = source.image(source.len() - 1);
            if source.len() < 10_000 {
                let _ = load_skipping(&source);
            }
        }
    }));
    read.is_err().then_some(path)
}

#[test]
fn damaged_files_of_every_form_are_errors_not_panics() {
    let dir = folder();
    let seeds = seeds(dir.path());
    for round in 0..600 {
        assert_eq!(one_round(round, &seeds, dir.path()), None, "round {round}");
    }
}

/// Most memory taken since the last call, in kibibytes; 0 where the system does not say.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0);
    let _ = fs::write("/proc/self/clear_refs", "5");
    peak
}

#[test]
#[ignore = "takes as long as HEMA_FUZZ_SECONDS says"]
fn fuzz() {
    const MOST: u64 = 400 << 10;
    // so many threads may decode at once that their pictures add up
    set_memory(MOST * 1024 / 2);
    let seconds = env::var("HEMA_FUZZ_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(60);
    let first: u64 = env::var("HEMA_FUZZ_FIRST").ok().and_then(|s| s.parse().ok()).unwrap_or(1000);
    let kept = env::temp_dir().join("hema-fuzz");
    let dir = folder();
    let seeds = seeds(dir.path());
    let start = Instant::now();
    let (mut round, mut found, mut most) = (first, 0, 0);
    while start.elapsed() < Duration::from_secs(seconds) {
        peak();
        let began = Instant::now();
        let panicked = one_round(round, &seeds, dir.path());
        let (peak, took) = (peak(), began.elapsed());
        most = most.max(peak);
        if panicked.is_some() || peak > MOST || took > Duration::from_secs(5) {
            found += 1;
            eprintln!("round {round}: {panicked:?}, {} MiB, {took:?}", peak >> 10);
            fs::create_dir_all(&kept).unwrap();
            for seed in &seeds {
                let _ = fs::copy(dir.path().join(seed.name), kept.join(format!("{round}-{}", seed.name)));
            }
        }
        round += 1;
    }
    eprintln!("{} rounds in {seconds} s, {found} findings, at most {} MiB", round - first, most >> 10);
    assert_eq!(found, 0);
}
