#!/usr/bin/env python3
"""Images per second of timm's networks in PyTorch on a graphics card: the loop of crates/hema/examples/step.rs.

One process works through all rows, since loading PyTorch takes longer than most of them. A step ends when the card has done it, as hema's does,
and once more without that wait (`queued`): the host then prepares the next step meanwhile.
"""

import argparse
import contextlib
import gc
import json
import pathlib
import statistics
import sys
import time

import timm
import torch

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "peers"))
from torch_loop import steps

SIDE = 96
CLASSES = 8
WARM_UP = 10

# name: (autocast to bf16, TF32 products, channels-last, how it is compiled)
ROWS = {
    "fp32": (False, False, True, None),
    "tf32": (False, True, True, None),
    "bf16": (True, True, True, None),
    "bf16 contiguous": (True, True, False, None),
    "bf16 compiled": (True, True, True, "default"),
    "bf16 graphs": (True, True, True, "reduce-overhead"),
}


def measure(mode, name, batch, row, seconds):
    bf16, tf32, channels_last, compiled = ROWS[row]
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = True  # what hema's autotuning is to it
    torch.manual_seed(0)
    torch.cuda.reset_peak_memory_stats()
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = timm.create_model(name, num_classes=CLASSES).to("cuda", memory_format=layout)
    images = torch.randn(batch, 3, SIDE, SIDE, device="cuda").to(memory_format=layout)
    labels = torch.arange(batch, device="cuda") % CLASSES
    precision = torch.autocast("cuda", torch.bfloat16) if bf16 else contextlib.nullcontext()
    model.train(mode == "train")
    forward = torch.compile(model, mode=compiled) if compiled else model
    step = steps(model, forward, images, labels, precision)[mode]
    first = 0.0
    for number in range(WARM_UP):
        begun = time.perf_counter()
        step()
        torch.cuda.synchronize()
        if number == 0:
            first = time.perf_counter() - begun
    waited = []
    while sum(waited) < seconds or len(waited) < 5:
        begun = time.perf_counter()
        step()
        torch.cuda.synchronize()
        waited.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    for _ in waited:
        step()
    torch.cuda.synchronize()
    queued = (time.perf_counter() - begun) / len(waited)
    return {
        "mode": mode, "model": name, "batch": batch, "row": row, "images_per_second": batch / statistics.median(waited),
        "queued": batch / queued, "first": first, "peak_mb": torch.cuda.max_memory_reserved() / 1e6,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", nargs="+", default=["train 64"], help="such as `train 64`")
    parser.add_argument("--models", nargs="+", default=["resnet18"], help="names that timm knows")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=["fp32", "tf32", "bf16"])
    parser.add_argument("--seconds", type=float, default=1.5)
    args = parser.parse_args()
    print(torch.__version__, timm.__version__, torch.cuda.get_device_name(), flush=True)
    for name in args.models:
        for work in args.work:
            for row in args.rows:
                mode, batch = work.split()
                try:
                    print(json.dumps(measure(mode, name, int(batch), row, args.seconds)), flush=True)
                except RuntimeError as error:
                    print(f"{name} {work} {row}: {error}", flush=True)
                gc.collect()
                torch.cuda.empty_cache()
                if ROWS[row][3]:
                    torch._dynamo.reset()


main()
