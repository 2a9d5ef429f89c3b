"""Blood-cell image classifiers that keep working when the images get worse.

    >>> from hema_blood import load
    >>> model = load("builtin")
    >>> model.predict("cells/")

`load` opens a trained model, `train`, `evaluate` and `audit` are doors to the commands of those names, and
`hema_blood.ray` classifies and searches on a cluster.
"""

from __future__ import annotations

from ._answers import Answers
from ._doors import audit, evaluate, run, train
from ._errors import (
    AlreadyExistsError,
    HemaError,
    InvalidError,
    IoError,
    NotFoundError,
    UnreadableError,
    UnsupportedError,
)
from ._hema import __version__
from ._model import Model, load

__all__ = [
    "AlreadyExistsError",
    "Answers",
    "HemaError",
    "InvalidError",
    "IoError",
    "Model",
    "NotFoundError",
    "UnreadableError",
    "UnsupportedError",
    "__version__",
    "audit",
    "evaluate",
    "load",
    "run",
    "train",
]
