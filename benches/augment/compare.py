#!/usr/bin/env python3
"""Images per second through RandAugment of three operators (`rand-m9-n3-mstd0.5-inc1`) on one core: hema, timm on Pillow
images, albumentations on arrays, all on the same cells, decoded once. Start it through `benches/augment/run`.

Rows take turns; a ratio is the median of the ratios within each round."""

import argparse
import io
import os
import pathlib
import statistics
import subprocess
import sys
import tarfile

import numpy
from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent
TARGET = HERE.parents[1] / "target"
POLICY = "rand-m9-n3-mstd0.5-inc1"
ROWS = ["hema", "timm", "albumentations"]


def prepare(tar, count, side):
    """The first pictures of every class in an archive, resized, as a .npz: its path."""
    cells = TARGET / f"augment-cells-{count}-{side}.npz"
    if cells.exists():
        return cells
    classes = {}
    with tarfile.open(tar) as archive:
        for member in archive:
            name = pathlib.PurePath(member.name)
            of_class = classes.setdefault(name.parent.name, [])
            if name.suffix.lower() not in {".jpg", ".jpeg", ".png"} or len(of_class) >= count:
                continue
            picture = Image.open(io.BytesIO(archive.extractfile(member).read())).convert("RGB")
            of_class.append(numpy.asarray(picture.resize((side, side), Image.BICUBIC)))
    images = [(label, image) for label, name in enumerate(sorted(classes)) for image in classes[name]]
    labels = numpy.array([label for label, _ in images]).reshape(-1, 1)
    numpy.savez(cells, images=numpy.stack([image for _, image in images]), labels=labels)
    return cells


def rate(row, cells, seconds):
    command = [TARGET / "release/examples/augment_speed", seconds, cells, POLICY]
    if row != "hema":
        command = [sys.executable, HERE / "peers.py", row, cells, seconds]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "NO_ALBUMENTATIONS_UPDATE": "1"}
    found = subprocess.run([str(word) for word in command], env=environment, check=True, capture_output=True, text=True)
    return float(found.stdout.split()[-1])


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("tar", help="pbc200.tar")
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--seconds", type=float, default=2, help="of work in each process")
    arguments.add_argument("--images", type=int, default=100, help="of each class")
    arguments.add_argument("--side", type=int, default=96)
    args = arguments.parse_args()
    cells = prepare(args.tar, args.images, args.side)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rates = {row: [] for row in ROWS}
    for _ in range(args.rounds):
        for row in ROWS:
            rates[row].append(rate(row, cells, args.seconds))
    print(f"{POLICY} at {args.side} pixels on one core, median of {args.rounds} interleaved runs\n")
    print("| | images/s | lowest to highest | hema to it |\n|---|---|---|---|")
    for row, found in rates.items():
        ratio = statistics.median(ours / theirs for ours, theirs in zip(rates["hema"], found))
        print(f"| {row} | {statistics.median(found):.0f} | {min(found):.0f} to {max(found):.0f} | {ratio:.1f}x |")


if __name__ == "__main__":
    main()
