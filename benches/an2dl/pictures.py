#!/usr/bin/env python3
"""Draws the pictures of docs/experiments/0001-ten-systems.md from what `benches/an2dl/run` has left below target/an2dl.

    pip install -r benches/an2dl/requirements.txt
    python benches/an2dl/pictures.py
"""

import csv
import json
import pathlib

import matplotlib
import matplotlib.pyplot as plt

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUNS = ROOT / "target/an2dl"
OUT = ROOT / "docs/pictures"

# row of the table, what it is called here, the report's hidden accuracy
SYSTEMS = [
    ("01", "1 linear", 19), ("02", "2 linear, augmented", 16), ("03", "3 CNN", 22), ("04", "4 CNN, averaged", 26),
    ("05-v2b0", "5 head, last stage", 63), ("06-v2b0", "6 the same, Lion", 64), ("08-v2b0", "8 mixes and grids", 68),
    ("09-v2b0", "9 augmented once", 84), ("10-v2b0", "10 the same, milder", 86), ("rival-v2b0", "the winner's recipe", 96.9),
    ("robust-0", "robust-v2b0", None), ("small", "robust-small", None), ("ensemble", "three robust-v2b0", None),
]
CURVES = [("03", "3 CNN"), ("05-v2b0", "5 head, last stage"), ("09b-v2b0", "9 augmented anew"), ("robust-0", "robust-v2b0"), ("small", "robust-small")]
MATRICES = [("05-v2b0", "system 5"), ("09-v2b0", "system 9"), ("small", "robust-small")]
CLEAN, DAMAGED, HIDDEN = "#1b6ca8", "#c8553d", "#8a8a8a"


def judged(name):
    path = RUNS / f"{name}.json"
    return json.loads(path.read_text())["none"] if path.exists() else None


def save(figure, name):
    OUT.mkdir(exist_ok=True)
    figure.savefig(OUT / f"{name}.svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def systems():
    """Accuracy on clean and damaged test images beside the report's on its hidden ones."""
    rows = [(title, judged(name), hidden) for name, title, hidden in SYSTEMS]
    rows = [row for row in rows if row[1]][::-1]
    figure, axes = plt.subplots(figsize=(8, 0.36 * len(rows) + 1))
    for y, (_, found, hidden) in enumerate(rows):
        clean = 100 * found["conditions"][0]["scores"]["accuracy"]
        suite = found["suites"][-1]
        low, high = (100 * bound for bound in suite["accuracy_interval"])
        axes.plot([100 * suite["accuracy"], clean], [y, y], color="#d9d9d9", zorder=1)
        axes.plot([low, high], [y, y], color=DAMAGED, linewidth=4, alpha=0.4, zorder=2)
        axes.scatter(100 * suite["accuracy"], y, color=DAMAGED, zorder=3, label="challenge suite" if y == 0 else None)
        axes.scatter(clean, y, color=CLEAN, zorder=3, label="clean" if y == 0 else None)
        if hidden:
            first = all(row[2] is None for row in rows[:y])
            axes.scatter(hidden, y, facecolor="none", edgecolor=HIDDEN, zorder=3, label="the report's hidden set" if first else None)
    axes.set_yticks(range(len(rows)), [title for title, *_ in rows])
    axes.set_xlim(0, 101)
    axes.set_xlabel("accuracy on test images, %")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower left", frameon=False)
    save(figure, "systems")


def curves():
    """Validation accuracy by epoch, clean and corrupted where the recipe looks at both."""
    figure, axes = plt.subplots(figsize=(8, 4))
    for (name, title), colour in zip(CURVES, matplotlib.colormaps["tab10"].colors):
        path = RUNS / name / "metrics.csv"
        if not path.exists():
            continue
        epochs = list(csv.DictReader(path.open()))
        for key, style, kind in [("val_accuracy", "-", "clean"), ("val_corrupted_accuracy", "--", "corrupted")]:
            values = [100 * float(epoch[key]) for epoch in epochs if epoch[key]]
            if values:
                axes.plot(range(1, len(values) + 1), values, style, color=colour, label=f"{title}, {kind}")
    axes.set_ylim(50, 100)
    axes.set_xlabel("epoch")
    axes.set_ylabel("validation accuracy, %")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    save(figure, "learning-curves")


def matrices():
    """What is taken for what under the challenge suite."""
    found = [(title, judged(name)) for name, title in MATRICES]
    found = [(title, record) for title, record in found if record]
    figure, axes = plt.subplots(1, len(found), figsize=(4.2 * len(found), 4.2), sharey=True)
    for axis, (title, record) in zip(axes, found):
        classes = record["data"]["classes"]
        conditions = [c["scores"]["confusion"] for c in record["conditions"] if c["suite"] == "challenge"]
        total = [[sum(c[i][j] for c in conditions) for j in range(len(classes))] for i in range(len(classes))]
        shares = [[100 * x / max(sum(row), 1) for x in row] for row in total]
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=100)
        for i, row in enumerate(shares):
            for j, x in enumerate(row):
                if x >= 0.5:
                    axis.text(j, i, f"{x:.0f}", ha="center", va="center", fontsize=7, color="white" if x > 50 else "black")
        axis.set_xticks(range(len(classes)), classes, rotation=90, fontsize=8)
        axis.set_yticks(range(len(classes)), classes, fontsize=8)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("named")
    axes[0].set_ylabel("is")
    save(figure, "confusion")


matplotlib.rcParams["svg.hashsalt"] = "hema"  # the same picture for the same numbers
systems()
curves()
matrices()
