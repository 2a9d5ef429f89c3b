#!/usr/bin/env python3
"""Audits a folder with a peer: writes what it finds as CSV and prints the seconds it took, of the clock and of all
processors together, imports left out.

usage: peers.py cleanvision|fastdup DATA OUT.csv

Columns: path under DATA, check (the peer's own name), group (a number that images found together share).
Images that cannot be decoded are hidden from cleanvision, which would stop at the first.
"""

import csv
import os
import pathlib
import resource
import sys
import tempfile
import time

CORES = os.cpu_count()
NEAR = 0.96  # fastdup's default for its connected components


def pictures(data):
    return sorted(path for path in data.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))


def decodable(path):
    from PIL import Image

    try:
        Image.open(path).load()
    except OSError:
        return False
    return True


def now():
    """Seconds of the clock, and of all processors together."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return time.perf_counter(), sum(usage.ru_utime + usage.ru_stime for usage in used)


def cleanvision(data):
    from cleanvision import Imagelab

    paths = [str(path) for path in pictures(data) if decodable(path)]
    start = now()
    lab = Imagelab(filepaths=paths)
    lab.find_issues(n_jobs=CORES, verbose=False)
    end = now()
    rows = []
    for issue in (name for name in lab.issues if name.startswith("is_") and "duplicates" not in name):
        rows += [(path, issue.removeprefix("is_").removesuffix("_issue"), "") for path in lab.issues.index[lab.issues[issue]]]
    for check in ("exact_duplicates", "near_duplicates"):
        for group, members in enumerate(lab.info[check]["sets"]):
            rows += [(path, check, group) for path in members]
    return start, end, rows


def fastdup(data):
    import fastdup as library

    with tempfile.TemporaryDirectory() as work:
        start = now()
        run = library.create(input_dir=str(data), work_dir=work)
        run.run(overwrite=True, num_threads=CORES, verbose=False)
        end = now()
        rows = [(path, "unreadable", "") for path in run.invalid_instances()["filename"]]
        pairs = run.similarity()
        for group, pair in enumerate(pairs[pairs["distance"] >= NEAR].itertuples()):
            rows += [(path, "duplicates", group) for path in (pair.filename_from, pair.filename_to)]
    return start, end, rows


def main():
    peer, data, out = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
    start, end, rows = {"cleanvision": cleanvision, "fastdup": fastdup}[peer](data)
    with open(out, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "check", "group"])
        for path, check, group in rows:
            writer.writerow([pathlib.Path(path).resolve().relative_to(data.resolve()), check, group])
    print(f"\n{end[0] - start[0]:.2f} seconds, {end[1] - start[1]:.2f} of CPU")


if __name__ == "__main__":
    main()
