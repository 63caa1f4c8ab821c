"""Readers of the files in a run folder; whatever is wrong with one is an error of one line."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from overparam_tf.errors import DataError

# The errors that json, pandas and NumPy raise on damaged files. Most are a ValueError; sizes and
# depths of nesting that no sound file has end in a MemoryError or a RecursionError.
_DAMAGE = (OSError, ValueError, EOFError, BadZipFile, zlib.error, MemoryError, RuntimeError)


def read_record(path: Path) -> dict[str, Any]:
    """Return the object in a json file.

    Raises:
        DataError: If the file is missing or damaged, or holds no object.
    """
    with _one_line_errors(path):
        record = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(record, dict):
            raise ValueError("something other than an object")
    return record


def read_table(path: Path, columns: Iterable[str] = ()) -> pd.DataFrame:
    """Return the table in a csv file.

    Args:
        path: The file.
        columns: Columns that it must have; default none.

    Raises:
        DataError: If the file is missing or damaged, or lacks a column.
    """
    with _one_line_errors(path):
        table = pd.read_csv(path)
        missing = [column for column in columns if column not in table]
        if missing:
            raise ValueError(f"a table without {missing}")
    return table


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays in an npz file, by name.

    Raises:
        DataError: If the file is missing or damaged, or holds pickled objects.
    """
    with _one_line_errors(path), path.open("rb") as file:
        arrays = np.load(file, allow_pickle=False)
        if not isinstance(arrays, np.lib.npyio.NpzFile):
            raise ValueError("an npy file")
        with arrays:
            return dict(arrays)


@contextmanager
def _one_line_errors(path: Path) -> Iterator[None]:
    """Turn errors of the reading inside into a DataError of one line."""
    try:
        yield
    except _DAMAGE as error:
        received = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"Expected a readable {path.name} in {path.parent}. Received: {received:.200}"
        ) from None
