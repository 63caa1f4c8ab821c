"""Readers of the files in a run folder; whatever is wrong with one is an error of one line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from overparam_tf.atomic_files import DAMAGE
from overparam_tf.errors import DataError, words_of
from overparam_tf.runlog.record import check_record

if TYPE_CHECKING:
    import pandas as pd

MOST_JSON_BYTES = 64 << 20


def read_record(path: Path) -> dict[str, Any]:
    """Return the object in a config.json, its types checked; see `record.check_record`.

    Raises:
        DataError: If the file is missing or damaged, or holds something else.
    """
    with one_line_errors(path):
        record = read_json(path)
        check_record(record)
    return record


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a json file.

    Raises:
        ValueError: If it holds no object, a number that is not finite, or 64 MiB and more.
    """
    if path.stat().st_size > MOST_JSON_BYTES:
        raise ValueError(f"more than {MOST_JSON_BYTES} bytes")
    content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    if not isinstance(content, dict):
        raise ValueError("something other than an object")
    return content


def read_table(path: Path, columns: Iterable[str] = ()) -> pd.DataFrame:
    """Return the table in a csv file.

    Args:
        path: The file.
        columns: Columns that it must have; default none.

    Raises:
        DataError: If the file is missing or damaged, or lacks a column.
    """
    import pandas as pd  # here, since whoever reads options or folders alone need not wait for it

    with one_line_errors(path):
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
    with one_line_errors(path), path.open("rb") as file:
        arrays = np.load(file, allow_pickle=False)
        if not isinstance(arrays, np.lib.npyio.NpzFile):
            raise ValueError("an npy file")
        with arrays:
            return dict(arrays)


@contextmanager
def one_line_errors(path: Path, remedy: str = "") -> Iterator[None]:
    """Open a block that reads a file; its errors become a DataError of one line.

    Args:
        path: The file.
        remedy: A sentence at the end of the line, which says what to do; default none.

    Raises:
        DataError: If the file is missing, damaged, or none.
    """
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise OSError("a pipe or a device, which would be waited for")
        yield
    except DAMAGE as error:
        # The text of a lookup error is the key alone.
        received = words_of(repr(error) if isinstance(error, LookupError) else error, 200)
        end = f". {remedy}" if remedy else ""
        raise DataError(
            f"Expected a readable {path.name} in {path.parent}. Received: {received}{end}"
        ) from None


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant}, which is no number of JSON")
