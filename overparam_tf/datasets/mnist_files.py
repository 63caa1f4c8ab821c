"""The files of MNIST in the forms in which people have them, and their checksums.

They are the four published idx files, also as torchvision and Kaggle place them, Keras's mnist.npz,
and the two csv files of Kaggle; and EMNIST's digits, under EMNIST's names.
"""

from __future__ import annotations

import os.path
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from overparam_tf.datasets.csv_digits import read_csv_digits
from overparam_tf.datasets.digits import SIDE
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
# EMNIST has names of its own for the test images, and begins each with that of a part. Two parts
# have the classes of MNIST: the images of MNIST itself, made again, and 280,000 digits.
EMNIST_NAMES = {"t10k-images": "test-images", "t10k-labels": "test-labels"}
EMNIST_PARTS = ("emnist-mnist", "emnist-digits")
# What the names of csv files of the training and test images begin with.
CSV_STEMS = ("mnist_", "fashion-mnist_", "emnist-mnist-", "emnist-digits-")
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
    without `.gz`, and lie in a folder of its own name.

    Args:
        folder: The folder; it need not exist.

    Returns:
        The four idx files in the order of IDX_NAMES, else mnist.npz alone, else the csv files of
        the training and of the test images, else an empty list.

    Raises:
        DataError: If some of the four are there, but not all, and there are no others; or if the
            folder holds two parts of EMNIST.
    """
    complete, missing = [], []
    for part in ("", *EMNIST_PARTS):
        files = [_first_file(folder, _idx_names(array, part)) for array in IDX_NAMES]
        found = [file for file in files if file is not None]
        if len(found) == len(files):
            complete.append(found)
        elif found:
            missing.append(_idx_names(list(IDX_NAMES)[files.index(None)], part)[0])
    if len(complete) > 1 and _is_emnist(complete[0][0]):
        raise DataError(
            f"Expected one part of EMNIST in {folder}. Received: {', '.join(EMNIST_PARTS)}; "
            "move one of them elsewhere"
        )
    if complete:
        return complete[0]
    others = _other_files(folder)
    if missing and not others:
        raise DataError(
            f"Expected the four idx files of MNIST, gzipped or not, in {folder}. "
            f"Missing: {missing[0]}"
        )
    return others


def _other_files(folder: Path) -> list[Path]:
    """Return mnist.npz, else the two csv files, else an empty list."""
    npz = _first_file(folder, [NPZ])
    if npz is not None:
        return [npz]
    for stem in CSV_STEMS:
        pair = [
            _first_file(folder, [f"{stem}{part}.csv", f"{stem}{part}.csv.gz"])
            for part in ("train", "test")
        ]
        if None not in pair:
            return [file for file in pair if file is not None]
    return []


def read_mnist(files: Sequence[Path]) -> dict[str, np.ndarray]:
    """Return the arrays in the files that `mnist_files` found.

    Args:
        files: The four idx files in the order of IDX_NAMES, one npz file, or two csv files.

    Returns:
        The uint8 arrays train_x, train_y, test_x and test_y, by these names; the images of EMNIST
        upright, which are on their sides in its files.

    Raises:
        DataError: If a file is not in its format.
    """
    if len(files) == 1:
        arrays = read_npz(files[0], NPZ_NAMES.values())
        return {array: _without_channels(arrays[name]) for array, name in NPZ_NAMES.items()}
    if len(files) == 2:
        (train_x, train_y), (test_x, test_y) = map(read_csv_digits, files)
        arrays = {"train_x": train_x, "train_y": train_y, "test_x": test_x, "test_y": test_y}
    else:
        arrays = {
            array: read_idx(file, dimensions)
            for (array, (_, dimensions)), file in zip(IDX_NAMES.items(), files, strict=True)
        }
    return _upright(arrays) if _is_emnist(files[0]) else arrays


def _without_channels(values: np.ndarray) -> np.ndarray:
    """Return images (n, 28, 28) of rows with an axis of one channel, or flat; labels of (n, 1)."""
    rows, *sizes = values.shape or (0,)
    if sorted(sizes) == [1, SIDE, SIDE] or sizes == [SIDE * SIDE]:
        return values.reshape(rows, SIDE, SIDE)
    return values.reshape(rows) if sizes == [1] else values


def _upright(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return arrays with their images transposed."""
    return {
        name: array.transpose(0, 2, 1) if array.ndim == 3 else array
        for name, array in arrays.items()
    }


def _is_emnist(file: Path) -> bool:
    return file.name.startswith("emnist-")


def differences(arrays: dict[str, np.ndarray]) -> list[str]:
    """Return the names of the arrays that differ from those of the published MNIST."""
    return [name for name, sha256 in SHA256.items() if idx_sha256(arrays[name]) != sha256]


def _idx_names(array: str, part: str) -> list[str]:
    """Return the names that a file may have, the published one first; `part` is one of EMNIST."""
    stem, dimensions = IDX_NAMES[array]
    if part:
        stem = f"{part}-{EMNIST_NAMES.get(stem, stem)}"
    names = [f"{stem}{mark}idx{dimensions}-ubyte{end}" for mark in "-." for end in ("", ".gz")]
    return [*names, *(f"{name}/{name}" for name in names)]


def _first_file(folder: Path, names: Sequence[str]) -> Path | None:
    # os.path.isfile, as Path.is_file raises an error where a folder may not be searched.
    return next((folder / name for name in names if os.path.isfile(folder / name)), None)
