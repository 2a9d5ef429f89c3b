#!/usr/bin/env python3
"""Writes the fixture that holds `hema_core::preprocess::resize` to Pillow's `Image.resize`.

A zip archive of PNG files: `source/WxH.png`, half smooth and half noise, so that antialiasing, overshoot and rounding
all show, and `FILTER/WxH_to_WxH.png`, what Pillow makes of it.

Needs numpy and a Pillow older than 13, which starts with the vertical pass for some changes of proportion; written
with Pillow 12.3.0.

usage: pillow_resize.py crates/hema-core/tests/fixtures/pillow_resize.zip
"""
import io
import sys
import zipfile

import numpy as np
from PIL import Image

FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}
CASES = [
    ((200, 200), (96, 96)),
    ((360, 363), (96, 96)),
    ((50, 50), (96, 96)),
    ((97, 31), (40, 64)),
    ((3, 5), (7, 2)),
    ((64, 20), (64, 9)),
    ((20, 64), (9, 64)),
    ((1, 1), (4, 4)),
]


def source(width: int, height: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    smooth = np.stack([x * 255 // width, y * 255 // height, (x * y) % 256], axis=2).astype(np.uint8)
    rng = np.random.default_rng(width * 1000 + height)
    # noise of black and white blocks overshoots most; kept coarse so that the file compresses
    noise = rng.integers(0, 2, (height // 4 + 1, width // 4 + 1, 3), dtype=np.uint8) * 255
    noise = noise.repeat(4, axis=0).repeat(4, axis=1)[:height, :width]
    return np.where((x < width // 2)[:, :, None], smooth, noise)


def add(archive: zipfile.ZipFile, name: str, image: Image.Image) -> None:
    png = io.BytesIO()
    image.save(png, "png", optimize=True)
    # a fixed date: the same fixture byte for byte on every run
    archive.writestr(zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0)), png.getvalue())


with zipfile.ZipFile(sys.argv[1], "w") as archive:
    for (width, height), (to_width, to_height) in CASES:
        image = Image.fromarray(source(width, height))
        add(archive, f"source/{width}x{height}.png", image)
        for name, filter in FILTERS.items():
            resized = image.resize((to_width, to_height), filter)
            add(archive, f"{name}/{width}x{height}_to_{to_width}x{to_height}.png", resized)
