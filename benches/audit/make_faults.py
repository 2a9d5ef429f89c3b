#!/usr/bin/env python3
"""Writes a folder data set with known faults: the training and validation images of pbc200.tar, with copies and damage.

usage: make_faults.py pbc200.tar OUT [--seed 0]     (needs numpy and pillow)

OUT/data/<class>/*.jpg and OUT/data/split.csv are the data set, OUT/truth.csv says what was done:
    path    image under OUT/data
    label   class it lies under
    split   its part
    fault   a name of COPIES, DAMAGE or `swapped`; empty for an untouched image
    source  the image a copy was made of
    amount  how strong the fault is (quality, scale, angle, sigma ...)
    true    class it belongs under
No image has two faults, and a copy's original has none. Images of the test part are left out.
"""

import argparse
import csv
import io
import pathlib
import random
import shutil
import tarfile

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

TURNS = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}
FLIPS = {"left-right": Image.Transpose.FLIP_LEFT_RIGHT, "up-down": Image.Transpose.FLIP_TOP_BOTTOM}
BICUBIC = Image.Resampling.BICUBIC


def decode(file):
    return Image.open(io.BytesIO(file)).convert("RGB")


def encode(image, quality=95):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def resized(image, scale):
    return image.resize([max(1, round(side * scale)) for side in image.size], BICUBIC)


def cut(image, left, top, right, bottom):
    """The image less these shares of its sides."""
    width, height = image.size
    return image.crop((round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height)))


def turned(image, degrees):
    """Turned about its centre; the colour at the edges goes on outside."""
    width, height = image.size
    wide = Image.fromarray(np.pad(np.asarray(image), ((height // 4,) * 2, (width // 4,) * 2, (0, 0)), "edge"))
    return cut(wide.rotate(degrees, BICUBIC), *[1 / 6] * 4)


def commented(file):
    """The same picture in other bytes: a comment after the start of the JPEG file."""
    return file[:2] + b"\xff\xfe\x00\x06copy" + file[2:]


def blank(image, rng):
    """The background's colour and a little noise."""
    pixels = np.asarray(image)
    noise = np.random.default_rng(rng.randrange(2**32)).normal(0, 1.5, pixels.shape)
    return Image.fromarray((np.percentile(pixels, 80, axis=(0, 1)) + noise).clip(0, 255).astype(np.uint8))


def stained(image, gains):
    return Image.fromarray((np.asarray(image) * np.array(gains)).clip(0, 255).astype(np.uint8))


# name: (how many, the amount, the file that a file becomes by that amount)
COPIES = {
    "exact": (200, lambda rng: "", lambda file, _: file),
    "exact_pixels": (200, lambda rng: "", lambda file, _: commented(file)),
    "reencoded": (200, lambda rng: rng.randint(40, 95), lambda file, q: encode(decode(file), q)),
    "resized": (200, lambda rng: round(rng.uniform(0.5, 1.5), 2), lambda file, s: encode(resized(decode(file), s))),
    "flipped": (200, lambda rng: rng.choice(list(FLIPS)), lambda file, f: encode(decode(file).transpose(FLIPS[f]))),
    "rotated": (200, lambda rng: rng.choice(list(TURNS)), lambda file, t: encode(decode(file).transpose(TURNS[t]))),
    "brightness": (
        200,
        lambda rng: round(1 + rng.choice([-1, 1]) * rng.uniform(0.1, 0.3), 2),
        lambda file, gain: encode(ImageEnhance.Brightness(decode(file)).enhance(gain)),
    ),
    "conflict": (100, lambda rng: rng.randint(40, 95), lambda file, q: encode(decode(file), q)),
    "cropped": (
        200,
        lambda rng: " ".join(f"{rng.uniform(0, 0.05):.3f}" for _ in range(4)),
        lambda file, shares: encode(cut(decode(file), *map(float, shares.split()))),
    ),
    "turned": (
        200,
        lambda rng: rng.choice([-1, 1]) * rng.randint(5, 40),
        lambda file, degrees: encode(turned(decode(file), degrees)),
    ),
}
DAMAGE = {
    "blurred": (
        100,
        lambda rng: round(rng.uniform(2.5, 5), 1),
        lambda file, sigma: encode(decode(file).filter(ImageFilter.GaussianBlur(sigma))),
    ),
    "dark": (
        100,
        lambda rng: round(rng.uniform(0.1, 0.3), 2),
        lambda file, gain: encode(ImageEnhance.Brightness(decode(file)).enhance(gain)),
    ),
    "bright": (
        100,
        lambda rng: round(rng.uniform(1.8, 2.5), 2),
        lambda file, gain: encode(ImageEnhance.Brightness(decode(file)).enhance(gain)),
    ),
    "compressed": (100, lambda rng: rng.randint(3, 10), lambda file, q: encode(decode(file), q)),
    "blank": (100, lambda rng: rng.randrange(2**32), lambda file, s: encode(blank(decode(file), random.Random(s)))),
    "truncated": (100, lambda rng: round(rng.uniform(0.2, 0.9), 2), lambda file, s: file[: int(len(file) * s)]),
    "odd_size": (
        100,
        lambda rng: rng.choice([0.15, 0.2, 3, 4]),
        lambda file, scale: encode(resized(decode(file), scale)),
    ),
    "odd_aspect": (
        100,
        lambda rng: round(rng.uniform(0.3, 0.38), 2),
        lambda file, share: encode(cut(decode(file), 0, share, 0, share)),
    ),
    "stained": (
        100,
        lambda rng: rng.choice(["0.75 0.95 1.0", "1.0 0.9 0.6", "0.9 1.0 0.7"]),
        lambda file, gains: encode(stained(decode(file), list(map(float, gains.split())))),
    ),
}
SWAPPED = 0.01  # share of labels


def read(tar):
    """Rows (path, label, split) of the training and validation images in order of their paths, and their files."""
    with tarfile.open(tar) as archive:
        files = {m.name.removeprefix("pbc/"): m for m in archive if m.isfile()}
        rows = list(csv.DictReader(io.TextIOWrapper(archive.extractfile(files["split.csv"]), "utf-8")))
        rows = sorted((r for r in rows if r["split"] in ("train", "val")), key=lambda r: r["path"])
        return rows, {r["path"]: archive.extractfile(files[r["path"]]).read() for r in rows}


def faults(rows, files, seed):
    """The rows of truth.csv, each with the bytes of its file."""
    rng = random.Random(seed)
    classes = sorted({r["label"] for r in rows})
    other = lambda label: rng.choice([c for c in classes if c != label])
    pool = rng.sample(rows, len(rows))
    for fault, (count, amount, make) in {**COPIES, **DAMAGE}.items():
        for row in (pool.pop() for _ in range(count)):
            path, label = row["path"], row["label"]
            known = dict(label=label, split=row["split"], fault="", source="", amount="", true=label)
            value = amount(rng)
            file = make(files[path], value)
            if fault in COPIES:
                yield dict(known, path=path), files[path]
                known["split"] = "val" if rng.random() < 0.2 else "train"
                known["source"] = path
                # names as a camera numbers them, so that no tool can go by a name
                known["label"] = other(label) if fault == "conflict" else label
                path = f"{known['label']}/{pathlib.Path(path).stem[:3]}{rng.randrange(10**9):09}.jpg"
            yield dict(known, path=path, fault=fault, amount=value), file
    swapped = round(SWAPPED * len(rows))
    for i, row in enumerate(pool):
        path, label = row["path"], other(row["label"]) if i < swapped else row["label"]
        yield dict(
            path=f"{label}/{pathlib.Path(path).name}", label=label, split=row["split"],
            fault="swapped" if i < swapped else "", source="", amount="", true=row["label"],
        ), files[path]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tar", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    rows, files = read(args.tar)
    if args.out.exists():
        shutil.rmtree(args.out / "data", ignore_errors=True)
    truth = []
    for row, file in faults(rows, files, args.seed):
        path = args.out / "data" / row["path"]
        if path.exists():
            raise SystemExit(f"{path} is written twice")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file)
        truth.append(row)
    truth.sort(key=lambda row: row["path"])
    with open(args.out / "truth.csv", "w", newline="") as out:
        writer = csv.DictWriter(out, ["path", "label", "split", "fault", "source", "amount", "true"])
        writer.writeheader()
        writer.writerows(truth)
    with open(args.out / "data/split.csv", "w", newline="") as out:
        writer = csv.DictWriter(out, ["path", "label", "split"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(truth)
    print(f"{args.out}: {len(truth)} images, {sum(row['fault'] != '' for row in truth)} with a fault")


if __name__ == "__main__":
    main()
