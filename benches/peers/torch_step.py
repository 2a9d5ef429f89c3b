#!/usr/bin/env python3
"""Images per second of timm's networks in PyTorch: the loop of crates/hema/examples/step.rs."""

import contextlib
import os

import measure

# Compiled code is kept, so that only the first process of a kind compiles.
os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(measure.CACHE / "inductor"))

import timm
import torch
import torch._inductor.config
from torch_loop import steps


def main():
    args = measure.arguments(__doc__, ["--compile", "--bf16", "--channels-last"])
    torch.manual_seed(0)
    torch.set_num_threads(measure.THREADS)
    layout = torch.channels_last if args.channels_last else torch.contiguous_format
    model = timm.create_model(args.model, num_classes=measure.CLASSES).to(memory_format=layout)
    images = torch.randn(args.batch, 3, measure.SIDE, measure.SIDE).to(memory_format=layout)
    labels = torch.arange(args.batch) % measure.CLASSES
    precision = torch.autocast("cpu", torch.bfloat16) if args.bf16 else contextlib.nullcontext()
    model.train(args.mode == "train")
    # Freezing makes the weights constants of the graph: it folds batch norm and lays the weights out for the convolutions.
    # As an option of `torch.compile` it would have no effect.
    torch._inductor.config.freezing = args.mode == "predict"
    forward = torch.compile(model) if args.compile else model
    step = steps(model, forward, images, labels, precision)[args.mode]
    measure.report(step, args.batch, args.steps)


main()
