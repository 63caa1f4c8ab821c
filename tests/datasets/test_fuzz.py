"""Ten thousand damaged files: a reader returns their content or raises DataError."""

import gzip
import io
import math
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from overparam_tf.datasets.gas_files import read_gas
from overparam_tf.datasets.idx import read_idx
from overparam_tf.datasets.npz import read_npz
from overparam_tf.errors import DataError
from tests.datasets.digit_files import idx_bytes
from tests.datasets.lines import line

CASES = 10_000
ARRAY = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)

# Pieces that an edit may insert: extremes of the numbers in a header, and text that resembles a
# number or a separator.
BINARY = [
    b"\0",
    b"\xff",
    b"\0" * 4,
    b"\xff" * 4,
    b"\x7f\xff\xff\xff",
    b"\0\0\x08\1",
    b"\x1f\x8b\x08",
    b"\0" * 300,
]
TEXT = [
    *b"0 1 9 + - . e E ; : _ x nan -inf 1e999 1e-999 0x1p3 \xd9\xa3 \x80".split(),
    b" ",
    b"\t",
    b"\v",
    b"\x1c",
]
TEXT += [b"\n", b"\r\n", b"\0", b" 1:2", b"1;2", b"1:" * 300, b"9" * 400, b"9" * 20_000]


def npz(save):
    file = io.BytesIO()
    save(file, x=ARRAY)
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, array)
    return file.getvalue()


def edited(content, rng, pieces):
    """Overwrite, insert, delete, repeat or cut, once to three times."""
    for _ in range(rng.integers(1, 4)):
        start, end = sorted(rng.integers(len(content) + 1, size=2))
        end = min(end, start + 8) if rng.random() < 0.8 else end
        piece = (
            pieces[rng.integers(len(pieces))]
            if rng.random() < 0.5
            else rng.bytes(rng.integers(1, 5))
        )
        content = [
            content[:start] + piece + content[start + len(piece) :],
            content[:start] + piece + content[start:],
            content[:start] + content[end:],
            content[:end] + content[start:],
            content[:start],
        ][rng.integers(5)]
    return content


def read_idx_file(path):
    """Read a file of three dimensions; the values must be its content and nothing else."""
    values = read_idx(path, 3)
    content = path.read_bytes()
    assert idx_bytes(values) == (
        gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    )


def read_gas_file(path):
    """Read a batch file and compare with the plainest of parsers."""
    x, y = read_gas([path])
    rows = [row.split() for row in path.read_text().splitlines() if row.startswith("1")]
    rows = [row for row in rows if float(row[0].split(";")[0]) == 1]
    np.testing.assert_array_equal(y[:, 0], [float(row[0].split(";")[1]) for row in rows])
    np.testing.assert_array_equal(
        x, [[float(field.split(":")[1]) for field in row[1:]] for row in rows]
    )
    assert np.isfinite(x).all() and np.isfinite(y).all()


def read_npz_file(path):
    values = read_npz(path, ["x"])["x"]
    with zipfile.ZipFile(path) as archive, archive.open("x.npy") as stream:
        np.testing.assert_array_equal(values, np.lib.format.read_array(stream, allow_pickle=False))


def accepted(reader, path, content):
    """Return whether the reader takes this content; if not, its error must be one line."""
    path.unlink(missing_ok=True)  # rewriting a file is a hundred times slower on some file systems
    path.write_bytes(content)
    try:
        reader(path)
    except DataError as error:
        message = str(error)
        assert len(message.splitlines()) == 1 and len(message) < 500, message
        return False
    return True


READERS = {
    "idx": (read_idx_file, [idx_bytes(ARRAY)], BINARY),
    "idx.gz": (
        read_idx_file,
        [gzip.compress(idx_bytes(ARRAY), level, mtime=0) for level in (0, 9)],
        BINARY,
    ),
    "dat": (read_gas_file, [f"{line(1)}\n{line(4, '2.5')}\r\n{line(1, '600')}".encode()], TEXT),
    "npz": (read_npz_file, [npz(np.savez), npz(np.savez_compressed)], [*BINARY, *TEXT]),
}


@pytest.mark.parametrize("kind", READERS)
def test_an_edited_file_is_read_rightly_or_refused(tmp_path, kind):
    reader, originals, pieces = READERS[kind]
    rng = np.random.default_rng(2019)
    outcomes = [
        accepted(reader, tmp_path / "file", edited(originals[case % len(originals)], rng, pieces))
        for case in range(CASES)
    ]
    assert all(accepted(reader, tmp_path / "file", original) for original in originals)
    assert CASES / 1000 < sum(outcomes) < CASES / 2, "both outcomes must be tried"


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_packed_edit_is_read_rightly_or_refused(tmp_path, pack):
    """A packed edit has the right checksum of gzip."""
    rng = np.random.default_rng(1999)
    for _ in range(1000):
        accepted(read_idx_file, tmp_path / "file", pack(edited(idx_bytes(ARRAY), rng, BINARY)))


generated = settings(
    max_examples=500,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
sizes = st.one_of(st.integers(0, 6), st.integers(0, 2**32 - 1))


@generated
@given(sizes=st.tuples(sizes, sizes, sizes), values=st.binary(max_size=130), packed=st.booleans())
def test_exactly_the_announced_values_are_accepted(tmp_path, sizes, values, packed):
    content = b"\0\0\x08\x03" + struct.pack(">3I", *sizes) + values
    right = 0 < math.prod(sizes) == len(values)
    assert (
        accepted(read_idx_file, tmp_path / "file", gzip.compress(content) if packed else content)
        == right
    )


numbers = st.one_of(
    st.floats(width=32).map(repr),
    st.integers().map(str),
    st.text("0123456789+-.eE_", max_size=8),
    st.just("1e999"),
)


@generated
@given(
    gas=st.sampled_from(["1", "1.0", "6", "0", "7", "1e0", "x", ""]),
    values=st.lists(numbers, min_size=2, max_size=4),
)
def test_lines_of_generated_numbers(tmp_path, gas, values):
    ppm, *features = values
    row = [f"{i}:{features[i % len(features)]}" for i in range(1, 129)]
    accepted(read_gas_file, tmp_path / "file", f"{gas};{ppm} {' '.join(row)}\n{line(1)}".encode())


@generated
@given(st.binary(max_size=400))
@pytest.mark.parametrize("kind", READERS)
def test_arbitrary_bytes(tmp_path, kind, content):
    accepted(READERS[kind][0], tmp_path / "file", content)


def peak_memory(reader, path, content):
    """Return the most bytes that Python and NumPy hold while a reader refuses this content.

    Bytes count whether they are touched or not.
    """
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(DataError):
            reader(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


ZEROS = bytes(64 << 20)


BOMBS = {
    "idx.gz": lambda: gzip.compress(idx_bytes(ARRAY) + ZEROS),
    "idx": lambda: b"\0\0\x08\x03" + b"\0\0\x02\x80" * 3 + bytes(100),
    "idx, overflow": lambda: b"\0\0\x08\x03" + b"\xff" * 12,
    "dat, line ends": lambda: b"\n" * 500_000 + b"1",
    "dat, short lines": lambda: b"1;\r" * 200_000,
    "dat, one line": lambda: b"1;1 " + b"1:1 " * 200_000,
    "dat, blanks": lambda: b" " * 500_000 + b"1",
}


@pytest.mark.parametrize("kind", BOMBS)
def test_little_input_never_takes_much_memory(tmp_path, kind):
    reader = READERS[kind.partition(",")[0]][0]
    assert peak_memory(reader, tmp_path / "file", BOMBS[kind]()) < 8 << 20


@pytest.mark.parametrize("kind", READERS)
def test_edited_files_take_little_memory(tmp_path, kind):
    reader, originals, pieces = READERS[kind]
    rng = np.random.default_rng(7)
    tracemalloc.start()
    try:
        for case in range(300):
            accepted(
                reader, tmp_path / "file", edited(originals[case % len(originals)], rng, pieces)
            )
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
