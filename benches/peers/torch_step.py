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
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4, fused=True)

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

    measure.report(train if args.mode == "train" else predict, args.batch, args.steps)


main()
