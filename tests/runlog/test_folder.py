from __future__ import annotations

import json

import pytest

from overparam_tf import DataError, InputError
from overparam_tf.runlog import RunFolder, release_locks


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
    folder.write_status(RunFolder.INTERRUPTED)
    assert folder.checkpoints.exists() and folder.read_config() == {
        "seed": 1,
        "status": "interrupted",
    }
    folder.write_status(RunFolder.FINISHED)
    assert not folder.checkpoints.exists() and folder.read_config() == {
        "seed": 1,
        "status": "finished",
    }
