import io
import zipfile

import numpy as np
import pytest

from overparam_tf.datasets import npz
from overparam_tf.datasets.npz import read_npz
from overparam_tf.errors import DataError

VALUES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def npy(array):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version=(1, 0))
    return stream.getvalue()


def pack(path, content, method=zipfile.ZIP_DEFLATED, name="x.npy"):
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(name, content)
    return path


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_back(tmp_path, save):
    save(tmp_path / "a.npz", x=VALUES, y=VALUES[0, 0], other=np.ones(3))
    arrays = read_npz(tmp_path / "a.npz", ["y", "x"])
    np.testing.assert_array_equal(arrays["x"], VALUES)
    np.testing.assert_array_equal(arrays["y"], VALUES[0, 0])


def test_integers_of_python_2_are_read(tmp_path):
    content = npy(VALUES).replace(b"(2, 3, 4)", b"(2L, 3, 4)").replace(b" \n", b"\n", 1)
    np.testing.assert_array_equal(read_npz(pack(tmp_path / "a.npz", content), ["x"])["x"], VALUES)


def for_x(message):
    """Return the pattern of a message about the array x of a.npz."""
    expected, _, received = message.partition(". Received")
    return rf"^{expected}.* for x of .*a.npz.*\. Received{received}"


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (
            VALUES.astype(np.int64),
            r"Expected an array of uint8 in C order. Received: the header .*<i8",
        ),
        (
            np.array([{"a": 1}], object),
            r"Expected an array of uint8 in C order. Received: the header .*\|O",
        ),
        (
            np.asfortranarray(VALUES),
            r"Expected an array of uint8 in C order. Received: the header .*True",
        ),
        (
            np.array(7, np.uint8),
            r"Expected an array of uint8 in C order. Received: the header .*'shape': \(\)",
        ),
        (
            VALUES[:0],
            r"Expected 1 to \d+ bytes of values. Received: .* announces 0 x 3 x 4 = 0 bytes",
        ),
    ],
)
def test_other_arrays_are_refused(tmp_path, array, message):
    np.savez(tmp_path / "a.npz", x=array)
    with pytest.raises(DataError, match=for_x(message)) as caught:
        read_npz(tmp_path / "a.npz", ["x"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"Expected an array in NumPy's format 1.0, 934e554d50590100. Received: $"),
        (npy(VALUES)[:4], r"Expected an array in NumPy's format 1.0. Received: 934e554d$"),
        (npy(VALUES)[:40], r"Expected an array of uint8 in C order"),
        (
            npy(VALUES)[:6] + b"\2" + npy(VALUES)[7:],
            r"Expected an array in NumPy's format 1.0. Received: 934e554d50590200",
        ),
        (
            npy(VALUES)[:8] + b"\xff\xff" + npy(VALUES)[10:],
            r"Expected an array of uint8 in C order",
        ),
        (
            npy(VALUES)[:-1],
            r"Expected 2 x 3 x 4 = 24 bytes of values. Received: 23",
        ),
        (
            npy(VALUES) + b"\0",
            r"Expected 2 x 3 x 4 = 24 bytes of values. Received: more",
        ),
        (npy(VALUES).replace(b"(2, 3, 4)", b"(-2, -3, 4)"), r"Expected an array of uint8"),
        (
            npy(VALUES).replace(b"(2, 3, 4)", b"(9999999999,)"),
            r"Expected 1 to \d+ bytes of values. Received: .* 9999999999 bytes",
        ),
        (npy(VALUES).replace(b"(2, 3, 4)", b"(" * 500), r"Expected an array of uint8"),
    ],
)
def test_a_damaged_array_is_named(tmp_path, content, message):
    with pytest.raises(DataError, match=for_x(message)):
        read_npz(pack(tmp_path / "a.npz", content), ["x"])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda path: path.write_bytes(b"<html>"),
            r"a.npz is no npz file or a damaged one: File is not a zip file",
        ),
        (lambda path: path.write_bytes(b""), r"is no npz file or a damaged one"),
        (lambda path: path.write_bytes(path.read_bytes()[:-5]), r"is no npz file or a damaged one"),
        (
            lambda path: pack(path, npy(VALUES), name="z.npy"),
            r"Expected the arrays x in .*a.npz. Missing: x",
        ),
        (
            lambda path: pack(path, npy(VALUES), zipfile.ZIP_BZIP2),
            r"'x.npy' is neither stored nor deflated",
        ),
        (
            lambda path: path.unlink(),
            r"Expected an npz file. Received: .*a.npz, which is no regular file",
        ),
    ],
    ids=["html", "empty", "truncated", "missing", "bzip2", "no-file"],
)
def test_a_bad_archive_is_named(tmp_path, spoil, message):
    spoil(pack(tmp_path / "a.npz", npy(VALUES)))
    with pytest.raises(DataError, match=message):
        read_npz(tmp_path / "a.npz", ["x"])


def test_a_huge_file_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "MAX_BYTES", 39)
    with pytest.raises(
        DataError, match=r"an npz file of at most 39 bytes. Received: .*a.npz of \d+ bytes"
    ):
        read_npz(pack(tmp_path / "a.npz", npy(VALUES)), ["x"])
