"""What may be handed over as an image, sorted by how it is read."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from itertools import groupby
from typing import Any

import numpy as np

from ._errors import InvalidError

#: How a run of images is read, and the images.
Run = tuple[str, list[Any]]

DATA, FILES, PIXELS = "data", "files", "pixels"


def is_single(images: Any) -> bool:
    """Whether this is one image, and not several."""
    if isinstance(images, (str, os.PathLike, bytes, bytearray, memoryview)) or _is_pil(images):
        return True
    return isinstance(images, np.ndarray) and images.ndim in (2, 3) and images.dtype != object


def runs(images: Any) -> list[Run]:
    """Images in their order, as runs that are read alike."""
    if is_single(images):
        images = [images]
    elif not isinstance(images, Iterable):
        raise TypeError(f"{type(images).__name__} (expected images: paths, bytes, PIL images or arrays of bytes)")
    read = [_read(image, position) for position, image in enumerate(images)]
    return [(kind, [image for _, image in group]) for kind, group in groupby(read, lambda pair: pair[0])]


def _read(image: Any, position: int) -> tuple[str, Any]:
    if isinstance(image, (str, os.PathLike)):
        return DATA, os.fspath(image)
    if isinstance(image, (bytes, bytearray, memoryview)):
        return FILES, bytes(image)
    if _is_pil(image):
        return _of_pil(image)
    if hasattr(image, "__array__"):
        return PIXELS, _pixels(np.asarray(image), position)
    kind = type(image).__name__
    raise TypeError(f"image {position}: {kind} (expected a path, bytes, a PIL image or an array of bytes)")


def _is_pil(image: Any) -> bool:
    # Pillow need not be there to know that something is not its
    return any(base.__module__.startswith("PIL.") and base.__name__ == "Image" for base in type(image).__mro__)


def _of_pil(image: Any) -> tuple[str, Any]:
    if image.mode == "RGB":
        return PIXELS, np.asarray(image)
    # palettes, transparency and more than 8 bits are read as they are from files
    file = io.BytesIO()
    try:
        image.save(file, "PNG")
    except OSError:
        return PIXELS, np.asarray(image.convert("RGB"))
    return FILES, file.getvalue()


def _pixels(array: np.ndarray, position: int) -> np.ndarray:
    if array.dtype != np.uint8:
        raise InvalidError(
            f"image {position}: an array of {array.dtype} (expected uint8, 0 to 255)",
            "pictures of more than 8 bits can be given as paths or bytes of TIFF or PNG files",
        )
    if array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 1):
        array = np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise InvalidError(f"image {position}: an array of the shape {array.shape} (expected height, width, 3)")
    return array


