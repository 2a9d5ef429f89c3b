#!/usr/bin/env python3
"""Writes the fixture that holds `hema_core::background` to OpenCV.

A zip archive of PNG files: `source/NAME.png`, drawn blobs and noise around the threshold, and `removed/NAME.png`, what OpenCV
leaves of them.

Needs numpy and opencv-python-headless; written with OpenCV 5.0.0.

usage: opencv_background.py crates/hema-core/tests/fixtures/opencv_background.zip
"""
import sys
import zipfile

import cv2
import numpy as np


def source(width: int, height: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), (225, 215, 235), np.uint8)
    y, x = np.mgrid[0:height, 0:width]
    for _ in range(4):
        cx, cy, r = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(2, 2 + width / 4)
        image[(x - cx) ** 2 + (y - cy) ** 2 < r * r] = rng.integers(30, 170, 3)
    speckle = rng.integers(0, 40, (height, width)) == 0
    image[speckle] = rng.integers(140, 170, (int(speckle.sum()), 3))
    return image


def remove(image: np.ndarray) -> np.ndarray:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    _, mask = cv2.threshold(grey, 155, 255, cv2.THRESH_BINARY_INV)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (15, 15))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, kernel)
    return cv2.bitwise_and(image, image, mask=mask)


with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as archive:
    for seed, (width, height) in enumerate([(96, 96), (96, 96), (64, 40), (33, 57), (9, 9), (3, 20)]):
        image = source(width, height, seed)
        for folder, content in [("source", image), ("removed", remove(image))]:
            _, png = cv2.imencode(".png", content[:, :, ::-1])
            member = zipfile.ZipInfo(f"{folder}/{seed}.png")
            archive.writestr(member, png.tobytes())
