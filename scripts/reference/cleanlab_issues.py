"""Reference values of crates/hema-core/src/audit/confident.rs, by cleanlab.

    pip install cleanlab==2.9.0 numpy==2.4.6
    python scripts/reference/cleanlab_issues.py     (writes crates/hema-core/tests/fixtures/cleanlab_issues.json)

Probabilities are of a model that is right most of the time, rounded to 4 digits; labels are the truth
with errors, evenly spread or between two classes only.
"""

import json
import pathlib

import numpy as np
from cleanlab.filter import find_label_issues

OUT = pathlib.Path(__file__).parents[2] / "crates/hema-core/tests/fixtures/cleanlab_issues.json"
METHODS = ["prune_by_noise_rate", "both"]


def case(seed, sizes, error_rate, sharpness, paired):
    rng = np.random.default_rng(seed)
    classes = len(sizes)
    truth = np.repeat(np.arange(classes), sizes)
    labels = truth.copy()
    wrong = rng.random(len(truth)) < error_rate
    shift = np.where(paired, 1, rng.integers(1, classes, len(truth)))
    labels[wrong] = (labels[wrong] + shift[wrong]) % classes
    logits = rng.normal(size=(len(truth), classes)) + sharpness * np.eye(classes)[truth]
    p = np.exp(logits)
    p = (p / p.sum(1, keepdims=True)).round(4).astype(np.float32)
    found = {
        m: np.flatnonzero(find_label_issues(labels, p.astype(float), filter_by=m, n_jobs=1)).tolist() for m in METHODS
    }
    probabilities = [[float(str(v)) for v in row] for row in p]
    return dict(labels=labels.tolist(), probabilities=probabilities, **found)


cases = [
    case(0, [60, 40, 20], 0.1, 3.0, False),
    case(1, [30, 30, 30, 30], 0.2, 2.0, True),
    case(2, [80, 6, 3], 0.15, 2.5, False),
    case(3, [25, 50], 0.05, 1.0, False),
]
OUT.write_text("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
print(OUT.stat().st_size, "bytes;", [{m: len(c[m]) for m in METHODS} for c in cases])
