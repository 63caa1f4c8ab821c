"""Helpers that write digits in the formats of MNIST."""

import gzip
import struct
from pathlib import Path

import numpy as np

STEMS = {
    "train_x": "train-images",
    "train_y": "train-labels",
    "test_x": "t10k-images",
    "test_y": "t10k-labels",
}
KEYS = {"train_x": "x_train", "train_y": "y_train", "test_x": "x_test", "test_y": "y_test"}


def small_arrays(train=20, test=10, seed=0):
    rng = np.random.default_rng(seed)
    images = lambda n: rng.integers(256, size=(n, 28, 28), dtype=np.uint8)  # noqa: E731
    labels = lambda n: rng.integers(10, size=n, dtype=np.uint8)  # noqa: E731
    return {
        "train_x": images(train),
        "train_y": labels(train),
        "test_x": images(test),
        "test_y": labels(test),
    }


def idx_bytes(array):
    return (
        bytes([0, 0, 8, array.ndim])
        + struct.pack(f">{array.ndim}I", *array.shape)
        + array.tobytes()
    )


def write_idx(folder: Path, arrays, mark="-", end="", in_folders=False):
    """Write the four files, such as train-images-idx3-ubyte.gz with end=".gz".

    With `in_folders` each lies in a folder of its own name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        content = idx_bytes(array)
        path = folder / f"{STEMS[name]}{mark}idx{array.ndim}-ubyte{end}"
        if in_folders:
            path.mkdir()
            path = path / path.name
        path.write_bytes(gzip.compress(content) if end else content)
    return arrays


def write_npz(folder: Path, arrays, name="mnist.npz", change=np.asarray):
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / name, **{KEYS[key]: change(array) for key, array in arrays.items()})
    return arrays


def write_emnist(folder: Path, arrays, part="emnist-digits", end=""):
    """Write the four files of a part of EMNIST, in which images lie on their sides."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        content = idx_bytes(
            np.ascontiguousarray(array.T if array.ndim == 1 else array.swapaxes(1, 2))
        )
        stem = STEMS[name].replace("t10k", "test")
        path = folder / f"{part}-{stem}-idx{array.ndim}-ubyte{end}"
        path.write_bytes(gzip.compress(content) if end else content)
    return arrays


def write_csv(folder: Path, arrays, stem="mnist_"):
    """Write a file of training and one of test images, the label first in each row."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "test"):
        x, y = arrays[f"{part}_x"], arrays[f"{part}_y"]
        rows = np.column_stack([y, x.reshape(len(x), -1)]).tolist()
        lines = [",".join(map(str, row)) for row in rows]
        head = ",".join(["label", *(f"pixel{i}" for i in range(784))])
        (folder / f"{stem}{part}.csv").write_text("\n".join([head, *lines]) + "\n")
    return arrays
