"""Reader of images in csv files, as Kaggle has MNIST: a label and 784 grey values in each row."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from overparam_tf.datasets.digits import SIDE
from overparam_tf.datasets.files import leading, read_bounded
from overparam_tf.errors import DataError

MAX_BYTES = 512 << 20  # of a file, and of what it unpacks to; MNIST's training images have 110 MB
COLUMNS = 1 + SIDE * SIDE
_ROWS_AT_ONCE = 1000


def read_csv_digits(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the images and labels of a csv file, gzipped or not.

    Args:
        path: The file: rows of a label and 784 grey values from 0 to 255, row by row of the image,
            with or without a line of names, the first of them `label`.

    Returns:
        Images, uint8 of shape (n, 28, 28), and labels, uint8 of shape (n,).

    Raises:
        DataError: If the file is not regular, empty, too large, or in another format.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "mnist_test.csv")
        ...     _ = file.write_text("7" + ",255" * 784 + "\\n")
        ...     images, labels = read_csv_digits(file)
        >>> images.shape, int(images.min()), labels.tolist()
        ((1, 28, 28), 255, [7])
    """
    content = leading(path, read_bounded(path, "a csv file", MAX_BYTES), MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise DataError(f"Expected at most {MAX_BYTES} bytes unpacked in {path}. Received: more")
    lines = content.removeprefix(b"\xef\xbb\xbf").rstrip().splitlines()
    del content
    first = 1 if lines and lines[0].replace(b'"', b"").startswith(b"label,") else 0
    blocks = [_numbers(path, number, rows) for number, rows in _blocks(lines, first)]
    if not blocks:
        raise DataError(f"Expected rows of {COLUMNS} numbers in {path}. Received: none")
    table = np.concatenate(blocks)
    return table[:, 1:].reshape(-1, SIDE, SIDE), table[:, 0]


def _blocks(lines: Sequence[bytes], first: int) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the number of the first line of each block, and its lines."""
    for start in range(first, len(lines), _ROWS_AT_ONCE):
        rows = list(islice(lines, start, start + _ROWS_AT_ONCE))
        yield start + 1, rows


def _numbers(path: Path, first: int, rows: Sequence[bytes]) -> np.ndarray:
    """Return the numbers of some rows, uint8 of shape (rows, 785)."""
    for number, row in enumerate(rows, start=first):
        if row.count(b",") != COLUMNS - 1:
            raise DataError(
                f"Expected {COLUMNS} numbers, a label and {SIDE} x {SIDE} grey values, in {path}, "
                f"line {number}. Received: {row.count(b',') + 1}"
            )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            values = np.fromstring(b",".join(rows), np.int32, sep=",")
        except (DeprecationWarning, ValueError):
            values = np.empty(0, np.int32)
    if values.size != len(rows) * COLUMNS or values.min() < 0 or values.max() > 255:
        last = first + len(rows) - 1
        raise DataError(
            f"Expected whole numbers from 0 to 255 in {path}, lines {first} to {last}. "
            "Received: something else"
        )
    return values.astype(np.uint8).reshape(-1, COLUMNS)
