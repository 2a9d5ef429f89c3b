#!/usr/bin/env python3
"""Times hema and its peers in turn, A B C A B C ..., and prints medians and ratios. Start it through `benches/peers/run`."""

import argparse
import os
import pathlib
import re
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
HEMA = HERE.parents[1] / "target/release/examples/step"
TORCH = [sys.executable, HERE / "torch_step.py"]
GRAPH = [sys.executable, HERE / "graph_step.py"]
ALL = ("train", "predict")
ROWS = {  # name: (what the work starts with, command, flags)
    "hema": (ALL, [HEMA], []),
    "hema bf16": (ALL, [HEMA], ["--bf16"]),
    "torch": (ALL, TORCH, []),
    "torch channels-last": (ALL, TORCH, ["--channels-last"]),
    "torch bf16 channels-last": (ALL, TORCH, ["--bf16", "--channels-last"]),
    "torch compiled": (ALL, TORCH, ["--compile"]),
    # For prediction the compiler chooses the layout itself.
    "torch compiled channels-last": ("train", TORCH, ["--compile", "--channels-last"]),
    "torch compiled bf16 channels-last": (ALL, TORCH, ["--compile", "--bf16", "--channels-last"]),
    "onnxruntime": ("predict", GRAPH, []),
    "openvino": ("predict", GRAPH, ["--openvino"]),
    "openvino bf16": ("predict", GRAPH, ["--openvino", "--bf16"]),
    # Two batches at a time. With batch 1 the question is how long one image takes, so that would not be the same work.
    "openvino throughput": ("predict 32", GRAPH, ["--openvino", "--throughput"]),
    "openvino bf16 throughput": ("predict 32", GRAPH, ["--openvino", "--bf16", "--throughput"]),
}
MODELS = ["efficientnet_b0", "tf_efficientnetv2_b0", "tf_efficientnetv2_b3", "resnet18"]
LINE = re.compile(r"([\d.]+) images/s(?:, peak (\d+) MB)?(?:, (\d+) MB above the start)?")
# What a line tells: the rate, of which more is better, and two kinds of memory, of which less is.
KINDS = ["images/s", "peak MB", "MB above the start"]
BEST = [max, min, min]
PATIENCE = 900  # seconds; the first compilation takes minutes


def run(command):
    """The figures of `KINDS`, None for those that are not printed, or one line that says why there are none."""
    try:
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return f"took more than {PATIENCE} s"
    found = LINE.search(done.stdout)
    if done.returncode == 0 and found:
        return [figure and float(figure) for figure in found.groups()]
    said = done.stderr.strip().splitlines() or ["said nothing"]
    return f"status {done.returncode}: {said[-1][:200]}"


def measure(model, work, peers, rounds, seconds):
    """The figures of every row in every round, and why the rows that failed did."""
    mode, batch = work.split()
    tasks = {}
    for name, (works, command, flags) in ROWS.items():
        if work.startswith(works) and (name in peers or name.startswith("hema")):
            tasks[name] = lambda steps, command=command, flags=flags: run([*command, mode, model, batch, steps, *flags])
    figures, failed, steps = {name: [] for name in tasks}, {}, {}
    for turn in range(rounds + 1):
        for name, task in tasks.items():
            if name in failed:
                continue
            # The first turn does not count: it compiles and exports, and its rate says how many steps the others take.
            found = task(steps.get(name, 3))
            if isinstance(found, str):
                failed[name] = found
            elif turn == 0:
                steps[name] = min(max(round(seconds * found[0] / int(batch)), 5), 1000)
            else:
                figures[name].append(found)
    return {name: found for name, found in figures.items() if name not in failed}, failed


def column(figures, kind):
    """One kind of figure of the rows that print it: name to values, a value a round."""
    columns = {name: [values[kind] for values in found] for name, found in figures.items()}
    return {name: values for name, values in columns.items() if None not in values}


def best(columns, kind, runtime):
    """The row of a runtime with the best median, or None."""
    names = [name for name in columns if name.split()[0] == runtime]
    return BEST[kind](names, key=lambda name: statistics.median(columns[name]), default=None)


def ratio(ours, theirs):
    return statistics.median([our / their for our, their in zip(ours, theirs)])


def details(figures, failed, kinds):
    for kind in kinds:
        columns = column(figures, kind)
        hema = best(columns, kind, "hema")
        print(f"  {KINDS[kind]}")
        for name, values in columns.items():
            compared = f"{ratio(columns[hema], values):5.2f}x" if hema else ""
            spread = f"({min(values):.0f} to {max(values):.0f})"
            print(f"    {name:34} {statistics.median(values):8.1f}  {spread:16} {compared}")
    for name, why in failed.items():
        print(f"    {name:34} failed, {why}")
    sys.stdout.flush()


def summary(work, model, figures, failed, kinds):
    """Lines of the last table: hema's best beside the best of each runtime, and whatever failed."""
    lines = []
    for kind in kinds:
        columns = column(figures, kind)
        hema = best(columns, kind, "hema")
        ours = f"{statistics.median(columns[hema]):.0f} ({hema})" if hema else "none"
        for runtime in dict.fromkeys(name.split()[0] for name in columns if not name.startswith("hema")):
            peer = best(columns, kind, runtime)
            theirs = f"{statistics.median(columns[peer]):.0f} ({peer})"
            compared = f"{ratio(columns[hema], columns[peer]):.2f}x" if hema else ""
            lines.append(f"| {work}, {KINDS[kind]} | {model} | {ours} | {theirs} | {compared} |")
    return lines + [f"| {work} | {model} | | {name} failed | |" for name in failed]


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=3, help="of steps in each process")
    arguments.add_argument("--models", nargs="+", default=MODELS)
    arguments.add_argument("--work", nargs="+", default=["train 32", "train 64", "predict 32", "predict 1"])
    peers = [name for name in ROWS if not name.startswith("hema")]
    arguments.add_argument("--peers", nargs="*", choices=peers, default=peers, metavar="PEER", help=", ".join(peers))
    args = arguments.parse_args()
    print(f"96 pixels, median of {args.rounds} interleaved runs (lowest to highest), ratio of hema's best to each")
    print(f"load of the machine before: {os.getloadavg()[0]:.1f}", flush=True)
    lines = []
    try:
        for model in args.models:
            for work in args.work:
                kinds = range(3) if work == "train 64" else [0]  # memory is compared where it is largest
                figures, failed = measure(model, work, args.peers, args.rounds, args.seconds)
                print(f"\n{work}, {model}")
                details(figures, failed, kinds)
                lines += summary(work, model, figures, failed, kinds)
    finally:  # hours may have gone by: what is there is shown
        print("\n| work | model | hema's best | peer's best | ratio |\n|---|---|--:|--:|--:|", *lines, sep="\n")


main()
