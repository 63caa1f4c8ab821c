"""The published files of UCI 270, "Gas Sensor Array Drift at Different Concentrations".

A line is `CLASS;CONCENTRATION 1:v 2:v ... 128:v `: the gas (1 to 6), its concentration in ppm, and
eight features of each of sixteen sensors.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from overparam_tf.checks import one_of
from overparam_tf.datasets.files import read_bounded
from overparam_tf.errors import DataError, InputError

GASES = {"ethanol": 1, "ethylene": 2, "ammonia": 3, "acetaldehyde": 4, "acetone": 5, "toluene": 6}
FEATURES = 128
FORMAT = f"`CLASS;CONCENTRATION 1:v ... {FEATURES}:v`"

_LINE = re.compile(rb"([^\r\n]*)(?:\r\n|\r|\n)")
_NO_TEXT = re.compile(rb"[^\x01-\x7f]")
_BATCH_NAME = re.compile(r"batch([1-9]\d*)\.dat")
_MAX_FILE_BYTES = 64 << 20  # the largest published file has 6 MB
_MAX_LINE_BYTES = 16 << 10  # published lines have at most 1.8 kB
# A good line without the characters of its numbers is `;` and then ` :` for every feature.
_NUMBER_BYTES = b"0123456789+-.eE"
_SKELETON = b";" + b" :" * FEATURES
_SEPARATORS_TO_BLANKS = bytes.maketrans(b";:", b"  ")
_INDICES = [float(index) for index in range(1, FEATURES + 1)]


class _BadLine(Exception):
    """A line that is not in the published format: the words for what was expected and received."""


def check_gas(gas: str) -> str:
    """Return `gas` if it is the name of one of the six gases.

    Raises:
        DataError: If it is not.
    """
    try:
        return one_of("gas", gas, tuple(GASES))
    except InputError as error:
        raise DataError(str(error)) from None


def batch_files(folder: Path) -> list[Path]:
    """Return the files batch1.dat, batch2.dat, ... of a folder in the order of their numbers."""
    try:
        entries = list(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise DataError(f"Could not read {folder}: {error.strerror}.") from None
    files = {}
    for path in entries:
        match = _BATCH_NAME.fullmatch(path.name)
        if match:
            files[int(match[1])] = path
    return [files[number] for number in sorted(files)]


def read_gas(paths: Sequence[Path], gas: str = "ethanol") -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of one gas from published files, in file order.

    Lines of the other gases are checked too: a file with one bad line is a bad file.

    Args:
        paths: Files, read in this order.
        gas: One of the names in GASES; default "ethanol".

    Returns:
        Features x of shape (n, 128), not scaled, and concentrations y of shape (n, 1) in ppm.

    Raises:
        DataError: If the gas is unknown, a line is not in the published format or holds a value
            that is not finite (the error names the file and the line), or no row is of this gas.

    Example:
        >>> import tempfile
        >>> features = " ".join(f"{i}:{i / 2}" for i in range(1, 129))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "batch1.dat")
        ...     _ = file.write_text(f"1;50.0 {features} \\n")
        ...     x, y = read_gas([file])
        >>> x[0, :3].tolist(), y.tolist()
        ([0.5, 1.0, 1.5], [[50.0]])
    """
    number = GASES[check_gas(gas)]
    table = np.concatenate([_read_file(Path(path)) for path in paths])
    rows = table[table[:, 0] == number]
    if not len(rows):
        present = [name for name, other in GASES.items() if other in table[:, 0]]
        files = paths[0] if len(paths) == 1 else f"{len(paths)} files of {Path(paths[0]).parent}"
        raise DataError(
            f"Expected rows of {gas} in {files}. Received: rows of {', '.join(present)} only"
        )
    # Columns: class, concentration, then index and value of every feature in turn.
    concentrations, features = rows[:, 1:2], rows[:, 3::2]
    return features, concentrations


def _read_file(path: Path) -> np.ndarray:
    """Return the numbers of a file, shape (rows, 2 + 2 * 128)."""
    rows = []
    for number, line in enumerate(_lines(path), start=1):
        try:
            rows.append(np.array(_numbers(line)))
        except _BadLine as error:
            expected, received = error.args
            raise DataError(
                f"Expected {expected} in {path}, line {number}. Received: {received}"
            ) from None
    return np.stack(rows)


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file one by one: millions of empty lines would fill the memory."""
    content = read_bounded(path, "a batch file", _MAX_FILE_BYTES)
    no_text = _NO_TEXT.search(content)
    if no_text:
        line = content.count(b"\n", 0, no_text.start()) + 1
        raise DataError(
            f"Expected plain text in {path}, line {line}. Received: byte 0x{no_text[0].hex()}"
        )
    content = content.rstrip()
    if not content:
        raise DataError(f"Expected lines {FORMAT} in {path}. Received: an empty file")
    for match in _LINE.finditer(content + b"\n"):
        yield match[1]


def _numbers(line: bytes) -> list[float]:
    """Return class, concentration, 1, v, 2, v, ... of a line, or raise _BadLine."""
    if len(line) > _MAX_LINE_BYTES:
        raise _BadLine(f"at most {_MAX_LINE_BYTES} bytes", f"{len(line)} bytes")
    if line.translate(None, _NUMBER_BYTES).rstrip() != _SKELETON:
        raise _complaint(line)
    try:
        values = [float(field) for field in line.translate(_SEPARATORS_TO_BLANKS).split()]
    except ValueError:
        raise _complaint(line) from None
    if len(values) != 2 + 2 * FEATURES or values[2::2] != _INDICES:
        raise _complaint(line)
    if values[0] not in GASES.values():
        number = _cut(line.split(b";")[0].decode())
        raise _BadLine(f"a class from 1 to {len(GASES)}", number)
    if not all(map(math.isfinite, values)):  # digits alone can still overflow, as in 1e999
        raise _complaint(line)
    return values


def _complaint(line: bytes) -> _BadLine:
    """Return what is wrong with a line that is not in the published format."""
    head, *features = line.decode().split() or [""]
    parts = head.split(";")
    if len(parts) != 2 or not all(map(_is_number, parts)):
        return _BadLine("CLASS;CONCENTRATION first", repr(_cut(head)))
    concentration = parts[1]
    if not math.isfinite(float(concentration)):
        return _BadLine("a finite concentration", _cut(concentration))
    if len(features) != FEATURES:
        return _BadLine(f"{FEATURES} features", str(len(features)))
    for index, feature in enumerate(features, start=1):
        key, colon, value = feature.partition(":")
        if not colon or not _is_number(value) or key != str(index):
            return _BadLine(f"feature {index} as {index}:VALUE", repr(_cut(feature)))
        if not math.isfinite(float(value)):
            return _BadLine(f"a finite value of feature {index}", repr(_cut(value)))
    return _BadLine(FORMAT, repr(_cut(line.decode())))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _cut(text: str) -> str:
    return text if len(text) <= 40 else text[:40] + "..."
