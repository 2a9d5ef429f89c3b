#!/usr/bin/env python3
"""Holds hema's networks to timm's: a model trained by hema, loaded into timm, gives the same probabilities.

    pip install torch==2.15.0 timm==1.0.31 numpy==2.4.6 "pillow<13" safetensors==0.8.0
    python scripts/reference/timm_parity.py RUN/best.safetensors --images pbc200.tar --hema target/release/hema

The model's tensors go into `timm.create_model(NAME, num_classes=K)` with `strict=True`, under their own names. The
images (first 8 of each class, by file name; of the `val` part where there is a `split.csv`) are decoded, cropped and
resized by Pillow as the model's manifest says, and `hema predict` gets them as a `.npz`. Prints the largest
difference between the two programs' probabilities; exit status 1 above 1e-4. `--images` is a tar file or a folder of
`<class>/<file>`, or a `.npz` with `images`. (Pillow 13 may resize in another order of passes.)

    python scripts/reference/timm_parity.py tf_efficientnetv2_b0.in1k.safetensors --images pbc200.tar \\
        --write-fixture crates/hema/tests/fixtures/timm_v2b0

writes the fixture of the tests in crates/hema/src/predict.rs: `.npz` with 64 images, the first 8 of each class,
and `.json` with what timm makes of them, given these ImageNet weights and a classifier that a formula fills (see
`formula_classifier`): the probabilities, and loss, gradient norms and running statistics of one training pass over
the first image of each class. The images are those of Acevedo et al., Data in Brief 30, 2020, 105474 (CC BY 4.0),
centre-cropped to 200 pixels and resized to 96.
"""

import argparse
import csv
import io
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile

import numpy as np
import PIL
import timm
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy

TOLERANCE = 1e-4
FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}
PICTURES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp"}

# the fixture's network: that of `Preprocess::imagenet(96)`
FIXTURE_MODEL = "tf_efficientnetv2_b0"
FIXTURE_CLASSES = 8
FIXTURE_PREPROCESS = {
    "size": 96,
    "crop": "none",
    "filter": "bicubic",
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}


def files_of(path):
    """Path inside the data set -> bytes, for a tar file or a folder."""
    if path.is_dir():
        return {str(f.relative_to(path)): f.read_bytes() for f in path.rglob("*") if f.is_file()}
    with tarfile.open(path) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}


def pictures_of(path, per_class):
    """The first pictures of each class, in class order, and their labels."""
    files = files_of(path)
    split = next((name for name in files if pathlib.Path(name).name == "split.csv"), None)
    chosen = None
    if split is not None:
        rows = csv.DictReader(io.StringIO(files[split].decode()))
        chosen = {str(pathlib.Path(split).parent / row["path"]) for row in rows if row["split"] == "val"}
    classes = {}
    for name in sorted(files):
        if pathlib.Path(name).suffix.lower() in PICTURES and (chosen is None or name in chosen):
            classes.setdefault(pathlib.Path(name).parent.name, []).append(name)
    pictures, labels = [], []
    for label, names in enumerate(classes[c] for c in sorted(classes)):
        for name in names[:per_class]:
            pictures.append(Image.open(io.BytesIO(files[name])).convert("RGB"))
            labels.append(label)
    return pictures, labels


def prepared(picture, preprocess):
    """`Preprocess::apply`: centre crop, then resize."""
    width, height = picture.size
    if preprocess["crop"] != "none":
        short = min(width, height)
        side = short if preprocess["crop"] == "square" else preprocess["crop"]
        kept = min(width, side), min(height, side)
        left, top = (width - kept[0]) // 2, (height - kept[1]) // 2
        picture = picture.crop((left, top, left + kept[0], top + kept[1]))
    return picture.resize((preprocess["size"],) * 2, FILTERS[preprocess["filter"]])


def images_of(path, preprocess, per_class):
    """Images `[n, size, size, 3]` of 8 bits, and their labels where they have some."""
    if path.suffix == ".npz":
        with np.load(path) as archive:
            pictures, labels = [Image.fromarray(image) for image in archive["images"][:64]], []
    else:
        pictures, labels = pictures_of(path, per_class)
    if not pictures:
        sys.exit(f"{path}: no images")
    return np.stack([np.asarray(prepared(p, preprocess)) for p in pictures]), labels


def network_input(images, preprocess):
    mean, std = (torch.tensor(preprocess[key]) for key in ("mean", "std"))
    return ((torch.from_numpy(images).float() / 255 - mean) / std).permute(0, 3, 1, 2)


def probabilities_of(model, images, preprocess, temperature=1.0):
    with torch.inference_mode():
        return (model.eval()(network_input(images, preprocess)) / temperature).softmax(1).numpy()


def check(args):
    with safe_open(args.model, "pt") as file:
        manifest = json.loads(file.metadata()["hema"])
    spec, preprocess = manifest["model"], manifest["preprocess"]
    if spec["head"]:
        sys.exit("timm's networks have no hidden layers between features and classifier")
    model = timm.create_model(spec["name"], pretrained=False, num_classes=len(manifest["classes"]))
    model.load_state_dict(load_file(args.model), strict=True)

    images, _ = images_of(args.images, preprocess, per_class=8)
    expected = probabilities_of(model, images, preprocess, manifest["temperature"])
    with tempfile.TemporaryDirectory() as folder:
        archive, table = pathlib.Path(folder, "images.npz"), pathlib.Path(folder, "predictions.csv")
        np.savez(archive, images=images)
        subprocess.run([args.hema, "predict", args.model, archive, "--out", table], check=True, stdout=sys.stderr)
        with open(table, newline="") as file:
            rows = [[float(row[name]) for name in manifest["classes"]] for row in csv.DictReader(file)]
    found = np.array(rows)
    if found.shape != expected.shape:
        sys.exit(f"hema gave {found.shape} probabilities, expected {expected.shape}")

    difference = np.abs(found - expected).max()
    agree = (found.argmax(1) == expected.argmax(1)).sum()
    print(f"{spec['name']}, {len(images)} images: largest difference {difference:.2e} (at most {TOLERANCE:.0e}), "
          f"{agree} of {len(images)} decisions agree")
    return int(not difference <= TOLERANCE)


def formula_classifier(classes, features):
    """Weights `[c][i] = ((1280 c + i) * 7919 mod 1009) / 1009 - 0.5`, biases `[c] = c / 8`: spread, but not certain."""
    index = np.arange(classes * features)
    weight = (index * 7919 % 1009) / 1009 - 0.5
    return {
        "classifier.weight": torch.from_numpy(weight.reshape(classes, features)).float(),
        "classifier.bias": torch.arange(classes) / 8.0,
    }


def top_module(name):
    """The first component of a name; of the blocks, the stage."""
    return ".".join(name.split(".")[: 2 if name.startswith("blocks.") else 1])


def training_pass(model, images, labels, preprocess, dtype):
    """Loss, gradient norm of each top-level module, and by how much the pass moved running statistics."""
    model = model.to(dtype).train()
    # the first mean depends on the images; the last variance, of 72 values a channel, on being kept unbiased
    statistics = {"bn1.running_mean": model.bn1.running_mean, "bn2.running_var": model.bn2.running_var}
    before = {name: statistic.clone() for name, statistic in statistics.items()}
    logits = model(network_input(images, preprocess).to(dtype))
    loss = cross_entropy(logits, torch.tensor(labels), label_smoothing=0.1)
    loss.backward()
    squares = {}
    for name, parameter in model.named_parameters():
        module = top_module(name)
        squares[module] = squares.get(module, 0.0) + parameter.grad.double().square().sum().item()
    return {
        "loss": loss.item(),
        "gradient_norms": {module: square**0.5 for module, square in squares.items()},
        "statistics_moved": {name: (now - before[name]).norm().item() for name, now in statistics.items()},
    }


def write_fixture(args):
    def network():
        model = timm.create_model(FIXTURE_MODEL, pretrained=False, num_classes=FIXTURE_CLASSES)
        head = formula_classifier(FIXTURE_CLASSES, model.num_features)
        model.load_state_dict(load_file(args.model) | head, strict=True)
        return model

    images, labels = images_of(args.images, FIXTURE_PREPROCESS, per_class=8)
    probabilities = probabilities_of(network(), images, FIXTURE_PREPROCESS)
    # double precision: what is left of a difference is then our rounding alone
    exact, single = (
        training_pass(network(), images[::8], labels[::8], FIXTURE_PREPROCESS, dtype)
        for dtype in (torch.float64, torch.float32)
    )
    expected = {"probabilities": [float(f"{p:.7f}") for p in probabilities.ravel()], "training": exact}
    np.savez_compressed(args.write_fixture.with_suffix(".npz"), images=images, labels=np.array(labels, np.uint8))
    args.write_fixture.with_suffix(".json").write_text(json.dumps(expected, indent=1) + "\n")

    print("largest probability of each image:", np.round(probabilities.max(1), 3))
    print("training in double precision:", exact)
    print("training in single precision:", single)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--images", type=pathlib.Path, required=True)
    todo = parser.add_mutually_exclusive_group(required=True)
    todo.add_argument("--hema", type=pathlib.Path, help="the program to check")
    todo.add_argument("--write-fixture", type=pathlib.Path, metavar="STEM", help="writes STEM.npz and STEM.json")
    args = parser.parse_args()
    if int(PIL.__version__.split(".")[0]) >= 13:
        sys.exit(f"Pillow {PIL.__version__}, expected an older one than 13")
    torch.manual_seed(0)
    return write_fixture(args) if args.write_fixture else check(args)


if __name__ == "__main__":
    sys.exit(main())
