#!/usr/bin/env python3
"""Compares what hema and its peers find in a data set with known faults, and how long they take. Start it through
`benches/audit/run`.

A copy is found when it is in one group with its original, or with another copy of it. Damage is found when a check for it
names the image. Precision of a check for copies is the share of its images that are in a group with an image of the same
picture; of a check for damage, the share of damaged images among those it names that are damaged or untouched
(an image with another fault, such as a dark one called blurred, counts neither way).
"""

import argparse
import collections
import csv
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
HEMA = HERE.parents[1] / "target/release/hema"
COPIES = ["exact", "exact_pixels", "reencoded", "resized", "flipped", "rotated", "brightness", "conflict", "cropped", "turned"]
DUPLICATES = {
    "hema": ["exact_duplicate", "near_duplicate", "altered_duplicate", "label_conflict", "foreign_cluster"],
    "cleanvision": ["exact_duplicates", "near_duplicates"],
    "fastdup": ["duplicates"],
}
DAMAGE = {  # fault: the check that should name it
    "blurred": {"hema": "blurry", "cleanvision": "blurry"},
    "dark": {"hema": "too_dark", "cleanvision": "dark"},
    "bright": {"hema": "too_bright", "cleanvision": "light"},
    "compressed": {"hema": "over_compressed"},
    "blank": {"hema": "low_information", "cleanvision": "low_information"},
    "truncated": {"hema": "unreadable", "fastdup": "unreadable"},
    "odd_size": {"hema": "odd_size", "cleanvision": "odd_size"},
    "odd_aspect": {"hema": "odd_aspect", "cleanvision": "odd_aspect_ratio"},
    "stained": {"hema": "odd_colour"},
    "swapped": {"hema": "label_error"},
}


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


class Found:
    """What a tool found: images by check, and groups of images that show the same picture."""

    def __init__(self, tool, rows):
        self.checks = collections.defaultdict(set)
        groups = collections.defaultdict(set)
        for row in rows:
            self.checks[row["check"]].add(row["path"])
            if row["check"] in DUPLICATES[tool]:
                group = groups[row["check"], row.get("group", row.get("cluster"))]
                group.update({row["path"], row.get("partner") or row["path"]})
        self.groups = {check: [] for check in DUPLICATES[tool]}
        for (check, _), members in groups.items():
            self.groups[check].append(members)


def run_hema(data, out):
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([HEMA, "audit", data, "--out", out / "hema"], check=True, capture_output=True)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return (seconds, cpu), read(out / "hema/findings.csv")


def run_peer(peer, data, out):
    table = out / f"{peer}.csv"
    done = subprocess.run([sys.executable, HERE / "peers.py", peer, data, table], capture_output=True, text=True)
    took = re.search(r"([\d.]+) seconds, ([\d.]+) of CPU", done.stdout)
    if done.returncode or not took:
        raise SystemExit(f"{peer} failed: {done.stderr.strip().splitlines()[-1:]}")
    return (float(took[1]), float(took[2])), read(table)


def picture_of(truth):
    """The original of every image: itself, unless it is a copy."""
    return {row["path"]: row["source"] or row["path"] for row in truth}


def recall_of_copies(found, fault, truth):
    picture = picture_of(truth)
    copies = [row["path"] for row in truth if row["fault"] == fault]
    right = set()
    for group in (group for groups in found.groups.values() for group in groups):
        counts = collections.Counter(picture[path] for path in group)
        right |= {path for path in group if counts[picture[path]] > 1}
    return sum(path in right for path in copies), len(copies)


def precision_of_copies(groups, truth):
    picture = picture_of(truth)
    named, right = set(), set()
    for group in groups:
        counts = collections.Counter(picture[path] for path in group)
        named |= group
        right |= {path for path in group if counts[picture[path]] > 1}
    return len(right), len(named)


def damage(found, check, fault, truth):
    """Recall and precision, each as a count and what it is of."""
    named = found.checks[check]
    damaged = {row["path"] for row in truth if row["fault"] == fault}
    untouched = {row["path"] for row in truth if row["fault"] == ""}
    right = len(named & damaged)
    return (right, len(damaged)), (right, len(named & (damaged | untouched)))


def share(counts):
    part, whole = counts
    return f"{100 * part / whole:.1f} % ({part}/{whole})" if whole else "-"


def print_table(header, rows):
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faults", type=pathlib.Path, help="what make_faults.py wrote")
    parser.add_argument("--peers", nargs="*", default=["cleanvision", "fastdup"])
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    truth, data = read(args.faults / "truth.csv"), args.faults / "data"

    tools = {"hema": lambda: run_hema(data, args.faults)}
    tools |= {peer: lambda peer=peer: run_peer(peer, data, args.faults) for peer in args.peers}
    seconds, found = collections.defaultdict(list), {}
    for number in range(args.rounds):
        for tool, audit in tools.items():
            took, rows = audit()
            seconds[tool].append(took)
            found[tool] = Found(tool, rows)
            print(f"round {number + 1}: {tool} took {took[0]:.1f} s, {took[1]:.1f} s of CPU", file=sys.stderr)

    rows = [[fault, *(share(recall_of_copies(found[tool], fault, truth)) for tool in tools)] for fault in COPIES]
    print_table(["copies found", *tools], rows)
    rows = []
    for tool in tools:
        for check, groups in found[tool].groups.items():
            if groups:
                rows.append([tool, check, share(precision_of_copies(groups, truth))])
        every = [group for groups in found[tool].groups.values() for group in groups]
        rows.append([tool, "all of them", share(precision_of_copies(every, truth))])
    print_table(["tool", "check for copies", "precision"], rows)

    rows = []
    for fault, checks in DAMAGE.items():
        row = [fault]
        for tool in tools:
            judged = damage(found[tool], checks[tool], fault, truth) if tool in checks else None
            row += map(share, judged) if judged else ["-", "-"]
        rows.append(row)
    header = ["damage", *(f"{tool} {figure}" for tool in tools for figure in ("recall", "precision"))]
    print_table(header, rows)

    def figures(tool, kind):
        """Median seconds, and how many times hema's, as the median over the rounds."""
        own, peers = ([took[kind] for took in seconds[name]] for name in ("hema", tool))
        return f"{statistics.median(peers):.1f}", f"{statistics.median(p / o for p, o in zip(peers, own)):.1f}"

    rows = [[tool, *figures(tool, 0), *figures(tool, 1)] for tool in tools]
    print_table(["tool", "seconds", "times hema's", "CPU seconds", "times hema's"], rows)


if __name__ == "__main__":
    main()
