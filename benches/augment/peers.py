#!/usr/bin/env python3
"""Images per second that a peer augments: peers.py PEER CELLS SECONDS. The images are in memory, in the form that the peer
takes; what it gives is thrown away. Started by compare.py on one core."""

import sys
import time

import numpy


def timm(images):
    import torch
    from PIL import Image
    from timm.data.auto_augment import rand_augment_transform

    torch.set_num_threads(1)
    # always bilinear, as hema does it; at random between that and bicubic by default, which is slower
    settings = {"img_mean": (124, 116, 104), "translate_pct": 0.45, "interpolation": Image.BILINEAR}
    return rand_augment_transform("rand-m9-n3-mstd0.5-inc1", settings), [Image.fromarray(image) for image in images]


def albumentations(images):
    import albumentations as A
    import cv2

    cv2.setNumThreads(0)
    warped = {"interpolation": cv2.INTER_LINEAR, "border_mode": cv2.BORDER_REFLECT, "p": 0.5}
    still = {"brightness": (1, 1), "contrast": (1, 1), "saturation": (1, 1), "hue": (0, 0), "p": 0.5}
    # timm's operators around level 9 of 10; there is no solarize-add, the quickest of the fifteen
    operators = [
        A.AutoContrast(p=0.5),
        A.Equalize(by_channels=True, p=0.5),
        A.InvertImg(p=0.5),
        A.Rotate((-27, 27), **warped),
        A.Posterize((1, 1), p=0.5),
        A.Solarize((0.1, 0.1), p=0.5),
        A.ColorJitter(**still | {"saturation": (0.19, 1.81)}),
        A.ColorJitter(**still | {"contrast": (0.19, 1.81)}),
        A.ColorJitter(**still | {"brightness": (0.19, 1.81)}),
        A.Sharpen(alpha=(0.2, 0.5), lightness=(1, 1), p=0.5),
        A.Affine(shear={"x": (-15, 15), "y": (0, 0)}, **warped),
        A.Affine(shear={"x": (0, 0), "y": (-15, 15)}, **warped),
        A.Affine(translate_percent={"x": (-0.4, 0.4), "y": (0, 0)}, **warped),
        A.Affine(translate_percent={"x": (0, 0), "y": (-0.4, 0.4)}, **warped),
    ]
    policy = A.SomeOf(operators, n=3, replace=True, p=1)
    return lambda image: policy(image=image)["image"], list(images)


def main():
    peer, cells, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    change, images = {"timm": timm, "albumentations": albumentations}[peer](numpy.load(cells)["images"])
    for image in images[:100]:
        change(image)
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        change(images[done % len(images)])
        done += 1
    print(peer, done / (time.perf_counter() - start))


if __name__ == "__main__":
    main()
