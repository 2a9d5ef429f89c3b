"""What the tests share: real cells, from `hema data sample`."""

from pathlib import Path

import pytest

import hema_blood


@pytest.fixture(scope="session")
def cells(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "cells"
    hema_blood.run("data", "sample", folder, on_line=lambda line: None)
    return folder


@pytest.fixture(scope="session")
def model() -> hema_blood.Model:
    return hema_blood.load("builtin")


@pytest.fixture(scope="session")
def some(cells) -> list[Path]:
    """Two cells of each class."""
    return [path for folder in sorted(cells.iterdir()) if folder.is_dir() for path in sorted(folder.iterdir())[:2]]
