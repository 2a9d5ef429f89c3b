#!/usr/bin/env python3
"""Runs a submission of `hema export --to codabench` as the platform does, and checks it.

    python3 -m venv venv && venv/bin/pip install numpy
    venv/bin/python scripts/codabench_harness.py SUBMISSION.zip IMAGES.npz

Unpacks the zip as Python's zipfile does, without the permissions in it; imports `Model` in a process of its own that starts in
that folder; and asks for the labels of the array `images`. They must be those of `hema predict`. Wrong arrays and a broken
model must end in a Python error that says why, and a program that must not run where it lies is run elsewhere.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

PLATFORM = """
import json, resource, sys, time
import numpy as np
from model import Model
X = np.load(sys.argv[1])["images"]
start = time.perf_counter()
labels = Model().predict(X)
assert labels.shape == (len(X),) and np.issubdtype(labels.dtype, np.integer), (labels.shape, labels.dtype)
megabytes = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps([labels.tolist(), time.perf_counter() - start, megabytes]))
"""

WRONG = """
import numpy as np
import model
images = np.zeros((2, 96, 96, 3))
for wrong in (images[0], images + 0.5, images - 1, images.astype(str)):
    try:
        model.Model().predict(wrong)
    except ValueError as error:
        assert "expected" in str(error)
    else:
        raise SystemExit(f"took {wrong.dtype} of the shape {wrong.shape}")
assert model.Model().predict(images[:0]).shape == (0,)
"""

# stands in for a folder that is mounted noexec
ELSEWHERE = """
import model
run = model._run
def deny(command):
    if command[0].parent == model.HERE:
        raise PermissionError("not here")
    run(command)
model._run = deny
import numpy as np
assert model.Model().predict(np.zeros((2, 96, 96, 3), np.uint8)).shape == (2,)
"""


def python(code, folder, *arguments):
    return subprocess.run([sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, text=True)


def succeeds(code, folder, *arguments):
    done = python(code, folder, *arguments)
    if done.returncode != 0:
        raise SystemExit(f"failed:\n{done.stderr}")
    return done.stdout


def expected_labels(folder, images):
    table = Path(folder, "expected.csv")
    subprocess.run(["./hema", "predict", "model.safetensors", images, "--out", table], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with table.open(newline="") as file:
        header, *rows = csv.reader(file)
    return [header.index(row[1]) - 3 for row in rows]


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    submission, images = (Path(word).resolve() for word in sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(submission) as file:
            file.extractall(folder)
        labels, seconds, (own, hemas) = json.loads(succeeds(PLATFORM, folder, str(images)))
        if labels != expected_labels(folder, images):
            raise SystemExit("the labels are not those of hema predict")
        succeeds(WRONG, folder)
        succeeds(ELSEWHERE, folder)
        os.truncate(Path(folder, "model.safetensors"), 1000)
        broken = python(PLATFORM, folder, str(images))
        if broken.returncode == 0 or "not a complete safetensors file" not in broken.stderr:
            raise SystemExit(f"a broken model is not named:\n{broken.stderr}")
    size = submission.stat().st_size / 1e6
    print(f"{len(labels)} images: the labels of hema predict, in {seconds:.1f} s, "
          f"at most {own:.0f} MB in Python and {hemas:.0f} MB in hema, from a zip of {size:.0f} MB")


if __name__ == "__main__":
    main()
