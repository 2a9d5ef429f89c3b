"""Doors to the commands: each runs in a process of its own, which Ctrl-C stops as it stops the command."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ._errors import HemaError
from ._model import Model, load


def run(*words: Any, on_line: Callable[[str], None] | None = None) -> Any:
    """Runs a command of `hema`, as in `run("list", "recipes")`, and gives its result as parsed JSON.

    What the command says while it works goes line by line to `on_line`, by default to `sys.stderr`. A command
    that finds the data or the model wanting (status 1) gives its result too.

    Raises:
        HemaError: the command failed.
        KeyboardInterrupt: it was interrupted; what it saves then is saved.
    """
    command = [sys.executable, "-m", "hema_blood", "--json", *map(_word, words)]
    tell = on_line or _to_stderr
    # what is large enough to fill a pipe must not wait for a reader that reads the other one
    with tempfile.TemporaryFile() as result:
        process = subprocess.Popen(command, stdout=result, stderr=subprocess.PIPE, start_new_session=True)
        lines: list[str] = []
        try:
            for line in _lines(process.stderr):
                lines.append(line)
                del lines[:-50]
                tell(line)
            status = process.wait()
        except BaseException:
            _interrupt(process)
            raise
        if status == 130:
            raise KeyboardInterrupt
        result.seek(0)
        text = result.read().decode()
    if status == 0 or (status == 1 and text.strip()):
        return json.loads(text) if text.strip() else None
    raise _failure(lines, status)


def train(
    recipe: str | os.PathLike[str],
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    set: Mapping[str, Any] | None = None,
    resume: bool = False,
    on_epoch: Callable[[dict[str, Any]], None] | None = None,
    on_line: Callable[[str], None] | None = None,
    **options: Any,
) -> Run:
    """Trains a model by a recipe, as `hema train` does.

    Args:
        recipe: a shipped recipe (`run("list", "recipes")`) or a TOML file.
        data: labelled images in any form.
        out: folder of the run.
        set: values of the recipe to override, by their keys, as in `{"seed": 1, "stage.0.epochs": 3}`.
        resume: goes on with the run in `out`, to the same weights as if it had never stopped.
        on_epoch: called with the row of `metrics.csv` of every epoch that ends. What it raises ends the
            training as Ctrl-C does: it can be resumed.
        on_line: called with every line that the command says.
        options: further options of the command, as `split="split.csv"` or `save_every=5`.

    Raises:
        HemaError: the recipe, the data or the folder cannot be used, or the training diverged.
    """
    words = ["train", "--out", out]
    words += ["--resume"] if resume else ["--recipe", recipe, "--data", data]
    words += [part for key, value in (set or {}).items() for part in ("--set", f"{key}={_toml(value)}")]
    metrics, told = Path(out) / "metrics.csv", 0
    if resume:
        told = len(_rows(metrics))

    def tell_epochs() -> None:
        nonlocal told
        for row in _rows(metrics)[told:]:
            told += 1
            if on_epoch:
                on_epoch(row)

    def tell(line: str) -> None:
        (on_line or _to_stderr)(line)
        tell_epochs()

    record = run(*words, *_options(options), on_line=tell)
    tell_epochs()
    return Run(Path(out), record)


@dataclass(frozen=True)
class Run:
    """A finished training."""

    #: Its folder, with the best model, the metrics, the card and the report.
    folder: Path
    #: The evaluation of the best model, or the summary of several runs.
    record: dict[str, Any]

    def model(self, **options: Any) -> Model:
        """Opens its best model, see `load`."""
        return load(self.folder, **options)

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The row of every epoch."""
        return _rows(self.folder / "metrics.csv")


def evaluate(
    model: str | os.PathLike[str],
    data: str | os.PathLike[str],
    *,
    on_line: Callable[[str], None] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Judges a model on labelled images, unchanged and degraded, as `hema evaluate` does: gives the record.

    Args:
        model: as for `load`.
        data: labelled images in any form.
        options: options of the command, as `suite="challenge"`, `part="test"` or `out="judged"`.
    """
    return run("evaluate", model, "--data", data, *_options(options), on_line=on_line)


def audit(
    data: str | os.PathLike[str],
    *,
    on_line: Callable[[str], None] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Finds what is wrong with a data set, as `hema audit` does: gives the record.

    Args:
        data: images in any form.
        options: options of the command, as `model="builtin"` or `out="audit"`.
    """
    return run("audit", data, *_options(options), on_line=on_line)


def _word(word: Any) -> str:
    return os.fspath(word) if isinstance(word, (str, os.PathLike)) else str(word)


def _options(options: Mapping[str, Any]) -> Iterator[str]:
    """Words of options: a flag for True, one option for each value of a list."""
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        if value is True:
            yield option
        elif value is not None and value is not False:
            values: Iterable[Any] = value if isinstance(value, (list, tuple)) else [value]
            for one in values:
                yield from (option, _word(one))


def _toml(value: Any) -> str:
    """A value as TOML has it; text that is no word of its own in quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_inner(one)}" for key, one in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_inner(one) for one in value) + "]"
    return str(value)


def _inner(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else _toml(value)


def _lines(stream: IO[bytes] | None) -> Iterator[str]:
    for line in stream or ():
        yield line.decode(errors="replace").rstrip("\n")


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    """Lets a command save what it can, and waits for it."""
    process.send_signal(signal.SIGINT)
    reader = threading.Thread(target=lambda: list(_lines(process.stderr)), daemon=True)
    reader.start()
    try:
        process.wait()
    except BaseException:
        # asked once more: what was saved last is what remains
        process.kill()
        process.wait()
        raise


def _failure(lines: list[str], status: int) -> HemaError:
    """The error of a command, of what it said last."""
    starts = [i for i, line in enumerate(lines) if line.startswith("error: ")]
    if not starts:
        return HemaError(lines[-1] if lines else f"hema ended with status {status}")
    said = lines[starts[-1] :]
    hints = [line.removeprefix("hint: ") for line in said if line.startswith("hint: ")]
    message = [line for line in said if not line.startswith("hint: ")]
    return HemaError("\n".join(message).removeprefix("error: "), hints[0] if hints else None)


def _rows(metrics: Path) -> list[dict[str, Any]]:
    """Rows of a table of metrics, numbers as numbers."""
    if not metrics.exists():
        return []

    def value(text: str) -> Any:
        try:
            return float(text)
        except ValueError:
            return text

    with metrics.open(newline="") as file:
        return [{name: value(text) for name, text in row.items()} for row in csv.DictReader(file)]
