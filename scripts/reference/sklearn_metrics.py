"""Reference values of crates/hema-core/src/metrics, by scikit-learn and statsmodels.

    pip install numpy==2.4.6 scikit-learn==1.9.1 statsmodels==0.15.0
    python scripts/reference/sklearn_metrics.py > crates/hema-core/tests/fixtures/metrics.json

The calibration error, which neither library has, is written out after Guo et al. (2017).
"""

import json
import warnings

import numpy as np
from sklearn import metrics
from statsmodels.stats.proportion import proportion_confint

warnings.filterwarnings("ignore")  # absent classes are part of the test


def ece(labels, p):
    confidence, correct = p.max(axis=1), p.argmax(axis=1) == labels
    edges = np.arange(16) / 15
    total = 0.0
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            total += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    return total


def wilson(successes, trials):
    if trials == 0:
        return None
    return list(proportion_confint(int(successes), int(trials), alpha=0.05, method="wilson"))


def case(name, labels, p32):
    p = p32.astype(np.float64)
    k = p.shape[1]
    classes = np.arange(k)
    predicted = p.argmax(axis=1)
    confusion = metrics.confusion_matrix(labels, predicted, labels=classes)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        labels, predicted, labels=classes, zero_division=0
    )
    areas = [
        metrics.roc_auc_score(labels == c, p[:, c]) if 0 < (labels == c).sum() < len(labels) else None
        for c in classes
    ]
    defined = [a for a in areas if a is not None]
    one_hot = np.eye(k)[labels]
    clipped = np.clip(p, np.finfo(np.float64).eps, 1)
    return {
        "name": name,
        "classes": k,
        "labels": labels.tolist(),
        "probabilities": [float(x) for x in p.ravel()],
        "accuracy": metrics.accuracy_score(labels, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(labels, predicted),
        "macro_f1": metrics.f1_score(labels, predicted, labels=np.unique(labels), average="macro"),
        "auroc": float(np.mean(defined)) if defined else None,
        # metrics.log_loss wants rows that sum to 1 in double precision; this is what it computes for them
        "nll": float(-np.log(clipped[np.arange(len(labels)), labels]).mean()),
        "brier": float(((p - one_hot) ** 2).sum(axis=1).mean()),
        "ece": float(ece(labels, p)),
        "confusion": confusion.tolist(),
        "precision": precision.tolist(),
        "recall": recall.tolist(),
        "f1": f1.tolist(),
        "class_auroc": areas,
        "precision_interval": [wilson(confusion[c, c], confusion[:, c].sum()) for c in classes],
        "recall_interval": [wilson(confusion[c, c], confusion[c].sum()) for c in classes],
    }


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return (e / e.sum(axis=1, keepdims=True)).astype(np.float32)


def main():
    rng = np.random.default_rng(0)

    def drawn(n, k, weights=None, sharpness=2.0):
        labels = rng.choice(k, size=n, p=weights)
        return labels, softmax(rng.normal(size=(n, k)) + sharpness * np.eye(k)[labels])

    imbalance = np.array([0.3, 0.25, 0.2, 0.1, 0.08, 0.04, 0.02, 0.01])
    cases = [
        case("random", *drawn(60, 4)),
        case("two classes", *drawn(40, 2, sharpness=1.0)),
        case("eight imbalanced classes", *drawn(150, 8, weights=imbalance)),
        case("one image", *drawn(1, 3)),
    ]

    labels, p = drawn(60, 4)
    eighths = rng.integers(0, 3, size=p.shape) + 1e-9
    cases.append(case("ties", labels, (eighths / eighths.sum(axis=1, keepdims=True)).astype(np.float32)))

    labels, p = drawn(50, 4)
    cases.append(case("a class that does not occur", np.where(labels == 2, 1, labels), p))

    labels, p = drawn(50, 4)
    p[:, 3] = 0
    p /= p.sum(axis=1, keepdims=True)
    cases.append(case("a class never predicted", labels, p))

    labels, _ = drawn(40, 4)
    cases.append(case("perfect", labels, np.eye(4, dtype=np.float32)[labels]))
    cases.append(case("certain and wrong", labels, np.eye(4, dtype=np.float32)[(labels + 1) % 4]))

    labels, p = drawn(50, 8)
    cases.append(case("three of eight classes do not occur, though they are predicted", labels % 5, p))

    print(json.dumps(cases, indent=None, separators=(",", ":")))


if __name__ == "__main__":
    main()
