#!/usr/bin/env python3
"""What torchvision and Keras call the weights of their networks, and what they compute with weights of a formula.

Writes crates/hema/tests/fixtures/foreign_weights.json, which crates/hema/src/weights/import/tests.rs reads. Needs torch,
torchvision, and Keras with its torch backend:

    KERAS_BACKEND=torch python scripts/reference/foreign_weights.py

Checked with torchvision 0.29.2 and keras 3.15.1.
"""

import json
import math
import pathlib

import keras
import numpy as np
import torch
import torchvision

from timm_zoo import uniform

FIXTURE = pathlib.Path(__file__).parents[2] / "crates/hema/tests/fixtures/foreign_weights.json"
CLASSES = 8
IMAGES, SIZE = 2, 64

# the other software's network and the zoo's; whether both compute the same
TORCHVISION = [
    ("resnet18", "resnet18", True),
    ("resnet50", "resnet50", False),
    ("efficientnet_b0", "efficientnet_b0", True),
    ("efficientnet_b3", "efficientnet_b3", False),
    ("efficientnet_v2_s", "tf_efficientnetv2_s", False),
    ("mobilenet_v3_small", "mobilenetv3_small_100", True),
    ("mobilenet_v3_large", "mobilenetv3_large_100", True),
    ("convnext_tiny", "convnext_tiny", True),
]
KERAS = [
    ("EfficientNetB0", "tf_efficientnet_b0", True),
    ("EfficientNetB3", "tf_efficientnet_b3", False),
    ("EfficientNetV2B0", "tf_efficientnetv2_b0", True),
    ("EfficientNetV2S", "tf_efficientnetv2_s", False),
]


def filled(name, shape, channels_last):
    """Layers get variance 2 / fan-in (1 / fan-in in Keras' networks, where 2 would make single precision differ in the first
    digits), scales and variances lie around one, the rest around zero."""
    u = uniform(name, math.prod(shape))
    if len(shape) > 1:
        fan_in = math.prod(shape[:2] if shape[-1] == 1 else shape[:-1]) if channels_last else math.prod(shape[1:])
        u = u * math.sqrt((3 if channels_last else 6) / fan_in)
    elif name.endswith(("weight", "gamma", "running_var", "moving_variance")):
        u = 1 + u / 2
    else:
        u = u / 2
    return u.astype(np.float32).reshape(shape)


def images():
    return (2 * uniform("images", IMAGES * SIZE * SIZE * 3)).reshape(IMAGES, SIZE, SIZE, 3)


def row(model, shapes, logits):
    rounded = None if logits is None else [float(f"{x:.7g}") for x in np.asarray(logits).ravel()]
    return {"model": model, "shapes": shapes, "logits": rounded}


def of_torchvision(name, model, same):
    network = torchvision.models.get_model(name, num_classes=CLASSES).double().eval()
    state = {key: value for key, value in network.state_dict().items() if value.is_floating_point()}
    logits = None
    if same:
        values = {key: torch.from_numpy(filled(key, tuple(value.shape), False)) for key, value in state.items()}
        network.load_state_dict(values, strict=False)
        with torch.inference_mode():
            logits = network(torch.from_numpy(images()).permute(0, 3, 1, 2))
    return row(model, {key: list(value.shape) for key, value in state.items()}, logits)


def of_keras(name, model, same):
    network = getattr(keras.applications, name)(
        weights=None, classes=CLASSES, classifier_activation=None, input_shape=(SIZE, SIZE, 3)
    )
    logits = None
    if same:
        for weight in network.weights:
            if not weight.path.startswith("normalization"):
                weight.assign(filled(weight.path, tuple(weight.shape), True))
        # without what it does to pixels first
        stem = network.get_layer("stem_conv_pad" if name.startswith("EfficientNetB") else "stem_conv")
        logits = keras.Model(stem.input, network.output)(images().astype(np.float32), training=False)
        logits = keras.ops.convert_to_numpy(logits)
    shapes = {weight.path: list(weight.shape) for weight in network.weights if len(weight.shape) > 0}
    return row(model, shapes, logits)


def main():
    rows = [(f"torchvision {name}", of_torchvision(name, *rest)) for name, *rest in TORCHVISION]
    rows += [(f"Keras {name}", of_keras(name, *rest)) for name, *rest in KERAS]
    lines = [f'"{name}": {json.dumps(row, separators=(",", ":"))}' for name, row in rows]
    FIXTURE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
