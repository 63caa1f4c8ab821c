"""Run folders: names, locks, states; files written, read back, damaged; the newest of them."""

from __future__ import annotations

import io
import json
import os

import numpy as np
import pandas as pd
import pytest

from overparam_tf import DataError, InputError
from overparam_tf.runlog import RunFolder, RunStatus, release_locks


@pytest.fixture(autouse=True)
def no_lock_stays():
    yield
    release_locks()


def test_a_run_never_takes_the_place_of_another(tmp_path):
    first = RunFolder.create(tmp_path, "experiment", "run")
    with pytest.raises(InputError, match="exists already"):
        RunFolder.create(tmp_path, "experiment", "run")
    second = RunFolder.create(tmp_path, "experiment", "run", unique=True)
    assert [first.name, second.name] == ["run", "run-2"]


@pytest.mark.parametrize(
    "name", ["", "..", "../up", "a/b", ".hidden", "a\nb", "x" * 200, "-flag", "nul\0"]
)
def test_names_cannot_leave_the_log_folder(tmp_path, name):
    with pytest.raises(InputError, match="Received"):
        RunFolder.create(tmp_path, "experiment", name)
    assert not any(tmp_path.rglob("*"))


@pytest.mark.parametrize("name", ["größe 1", "rate=0.1", "a+b-c_d.e"])
def test_names_may_be_words(tmp_path, name):
    assert RunFolder.create(tmp_path, "experiment", name).name == name


def test_a_name_can_be_checked_before_the_experiment_is_known(tmp_path):
    assert RunFolder.at(tmp_path, "", "run").name == "run"


def test_a_log_folder_that_is_a_file_is_one_clear_line(tmp_path):
    (tmp_path / "logs").write_text("")
    with pytest.raises(InputError, match="choose another --logdir"):
        RunFolder.create(tmp_path / "logs", "experiment", "run")


def test_a_run_is_found_by_name_and_by_path(tmp_path):
    created = RunFolder.create(tmp_path, "experiment", "run")
    created.write_config({"seed": 1})
    for name in ("run", str(created.path)):
        assert RunFolder.open(tmp_path, "experiment", name).read_config() == {"seed": 1}
    with pytest.raises(InputError, match=r"one of \['run'\]"):
        RunFolder.open(tmp_path, "experiment", "other")


def test_a_damaged_config_is_one_clear_line(tmp_path):
    folder = RunFolder.create(tmp_path, "experiment", "run")
    folder.write_config({"text": "é"})
    assert json.loads((folder.path / "config.json").read_text(encoding="utf-8"))["text"] == "é"
    (folder.path / "config.json").write_text("{")
    with pytest.raises(DataError, match=r"config\.json"):
        folder.read_config()


@pytest.mark.parametrize("content", ["{", "[]", "\xff"])
def test_any_damage_of_the_config_is_one_clear_line(content, tmp_path):
    folder = RunFolder.create(tmp_path, "experiment", "run")
    (folder.path / "config.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(DataError, match=r"config\.json") as caught:
        folder.read_config()
    assert "\n" not in str(caught.value)


def test_a_folder_is_for_one_process_at_a_time(tmp_path):
    RunFolder.create(tmp_path, "experiment", "run")
    with pytest.raises(InputError, match="Another process is running"):
        RunFolder.at(tmp_path, "experiment", "run").lock()
    release_locks()
    RunFolder.at(tmp_path, "experiment", "run").lock()


def test_a_folder_is_new_until_something_is_written(tmp_path):
    folder = RunFolder.create(tmp_path, "experiment", "run")
    (folder.path / ".config.json.tmp").write_text("{")
    assert folder.is_new
    folder.write_config({})
    assert not folder.is_new


def test_a_finished_run_needs_no_checkpoints(tmp_path):
    folder = RunFolder.create(tmp_path, "experiment", "run")
    folder.write_config({"seed": 1})
    folder.checkpoints.mkdir()
    folder.write_status(RunStatus.INTERRUPTED)
    assert folder.checkpoints.exists() and folder.read_config() == {
        "seed": 1,
        "status": "interrupted",
    }
    folder.write_status(RunStatus.FINISHED)
    assert not folder.checkpoints.exists() and folder.read_config() == {
        "seed": 1,
        "status": "finished",
    }


def test_a_state_is_its_word(tmp_path):
    assert [f"{status}" for status in RunStatus] == ["running", "interrupted", "finished"]
    folder = RunFolder.create(tmp_path, "experiment", "run")
    folder.write_config({})
    with pytest.raises(ValueError, match="paused"):
        folder.write_status("paused")


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create(tmp_path, "experiment", "run")


def test_a_table_is_read_as_it_was_written(folder):
    table = pd.DataFrame({"step": [1, 2], "loss": [0.5, np.nan], "name": ["GD, depth 2", "é"]})
    folder.write_table("results.csv", table)
    pd.testing.assert_frame_equal(folder.read_table("results.csv", ["loss", "step"]), table)


def test_arrays_are_read_as_they_were_written(folder):
    arrays = {"GD/loss": np.array([1.0, np.nan]), "steps": np.arange(6).reshape(2, 3)}
    folder.write_arrays("curves.npz", arrays)
    read = folder.read_arrays("curves.npz")
    assert list(read) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)


def test_a_text_is_written_in_utf_8(folder):
    folder.write_text("report.html", "größer\n")
    assert (folder.path / "report.html").read_bytes() == "größer\n".encode()


GARBAGE = bytes(range(256)) * 4
TABLE = b"step,loss\n1,0.5\n2,0.25\n"


TABLES = {
    "missing": (None, "No such file"),
    "empty": (b"", "No columns"),
    "without a column": (b"step,gain\n1,0.5\n", r"a table without \['loss'\]"),
    "binary garbage": (GARBAGE, ""),
    "not UTF-8": (TABLE.replace(b"0.5", b"\xff"), "utf-8"),
    "a line too long": (TABLE + b"3,4,5,6\n", "tokenizing"),
    "a quote without end": (TABLE + b'3,"4\n', "EOF"),
    "a folder": (NotADirectoryError, "directory"),
}


@pytest.mark.parametrize("case", TABLES)
def test_a_table_that_is_not_to_be_read_is_one_line(folder, case):
    content, message = TABLES[case]
    _put(folder.path / "results.csv", content)
    with pytest.raises(
        DataError, match=rf"readable results\.csv in .*Received: .*{message}"
    ) as caught:
        folder.read_table("results.csv", ["step", "loss"])
    assert "\n" not in str(caught.value)


def _put(path, content):
    if content is NotADirectoryError:
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)


def _packed(**arrays):
    """Return the content of an npz file."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def _npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


WHOLE = _packed(steps=np.arange(100), losses=np.linspace(0, 1, 100))
ARRAYS = {
    "missing": (None, "No such file"),
    "empty": (b"", "No data left"),
    "truncated": (WHOLE[:-30], "zip"),
    "cut in the middle": (WHOLE[: len(WHOLE) // 2], "zip"),
    "overwritten within": (WHOLE[:60] + bytes(20) + WHOLE[80:], ""),
    "binary garbage": (GARBAGE, "pickled"),
    "text": (TABLE, "pickled"),
    "pickled objects": (_packed(steps=np.array([{}], object)), "Object arrays"),
    "a single array": (_npy(np.arange(3)), "an npy file"),
    "a header that lies": (
        _npy(np.arange(3)).replace(b"(3,)", b"(9" + b"9" * 11 + b",)"),
        "",
    ),
    "a folder": (NotADirectoryError, "directory"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_that_are_not_to_be_read_are_one_line(folder, case):
    content, message = ARRAYS[case]
    _put(folder.path / "curves.npz", content)
    with pytest.raises(
        DataError, match=rf"readable curves\.npz in .*Received: .*{message}"
    ) as caught:
        folder.read_arrays("curves.npz")
    assert "\n" not in str(caught.value)


def make_run(logdir, experiment, name, age):
    """Make a run folder whose config.json was written `age` seconds before a fixed time."""
    folder = RunFolder.create(logdir, experiment, name)
    folder.write_config({})
    os.utime(folder.path / "config.json", (1e9 - age, 1e9 - age))


def test_the_newest_runs_come_first_and_experiments_by_name(tmp_path):
    for experiment, name, age in [
        ("plateau", "old", 3),
        ("plateau", "new", 1),
        ("plateau", "middle", 2),
        ("minimal", "only", 9),
    ]:
        make_run(tmp_path, experiment, name, age)
    RunFolder.create(tmp_path, "plateau", "without a config")

    def names(*arguments):
        return [run.name for run in RunFolder.newest(tmp_path, *arguments)]

    assert names() == ["only", "new"]
    assert names(None, 2) == ["only", "new", "middle"]
    assert names(["plateau"], 9) == ["new", "middle", "old"]
    assert names(["plateau", "minimal", "plateau"]) == ["new", "only"]


def test_runs_of_equal_age_are_ordered_by_name(tmp_path):
    for name in ("b", "a", "c"):
        make_run(tmp_path, "plateau", name, 0)
    assert [run.name for run in RunFolder.newest(tmp_path, count=2)] == ["c", "b"]


@pytest.mark.parametrize(
    ("experiments", "count", "message"),
    [
        (["plateau", "none"], 1, r"Expected experiments with runs in .*\['plateau'\].*\['none'\]"),
        (None, 0, "positive integer for count. Received: count=0"),
        (None, None, "positive integer for count. Received: count=None"),
    ],
)
def test_the_newest_of_nothing_is_one_line(tmp_path, experiments, count, message):
    make_run(tmp_path, "plateau", "run", 0)
    with pytest.raises(InputError, match=message):
        RunFolder.newest(tmp_path, experiments, count)


def test_a_log_folder_without_runs_says_how_to_make_one(tmp_path):
    with pytest.raises(InputError, match=r"Received: none. Make one: python -m experiments"):
        RunFolder.newest(tmp_path)


def test_a_link_in_place_of_the_temporary_file_is_not_written_through(tmp_path):
    outside, folder = tmp_path / "outside", RunFolder(tmp_path / "run")
    outside.write_text("mine")
    folder.path.mkdir()
    (folder.path / ".config.json.tmp").symlink_to(outside)
    folder.write_config({"options": {}})
    assert outside.read_text() == "mine" and folder.read_config() == {"options": {}}
