#!/usr/bin/env python3
"""Times hema and PyTorch in turn, A B C A B C ..., and prints medians and ratios. Start it through `benches/peers/run`."""

import argparse
import pathlib
import re
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
HEMA = HERE / "../../target/release/examples/step"
PEERS = {
    "torch": [],
    "torch channels-last": ["--channels-last"],
    "torch compiled": ["--compile"],
    "torch bf16": ["--bf16", "--channels-last"],
    "torch compiled bf16": ["--compile", "--bf16"],
}


def rate(command):
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(re.search(r"([\d.]+) images/s", output).group(1))


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--model", default="tf_efficientnetv2_b0")
    arguments.add_argument("--work", nargs="+", default=["train 32", "train 64", "predict 32", "predict 1"])
    arguments.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    args = arguments.parse_args()
    print(f"{args.model}, 96 pixels, images/s: median of {args.rounds} interleaved runs; ratio of hema to each peer")
    for work in args.work:
        mode, batch = work.split()
        task = [mode, args.model, batch]
        commands = {"hema": [HEMA, *task]}
        commands |= {name: [sys.executable, HERE / "torch_step.py", *task, *flags] for name, flags in PEERS.items() if name in args.peers}
        rates = {name: [] for name in commands}
        for _ in range(args.rounds):
            for name, command in commands.items():
                rates[name].append(rate(command))
        print(f"\n{mode}, batch {batch}")
        for name, found in rates.items():
            ratios = [ours / theirs for ours, theirs in zip(rates["hema"], found)]
            spread = f"{min(found):.0f} to {max(found):.0f}"
            print(f"  {name:22} {statistics.median(found):7.1f}  ({spread})  {statistics.median(ratios):5.2f}x", flush=True)


main()
