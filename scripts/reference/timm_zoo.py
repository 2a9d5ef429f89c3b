#!/usr/bin/env python3
"""Writes crates/hema/tests/fixtures/timm_zoo.json: what timm's networks make of formula weights and formula images.

    pip install torch==2.15.0 timm==1.0.31 numpy==2.4.6
    python scripts/reference/timm_zoo.py NAME...          # networks that are not named keep their rows

No weights are stored: every parameter and the images are filled by a hash of their name (`uniform`, `filled`), which
crates/hema/src/model/tests/parity.rs repeats. For each network the fixture holds the loss of a training pass over four images
of 64 pixels (no dropout, no stochastic depth); the norm of the gradient of every stage, and of every parameter for one network
of each kind of block (PER_PARAMETER); and the logits of the same images in prediction mode, normalised by the running
statistics that the training pass left. All of it is computed in double precision; printed is how far timm in single
precision is from that, which bounds what a test can ask for.
"""

import argparse
import json
import math
import pathlib

import numpy as np
import timm
import torch
from torch.nn.functional import cross_entropy

FIXTURE = pathlib.Path(__file__).parents[2] / "crates/hema/tests/fixtures/timm_zoo.json"
# one network of each kind of block
PER_PARAMETER = [
    "resnet18", "resnet50", "efficientnet_b0", "efficientnet_lite0", "tf_efficientnetv2_b0", "mobilenetv3_small_100",
    "convnext_atto", "convnextv2_atto",
]
CLASSES = 8
IMAGES, SIZE = 4, 64


def uniform(name, count):
    """Numbers in [-1, 1), multiples of 2^-23: SplitMix64, its state starting at the name's 64-bit FNV-1a hash."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 % 2**64
    z = np.uint64(state) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (z >> np.uint64(40)).astype(np.float64) / 2**23 - 1


def filled(name, shape):
    """Weights of convolutions and dense layers get variance 2 / fan-in, scales lie around one, the rest around zero."""
    u = uniform(name, math.prod(shape))
    if len(shape) > 1:
        u = u * math.sqrt(6 / math.prod(shape[1:]))
    elif name.endswith("weight"):
        u = 1 + u / 2
    else:
        u = u / 2
    return torch.from_numpy(u.astype(np.float32).reshape(shape))


def images(dtype):
    values = torch.from_numpy(2 * uniform("images", IMAGES * SIZE * SIZE * 3))
    return values.reshape(IMAGES, SIZE, SIZE, 3).permute(0, 3, 1, 2).to(dtype)


def stage(parameter):
    """The part of a network that a parameter belongs to: `blocks.3` of `blocks.3.0.conv_pw.weight`, else the module."""
    module, *rest = parameter.split(".")
    return f"{module}.{rest[0]}" if module in ("blocks", "stages") else module


def by_stage(norms):
    squares = {}
    for name, norm in norms.items():
        squares[stage(name)] = squares.get(stage(name), 0.0) + norm**2
    return {name: math.sqrt(square) for name, square in squares.items()}


def worst_of(norms, single, whole):
    return max(abs(single[key] - norm) / max(norm, 1e-3 * whole) for key, norm in norms.items())


def passes(name, dtype):
    """Loss, gradient norms and logits."""
    model = timm.create_model(name, pretrained=False, num_classes=CLASSES).to(dtype)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0  # the running statistics become those of the pass
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            parameter.copy_(filled(key, parameter.shape))
    loss = cross_entropy(model.train()(images(dtype)), torch.arange(IMAGES))
    loss.backward()
    norms = {key: parameter.grad.double().norm().item() for key, parameter in sorted(model.named_parameters())}
    with torch.inference_mode():
        logits = model.eval()(images(dtype))
    return loss.item(), norms, logits.double().numpy().ravel()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", metavar="NAME")
    fixture = json.loads(FIXTURE.read_text()) if FIXTURE.exists() else {}
    for name in parser.parse_args().names:
        loss, norms, logits = passes(name, torch.float64)
        of_fixture = norms if name in PER_PARAMETER else by_stage(norms)
        fixture[name] = {
            "loss": float(f"{loss:.7g}"),
            "gradient_norms": {key: float(f"{x:.5e}") for key, x in of_fixture.items()},
            "logits": [float(f"{x:.7g}") for x in logits],
        }
        single_loss, single_norms, single_logits = passes(name, torch.float32)
        whole = math.hypot(*norms.values())
        rounding = {
            "gradients": worst_of(by_stage(norms), by_stage(single_norms), whole),
            "logits": np.abs(single_logits - logits).max() / np.abs(logits).max(),
        }
        if max(rounding.values()) > 2e-5:
            fixture[name]["rounding"] = {key: float(f"{x:.1e}") for key, x in rounding.items()}
        off = {key: abs(single_norms[key] - norm) for key, norm in norms.items()}
        worst = max(off, key=lambda key: off[key] / (norms[key] + 1e-3 * whole))
        print(
            f"{name}: loss of {loss:.3g} differs by {abs(single_loss - loss):.1e}, of the gradient of {whole:.3g} "
            f"{worst} of {norms[worst]:.3g} by {off[worst]:.1e}, "
            f"logits of {np.abs(logits).max():.3g} by {np.abs(single_logits - logits).max():.1e}"
        )
    rows = [f'"{name}": {json.dumps(row, separators=(",", ":"))}' for name, row in fixture.items()]
    FIXTURE.write_text("{\n" + ",\n".join(rows) + "\n}\n")


if __name__ == "__main__":
    main()
