"""What every peer's script shares: its command line, the timed loop and the line it prints."""

import argparse
import os
import pathlib
import resource
import statistics
import time

CACHE = pathlib.Path(__file__).resolve().parents[2] / "target/peers-cache"
THREADS = len(os.sched_getaffinity(0))
SIDE = 96
CLASSES = 8
WARM_UP = 3


def arguments(description, flags):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("mode", choices=["train", "predict"])
    parser.add_argument("model", help="a name that timm knows")
    parser.add_argument("batch", type=int)
    parser.add_argument("steps", type=int, nargs="?", default=10)
    for flag in flags:
        parser.add_argument(flag, action="store_true")
    return parser.parse_args()


def report(step, images, steps):
    """Times `step`, which works through that many images, and prints the median rate and the memory of the process."""
    with open("/proc/self/statm") as statm:
        start = int(statm.read().split()[1]) * resource.getpagesize()
    seconds = []
    for _ in range(WARM_UP + steps):
        begun = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - begun)
    rate = images / statistics.median(seconds[WARM_UP:])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts it in KiB
    print(f"{rate:.1f} images/s, peak {peak / 1e6:.0f} MB, {(peak - start) / 1e6:.0f} MB above the start")
