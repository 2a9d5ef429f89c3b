#!/usr/bin/env python3
"""Images per second of timm's networks in PyTorch: the loop of crates/hema/examples/step.rs.

    torch_step.py train|predict MODEL BATCH [STEPS] [--compile] [--bf16] [--channels-last]
"""

import argparse
import contextlib
import statistics
import time

import timm
import torch

WARM_UP = 3


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("mode", choices=["train", "predict"])
    arguments.add_argument("model")
    arguments.add_argument("batch", type=int)
    arguments.add_argument("steps", type=int, nargs="?", default=10)
    for flag in ["--compile", "--bf16", "--channels-last"]:
        arguments.add_argument(flag, action="store_true")
    args = arguments.parse_args()

    torch.manual_seed(0)
    layout = torch.channels_last if args.channels_last else torch.contiguous_format
    model = timm.create_model(args.model, num_classes=8).to(memory_format=layout)
    images = torch.randn(args.batch, 3, 96, 96).to(memory_format=layout)
    labels = torch.arange(args.batch) % 8
    precision = torch.autocast("cpu", torch.bfloat16) if args.bf16 else contextlib.nullcontext()
    model = model.train() if args.mode == "train" else model.eval()
    forward = torch.compile(model) if args.compile else model
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)

    def train():
        with precision:
            loss = torch.nn.functional.cross_entropy(forward(images).float(), labels, label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()

    def predict():
        with torch.inference_mode(), precision:
            forward(images).float()

    step = train if args.mode == "train" else predict
    seconds = []
    for _ in range(args.steps + WARM_UP):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    print(f"{args.batch / statistics.median(seconds[WARM_UP:]):.1f} images/s")


main()
