#!/usr/bin/env python3
"""Holds hema's published corruptions to the packages that define them, at 224 pixels.

Writes OUT, a zip archive of PNG files: `picture.png`; `SUITE/CORRUPTION/SEVERITY.png`, what the package makes of it
(every eleventh pixel, in both directions); `motion/RADIUS_SIGMA_ANGLE.png`, what ImageMagick's motion blur makes of it.
And beside it, as .json, mean and standard deviation over many draws of what random corruptions do; impulse noise alone
draws other numbers at every run.

usage: published_corruptions.py CELL OUT.zip
    CELL  crates/hema-core/tests/fixtures/image_ops/cell.png
    OUT   crates/hema-core/tests/fixtures/published_corruptions.zip

Needs medmnistc 0.1.0, imagecorruptions 1.1.2 (and what they need, numpy 2, scikit-image 0.23, Pillow 13), and, in the
folder node_modules that MAGICK names, the npm package @imagemagick/magick-wasm 0.0.43 (ImageMagick 7) with node.
"""
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import types
import zipfile

import numpy as np
import scipy.ndimage
import skimage.filters
from PIL import Image

DRAWS = 300
STRIDE = 11
MOTION = [(3, 3, -29), (10, 5, 45), (10, 9, 7), (5, 5, -45), (10, 7, 0)]


def packages():
    """Both packages, with what has left numpy, scipy, setuptools and skimage since put back, and without wand."""
    np.float_ = np.float64
    resources = types.ModuleType("pkg_resources")
    resources.resource_filename = lambda name, path: os.path.join(os.path.dirname(sys.modules[name].__file__), path)
    sys.modules["pkg_resources"] = resources
    sys.modules["scipy.ndimage.interpolation"] = scipy.ndimage
    for name in ("wand", "wand.image", "wand.api"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["wand.image"].Image = object
    sys.modules["wand.api"].library = None
    import imagecorruptions.corruptions as imagenet
    from medmnistc.corruptions.registry import CORRUPTIONS_DS

    def gaussian(image, sigma, multichannel=False, **rest):
        return skimage.filters.gaussian(image, sigma, channel_axis=-1 if multichannel else None, **rest)

    imagenet.gaussian = gaussian
    return CORRUPTIONS_DS["bloodmnist"], imagenet


def picture(cell):
    """A cell of 224 pixels: smooth, with noise in its left half, and a grey corner and black and white bars."""
    rng = np.random.default_rng(1)
    image = np.asarray(Image.open(cell).convert("RGB").resize((224, 224), Image.BICUBIC)).astype(int)
    image[:, :112] += rng.integers(-12, 13, (224, 112, 3))
    image[:20, -20:] = np.arange(20)[:, None, None] * 13
    image[-12:, 40:80] = np.array([0, 255]).repeat(4)[np.arange(40) % 8][None, :, None]
    return Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))


def png(array):
    data = io.BytesIO()
    Image.fromarray(array).save(data, "PNG", optimize=True)
    return data.getvalue()


def magick(image):
    """ImageMagick's motion blur of the picture for each row of MOTION."""
    with tempfile.TemporaryDirectory() as folder:
        image.save(f"{folder}/in.png")
        modules = os.path.abspath(os.environ["MAGICK"])
        script = f"""
            import {{ initializeImageMagick, ImageMagick, MagickFormat }}
                from '{modules}/@imagemagick/magick-wasm/dist/index.js';
            import fs from 'fs';
            await initializeImageMagick(fs.readFileSync('{modules}/@imagemagick/magick-wasm/dist/x86/magick.wasm'));
            for (const row of {json.dumps(MOTION)}) {{
                ImageMagick.read(fs.readFileSync('{folder}/in.png'), image => {{
                    image.motionBlur(...row);
                    image.write(MagickFormat.Png24, data => fs.writeFileSync('{folder}/' + row.join('_') + '.png', data));
                }});
            }}"""
        with open(f"{folder}/blur.mjs", "w") as file:
            file.write(script)
        subprocess.run(["node", f"{folder}/blur.mjs"], check=True)
        return {row: np.asarray(Image.open(f"{folder}/{'_'.join(map(str, row))}.png").convert("RGB")) for row in MOTION}


def statistics(image, corrupt, draws):
    """Mean and deviation over draws of: share of pixels changed, mean change, mean size of the change."""
    before = np.asarray(image).astype(float)
    rows = []
    for draw in range(draws):
        np.random.seed(draw)
        random.seed(draw)
        change = np.asarray(corrupt(image)).astype(np.uint8).astype(float) - before
        rows.append([(change != 0).any(-1).mean(), change.mean(), np.abs(change).mean()])
    rows = np.array(rows)
    return [[round(float(value), 5) for value in pair] for pair in zip(rows.mean(0), rows.std(0))]


def main(cell, out):
    blood, imagenet = packages()
    image = picture(cell)
    archive = {"picture.png": png(np.asarray(image))}
    numbers = {}

    def keep(name, result):
        archive[f"{name}.png"] = png(np.ascontiguousarray(np.asarray(result).astype(np.uint8)[::STRIDE, ::STRIDE]))

    for name in ["pixelate", "jpeg_compression", "defocus_blur", "brightness_up", "brightness_down", "contrast_up",
                 "contrast_down", "saturate"]:
        for severity in range(5):
            keep(f"blood-c/{name}/{severity + 1}", blood[name].apply(image, severity))
    for name in ["stain_deposit", "bubble"]:
        for severity in range(5):
            numbers[f"blood-c/{name}/{severity + 1}"] = statistics(
                image, lambda x: blood[name].apply(x, severity), DRAWS)
    for row, result in magick(image).items():
        keep("motion/" + "_".join(map(str, row)), result)

    array = np.asarray(image)
    for name in ["brightness", "contrast", "saturate", "pixelate", "jpeg_compression", "defocus_blur", "gaussian_blur",
                 "zoom_blur"]:
        for severity in range(1, 6):
            x = image if name in ("pixelate", "jpeg_compression") else array
            keep(f"imagenet-c/{name}/{severity}", getattr(imagenet, name)(x, severity))
    for name in ["gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise", "glass_blur", "motion_blur", "snow",
                 "frost", "fog", "elastic_transform", "spatter"]:
        draws = {"glass_blur": 2, "motion_blur": 100, "spatter": 100}.get(name, 50)
        for severity in range(1, 6):
            numbers[f"imagenet-c/{name}/{severity}"] = statistics(
                image, lambda x: getattr(imagenet, name)(x, severity), draws)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
        for name, data in archive.items():
            file.writestr(zipfile.ZipInfo(name), data)
    rows = ",\n".join(f'  "{name}": {json.dumps(row)}' for name, row in numbers.items())
    with open(os.path.splitext(out)[0] + ".json", "w") as file:
        file.write("{\n" + rows + "\n}\n")


main(*sys.argv[1:])
