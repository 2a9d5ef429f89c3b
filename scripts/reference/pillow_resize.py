#!/usr/bin/env python3
"""Writes the fixture that holds `hema_core::preprocess::resize` to Pillow's `Image.resize`.

One .npz with, for every case `FILTER_WxH_to_WxH`, the array Pillow makes; the sources, `source_WxH`, are half smooth
and half noise, so that antialiasing, overshoot and rounding all show.

usage: pillow_resize.py OUT.npz      (needs numpy and pillow; written with Pillow 13.0.0)
"""
import sys

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


arrays = {}
for (width, height), (to_width, to_height) in CASES:
    pixels = source(width, height)
    arrays[f"source_{width}x{height}"] = pixels
    for name, filter in FILTERS.items():
        out = Image.fromarray(pixels).resize((to_width, to_height), filter)
        arrays[f"{name}_{width}x{height}_to_{to_width}x{to_height}"] = np.asarray(out)
np.savez_compressed(sys.argv[1], **arrays)
