"""How evenly scikit-learn's StratifiedGroupKFold spreads classes, for crates/hema-core/src/split.

    pip install numpy==2.4.6 scikit-learn==1.9.1
    python scripts/reference/sklearn_group_folds.py > crates/hema-core/tests/fixtures/group_folds.json

Each case: the images of each class in every group, the number of folds, and what scikit-learn makes of it: the mean over
classes of the standard deviation, over folds, of the share of the class's images in a fold (what it minimises itself),
the best of without and with shuffling under five seeds.
"""

import json

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold


def unevenness(counts, fold_of, folds):
    per_fold = np.stack([counts[fold_of == fold].sum(axis=0) for fold in range(folds)])
    return float(np.std(per_fold / counts.sum(axis=0), axis=0).mean())


def best(counts, folds):
    labels = np.concatenate([np.repeat(np.arange(counts.shape[1]), row) for row in counts])
    groups = np.repeat(np.arange(len(counts)), counts.sum(axis=1))
    results = []
    for shuffle, seed in [(False, None)] + [(True, seed) for seed in range(5)]:
        fold_of = np.zeros(len(counts), dtype=int)
        splitter = StratifiedGroupKFold(folds, shuffle=shuffle, random_state=seed)
        for fold, (_, val) in enumerate(splitter.split(labels, labels, groups)):
            fold_of[np.unique(groups[val])] = fold
        results.append(unevenness(counts, fold_of, folds))
    return min(results)


def main():
    rng = np.random.default_rng(0)
    cases = []
    while len(cases) < 30:
        groups, classes, folds = rng.integers(12, 60), rng.integers(2, 8), rng.integers(2, 6)
        sizes = rng.geometric(1 / rng.integers(3, 40), groups)
        mix = rng.dirichlet(np.full(classes, rng.choice([0.1, 0.5, 2.0])), groups)
        counts = np.stack([rng.multinomial(size, p) for size, p in zip(sizes, mix)])
        if counts.sum(axis=0).min() < folds:
            continue
        cases.append({"folds": int(folds), "groups": counts.tolist(), "sklearn": best(counts, folds)})
    print("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]")


main()
