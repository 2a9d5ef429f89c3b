"""Many machines, by Ray: `Classify` for `map_batches` of Ray Data, and `trainable` for Ray Tune.

The engine is Ray's: it deals out the rows, restarts what dies, and knows the cluster. Here is what one of its
actors does.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ._doors import train
from ._model import load


class Classify:
    """An actor that classifies picture files: for `dataset.map_batches(Classify, batch_size=256, ...)`.

        rows = ray.data.read_binary_files("s3://cells/", include_paths=True)
        rows.map_batches(
            Classify,
            fn_constructor_kwargs={"model": "builtin"},
            batch_size=256,
            compute=ray.data.ActorPoolStrategy(size=2),
            num_cpus=1,
        ).write_parquet("predictions/")

    A batch needs a column of picture files as bytes, or as Hugging Face keeps them, with `bytes` and `path`.
    Every other column stays, and these are added: `label`, `probability`,
    `probabilities`, `refer`, `reason`, `runner_up`, `unlike`, `poor`, `model`. A picture that
    cannot be read has a row with its `reason` and without an answer.

    Args:
        model: as for `hema_blood.load`: a path that every machine has, or `builtin`. The path and not the
            model is handed to actors, which open it once.
        column: the column of picture files, which is not handed on.
        threads: threads of an actor; by default as many processors as Ray has granted it.
        classify: what `Model.classify` is asked, as `{"max_refer": 0.05}`.
        options: further options of `hema_blood.load`.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = "builtin",
        *,
        column: str = "bytes",
        threads: int | None = None,
        classify: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        options.setdefault("on_bad_image", "skip")
        self._model = load(model, threads=threads or _granted(), **options)
        self._column = column
        self._classify = dict(classify or {})

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        if self._column not in batch:
            raise KeyError(f"no column {self._column!r} in a batch of {', '.join(map(repr, batch))}")
        answers = self._model.classify([_file(image) for image in batch[self._column]], **self._classify)
        added = answers.to_dict()
        del added["path"]
        for name in answers.classes:
            del added[name]
        added["probabilities"] = answers.probabilities
        kept = {name: column for name, column in batch.items() if name != self._column}
        return kept | {name: _column(values) for name, values in added.items()}


def trainable(
    recipe: str | os.PathLike[str],
    data: str | os.PathLike[str],
    *,
    set: Mapping[str, Any] | None = None,
    **options: Any,
) -> Callable[[dict[str, Any]], None]:
    """A function for `ray.tune.Tuner`: trains by a recipe with the values of a trial and reports every epoch.

        tuner = tune.Tuner(
            tune.with_resources(trainable("cnn", "/data/cells.tar"), {"cpu": 2}),
            param_space={"stage.0.lr": tune.loguniform(1e-4, 1e-2)},
            tune_config=tune.TuneConfig(metric="val_corrupted_accuracy", mode="max", num_samples=8),
        )

    A trial's configuration overrides values of the recipe by their keys. Every row of `metrics.csv` is
    reported; a trial that a scheduler ends is stopped where it is.

    Args:
        recipe: a shipped recipe or a TOML file.
        data: labelled images, at a path that every machine has.
        set: values of the recipe that are the same in all trials.
        options: further options of `hema train`.
    """
    # trials work in folders of their own, where a relative path would mean something else
    data = str(data) if "://" in str(data) else str(Path(data).absolute())
    recipe = str(Path(recipe).absolute()) if Path(recipe).exists() else str(recipe)

    def trial(config: dict[str, Any]) -> None:
        from ray import tune

        with tempfile.TemporaryDirectory() as folder:
            train(
                recipe,
                data,
                Path(folder) / "run",
                set={**(set or {}), **config},
                on_epoch=lambda row: tune.report(row),
                on_line=lambda line: None,
                **options,
            )

    return trial


def _granted() -> int | None:
    """Processors that Ray has granted this actor; None outside of one."""
    try:
        import ray
    except ImportError:
        return None
    if not ray.is_initialized():
        return None
    granted = ray.get_runtime_context().get_assigned_resources().get("CPU", 0)
    return max(1, int(granted))


def _file(image: Any) -> bytes:
    """The bytes of a picture file."""
    return bytes(image["bytes"]) if isinstance(image, Mapping) else bytes(image)


def _column(values: Any) -> Any:
    """A column as Ray keeps it: text and truth values that may be missing are objects."""
    return values if isinstance(values, np.ndarray) else np.array(values, dtype=object)
