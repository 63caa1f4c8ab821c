"""Checkpoints: saved arrays are restored whole or not at all, and never those of another run."""

from __future__ import annotations

import errno
import io
import os
import random
import resource
import time
import tracemalloc
import zipfile

import numpy as np
import pytest

from overparam_tf.checkpoints import sealed_npz
from overparam_tf.checkpoints.checkpoints import Checkpoints
from overparam_tf.checkpoints.difference import first_difference
from overparam_tf.errors import InputError

IDENTITY = {
    "options": {"rates": (0.1, 0.2), "steps": 100, "name": None},
    "data": "a0b1",
    "versions": {"numpy": "2"},
}
ARRAYS = {
    "float32": np.float32([[1, -0.0], [np.nan, np.inf]]),
    "float64 scalar": np.array(np.pi),
    "int64": np.arange(6).reshape(2, 3),
    "Fortran order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "every other": np.arange(10)[::2],
    "uint8": np.uint8([255]),
    "bool": np.array([True, False]),
    "complex": np.array(1j),
    "text": np.array(["depth 3", "größe"]),
    "empty": np.empty((0, 3), np.float16),
    "part 1/factor/0": np.ones(()),
}


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path / "run" / "checkpoints", IDENTITY)


def names(checkpoints):
    return sorted(path.name for path in checkpoints.folder.iterdir())


def refuse(line):
    raise AssertionError(line)


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_come_back_bit_for_bit(name, checkpoints):
    path = checkpoints.save(7, {name: ARRAYS[name]})
    newest = checkpoints.newest(refuse)
    value = newest.arrays[name]
    assert (newest.step, newest.path, list(newest.arrays)) == (7, path, [name])
    assert (value.dtype, value.shape, value.tobytes()) == (
        ARRAYS[name].dtype,
        ARRAYS[name].shape,
        ARRAYS[name].tobytes(),
    )
    assert value.flags.writeable


def test_numpy_reads_them_without_pickle(checkpoints):
    with np.load(checkpoints.save(7, ARRAYS), allow_pickle=False) as arrays:
        assert np.array_equal(arrays["int64"], ARRAYS["int64"])


def test_the_last_two_are_kept_by_step_and_not_by_clock(checkpoints):
    for step in (1, 20, 300, 4000):
        os.utime(checkpoints.save(step, {"step": np.array(step)}), (1e9 - step, 1e9 - step))
    assert names(checkpoints) == ["step-000000000300.npz", "step-000000004000.npz"]
    assert checkpoints.newest(refuse).arrays["step"] == 4000


def test_bytes_do_not_depend_on_the_clock(checkpoints, monkeypatch):
    path = checkpoints.save(1, ARRAYS)
    before = path.read_bytes()
    monkeypatch.setattr(time, "time", lambda: 0.0)  # 1970, a year that zip does not have
    monkeypatch.setattr(time, "localtime", lambda *seconds: time.gmtime(0))
    assert checkpoints.save(1, ARRAYS).read_bytes() == before


def test_a_folder_may_be_moved(checkpoints, tmp_path):
    checkpoints.save(5, ARRAYS)
    (tmp_path / "run").rename(tmp_path / "elsewhere")
    assert Checkpoints(tmp_path / "elsewhere" / "checkpoints", IDENTITY).newest(refuse).step == 5
    assert checkpoints.newest(refuse) is None


def test_a_damaged_newest_is_reported_and_the_one_before_it_used(checkpoints):
    checkpoints.save(1, {"w": np.array(1)})
    path = checkpoints.save(2, {"w": np.array(2)})
    path.write_bytes(path.read_bytes()[:-1])
    lines = []
    assert checkpoints.newest(lines.append).step == 1
    assert len(lines) == 1 and str(path) in lines[0] and "\n" not in lines[0]
    checkpoints.save(2, {"w": np.array(3)})
    assert checkpoints.newest(refuse).arrays["w"] == 3


def test_a_damaged_later_one_goes_with_the_next_save(checkpoints):
    for step in (50, 60):
        checkpoints.save(step, {}).write_bytes(b"")
    assert checkpoints.newest(lambda line: None) is None
    checkpoints.save(10, {})
    assert names(checkpoints) == ["step-000000000010.npz"]


def test_the_default_report_is_a_line_on_standard_error(checkpoints, capsys):
    checkpoints.save(1, {}).write_bytes(b"PK")
    assert checkpoints.newest() is None
    assert capsys.readouterr().err.count("\n") == 1


OTHERS = {
    "value": ({"data": "ffff"}, 'data: "ffff" now, "a0b1" in the checkpoint'),
    "nested": ({"versions": {"numpy": "3"}}, 'versions.numpy: "3" now, "2" in the checkpoint'),
    "in a list": (
        {"options": {**IDENTITY["options"], "rates": (0.1, 0.3)}},
        r"options.rates\[1\]: 0.3 now, 0.2 in",
    ),
    "longer list": (
        {"options": {**IDENTITY["options"], "rates": (0.1,)}},
        r"options.rates: \[0.1\] now, \[0.1, 0.2\] in",
    ),
    "more": ({"dtype": "float32"}, 'dtype: "float32" now, nothing in the checkpoint'),
    "less": ({"versions": {}}, 'versions.numpy: nothing now, "2" in the checkpoint'),
}


@pytest.mark.parametrize("case", OTHERS)
def test_a_checkpoint_of_another_run_is_refused_by_the_first_difference(case, checkpoints):
    change, expected = OTHERS[case]
    checkpoints.save(1, ARRAYS)
    with pytest.raises(InputError, match=expected) as caught:
        Checkpoints(checkpoints.folder, {**IDENTITY, **change}).newest(refuse)
    assert "\n" not in str(caught.value)


def test_long_values_are_cut_in_the_line():
    assert len(first_difference({"a": "x" * 10**6}, {"a": 1}, "before")) < 120


def test_clear_leaves_what_is_not_its_own(checkpoints):
    checkpoints.clear()
    checkpoints.save(1, {})
    (checkpoints.folder / "notes.txt").write_text("mine")
    checkpoints.clear()
    assert names(checkpoints) == ["notes.txt"]


def test_the_folder_goes_with_its_last_checkpoint(checkpoints):
    checkpoints.save(1, {})
    (checkpoints.folder / ".step-000000000009.npz.tmp").write_text(
        "half"
    )  # of a kill while writing
    checkpoints.clear()
    assert not checkpoints.folder.exists()


BAD = {
    "objects": lambda c: c.save(1, {"a": np.array([None])}),
    "records": lambda c: c.save(1, {"a": np.zeros(1, "i4,i4")}),
    "dates": lambda c: c.save(1, {"a": np.array("2018-07-10", "M8")}),
    "its own name": lambda c: c.save(1, {sealed_npz.ABOUT: np.array(1)}),
    "a name with a zero": lambda c: c.save(1, {"a\0b": np.array(1)}),
    "negative step": lambda c: c.save(-1, {}),
    "fractional step": lambda c: c.save(1.5, {}),
    "keep none": lambda c: Checkpoints(c.folder, {}, keep=0),
    "an identity that JSON cannot hold": lambda c: Checkpoints(c.folder, {"a": object()}),
    "NaN in the identity": lambda c: Checkpoints(c.folder, {"a": float("nan")}),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_one_clear_line(case, checkpoints):
    with pytest.raises(InputError, match="Received") as caught:
        BAD[case](checkpoints)
    assert "\n" not in str(caught.value) and not checkpoints.folder.exists()


def disk_full(*arguments, **keywords):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
def test_a_full_disk_leaves_the_earlier_checkpoints_and_no_rest(call, checkpoints, monkeypatch):
    checkpoints.save(1, ARRAYS)
    with monkeypatch.context() as patch:
        patch.setattr("builtins.open" if call == "open" else f"os.{call}", disk_full)
        with pytest.raises(InputError, match=r"No space left.*intact") as caught:
            checkpoints.save(2, ARRAYS)
    assert "\n" not in str(caught.value)
    assert checkpoints.newest(refuse).step == 1
    assert call == "fsync" or names(checkpoints) == ["step-000000000001.npz"]


@pytest.mark.parametrize("size", [0, 10, 1000, 20_000, 80_100])
def test_a_file_size_limit_at_any_point(size, checkpoints):
    """Set a limit of the kernel: at the first byte, in a header, in an array, in the seal."""
    checkpoints.save(1, ARRAYS)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        with pytest.raises(InputError, match=r"File too large.*intact"):
            checkpoints.save(2, {"large": np.zeros(10_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert checkpoints.newest(refuse).step == 1 and names(checkpoints) == ["step-000000000001.npz"]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="Not a directory"):
        Checkpoints(tmp_path / "file" / "checkpoints", {}).save(1, {})


def sealed(members):
    """Return a checkpoint with a right checksum around bytes, as an adversary could make it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.comment = b"0" * sealed_npz.SEAL_BYTES
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    content = file.getvalue()[: -sealed_npz.SEAL_BYTES]
    return resealed(content)


def resealed(content):
    return content + sealed_npz._sha256(io.BytesIO(content), len(content))


def npy(header):
    header = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(80)


CRAFTED = {
    "huge": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}"),
    "overflowing": npy(
        "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296, 2)}"
    ),
    "negative": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}"),
    "long text": npy("{'descr': '<U536870000', 'fortran_order': False, 'shape': (1,)}"),
    "objects": npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"),
    "records": npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}"),
    "nested": npy("(" * 100),
    "no literal": npy("__import__('os').system('true')"),
    "version 2": b"\x93NUMPY\x02\x00" + bytes(200),
    "nothing": b"",
}


@pytest.mark.parametrize("case", CRAFTED)
def test_announced_sizes_are_checked_before_memory_is_asked_for(case, checkpoints):
    path = checkpoints.save(1, {})
    with zipfile.ZipFile(path) as archive:
        about = archive.read("checkpoint.npy")
    path.write_bytes(sealed({"checkpoint.npy": about, "a.npy": CRAFTED[case]}))
    lines = []
    tracemalloc.start()
    newest, (_, peak) = checkpoints.newest(lines.append), tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (
        newest is None and "damaged" in lines[0] and peak < 2 << 20
    )  # of which a block of the file is one


def mutated(content, random):
    """Return the content after one to four cuts, changed bytes, doubled or zeroed blocks."""
    content = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 4))):
        at, size = random.randrange(len(content) + 1), random.randrange(1, 40)
        match random.randrange(6):
            case 0:
                del content[at:]
            case 1:
                del content[at : at + size]
            case 2:
                content[at:at] = content[: random.randrange(40)]
            case 3:
                content[at : at + size] = bytes(size)
            case 4:
                content[at : at + 1] = bytes([random.randrange(256)])
            case 5:
                content[at : at + 1] = random.choice(
                    (b"\xff" * 8, b"9" * 9, b"(", b"'", b"\n", b"O", b"\\", b"-1")
                )
    return bytes(content)


def mutants(path, count):
    """Yield mutated files, others with a right checksum, and right ones with mutated arrays."""
    generator = random.Random(2019)
    original = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for index in range(count):
        if index % 3 == 0:
            yield mutated(original, generator), index
        elif index % 3 == 1:
            yield resealed(mutated(original[: -sealed_npz.SEAL_BYTES], generator)), index
        else:
            name = generator.choice(list(members))
            yield sealed({**members, name: mutated(members[name], generator)}), index


def test_ten_thousand_damaged_files(checkpoints):
    path = checkpoints.save(12, {"w": np.arange(12.0), "names": np.array(["a", "bc"])})
    original, undamaged = path.read_bytes(), 0
    for content, index in mutants(path, 10_002):
        path.write_bytes(content)
        lines = []
        try:
            newest = checkpoints.newest(lines.append)
        except InputError:  # a crafted file of another identity
            assert index % 3 == 2
            continue
        assert (newest is None) == (len(lines) == 1) and not any("\n" in line for line in lines)
        if index % 3 == 0:
            assert newest is None or content == original
        undamaged += newest is not None
    assert (
        undamaged > 100
    )  # values within an array, with a right checksum: the mutants do reach the readers
