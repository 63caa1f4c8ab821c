import io
import zipfile

import numpy as np
import pytest

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


@pytest.mark.parametrize(
    "array",
    [
        VALUES.astype(np.int64),
        VALUES.astype(np.float32),
        np.asfortranarray(VALUES),
        np.array(7, np.uint16),
    ],
)
def test_whole_numbers_of_any_type_and_order_are_read(tmp_path, array):
    np.savez(tmp_path / "a.npz", x=array)
    values = read_npz(tmp_path / "a.npz", ["x"])["x"]
    assert values.dtype == np.uint8
    np.testing.assert_array_equal(values, array)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (VALUES / 255, r"other numbers, dtype float64, shape \(2, 3, 4\)"),
        (VALUES.astype(np.int32) - 1, r"other numbers, dtype int32"),
        (VALUES.astype(np.int32) + 250, r"other numbers, dtype int32"),
        (np.array([np.nan]), r"other numbers, dtype float64"),
        (np.array([1e300]), r"other numbers, dtype float64"),
        (VALUES[:0], r"no numbers, dtype uint8, shape \(0, 3, 4\)"),
        (np.array(["7"]), r"no numbers, dtype <U1"),
        (np.array([True]), r"no numbers, dtype bool"),
        (np.array([1j]), r"no numbers, dtype complex128"),
    ],
)
def test_other_arrays_are_refused(tmp_path, array, message):
    np.savez(tmp_path / "a.npz", x=array)
    expected = rf"Expected whole numbers from 0 to 255 for x of .*a.npz. Received: {message}"
    with pytest.raises(DataError, match=expected) as caught:
        read_npz(tmp_path / "a.npz", ["x"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        npy(VALUES)[:4],
        npy(VALUES)[:40],
        npy(VALUES)[:6] + b"\7" + npy(VALUES)[7:],
        npy(VALUES)[:8] + b"\xff\xff" + npy(VALUES)[10:],
        npy(VALUES)[:-1],
        npy(VALUES).replace(b"(2, 3, 4)", b"(-2, -3, 4)"),
        npy(VALUES).replace(b"(2, 3, 4)", b"(9999999999999999,)"),
        npy(VALUES).replace(b"(2, 3, 4)", b"(" * 500),
        npy(np.array([{"a": 1}], object)),
    ],
    ids="empty magic header version length values negative huge nested pickle".split(),
)
def test_a_damaged_array_is_one_line(tmp_path, content):
    with pytest.raises(DataError, match=r"a.npz is no npz file or a damaged one") as caught:
        read_npz(pack(tmp_path / "a.npz", content), ["x"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda path: path.write_bytes(b"<html>"),
            r"a.npz is no npz file or a damaged one",
        ),
        (lambda path: path.write_bytes(b""), r"is no npz file or a damaged one"),
        (lambda path: path.write_bytes(path.read_bytes()[:-5]), r"is no npz file or a damaged one"),
        (
            lambda path: pack(path, npy(VALUES), name="z.npy"),
            r"Expected the arrays x in .*a.npz. Missing: x",
        ),
        (
            lambda path: path.write_bytes(npy(VALUES)),
            r"is no npz file or a damaged one: it holds a single array",
        ),
        (
            lambda path: path.unlink(),
            r"Expected an npz file. Received: .*a.npz, which is no regular file",
        ),
    ],
    ids=["html", "empty", "truncated", "missing", "npy", "no-file"],
)
def test_a_bad_archive_is_named(tmp_path, spoil, message):
    spoil(pack(tmp_path / "a.npz", npy(VALUES)))
    with pytest.raises(DataError, match=message):
        read_npz(tmp_path / "a.npz", ["x"])
