"""The folder that a run gets: a new one, an earlier one of the same settings, or a refusal."""

from __future__ import annotations

import os

import pytest

from overparam_tf import InputError
from overparam_tf.runlog import AlreadyFinished, RunFolder, RunStatus, open_run, release_locks

VERSIONS = {"overparam_tf": "0.1.0", "tensorflow": "2.21.0", "keras": "3.15.1", "numpy": "2.0.0"}


@pytest.fixture(autouse=True)
def no_lock_stays():
    yield
    release_locks()


def record(seed=0, data="aa", **changes):
    """Return the content of a config.json."""
    return {
        "options": {"steps": 100, "seed": seed, "rates": (0.1, 0.2), "name": None, "quiet": False},
        "versions": VERSIONS,
        "data": {"name": "gas-ethanol", "preprocessing": "zscore", "sha256": data, "label": "x"},
        "command": ["first"],
        **changes,
    }


@pytest.fixture
def open_here(tmp_path):
    """Return a function that opens a run in a folder of its own, as a process of its own would."""

    def open_once(content, **options):
        release_locks()
        return open_run(tmp_path, "plateau", content, default_name="default", **options)

    return open_once


def test_a_new_name_is_a_new_folder_with_its_record(open_here, tmp_path):
    folder = open_here(record(), name="mine")
    assert folder.path == tmp_path / "plateau" / "mine"
    stored = folder.read_config()
    assert stored["status"] == RunStatus.RUNNING and stored["options"]["rates"] == [0.1, 0.2]
    with pytest.raises(InputError, match=rf"Another process is running .*process {os.getpid()} on"):
        RunFolder(folder.path).lock()


def test_without_a_name_the_first_free_one_is_taken(open_here):
    names = [open_here(record()).name for _ in range(3)]
    assert names == ["default", "default-2", "default-3"]


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"seed": 1}, "options.seed: 1 now, 0 there"),
        ({"data": "bb"}, 'data.sha256: "bb" now, "aa" there'),
        ({"versions": {**VERSIONS, "keras": "4"}}, 'versions.keras: "4" now, "3.15.1" there'),
        (
            {"variables": {"TF_ENABLE_ONEDNN_OPTS": "1"}},
            'environment variables: {"TF_ENABLE_ONEDNN_OPTS": "1"} now, nothing there',
        ),
    ],
)
def test_a_name_taken_by_other_settings_names_the_first_difference(open_here, changes, difference):
    open_here(record(), name="mine").write_status(RunStatus.INTERRUPTED)
    with pytest.raises(InputError, match=f"of other settings: {difference}. Choose") as caught:
        open_here(record(**changes), name="mine")
    assert "\n" not in str(caught.value)


def test_a_run_of_the_same_settings_is_continued_with_its_own_record(open_here):
    first = open_here(record(), name="mine")
    first.write_status(RunStatus.INTERRUPTED)
    again = record(command=["second"])
    # Options of places and of output are no settings, nor is the place of the data.
    again["options"] |= {"quiet": True, "name": "mine", "logdir": "elsewhere"}
    again["data"] |= {"label": "of another place"}
    second = open_here(again, name="mine")
    stored = second.read_config()
    assert second.path == first.path
    assert stored["command"] == ["first"] and stored["status"] == "running"


def test_a_finished_run_is_not_started_again(open_here):
    open_here(record(), name="mine").write_status(RunStatus.FINISHED)
    with pytest.raises(AlreadyFinished, match="is finished already; drawing it again") as caught:
        open_here(record(), name="mine")
    assert caught.value.folder.read_config()["status"] == "finished"


def test_a_run_killed_before_its_record_starts_again(open_here, tmp_path):
    killed = RunFolder.create(tmp_path, "plateau", "mine")
    (killed.path / ".config.json.tmp").write_text("{")
    assert open_here(record(), name="mine").read_config()["status"] == "running"


def test_a_running_run_is_left_alone(open_here, tmp_path):
    folder = open_here(record(), name="mine")
    with pytest.raises(InputError, match="Another process is running"):
        open_run(tmp_path, "plateau", record(), default_name="default", name="mine")
    with pytest.raises(InputError, match=r"unfinished run .* mine \(running\)"):
        open_run(tmp_path, "plateau", record(), default_name="default", resume=True)
    assert folder.read_config()["status"] == "running"


def test_a_damaged_record_under_the_name_is_one_line(open_here):
    (open_here(record(), name="mine").path / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"readable config\.json"):
        open_here(record(), name="mine")


def test_resume_continues_the_newest_unfinished_run_of_the_settings(open_here):
    statuses = {
        "oldest": RunStatus.INTERRUPTED,
        "newest": RunStatus.RUNNING,  # killed: its lock is gone, its word stays
        "finished": RunStatus.FINISHED,
    }
    for age, (name, status) in enumerate(statuses.items()):
        folder = open_here(record(), name=name)
        folder.write_status(status)
        os.utime(folder.path / "config.json", (1e9 + age, 1e9 + age))
    open_here(record(seed=1), name="other settings")
    assert open_here(record(), resume=True).name == "newest"


def test_resume_says_why_no_run_can_be_continued(open_here):
    open_here(record(seed=1), name="other")
    open_here(record(), name="done").write_status(RunStatus.FINISHED)
    (open_here(record(), name="spoilt").path / "config.json").write_text("[]")
    with pytest.raises(InputError) as caught:
        open_here(record(), resume=True)
    message = str(caught.value)
    assert "other (options.seed: 0 now, 1 there)" in message and "\n" not in message
    assert "done (finished)" in message and "spoilt (damaged)" in message


def test_resume_without_any_run_is_one_line(open_here):
    with pytest.raises(InputError, match="Received: none at all"):
        open_here(record(), resume=True)


def test_resume_of_a_name_without_a_run_makes_no_folder(open_here, tmp_path):
    with pytest.raises(InputError, match=r"Expected a run to continue. Received: --name mine"):
        open_here(record(), name="mine", resume=True)
    assert not list(tmp_path.iterdir())
