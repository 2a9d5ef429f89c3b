#!/usr/bin/env python3
"""Compares the label errors that hema and cleanlab find from the same out-of-fold predictions.

usage: labels.py TRUTH FINDINGS PREDICTIONS     (needs numpy and cleanlab)

TRUTH is make_faults.py's truth.csv, FINDINGS hema's findings.csv, PREDICTIONS a CSV file `path,label,<one column a class>` of
the probabilities that hema judged by. An image has a wrong label when it lies under another class than it belongs to;
damaged images count neither way.
"""

import csv
import sys

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores

COPIES = {"", "swapped", "conflict", "exact", "exact_pixels", "reencoded", "resized", "flipped", "rotated", "brightness", "cropped", "turned"}
BUDGETS = [100, 200, 300]


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def main(truth, findings, predictions):
    truth = {row["path"]: row for row in read(truth)}
    findings = [row for row in read(findings) if row["check"] == "label_error"]
    rows = [row for row in read(predictions) if truth[row["path"]]["fault"] in COPIES]
    classes = list(rows[0])[2:]
    paths = [row["path"] for row in rows]
    labels = np.array([classes.index(row["label"]) for row in rows])
    p = np.array([[float(row[name]) for name in classes] for row in rows])
    wrong = {path for path in paths if truth[path]["label"] != truth[path]["true"]}

    every = read(predictions)
    every_p = np.array([[float(row[name]) for name in classes] for row in every])
    every_labels = np.array([classes.index(row["label"]) for row in every])
    known = set(paths)

    def ranked(method):
        """Paths of the issues, most probable first."""
        chosen = find_label_issues(every_labels, every_p, filter_by=method, return_indices_ranked_by="normalized_margin")
        return [every[i]["path"] for i in chosen]

    ours = [row["path"] for row in sorted(findings, key=lambda row: float(row["score"]))]
    tools = {"hema": ours} | {f"cleanlab {m}": ranked(m) for m in ["prune_by_noise_rate", "both", "confident_learning"]}
    print(f"{len(paths)} images, {len(wrong)} wrong labels")
    print(f"{'':30} found  recall  precision   F1  " + "  ".join(f"wrong in first {n}" for n in BUDGETS))
    for tool, found in tools.items():
        found = [path for path in found if path in known]
        hits = sum(path in wrong for path in found)
        recall, precision = hits / len(wrong), hits / max(1, len(found))
        f1 = 2 * recall * precision / max(1e-9, recall + precision)
        first = "  ".join(f"{sum(path in wrong for path in found[:n]):18}" for n in BUDGETS)
        print(f"{tool:30} {len(found):5}  {recall:.3f}   {precision:.3f}    {f1:.3f}  {first}")
    accuracy = (p.argmax(1) == labels).mean()
    quality = get_label_quality_scores(labels, p, method="self_confidence")
    print(f"the predictions agree with {accuracy:.4f} of the labels; mean self-confidence {quality.mean():.3f}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
