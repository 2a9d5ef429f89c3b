#!/usr/bin/env python3
"""hema and PyTorch on one graphics card, in turn: images per second of bare training steps and of prediction, and the card's memory.

Model by model, first hema's processes, then one of PyTorch that works through all its rows. Ends with a Markdown table.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
HEMA = {"hema fp32": [], "hema bf16": ["--bf16"]}


def card(what):
    """A number that nvidia-smi knows of the first card, or 0 without it."""
    try:
        found = subprocess.run(
            ["nvidia-smi", f"--query-gpu={what}", "--format=csv,noheader,nounits", "-i", "0"], capture_output=True, text=True, check=True
        )
        return float(found.stdout.strip().splitlines()[0])
    except (OSError, subprocess.CalledProcessError, ValueError, IndexError):
        return 0.0


def watched(command, timeout):
    """What a command printed, the most MiB that the card held meanwhile, and how busy the card was in the last seconds."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    memory, busy, done = [0.0], [], threading.Event()

    def watch():
        while not done.wait(0.25):
            memory.append(card("memory.used"))
            busy.append(card("utilization.gpu"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        text = child.communicate(timeout=timeout)[0]
    except subprocess.TimeoutExpired:
        child.kill()
        text = child.communicate()[0] + f"\nstopped after {timeout:.0f} s"
    done.set()
    watcher.join()
    last = busy[-8:] or [0.0]
    return text, max(memory), sum(last) / len(last)


def of_hema(args, row, model, work, left):
    mode, batch = work.split()
    command = [args.step, mode, model, batch, str(args.steps), f"--device={args.device}", *HEMA[row]]
    text, memory, busy = watched(command, min(args.timeout, left))
    rate = re.search(r"([\d.]+) images/s", text)
    first = re.search(r"first step ([\d.]+) s", text)
    if not rate:
        return {"failed": text.strip().splitlines()[-1][:200] if text.strip() else "nothing printed"}
    return {"rate": float(rate[1]), "first": float(first[1]) if first else 0.0, "memory": memory, "busy": busy}


def of_torch(args, model, left):
    command = [sys.executable, str(HERE / "torch_step.py"), "--models", model, "--work", *args.work, "--rows", *args.rows]
    text, _, _ = watched([*command, "--seconds", str(args.seconds)], min(args.timeout, left))
    rows = {}
    for line in text.splitlines():
        if line.startswith("{"):
            row = json.loads(line)
            work = f"{row['mode']} {row['batch']}"
            rate = max(row["images_per_second"], row["queued"])
            rows[work, "torch " + row["row"]] = {"rate": rate, "first": row["first"], "memory": row["peak_mb"] / 1.048576, "busy": 0.0}
        elif line.strip():
            print("   ", line[:300], flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--step", default="target/release/examples/step", help="hema's example, built for the card")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--models", nargs="+", default=["tf_efficientnetv2_b0", "resnet18", "convnext_tiny", "tf_efficientnetv2_l"])
    parser.add_argument("--work", nargs="+", default=["train 64", "train 256", "predict 256"])
    parser.add_argument("--hema", nargs="+", choices=HEMA, default=list(HEMA))
    parser.add_argument("--rows", nargs="+", default=["fp32", "tf32", "bf16", "bf16 compiled"], help="PyTorch's, see torch_step.py")
    parser.add_argument("--steps", type=int, default=40, help="hema's, after those that do not count")
    parser.add_argument("--seconds", type=float, default=2.0, help="of PyTorch's steps in each row")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds for one process")
    parser.add_argument("--limit", type=float, default=1e9, help="seconds for all; what does not fit is left out")
    args = parser.parse_args()

    begun, table = time.time(), []
    for model in args.models:
        found = {}
        for work in args.work:
            for row in args.hema:
                found[work, row] = of_hema(args, row, model, work, max(5.0, args.limit - (time.time() - begun)))
                print(model, work, row, found[work, row], f"{time.time() - begun:.0f} s", flush=True)
        found |= of_torch(args, model, max(5.0, args.limit - (time.time() - begun)))
        table.append((model, found))
        print(model, {key: round(value.get("rate", 0)) for key, value in found.items()}, f"{time.time() - begun:.0f} s", flush=True)

    print("\n| model | work | | images/s | first step, s | card's MiB | hema's best is |\n|---|---|---|--:|--:|--:|--:|")
    for model, found in table:
        for work in args.work:
            ours = max((v.get("rate", 0.0) for (w, row), v in found.items() if w == work and row in HEMA), default=0.0)
            for (w, row), value in found.items():
                if w != work:
                    continue
                ratio = f"{ours / value['rate']:.2f}x" if row not in HEMA and value.get("rate") else ""
                cells = f"{value['rate']:.0f} | {value['first']:.1f} | {value['memory']:.0f}" if "rate" in value else f"{value['failed']} | | "
                print(f"| {model} | {work} | {row} | {cells} | {ratio} |")


main()
