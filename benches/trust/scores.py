"""Scores that say how unlike training a picture is, from features and logits: the candidates that `compare` judges.

Every score is larger where a picture is stranger, and is fitted on features of training images alone. `f` stands for features (n, d), `z`
for logits (n, classes).
"""
import hashlib
import json
import struct
from pathlib import Path

import numpy as np

EPS = 1e-12


class Shown:
    """Images of a data set under one condition, as the example `trust_features` writes them."""

    def __init__(self, folder):
        folder = Path(folder)
        load = lambda name: np.load(folder / f"{name}.npy", mmap_mode="r" if name == "images" else None)
        self.f = load("features").astype(np.float64)
        self.p = load("probabilities").astype(np.float64)
        self.images, self.drawn = load("images"), load("drawn")
        self.paths = (folder.parent / "paths.txt").read_text(encoding="utf-8").split("\n")
        own = (folder.parent / "labels.txt").read_text(encoding="utf-8").split("\n")
        model = (folder.parent / "classes.txt").read_text(encoding="utf-8").split("\n")
        labels = load("labels")
        self.kinds = np.array([own[label] if label >= 0 else "" for label in labels])
        self.y = np.array([model.index(kind) if kind in model else -1 for kind in self.kinds])
        self.half = np.array([halved(path) for path in self.paths])
        drawn = folder.parent / "drawn.txt"
        self.conditions = drawn.read_text(encoding="utf-8").split("\n") if drawn.exists() else []

    def __len__(self):
        return len(self.f)

    def log_p(self):
        return np.log(np.maximum(self.p, 1e-30))

    def take(self, chosen):
        other = object.__new__(Shown)
        for name, value in vars(self).items():
            if name == "conditions":
                other.conditions = value
            elif name == "paths":
                other.paths = list(np.array(value)[chosen])
            else:
                setattr(other, name, value[chosen])
        return other


def halved(path):
    """Half of an image: 0 fits, 1 judges."""
    return hashlib.sha256(path.encode()).digest()[0] % 2


def classifier(bundle):
    """Weights (classes, d), bias and temperature of a bundle's last layer."""
    data = Path(bundle).read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    kinds = {"F32": np.float32, "F16": np.float16}

    def tensor(name):
        entry = header[name]
        start, end = (8 + length + at for at in entry["data_offsets"])
        return np.frombuffer(data[start:end], kinds[entry["dtype"]]).reshape(entry["shape"]).astype(np.float64)

    manifest = json.loads(header["__metadata__"]["hema"])
    return tensor("classifier.weight"), tensor("classifier.bias"), manifest["temperature"]


# statistics

def unit(f):
    return f / np.maximum(np.linalg.norm(f, axis=1, keepdims=True), EPS)


def log_of(values):
    return np.log(np.maximum(values, EPS))


def logsumexp(z):
    top = z.max(axis=1, keepdims=True)
    return (top + np.log(np.exp(z - top).sum(axis=1, keepdims=True)))[:, 0]


def ledoit_wolf(x):
    """Covariance of centred rows, shrunk to a multiple of the identity (Ledoit and Wolf, 2004)."""
    n, d = x.shape
    s = x.T @ x / n
    mu = np.trace(s) / d
    spread = ((s - mu * np.eye(d)) ** 2).sum() / d
    beta = min((((x**2).sum(axis=1) ** 2).sum() / n - (s**2).sum()) / (n * d), spread)
    share = beta / spread if spread > 0 else 0.0
    return (1 - share) * s + share * mu * np.eye(d), share


def half(values):
    """As a bundle keeps them: 16 bits."""
    return np.asarray(values, dtype=np.float16).astype(np.float64)


class Reduced:
    """Features in fewer dimensions: principal axes of training's, perhaps of length 1 before."""

    def __init__(self, f, dims, normed=True, centre=None):
        self.normed = normed
        g = self.before(f)
        self.mean = g.mean(axis=0) if centre is None else centre
        values, vectors = np.linalg.eigh(np.cov((g - self.mean).T, bias=True))
        self.axes = half(vectors[:, np.argsort(-values)[:dims]])
        self.mean = half(self.mean)

    def before(self, f):
        return unit(f) if self.normed else f

    def __call__(self, f):
        return (self.before(f) - self.mean) @ self.axes

    def outside(self, f):
        """Length of what lies outside the axes."""
        g = self.before(f) - self.mean
        inside = g @ self.axes
        return np.sqrt(np.maximum((g**2).sum(axis=1) - (inside**2).sum(axis=1), EPS))


class Mahalanobis:
    """Distance to the nearest class mean under one covariance, perhaps less that to the mean of all (relative)."""

    def __init__(self, f, y, relative=False):
        self.means = np.stack([f[y == c].mean(axis=0) for c in np.unique(y)])
        place = np.searchsorted(np.unique(y), y)
        centred = f - self.means[place]
        self.white = np.linalg.inv(np.linalg.cholesky(ledoit_wolf(centred)[0])).T
        self.relative = relative
        if relative:
            self.mean = f.mean(axis=0)
            self.white_all = np.linalg.inv(np.linalg.cholesky(ledoit_wolf(f - self.mean)[0])).T

    def all(self, f):
        return np.stack([(((f - mean) @ self.white) ** 2).sum(axis=1) for mean in self.means], axis=1)

    def __call__(self, f):
        nearest = self.all(f).min(axis=1)
        if self.relative:
            nearest = nearest - (((f - self.mean) @ self.white_all) ** 2).sum(axis=1)
        return nearest


def k_means(f, count, seed=0, rounds=15):
    rng = np.random.default_rng(seed)
    centres = f[rng.choice(len(f), min(count, len(f)), replace=False)]
    for _ in range(rounds):
        near = (((f**2).sum(axis=1)[:, None] - 2 * f @ centres.T + (centres**2).sum(axis=1)[None])).argmin(axis=1)
        centres = np.stack([f[near == c].mean(axis=0) if (near == c).any() else centres[c] for c in range(len(centres))])
    return centres


class CoreSet:
    """Distance to the k-th nearest of a few centres of every class."""

    def __init__(self, f, y, per_class=40, k=1):
        self.centres = np.concatenate([k_means(f[y == c], per_class) for c in np.unique(y)])
        self.k = k

    def __call__(self, f):
        squares = (f**2).sum(axis=1)[:, None] - 2 * f @ self.centres.T + (self.centres**2).sum(axis=1)[None]
        return np.sqrt(np.maximum(np.partition(squares, self.k - 1, axis=1)[:, self.k - 1], EPS))


# scores of logits

def max_softmax(z):
    return 1 - np.exp(z.max(axis=1) - logsumexp(z))


def energy(z):
    return -logsumexp(z)


def max_logit(z):
    return -z.max(axis=1)


def gen(z, gamma=0.1):
    p = np.exp(z - logsumexp(z)[:, None])
    return (p**gamma * (1 - p) ** gamma).sum(axis=1)


def fdbd(f, z, w, mean):
    """Mean distance to the decision boundaries, over the distance to training's mean, negated."""
    top = z.argmax(axis=1)
    total = np.zeros(len(f))
    for c in range(z.shape[1]):
        other = top != c
        gap = np.linalg.norm(w[top[other]] - w[c], axis=1)
        total[other] += (z[other, top[other]] - z[other, c]) / gap
    return -total / (z.shape[1] - 1) / np.linalg.norm(f - mean, axis=1)


class NnGuide:
    def __init__(self, f, y, z, per_class=40, k=10):
        picked = np.concatenate([np.random.default_rng(0).permutation(np.flatnonzero(y == c))[:per_class] for c in np.unique(y)])
        self.bank, self.k = unit(f[picked]) * logsumexp(z[picked])[:, None], k

    def __call__(self, f, z):
        like = unit(f) @ self.bank.T
        return -logsumexp(z) * np.partition(like, -self.k, axis=1)[:, -self.k:].mean(axis=1)


# figures

def auroc(known, unknown):
    """Chance that an unknown scores above a known one, ties half."""
    both = np.concatenate([known, unknown])
    order = np.argsort(both, kind="stable")
    ranks = np.empty(len(both))
    values = both[order]
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    ends = np.r_[starts[1:], len(values)]
    for start, end in zip(starts, ends):
        ranks[order[start:end]] = (start + end + 1) / 2
    return (ranks[len(known):].sum() - len(unknown) * (len(unknown) + 1) / 2) / (len(known) * len(unknown))


def fpr95(known, unknown):
    """Share of unknowns that pass at the threshold which 95 % of the known pass."""
    return (unknown <= np.quantile(known, 0.95)).mean()


def threshold(known, share=0.01):
    return np.quantile(known, 1 - share, method="higher")
