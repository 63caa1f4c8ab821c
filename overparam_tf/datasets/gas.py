"""Parser of the published files of UCI 270, "Gas Sensor Array Drift at Different Concentrations".

A line is `CLASS;CONCENTRATION 1:v 2:v ... 128:v `: the gas (1..6), its concentration in ppm, and eight
features of each of sixteen sensors.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from overparam_tf.datasets.files import read_bounded
from overparam_tf.errors import DataError

GASES = {"ethanol": 1, "ethylene": 2, "ammonia": 3, "acetaldehyde": 4, "acetone": 5, "toluene": 6}
FEATURES = 128

_LINE = re.compile(rb"([^\r\n]*)(?:\r\n|\r|\n)")
_BATCH_NAME = re.compile(r"batch([1-9]\d*)\.dat")
_MAX_FILE_BYTES = 64 << 20  # the largest published file has 6 MB
_MAX_LINE_BYTES = 16 << 10  # published lines have at most 1.8 kB
# A good line without the characters of its numbers is `;` and then ` :` for every feature.
_NUMBER_BYTES = b"0123456789+-.eE"
_SKELETON = b";" + b" :" * FEATURES
_SEPARATORS_TO_BLANKS = bytes.maketrans(b";:", b"  ")
_INDICES = [float(index) for index in range(1, FEATURES + 1)]


def check_gas(gas: str) -> None:
    """Raise DataError unless gas names one of the six gases."""
    if gas not in GASES:
        raise DataError(f"gas must be one of {', '.join(GASES)}. Received: {gas!r}")


def batch_files(folder: Path) -> list[Path]:
    """Return the files batch1.dat, batch2.dat, ... of a folder in the order of their numbers."""
    try:
        entries = list(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise DataError(f"Could not read {folder}: {error.strerror}.") from None
    found = {int(match[1]): path for path in entries if (match := _BATCH_NAME.fullmatch(path.name))}
    return [found[number] for number in sorted(found)]


def read_gas(paths: Sequence[Path], gas: str = "ethanol") -> tuple[np.ndarray, np.ndarray]:
    """Read the rows of one gas from published files, in file order.

    Lines of the other gases are checked too: a file with one bad line is a bad file.

    Args:
        paths: files to read, in this order.
        gas: one of the names in GASES.

    Returns:
        Features x of shape (n, 128), raw, and concentrations y of shape (n, 1) in ppm.

    Raises:
        DataError: unknown gas, a file or line that is not in the published format (with its number),
            a value that is not finite, or no rows of this gas.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "batch1.dat")
        ...     _ = file.write_text("1;50.0 " + " ".join(f"{i}:{i / 2}" for i in range(1, 129)) + " \\n")
        ...     x, y = read_gas([file])
        >>> x[0, :3].tolist(), y.tolist()
        ([0.5, 1.0, 1.5], [[50.0]])
    """
    check_gas(gas)
    table = np.concatenate([_read_file(Path(path)) for path in paths])
    rows = table[table[:, 0] == GASES[gas]]
    if not len(rows):
        present = [name for name, number in GASES.items() if number in table[:, 0]]
        files = paths[0] if len(paths) == 1 else f"{len(paths)} files of {Path(paths[0]).parent}"
        raise DataError(f"No rows of {gas} in {files}: the gases there are {', '.join(present)}.")
    # columns: class, concentration, then index and value of every feature in turn
    return rows[:, 3::2], rows[:, 1:2]


def _read_file(path: Path) -> np.ndarray:
    """Return the numbers of a file, shape (rows, 2 + 2 * 128)."""
    rows = []
    for number, line in enumerate(_lines(path), start=1):
        try:
            rows.append(np.array(_numbers(line)))
        except ValueError as error:
            raise DataError(f"{path}, line {number}: {error}") from None
    return np.stack(rows)


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file one by one: a file of line ends alone has too many of them to hold."""
    content = read_bounded(path, "a batch file", _MAX_FILE_BYTES)
    if not content.isascii() or b"\0" in content:
        at = re.search(rb"[^\x01-\x7f]", content).start()
        line = content.count(b"\n", 0, at) + 1
        raise DataError(
            f"{path}, line {line}: expected plain text. Received: byte 0x{content[at]:02x}"
        )
    content = content.rstrip()
    if not content:
        raise DataError(
            f"{path} is empty: expected lines `CLASS;CONCENTRATION 1:v ... {FEATURES}:v`."
        )
    for match in _LINE.finditer(content + b"\n"):
        yield match[1]


def _numbers(line: bytes) -> list[float]:
    """Return class, concentration, 1, v, 2, v, ... of a line; ValueError says what is wrong with it."""
    if len(line) > _MAX_LINE_BYTES:
        raise ValueError(f"Expected at most {_MAX_LINE_BYTES} bytes. Received: {len(line)} bytes")
    if line.translate(None, _NUMBER_BYTES).rstrip() != _SKELETON:
        raise ValueError(_complaint(line))
    try:
        values = [float(field) for field in line.translate(_SEPARATORS_TO_BLANKS).split()]
    except ValueError:
        raise ValueError(_complaint(line)) from None
    if len(values) != 2 + 2 * FEATURES or values[2::2] != _INDICES:
        raise ValueError(_complaint(line))
    if values[0] not in GASES.values():
        raise ValueError(
            f"the class must be 1 to {len(GASES)}. Received: {_cut(line.split(b';')[0].decode())}"
        )
    if not all(map(math.isfinite, values)):  # digits alone can still overflow, as in 1e999
        raise ValueError(_complaint(line))
    return values


def _complaint(line: bytes) -> str:
    """Say what is wrong with a line that is not in the published format."""
    head, *features = line.decode().split() or [""]
    parts = head.split(";")
    if len(parts) != 2 or not all(map(_is_number, parts)):
        return f"expected CLASS;CONCENTRATION first. Received: {_shown(head)}"
    if not math.isfinite(float(parts[1])):
        return f"the concentration must be finite. Received: {_cut(parts[1])}"
    if len(features) != FEATURES:
        return f"expected {FEATURES} features. Received: {len(features)}"
    for index, feature in enumerate(features, start=1):
        key, colon, value = feature.partition(":")
        if not colon or not _is_number(value) or key != str(index):
            return f"expected feature {index} as {index}:VALUE. Received: {_shown(feature)}"
        if not math.isfinite(float(value)):
            return f"the value of feature {index} must be finite. Received: {_shown(value)}"
    return f"expected `CLASS;CONCENTRATION 1:v ... {FEATURES}:v`. Received: {_shown(line.decode())}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _shown(text: str) -> str:
    return repr(_cut(text))


def _cut(text: str) -> str:
    return text if len(text) <= 40 else text[:40] + "..."
