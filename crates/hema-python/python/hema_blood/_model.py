"""Trained models."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _inputs
from ._answers import Answers, joined
from ._errors import InvalidError
from ._hema import Answers as Columns
from ._hema import Classifier


def load(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = "builtin",
    *,
    device: str = "cpu",
    tta: str | None = None,
    among: Iterable[str] = (),
    adapt_prevalence: bool = False,
    precision: str = "fp32",
    on_bad_image: str = "fail",
    white: float | None = None,
    rescale: str | float | None = None,
    threads: int | None = None,
    memory: int | None = None,
) -> Model:
    """Opens a trained model.

    Args:
        path: `builtin` (the model in the box), a model file, a run's folder, a folder of timm's, or several of
            these for an ensemble.
        device: where networks are computed.
        tta: views of each image to average over, as `hema list tta` names them; by default the model's own.
        among: classes that can occur, among which it chooses; by default all that it knows.
        adapt_prevalence: weighs each class by how often it seems to occur among all images of a call.
        precision: `fp32`, `bf16` or `auto`, the faster one.
        on_bad_image: `fail`, or `skip`: images that cannot be read have rows without an answer.
        white: the number that is white in images of more than 8 bits.
        rescale: factor for the field of view, or `auto`.
        threads: threads that a call computes on; by default one for each core, or what `RAYON_NUM_THREADS`
            says. Models with the same number share them, and a process that was forked gets its own.
        memory: most bytes of decoded images to keep.

    Raises:
        NotFoundError: there is nothing at the path.
        InvalidError: it is no model, or an option has a value that makes no sense.
    """
    paths = [path] if isinstance(path, (str, os.PathLike)) else list(path)
    options = {
        "device": device,
        "tta": tta,
        "among": [among] if isinstance(among, str) else list(among),
        "adapt_prevalence": adapt_prevalence,
        "precision": precision,
        "on_bad_image": on_bad_image,
        "white": white,
        "rescale": None if rescale is None else str(rescale),
        "threads": threads,
        "memory": memory,
    }
    return Model([os.fspath(path) for path in paths], options)


class Model:
    """A trained model, opened by `load`: asked as often as wanted, by any thread, without the interpreter's lock.

    Images are whatever holds some: paths of pictures, folders, archives and tables (a path may hold many
    images), picture files as bytes, PIL images, arrays of bytes [height, width, 3] or [images, height, width,
    3], or a list of these. It is pickled as its path, and refuses to be another model where it is unpickled.
    """

    def __init__(self, paths: list[str], options: dict[str, Any], checksums: list[int] | None = None) -> None:
        self._paths, self._options = paths, options
        self._classifier = Classifier(paths, options)
        if checksums is not None and checksums != self._classifier.checksums:
            raise InvalidError(
                f"{', '.join(paths)}: another model than was pickled (checksums {self._classifier.checksums}, "
                f"expected {checksums})"
            )

    @property
    def classes_(self) -> NDArray[np.str_]:
        """Names of the classes, in the order of the columns of `predict_proba`."""
        return np.array(self._classifier.classes)

    @property
    def name(self) -> str:
        """Its path and checksum, as results name it."""
        return self._classifier.called

    def predict(self, images: Any) -> NDArray[Any]:
        """Name of the most probable class of each image; None of an image that could not be read."""
        answers = self.classify(images)
        unread = None in answers.labels
        return np.array(answers.labels, dtype=object if unread else None) if len(answers) else np.array([], dtype=str)

    def predict_proba(self, images: Any) -> NDArray[np.float32]:
        """Probability of every class, [images, classes]."""
        return self.classify(images).probabilities

    def __call__(
        self, images: Any, top_k: int | None = None
    ) -> list[dict[str, Any]] | list[list[dict[str, Any]]]:
        """Classes with their scores, best first, as pipelines of Hugging Face give them: a list of dictionaries
        for one image, and a list of such lists for several.

        Args:
            top_k: how many classes; by default all.
        """
        answers = self.classify(images)
        ranked = [
            [
                {"label": answers.classes[i], "score": float(row[i])}
                for i in np.argsort(-row, kind="stable")[:top_k]
                if not np.isnan(row[i])
            ]
            for row in answers.probabilities
        ]
        return ranked[0] if _inputs.is_single(images) and len(ranked) == 1 else ranked

    def classify(
        self,
        images: Any,
        *,
        sure: float | None = None,
        max_refer: float | None = None,
        max_risk: float | None = None,
        confidence: float = 0.95,
        sets: float | None = None,
        sets_by: str = "lac",
    ) -> Answers:
        """Everything that the model can say of images: classes, probabilities, which of them a person should
        look at, and why.

        Args:
            sure: lowest probability that is believed.
            max_refer: share of images like training's that are referred at most; by default 0.03 of a model
                that carries thresholds.
            max_risk: largest share of wrong names among the images that are not referred, promised with the
                `confidence`. One of these three at most.
            sets: probability with which a set of classes holds the right one.
            sets_by: how sets are made, as `hema list sets` names it.

        Raises:
            InvalidError: an image that cannot be read, or a wish that the model cannot meet.
        """
        question = {
            "sure": sure,
            "max_refer": max_refer,
            "max_risk": max_risk,
            "confidence": confidence,
            "sets": sets,
            "sets_by": sets_by,
        }
        ask: dict[str, Callable[..., Columns]] = {
            _inputs.DATA: self._classifier.classify_data,
            _inputs.FILES: self._classifier.classify_files,
            _inputs.PIXELS: self._classifier.classify_pixels,
        }
        runs = _inputs.runs(images)
        if len(runs) > 1 and (self._options["adapt_prevalence"] or self._options["rescale"] == "auto"):
            kinds = ", ".join(kind for kind, _ in runs)
            raise InvalidError(f"images of several kinds ({kinds}) where all are judged together (expected one)")
        parts = [ask[kind](some, question) for kind, some in runs] or [ask[_inputs.PIXELS]([], question)]
        answers = joined(parts, self._classifier.classes, self.name, self._classifier.limits)
        for note in answers.notes:
            warnings.warn(note, stacklevel=2)
        return answers

    def __reduce__(self):
        return (Model, (self._paths, self._options, self._classifier.checksums))

    def __repr__(self) -> str:
        return f"<model {self.name} for {', '.join(self._classifier.classes)}>"
