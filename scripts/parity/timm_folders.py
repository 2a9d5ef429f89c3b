#!/usr/bin/env python3
"""Networks that go from timm to Hema and from Hema to timm keep their probabilities.

    pip install torch==2.15.0 timm==1.0.31 numpy==2.4.6
    python scripts/parity/timm_folders.py HEMA IMAGES.npz        # the program; arrays `images` (n, 96, 96, 3) and `labels`

There: timm saves a network of random weights, its statistics those of the images, by `save_for_hf`; `hema predict FOLDER`.
Back: `hema train` goes on from these weights for an epoch, `hema export --to timm`; timm loads it strictly. The last output is in
docs/experiments/0016-timm-folders.md.
"""

import argparse
import csv
import pathlib
import subprocess
import tempfile

import numpy as np
import timm
import torch
from safetensors.torch import load_file
from timm.models import save_for_hf

NETWORKS = [
    "resnet18", "mobilenetv3_small_100", "efficientnet_lite0", "tf_efficientnetv2_b0", "convnext_atto", "convnextv2_atto",
]


def hema(program, *words):
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"hema {' '.join(map(str, words))}\n{done.stderr}")


def hemas_probabilities(program, model, images, folder):
    table = pathlib.Path(folder, "predictions.csv")
    hema(program, "predict", model, images, "--out", table)
    with table.open(newline="") as file:
        return np.array([[float(p) for p in row[3:-2]] for row in list(csv.reader(file))[1:]])


def tensor(model, images):
    mean, std = (torch.tensor(model.pretrained_cfg[key]).float() for key in ("mean", "std"))
    return ((torch.from_numpy(images).float() / 255 - mean) / std).permute(0, 3, 1, 2)


def timms_probabilities(model, images):
    with torch.inference_mode():
        return model.eval()(tensor(model, images)).softmax(1).numpy()


def from_timm(name, classes, images, folder):
    """A folder that timm writes, and what timm says of the images."""
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=classes)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model.get_classifier().weight *= 5  # or all probabilities would be alike
        model.train()(tensor(model, images))
    whole = {"input_size": (3, *images.shape[1:3]), "crop_pct": 1.0, "crop_mode": "squash"}
    save_for_hf(model, folder, {"pretrained_cfg": whole}, safe_serialization=True)
    return timms_probabilities(model, images)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("images", type=pathlib.Path)
    args = parser.parse_args()
    data = np.load(args.images)
    images, classes = data["images"], len(np.unique(data["labels"]))
    print(f"{len(images)} images; largest difference of a probability, and the spread of one over the images")
    for name in NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            expected = from_timm(name, classes, images, folder)
            there = np.abs(hemas_probabilities(args.program, folder, args.images, folder) - expected).max()

            run, exported = f"{folder}/run", f"{folder}/exported"
            hema(args.program, "train", "--recipe", "cnn", "--data", args.images, "--out", run, "--set", f"model.name={name}",
                 "--set", f"data.size={images.shape[1]}", "--set", f"model.weights={folder}/model.safetensors",
                 "--set", "stage.all.epochs=1")
            own = hemas_probabilities(args.program, run, args.images, folder)
            hema(args.program, "export", run, "--to", "timm", "--out", exported)
            model = timm.create_model(name, num_classes=classes)
            model.load_state_dict(load_file(f"{exported}/model.safetensors"), strict=True)
            model = timm.create_model(f"local-dir:{exported}", pretrained=True)
            back = np.abs(timms_probabilities(model, images) - own).max()
        spread = [f"{np.ptp(p, axis=0).max():.2f}" for p in (expected, own)]
        print(f"{name:24} timm to hema {there:.1e} of {spread[0]}   hema to timm {back:.1e} of {spread[1]}")
        assert max(there, back) < 1e-4


if __name__ == "__main__":
    main()
