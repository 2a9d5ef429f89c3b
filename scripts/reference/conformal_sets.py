"""Reference values of crates/hema-core/src/trust/conformal, by MAPIE and crepes.

    pip install numpy==2.4.6 scikit-learn==1.9.1 mapie==1.6.0 crepes==0.9.1
    python scripts/reference/conformal_sets.py > crates/hema-core/tests/fixtures/conformal.json

Probabilities are multiples of 2^-20, so that single precision holds them exactly. MAPIE subtracts a random part of the
class's own probability where Hema adds the rest of it: its draw is 1 less ours. The penalty of RAPS is written out after Angelopoulos et al.
(2021).
"""

import json

import numpy as np
from crepes import ConformalClassifier
from crepes.extras import hinge
from mapie.classification import SplitConformalClassifier
from mapie.conformity_scores import APSConformityScore
from sklearn.base import BaseEstimator, ClassifierMixin

LEVEL, CLASSES, SEED = 0.9, 4, 3


class Given(ClassifierMixin, BaseEstimator):
    """A classifier whose features are its probabilities."""

    def fit(self, x, y):
        self.classes_ = np.arange(CLASSES)
        self.is_fitted_ = True
        return self

    def predict_proba(self, x):
        return np.asarray(x)

    def predict(self, x):
        return np.asarray(x).argmax(axis=1)


def drawn(rng, n):
    labels = rng.choice(CLASSES, size=n, p=[0.4, 0.3, 0.2, 0.1])
    logits = rng.normal(size=(n, CLASSES)) + 1.5 * np.eye(CLASSES)[labels]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    p = np.round(p * 2**20) / 2**20
    p[np.arange(n), p.argmax(axis=1)] += 1 - p.sum(axis=1)
    return labels, p


def main():
    rng = np.random.default_rng(0)
    (labels, p), (_, new) = drawn(rng, 150), drawn(rng, 40)
    model = Given().fit(p, labels)

    lac = SplitConformalClassifier(model, confidence_level=LEVEL, conformity_score="lac", prefit=True)
    lac.conformalize(p, labels)
    _, lac_sets = lac.predict_set(new)

    aps = APSConformityScore()
    aps.classes, aps.random_state = np.arange(CLASSES), SEED
    aps_scores = aps.get_conformity_scores(labels, p, y_enc=labels)
    ranks = aps.cutoff.ravel()
    raps_scores = aps_scores.ravel() + 0.01 * np.maximum(ranks - 1, 0)

    def crepes_sets(own, classes):
        conformal = ConformalClassifier().fit(hinge(p[own], np.arange(CLASSES), labels[own]))
        return conformal.predict_set(hinge(new)[:, classes], confidence=LEVEL, smoothing=False)

    every, each = np.full(len(p), True), range(CLASSES)
    crepes_class_sets = np.hstack([crepes_sets(labels == c, [c]) for c in each])
    draws = 1 - np.random.RandomState(SEED).uniform(size=len(p))
    fixture = {
        "level": LEVEL,
        "probabilities": p.tolist(),
        "labels": labels.tolist(),
        "draws": draws.tolist(),
        "new": new.tolist(),
        "lac_sets": lac_sets[:, :, 0].astype(bool).tolist(),
        "aps_scores": aps_scores.ravel().tolist(),
        "raps_scores": raps_scores.ravel().tolist(),
        "crepes_sets": np.asarray(crepes_sets(every, list(each))).astype(bool).tolist(),
        "crepes_class_sets": crepes_class_sets.astype(bool).tolist(),
    }
    print(json.dumps(fixture, separators=(",", ":")))


if __name__ == "__main__":
    main()
