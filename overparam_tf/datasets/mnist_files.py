"""The files of MNIST: the four published idx files, or Keras's mnist.npz, and their checksums."""

from __future__ import annotations

import os.path
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from overparam_tf.datasets.idx import idx_sha256, read_idx
from overparam_tf.datasets.npz import read_npz
from overparam_tf.errors import DataError

NPZ = "mnist.npz"
# The names of the arrays: the publisher's, with the number of their dimensions, and Keras's.
IDX_NAMES = {
    "train_x": ("train-images", 3),
    "train_y": ("train-labels", 1),
    "test_x": ("t10k-images", 3),
    "test_y": ("t10k-labels", 1),
}
NPZ_NAMES = {"train_x": "x_train", "train_y": "y_train", "test_x": "x_test", "test_y": "y_test"}
# Checksums of the published idx files, unpacked.
SHA256 = {
    "train_x": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train_y": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "test_x": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "test_y": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def mnist_files(folder: Path) -> list[Path]:
    """Return the files of MNIST in a folder.

    An idx file may be called `train-images-idx3-ubyte` or `train-images.idx3-ubyte`, with or
    without `.gz`.

    Args:
        folder: The folder; it need not exist.

    Returns:
        The four idx files in the order of IDX_NAMES, else mnist.npz alone, else an empty list.

    Raises:
        DataError: If some of the four are there, but not all, and there is no mnist.npz.
    """
    idx_files, missing = [], []
    for array in IDX_NAMES:
        names = _idx_names(array)
        file = _first_file(folder, names)
        if file is None:
            missing.append(names[0])
        else:
            idx_files.append(file)
    if not missing:
        return idx_files
    npz = _first_file(folder, [NPZ])
    if npz is not None:
        return [npz]
    if idx_files:
        raise DataError(
            f"Expected the four idx files of MNIST, gzipped or not, in {folder}. "
            f"Missing: {missing[0]}"
        )
    return []


def read_mnist(files: Sequence[Path]) -> dict[str, np.ndarray]:
    """Return the arrays in the files that `mnist_files` found.

    Args:
        files: The four idx files in the order of IDX_NAMES, or one npz file.

    Returns:
        The uint8 arrays train_x, train_y, test_x and test_y, by these names.

    Raises:
        DataError: If a file is not in its format.
    """
    if len(files) == 1:
        arrays = read_npz(files[0], NPZ_NAMES.values())
        return {
            array: _without_channels(arrays[name], dimensions)
            for (array, name), (_, dimensions) in zip(
                NPZ_NAMES.items(), IDX_NAMES.values(), strict=True
            )
        }
    return {
        array: read_idx(file, dimensions)
        for (array, (_, dimensions)), file in zip(IDX_NAMES.items(), files, strict=True)
    }


def differences(arrays: dict[str, np.ndarray]) -> list[str]:
    """Return the names of the arrays that differ from those of the published MNIST."""
    return [name for name, sha256 in SHA256.items() if idx_sha256(arrays[name]) != sha256]


def _without_channels(array: np.ndarray, dimensions: int) -> np.ndarray:
    """Return images (n, h, w) of grey ones (n, h, w, 1) or (n, 1, h, w), and labels of (n, 1)."""
    for axis in (-1, 1):
        if array.ndim == dimensions + 1 and array.shape[axis] == 1:
            return np.squeeze(array, axis)
    return array


def _idx_names(array: str) -> list[str]:
    stem, dimensions = IDX_NAMES[array]
    return [f"{stem}{mark}idx{dimensions}-ubyte{end}" for mark in "-." for end in ("", ".gz")]


def _first_file(folder: Path, names: Sequence[str]) -> Path | None:
    # os.path.isfile, as Path.is_file raises an error where a folder may not be searched.
    return next((folder / name for name in names if os.path.isfile(folder / name)), None)
