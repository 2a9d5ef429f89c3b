#!/usr/bin/env python3
"""Writes crates/hema/tests/fixtures/timm_folder.json: what timm predicts from folders that it has written itself.

    pip install torch==2.15.0 timm==1.0.31 numpy==2.4.6
    python scripts/reference/timm_folder.py

For each network the fixture holds the `config.json` of timm's `save_for_hf` and the probabilities of the sixteen cells of
timm_v2b0.npz, loaded from that folder. The weights are not stored: they are the formula's of timm_zoo.py, with running
variances raised by one and classifiers scaled; crates/hema/src/export/timm.rs fills them in again.
"""

import json
import pathlib
import tempfile

import numpy as np
import timm
import torch
from timm.models import save_for_hf
from timm_zoo import CLASSES, filled

FIXTURES = pathlib.Path(__file__).parents[2] / "crates/hema/tests/fixtures"
NETWORKS = [
    "resnet18", "mobilenetv3_small_100", "efficientnet_lite0", "efficientnet_b0", "convnext_atto", "convnextv2_atto",
]
SIZE = 96


def fill(model):
    with torch.no_grad():
        for key, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                values = filled(key, tensor.shape)
                tensor.copy_(values + 1 if key.endswith("running_var") else values)


def scale_classifier(model, x):
    """Brings logits to a spread of about one, by a power of two, so that probabilities say much of them."""
    with torch.inference_mode():
        scale = 2.0 ** -round(model.eval()(x).std(dim=0).mean().log2().item())
    with torch.no_grad():
        for parameter in model.get_classifier().parameters():
            parameter *= scale
    return scale


def main():
    images = torch.from_numpy(np.load(FIXTURES / "timm_v2b0.npz")["images"]).permute(0, 3, 1, 2)
    fixture = {}
    for name in NETWORKS:
        model = timm.create_model(name, num_classes=CLASSES)
        fill(model)
        cfg = model.pretrained_cfg
        mean, std = (torch.tensor(cfg[key]).double()[:, None, None] for key in ("mean", "std"))
        x = (images.double() / 255 - mean) / std
        scale = scale_classifier(model, x.float())
        with tempfile.TemporaryDirectory() as folder:
            whole = {"input_size": (3, SIZE, SIZE), "crop_pct": 1.0, "crop_mode": "squash"}
            labels = [f"class {i}" for i in range(CLASSES)]
            save_for_hf(
                model, folder, {"pretrained_cfg": whole, "label_names": labels}, safe_serialization=True
            )
            config = json.loads(pathlib.Path(folder, "config.json").read_text())
            model = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
        with torch.inference_mode():
            single = model(x.float()).softmax(1).numpy()
            probabilities = model.double()(x).softmax(1).numpy()
        # what single precision changes bounds what a test can ask for
        off = np.abs(single - probabilities).max()
        print(f"{name}: a probability varies by {np.ptp(probabilities, axis=0).max():.3f}, in single precision off by {off:.1e}")
        fixture[name] = {
            "config": config,
            "classifier_scale": scale,
            "probabilities": [float(f"{p:.6f}") for p in probabilities.ravel()],
        }
    rows = [f'"{name}": {json.dumps(row, separators=(",", ":"))}' for name, row in fixture.items()]
    (FIXTURES / "timm_folder.json").write_text("{\n" + ",\n".join(rows) + "\n}\n")


if __name__ == "__main__":
    main()
