"""The published files of UCI 270, "Gas Sensor Array Drift at Different Concentrations".

A line is `CLASS;CONCENTRATION 1:v 2:v ... 128:v `: the gas (1 to 6), its concentration in ppm, and
eight features of each of sixteen sensors. Tabs and several blanks between them, empty lines, a byte
order mark, gzip and the publisher's zip archive change nothing in what a file says.
"""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from overparam_tf.checks import one_of
from overparam_tf.datasets.files import leading, read_bounded
from overparam_tf.errors import DataError, InputError

GASES = {"ethanol": 1, "ethylene": 2, "ammonia": 3, "acetaldehyde": 4, "acetone": 5, "toluene": 6}
FEATURES = 128
FORMAT = f"`CLASS;CONCENTRATION 1:v ... {FEATURES}:v`"

_LINE = re.compile(rb"[^\r\n]+")
_BLANKS = re.compile(rb"[ \t]+")
_NO_TEXT = re.compile(rb"[^\x01-\x7f]")
_BATCH_NAME = re.compile(r"batch([1-9]\d*)\.dat(?:\.gz)?")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MAX_FILE_BYTES = 64 << 20  # the largest published file has 6 MB
_MAX_LINE_BYTES = 16 << 10  # published lines have at most 1.8 kB
# A good line without the characters of its numbers is `;` and then ` :` for every feature.
_NUMBER_BYTES = b"0123456789+-.eE"
_SKELETON = b";" + b" :" * FEATURES
_SEPARATORS_TO_BLANKS = bytes.maketrans(b";:", b"  ")
_INDICES = [float(index) for index in range(1, FEATURES + 1)]
# The errors that zipfile raises on damaged archives (ValueError: names that are no UTF-8).
_ZIP_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)
# Other methods are unpacked chunk by chunk as a whole, and a kilobyte may hold a gigabyte.
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


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
    """Return the files batch1.dat, batch2.dat, ... of a folder in the order of their numbers.

    A file may be gzipped, batch1.dat.gz; if it is there in both forms, the plain one counts. A
    folder without any may hold one zip archive of them, the publisher's.

    Raises:
        DataError: If the folder cannot be read.
    """
    try:
        entries = sorted(folder.iterdir(), reverse=True) if folder.is_dir() else []
    except OSError as error:
        raise DataError(f"Could not read {folder}: {error.strerror}.") from None
    files = {number: path for path in entries if (number := _number_of(path.name))}
    if files:
        return [files[number] for number in sorted(files)]
    archives = [path for path in entries if path.suffix.lower() == ".zip" and _members_of(path)]
    return archives if len(archives) == 1 else []


def batch_names(files: Sequence[Path]) -> set[str]:
    """Return the published names, such as batch1.dat, of the files and of those in archives."""
    names = set()
    for file in files:
        members = _members_of(file) if file.suffix.lower() == ".zip" else [file.name]
        names |= {PurePosixPath(name).name.removesuffix(".gz") for name in members}
    return names


def _number_of(name: str) -> int:
    """Return the number of a batch file, or 0 for another file."""
    match = _BATCH_NAME.fullmatch(PurePosixPath(name).name)
    return int(match[1]) if match else 0


def _members_of(path: Path) -> list[str]:
    """Return the names of the batch files in a zip archive by number; empty if it is damaged."""
    try:
        if not path.is_file():  # a pipe would be waited for
            return []
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if _number_of(name)]
    except (*_ZIP_DAMAGE, OSError):
        return []
    return sorted(names, key=_number_of)


def read_gas(paths: Sequence[Path], gas: str = "ethanol") -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of one gas from published files, in file order.

    Lines of the other gases are checked too: a file with one bad line is a bad file.

    Args:
        paths: Files or zip archives of them, read in this order.
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
    contents = (content for path in paths for content in _contents(Path(path)))
    table = np.concatenate([_read_content(*content) for content in contents])
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


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield where a file is, in words, and its content unpacked; of an archive all batch files."""
    if path.suffix.lower() == ".zip":
        yield from _contents_of_archive(path)
        return
    content = read_bounded(path, "a batch file", _MAX_FILE_BYTES)
    yield str(path), _bounded(str(path), leading(path, content, _MAX_FILE_BYTES + 1))


def _contents_of_archive(path: Path) -> Iterator[tuple[str, bytes]]:
    names = _members_of(path)
    if not names or len({_number_of(name) for name in names}) != len(names):
        raise DataError(
            f"Expected batch1.dat, batch2.dat, ... in {path}, each once. "
            f"Received: {', '.join(names) or 'none of them'}"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            for name in names:
                where, member = f"{name} of {path}", archive.getinfo(name)
                if member.compress_type not in _ZIP_METHODS:
                    raise zipfile.BadZipFile(f"{name!r:.100} is neither stored nor deflated")
                with archive.open(member) as stream:
                    content = _bounded(where, stream.read(_MAX_FILE_BYTES + 1))
                yield where, _bounded(where, leading(Path(name), content, _MAX_FILE_BYTES + 1))
    except DataError:
        raise
    except _ZIP_DAMAGE as error:
        raise DataError(f"{path} is no zip archive or a damaged one: {error!s:.100}.") from None


def _bounded(where: str, content: bytes) -> bytes:
    if len(content) > _MAX_FILE_BYTES:
        raise DataError(
            f"Expected a batch file of at most {_MAX_FILE_BYTES} bytes. Received: more in {where}"
        )
    return content


def _read_content(where: str, content: bytes) -> np.ndarray:
    """Return the numbers of a file, shape (rows, 2 + 2 * 128)."""
    content = content.removeprefix(_BYTE_ORDER_MARK)
    no_text = _NO_TEXT.search(content)
    if no_text:
        number = _line_number(content, no_text.start())
        raise DataError(
            f"Expected plain text in {where}, line {number}. Received: byte 0x{no_text[0].hex()}"
        )
    rows = []
    # Line by line, and empty ones skipped by the search: a table of millions would fill the memory.
    for match in _LINE.finditer(content):
        line = match[0]
        if not line.strip():
            continue
        try:
            rows.append(np.array(_numbers(line)))
        except _BadLine as error:
            expected, received = error.args
            number = _line_number(content, match.start())
            raise DataError(
                f"Expected {expected} in {where}, line {number}. Received: {received}"
            ) from None
    if not rows:
        raise DataError(f"Expected lines {FORMAT} in {where}. Received: an empty file")
    return np.stack(rows)


def _line_number(content: bytes, place: int) -> int:
    """Return the number of the line at a place; lines end as in Unix, Windows or old Mac files."""
    ends, returns, both = (content.count(end, 0, place) for end in (b"\n", b"\r", b"\r\n"))
    return ends + returns - both + 1


def _numbers(line: bytes) -> list[float]:
    """Return class, concentration, 1, v, 2, v, ... of a line, or raise _BadLine."""
    if len(line) > _MAX_LINE_BYTES:
        raise _BadLine(f"at most {_MAX_LINE_BYTES} bytes", f"{len(line)} bytes")
    if line.translate(None, _NUMBER_BYTES).rstrip() != _SKELETON:
        line = _BLANKS.sub(b" ", line)
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
