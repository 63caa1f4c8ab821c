"""Options that experiments share: the record of a run, names of run folders, refusals."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

import overparam_tf
from experiments.harness.options import DataOptions, RunOptions
from experiments.harness.parsing import option
from overparam_tf import DataError, InputError
from overparam_tf.runlog import release_locks
from tests.cases import small_problem
from tests.datasets.lines import line, write_batch


@dataclass(frozen=True)
class Options(DataOptions):
    """Options of a made-up experiment."""

    steps: int = option(10, "steps", quick=2)
    depths: tuple[int, ...] | None = option((1, 2), "depths")

    def __post_init__(self):
        super().__post_init__()
        self.require(self.steps >= 1, "steps >= 1", steps=self.steps)


def test_the_record_says_what_ran_on_what_and_where():
    record = Options(quick=True).record("made_up", small_problem(), parts=["L2"])
    assert record["experiment"] == "made_up" and record["parts"] == ["L2"]
    assert record["options"]["steps"] == 2 and record["options"]["quick"]
    assert record["data"]["synthetic"] and len(record["data"]["sha256"]) == 64
    assert {"command", "commit", "versions", "machine", "devices"} <= set(record)
    assert record["versions"]["overparam_tf"] == overparam_tf.__version__
    json.dumps(record, allow_nan=False)
    assert "data" not in RunOptions().record("made_up")


@pytest.mark.parametrize(
    ("name", "quick", "data", "expected"),
    [
        (None, False, None, "default"),
        (None, True, None, "default-quick"),
        (None, False, small_problem(), "default-small"),
        (None, True, small_problem(), "default-small-quick"),
        ("mine", True, None, "mine"),
        ("mine", False, small_problem(), "mine-small"),  # a stand-in names itself
        ("mine-small", False, small_problem(), "mine-small"),
        # The line that a stopped run prints names it as it is.
        ("default-small-quick", True, small_problem(), "default-small-quick"),
        ("default-small-quick-2", True, small_problem(), "default-small-quick-2"),
        ("mine-smaller", False, small_problem(), "mine-smaller-small"),
    ],
)
def test_names_of_run_folders(name, quick, data, expected, tmp_path):
    options = Options(logdir=str(tmp_path), name=name, quick=quick)
    folder = options.open_folder(options.record("made_up", data), "default", data)
    assert folder.path == tmp_path / "made_up" / expected
    assert folder.read_config()["options"]["name"] == name
    release_locks()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"steps": 0}, "Expected steps >= 1. Received: --steps 0"),
        ({"depths": (1, 1)}, "Expected no entry of depths twice. Received: --depths"),
    ],
)
def test_refusals_name_the_option(values, message):
    with pytest.raises(InputError) as caught:
        Options(**values)
    assert str(caught.value).startswith(message)


def test_an_option_without_values_is_distinct():
    assert Options(depths=None).depths is None


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([line(1, "5.0")], "at least two rows"),
        ([line(1, "5.0"), line(1, "5.0", range(128))], "labels that differ"),
        ([line(1, "5.0"), line(1, "6.0")], "a feature that differs"),
        ([line(1, "1e300"), line(1, "2e300", range(128))], "that zscore can scale"),
    ],
)
def test_data_without_anything_to_learn_are_one_line(lines, message, tmp_path, capsys):
    write_batch(tmp_path, 1, lines)
    with pytest.raises(DataError, match=message) as caught:
        DataOptions(data=str(tmp_path)).load_problem()
    assert "\n" not in str(caught.value) and capsys.readouterr().err == ""


def test_notes_about_data_are_shown_once_they_are_accepted(tmp_path, capsys):
    write_batch(tmp_path, 1, [line(1, "5.0"), line(1, "6.0", range(128))])
    assert DataOptions(data=str(tmp_path)).load_problem().rows == 2
    assert "batch2.dat" in capsys.readouterr().err
