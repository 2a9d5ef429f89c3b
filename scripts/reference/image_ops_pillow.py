#!/usr/bin/env python3
"""Makes crates/hema-core/tests/fixtures/image_ops/pillow.bin: one small picture, then what Pillow makes of it.

Raw bytes, 13x11 RGB each, in the order of the list below, which augment/pillow.rs repeats.
usage: image_ops_pillow.py OUT      (needs numpy and pillow)
"""
import sys
import numpy as np
from PIL import Image, ImageEnhance, ImageOps

rng = np.random.default_rng(1)
y, x = np.mgrid[0:11, 0:13]
smooth = np.stack([40 + 12 * x, 200 - 9 * y, 90 + 5 * x + 3 * y], -1)
picture = Image.fromarray(np.clip(smooth + rng.integers(-25, 26, smooth.shape), 0, 255).astype(np.uint8))
results = [
    picture,
    ImageEnhance.Brightness(picture).enhance(0.6),
    ImageEnhance.Brightness(picture).enhance(1.7),
    ImageEnhance.Contrast(picture).enhance(0.4),
    ImageEnhance.Contrast(picture).enhance(1.6),
    ImageEnhance.Color(picture).enhance(0.3),
    ImageEnhance.Color(picture).enhance(1.7),
    ImageEnhance.Sharpness(picture).enhance(0.2),
    ImageEnhance.Sharpness(picture).enhance(1.8),
    ImageOps.autocontrast(picture),
    ImageOps.equalize(picture.resize((130, 110), Image.NEAREST)).resize((13, 11), Image.NEAREST),
    ImageOps.solarize(picture, 100),
    ImageOps.posterize(picture, 3),
    ImageOps.invert(picture),
]
with open(sys.argv[1], "wb") as out:
    for result in results:
        out.write(np.asarray(result).tobytes())
