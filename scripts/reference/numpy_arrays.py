#!/usr/bin/env python3
"""Writes the numpy archives that `hema_core::data` must read: the same three 5x4 images (width x height) in every form.

Image i has the value i * 60 + y * 15 + x * 3 + channel at row y, column x; the labels are 2, 0, 1.

usage: numpy_arrays.py crates/hema-core/tests/fixtures/numpy      (needs numpy; written with numpy 2.4.6)
"""
import pathlib
import sys

import numpy as np

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
images = np.arange(3 * 4 * 5 * 3, dtype=np.uint8).reshape(3, 4, 5, 3)
labels = np.array([2, 0, 1])

np.savez(folder / "stored.npz", images=images, labels=labels)
np.savez_compressed(folder / "deflated.npz", images=images, labels=labels[:, None].astype(np.uint8))
np.savez_compressed(folder / "fortran.npz", images=np.asfortranarray(images), labels=labels.astype(np.int32))
np.savez(folder / "fortran_float.npz", images=np.asfortranarray(images.astype(np.float32)), labels=labels)
np.savez(folder / "big_endian.npz", images=images.astype(">f8"), labels=labels.astype(">i2"))
np.savez_compressed(folder / "unit_float.npz", images=(images / 255).astype(np.float32), labels=labels)
np.savez(folder / "signed.npz", images=images.astype(np.int64), labels=labels.astype(np.int8))
np.savez(folder / "unlabelled.npz", images=images)
np.savez(folder / "objects.npz", images=np.array([{"pickled": 1}, None], dtype=object), labels=labels[:2])
np.savez_compressed(
    folder / "medmnist.npz",
    train_images=images[:1], train_labels=labels[:1, None].astype(np.uint8),
    val_images=images[1:2], val_labels=labels[1:2, None].astype(np.uint8),
    test_images=images[2:], test_labels=labels[2:, None].astype(np.uint8),
)
