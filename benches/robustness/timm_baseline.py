"""Trains EfficientNetV2-B0 with PyTorch and timm as most people would, and stores it so that hema can judge it.

AdamW with one cycle to 1e-3, batch 64, label smoothing 0.1, flips, quarter turns and timm's RandAugment
`rand-m9-n3-mstd0.5-inc1`; bf16 autocast where the processor has it. The result is a bundle of hema: timm's tensors under
timm's names, and the manifest of a template that hema trained (classes, preprocessing), so that both are judged by the same
program on the same damaged images.

    timm_baseline.py pbc200.tar tf_efficientnetv2_b0.in1k.safetensors template.safetensors out.safetensors --seed 0
"""

import argparse
import csv
import io
import json
import random
import tarfile
import time

import numpy as np
import timm
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from timm.data.auto_augment import rand_augment_transform

SIZE = 96
MEAN = torch.tensor([0.485, 0.456, 0.406])
STD = torch.tensor([0.229, 0.224, 0.225])


class Cells(torch.utils.data.Dataset):
    def __init__(self, images, labels, augment):
        self.images, self.labels, self.augment = images, labels, augment
        fill = tuple(int(255 * mean) for mean in MEAN)
        self.policy = rand_augment_transform("rand-m9-n3-mstd0.5-inc1", {"img_mean": fill})

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image = self.images[i]
        if self.augment:
            if random.random() < 0.5:
                image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            if random.random() < 0.5:
                image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
            for _ in range(random.randrange(4)):
                image = image.transpose(Image.Transpose.ROTATE_90)
            image = self.policy(image)
        pixels = torch.from_numpy(np.array(image)).float() / 255
        return ((pixels - MEAN) / STD).permute(2, 0, 1), self.labels[i]


def read(path):
    """The images at 96 pixels and labels of the training and validation parts; the test part is not touched."""
    parts = {"train": ([], []), "val": ([], [])}
    with tarfile.open(path) as tar:
        text = tar.extractfile("pbc/split.csv").read().decode()
        rows = {row["path"]: row for row in csv.DictReader(io.StringIO(text))}
        classes = sorted({row["label"] for row in rows.values()})
        for member in tar:
            row = rows.get(member.name) or rows.get(member.name.removeprefix("pbc/"))
            if row is None or row["split"] not in parts:
                continue
            image = Image.open(tar.extractfile(member)).convert("RGB")
            images, labels = parts[row["split"]]
            images.append(image.resize((SIZE, SIZE), Image.Resampling.BICUBIC))
            labels.append(classes.index(row["label"]))
    return parts, classes


def accuracy(model, loader):
    model.eval()
    right = 0
    with torch.inference_mode():
        for images, labels in loader:
            right += (model(images).argmax(1) == labels).sum().item()
    return right / len(loader.dataset)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "weights", "template", "out"):
        parser.add_argument(name)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    random.seed(args.seed)
    np.random.seed(args.seed)
    torch.manual_seed(args.seed)

    parts, classes = read(args.data)
    with safe_open(args.template, "pt") as template:
        manifest = json.loads(template.metadata()["hema"])
    assert manifest["classes"] == classes and manifest["model"]["name"] == "tf_efficientnetv2_b0"

    model = timm.create_model("tf_efficientnetv2_b0", num_classes=len(classes), drop_rate=0.2)
    state = {name: value for name, value in load_file(args.weights).items() if not name.startswith("classifier.")}
    model.load_state_dict(state, strict=False)
    train = Cells(*parts["train"], augment=True)
    val = Cells(*parts["val"], augment=False)
    seeds = torch.Generator().manual_seed(args.seed)
    loader = torch.utils.data.DataLoader(train, 64, shuffle=True, num_workers=2, generator=seeds, persistent_workers=True)
    judge = torch.utils.data.DataLoader(val, 64)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, args.epochs * len(loader))
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    best = 0.0
    for epoch in range(args.epochs):
        model.train()
        started = time.monotonic()
        for images, labels in loader:
            images = images.to(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16):
                loss = loss_of(model(images).float(), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        speed = len(train) / (time.monotonic() - started)
        found = accuracy(model, judge)
        print(f"epoch {epoch + 1}: val accuracy {100 * found:.2f} %, {speed:.0f} images/s", flush=True)
        if found >= best:
            best = found
            manifest |= {"temperature": 1.0, "metrics": {"accuracy": found}, "recipe": "timm"}
            manifest["augmentations"] = ["flip-horizontal", "flip-vertical", "quarter-turn", "rand-m9-n3-mstd0.5-inc1"]
            tensors = {n: v.contiguous() for n, v in model.state_dict().items() if not n.endswith("num_batches_tracked")}
            save_file(tensors, args.out, {"hema": json.dumps(manifest)})


main()
