import gzip
import hashlib
import struct

import numpy as np
import pytest

from overparam_tf.datasets import idx
from overparam_tf.datasets.idx import idx_sha256, read_idx
from overparam_tf.errors import DataError
from tests.datasets.digit_files import idx_bytes

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
GOOD = idx_bytes(IMAGES)
PACKED = gzip.compress(GOOD, mtime=0)  # the time would be part of the tests' names


def read(folder, content, dimensions=3, name="images-idx3-ubyte"):
    path = folder / name
    path.write_bytes(content)
    return read_idx(path, dimensions)


@pytest.mark.parametrize(
    "content", [GOOD, PACKED, gzip.compress(GOOD, 0)], ids=["plain", "gzip", "stored"]
)
@pytest.mark.parametrize("name", ["images-idx3-ubyte", "a.gz", "mit Leer zeichen/Übung 数字.idx3"])
def test_values_come_back_whatever_the_name(tmp_path, content, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    values = read(tmp_path, content, name=name)
    np.testing.assert_array_equal(values, IMAGES)
    assert values.dtype == np.uint8


@pytest.mark.parametrize("shape", [(5,), (2, 3), (1, 1, 1), (3, 1, 2, 2)])
def test_every_number_of_dimensions(tmp_path, shape):
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    np.testing.assert_array_equal(read(tmp_path, idx_bytes(array), len(shape)), array)


def header(*sizes, magic=b"\0\0\x08\x03"):
    return magic + struct.pack(f">{len(sizes)}I", *sizes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"",
            r"Expected the magic number 00000803 of an idx file of unsigned bytes in 3 dimensions. "
            r"Received: $",
        ),
        (b"\0\0", r"Expected the magic number 00000803. Received: 0000$"),
        (b"<html>Not found</html>", r"Expected the magic number. Received: 3c68746d"),
        (b"\0\1" + GOOD[2:], r"Expected the magic number. Received: 00010803"),
        (b"\0\0\x0d" + GOOD[3:], r"Expected the magic number. Received: 00000d03"),
        (b"\0\0\x08\1" + GOOD[4:], r"Expected the magic number. Received: 00000801"),
        (GOOD[3::-1] + GOOD[4:], r"Expected the magic number. Received: 03080000"),
        (GOOD[:4], r"Expected a header of 16 bytes. Received: 4$"),
        (GOOD[:15], r"Expected a header of 16 bytes. Received: 15$"),
        (GOOD[:16], r"Expected 2 x 3 x 4 = 24 bytes of values. Received: 0$"),
        (GOOD[:-1], r"Expected 2 x 3 x 4 = 24 bytes of values. Received: 23$"),
        (GOOD + b"\0", r"Expected 2 x 3 x 4 = 24 bytes of values. Received: more$"),
        (
            header(0, 28, 28),
            r"Expected 1 to 268435456 bytes of values. "
            r"Received: .* announces 0 x 28 x 28 = 0 bytes",
        ),
        (
            header(2**32 - 1, 28, 28),
            r"Expected 1 to 268435456 bytes of values. "
            r"Received: .* announces 4294967295 x 28 x 28 = 3367254359280 bytes",
        ),
        (header(*[2**32 - 1] * 3), r"Expected 1 to 268435456 bytes of values. Received: "),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_bad_file_is_named_in_one_line(tmp_path, content, message, pack):
    expected, _, received = message.partition(". Received")
    match = rf"^{expected}.* in .*images-idx3-ubyte.*\. Received{received}"
    with pytest.raises(DataError, match=match) as caught:
        read(tmp_path, pack(content))
    assert "\n" not in str(caught.value)


def flipped(content, at):
    return content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            PACKED[:-1],
            r"Expected intact gzip data. Received: truncated gzip data: \d+ bytes unpack to 40",
        ),
        (
            PACKED[:5],
            r"Expected intact gzip data. Received: truncated gzip data: 5 bytes unpack to 0",
        ),
        (
            flipped(PACKED, 2),
            r"Expected intact gzip data. Received: damaged gzip data: .*unknown compression method",
        ),
        (flipped(PACKED, 12), r"Expected intact gzip data. Received: damaged gzip data"),
        (
            flipped(PACKED, -8),
            r"Expected intact gzip data. Received: damaged gzip data: .*incorrect data check",
        ),
        (PACKED + b"\0", r"Expected nothing behind the gzip data. Received: 1 bytes"),
        (PACKED + PACKED, rf"Expected nothing behind the gzip data. Received: {len(PACKED)} bytes"),
    ],
)
def test_damaged_gzip_data(tmp_path, content, message):
    expected, _, received = message.partition(". Received")
    match = rf"^{expected} in .*images-idx3-ubyte\. Received{received}"
    with pytest.raises(DataError, match=match):
        read(tmp_path, content)


@pytest.mark.parametrize(
    "make", [lambda path: None, lambda path: path.mkdir()], ids=["missing", "folder"]
)
def test_what_is_no_file_is_refused(tmp_path, make):
    make(tmp_path / "images")
    with pytest.raises(
        DataError, match=r"Expected an idx file. Received: .*images, which is no regular file"
    ):
        read_idx(tmp_path / "images", 3)


def test_a_huge_file_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(idx, "MAX_BYTES", 39)
    with pytest.raises(
        DataError, match=r"an idx file of at most 39 bytes. Received: .* of 40 bytes"
    ):
        read(tmp_path, GOOD)


def test_the_checksum_is_that_of_the_plain_file():
    assert idx_sha256(IMAGES) == hashlib.sha256(GOOD).hexdigest()
    assert idx_sha256(np.asfortranarray(IMAGES)) == hashlib.sha256(GOOD).hexdigest()
