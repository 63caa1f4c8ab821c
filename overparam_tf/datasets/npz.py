"""Reader of npz files of grey levels or labels, such as Keras's mnist.npz."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from pathlib import Path

import numpy as np

from overparam_tf.errors import DataError, words_of


def read_npz(path: Path, names: Collection[str]) -> dict[str, np.ndarray]:
    """Return the named arrays of an npz file as uint8.

    Args:
        path: The file. Pickled objects in it are not read.
        names: Names of the arrays; others are ignored.

    Returns:
        The arrays by name. Numbers of another type, such as int64 labels, are converted.

    Raises:
        DataError: If the file cannot be read, is no npz file or a damaged one, or if an array is
            missing, empty, or holds other values than whole numbers from 0 to 255.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "labels.npz")
        ...     np.savez_compressed(file, labels=np.array([7, 2, 1]))
        ...     read_npz(file, ["labels"])["labels"]
        array([7, 2, 1], dtype=uint8)
    """
    if not path.is_file():
        raise DataError(f"Expected an npz file. Received: {path}, which is no regular file")
    try:
        arrays = _load(path, names)
    except OSError as error:
        raise DataError(f"Could not read {path}: {error.strerror or error}.") from None
    except Exception as error:  # of damaged files NumPy, zipfile and zlib raise errors of any kind
        raise DataError(
            f"{path} is no npz file or a damaged one: {words_of(error, 100)}."
        ) from None
    missing = [name for name in names if name not in arrays]
    if missing:
        raise DataError(
            f"Expected the arrays {', '.join(names)} in {path}. Missing: {', '.join(missing)}"
        )
    return {name: _bytes(array, f"{name} of {path}") for name, array in arrays.items()}


def _load(path: Path, names: Collection[str]) -> dict[str, np.ndarray]:
    """Return those of the named arrays that the file has."""
    with open(path, "rb") as file, warnings.catch_warnings():
        # Of the shapes that Python 2 wrote, (60000L, 28L, 28L).
        warnings.filterwarnings("ignore", ".*created on Python 2", UserWarning)
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it holds a single array")
        arrays = {name: archive[name] for name in names if name in archive}
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise ValueError(f"{name} is no array")
    return arrays


def _bytes(array: np.ndarray, where: str) -> np.ndarray:
    if array.dtype == np.uint8 and array.size:
        return array
    numbers = array.dtype.kind in "iuf" and array.size > 0
    with np.errstate(invalid="ignore"):  # NaN and infinity become other numbers
        values = array.astype(np.uint8) if numbers else None
    if values is None or not np.array_equal(values, array):
        raise DataError(
            f"Expected whole numbers from 0 to 255 for {where}. "
            f"Received: {'other' if numbers else 'no'} numbers, "
            f"dtype {array.dtype}, shape {array.shape}"
        )
    return values
