"""Answers about images, a value for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._hema import Answers as _Columns

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, repr=False)
class Answers:
    """Answers about images, in their order: a value for each image in every attribute.

    An image that could not be read (with `on_bad_image="skip"`) has a row too: its label is None, its numbers
    are NaN, and `reason` says what was wrong with it.
    """

    #: Names of the classes, in the order of the columns of `probabilities`.
    classes: list[str]
    #: Path of each image within its input; empty for images in memory.
    paths: list[str]
    #: Name of the most probable class.
    labels: list[str | None]
    #: Position of the most probable class in `classes`; -1 of an image that could not be read.
    class_indices: NDArray[np.int64]
    #: Probability of every class, [images, classes].
    probabilities: NDArray[np.float32]
    #: Whether a person should look at the image; None of a model that carries no thresholds for it.
    refer: list[bool | None]
    #: Why a person should: `low-confidence`, `ambiguous`, `unlike-training`, `poor-image`, `excluded-class` or
    #: `unreadable`, some with details behind a colon.
    reason: list[str | None]
    #: Name of the second most probable class.
    runner_up: list[str | None]
    #: How unlike training's cells each is: above 1 as the strangest of a hundred clean ones.
    unlike: NDArray[np.float32]
    #: How poor each picture is: above 1 as the poorest of a hundred damaged ones.
    poor: NDArray[np.float32]
    #: Probability of the classes that the model was told not to choose.
    excluded: NDArray[np.float32]
    #: Classes that hold the right one with the level asked for, the most probable first.
    sets: list[list[str]] | None
    #: The model's path and checksum.
    model: str
    #: By what answers are believed, in words.
    criterion: str | None
    #: The factor that fields of view were rescaled by, where that was asked for.
    rescale: float | None
    #: What was left out of the inputs, and what was assumed of them, in words.
    notes: list[str]
    _limited: bool

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        referred = sum(bool(refer) for refer in self.refer)
        return f"<{len(self)} answers of {self.model}, {referred} for a person to look at>"

    @property
    def confidence(self) -> NDArray[np.float32]:
        """Probability of the most probable class."""
        if len(self) == 0:
            return np.zeros(0, dtype=np.float32)
        return self.probabilities.max(axis=1)

    def to_dict(self) -> dict[str, Any]:
        """The columns of the table of `hema predict`, by name."""
        columns: dict[str, Any] = {"path": self.paths, "label": self.labels, "probability": self.confidence}
        columns |= {name: self.probabilities[:, i] for i, name in enumerate(self.classes)}
        columns |= {"refer": self.refer, "reason": self.reason, "runner_up": self.runner_up}
        columns |= {"unlike": self.unlike, "poor": self.poor, "model": [self.model] * len(self)}
        if self.sets is not None:
            columns["set"] = ["|".join(names) for names in self.sets]
        if self._limited:
            columns["excluded"] = self.excluded
        if self.rescale is not None:
            columns["rescale"] = [self.rescale] * len(self)
        return columns

    def to_pandas(self) -> pandas.DataFrame:
        """The table of `hema predict` as a data frame. Needs pandas."""
        import pandas

        frame = pandas.DataFrame(self.to_dict())
        return frame.astype({"refer": "boolean"})


def joined(parts: Sequence[_Columns], classes: list[str], model: str, limited: bool) -> Answers:
    """Answers of one call after another as those of one."""

    def named(index: int) -> str | None:
        return classes[index] if index >= 0 else None

    def array(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])

    class_indices = array("class_")
    reason = [why for part in parts for why in part.reason]
    refer = [why is not None if part.refers or why is not None else None for part in parts for why in part.reason]
    sets = [[classes[i] for i in one] for part in parts for one in part.sets or []]
    return Answers(
        classes=classes,
        paths=[path for part in parts for path in part.paths],
        labels=[named(index) for index in class_indices],
        class_indices=class_indices,
        probabilities=array("probabilities"),
        refer=refer,
        reason=reason,
        runner_up=[named(index) for index in array("runner_up")],
        unlike=array("unlike"),
        poor=array("poor"),
        excluded=array("excluded"),
        sets=None if parts[0].sets is None else sets,
        model=model,
        criterion=next((part.criterion for part in parts if part.criterion), None),
        rescale=next((part.rescale for part in parts if part.rescale is not None), None),
        notes=[note for part in parts for note in part.notes],
        _limited=limited,
    )
