"""Arguments of the record of a run: every bad value is refused in one line."""

from __future__ import annotations

import pytest

from overparam_tf.runlog import ProgressReport, RunFolder, TensorBoardLog, open_run
from tests.arguments import refusals
from tests.arguments.refusals import INFINITE, NAN

EXPERIMENT = (*refusals.TEXT, "")
NAME = (*EXPERIMENT, "../up", ".hidden", "two\nlines")
PLACE = {"logdir": "no/such/folder", "experiment": "plateau"}
BAD_PLACE = {"logdir": refusals.PATH, "experiment": EXPERIMENT}


def opened(**arguments):
    return open_run(record={}, default_name="default", **{"name": "run", **arguments})


def at(**arguments):
    return RunFolder.at(**arguments)


def create(**arguments):
    return RunFolder.create(**arguments)


def newest(**arguments):
    return RunFolder.newest(**arguments)


def runs(**arguments):
    return RunFolder.all(**arguments)


def existing(**arguments):
    return RunFolder.open(**arguments)


TABLE = {
    RunFolder: ({"path": "run"}, {"path": refusals.PATH}),
    at: ({**PLACE, "name": "run"}, {**BAD_PLACE, "name": NAME}),
    create: ({**PLACE, "name": "run"}, {**BAD_PLACE, "name": NAME}),
    existing: ({**PLACE, "name": "run"}, {**BAD_PLACE, "name": refusals.PATH}),
    runs: (PLACE, BAD_PLACE),
    newest: (
        {"logdir": "no/such/folder"},
        {
            "logdir": refusals.PATH,
            "experiments": (NAN, INFINITE, "plateau", [None], [3], True, -1),
            "count": refusals.POSITIVE,
        },
    ),
    opened: (PLACE, {**BAD_PLACE, "name": NAME[1:], "resume": refusals.FLAG}),
    TensorBoardLog: ({"folder": "tb"}, {"folder": refusals.PATH}),
    ProgressReport: ({"title": "run"}, {"title": refusals.TEXT, "quiet": refusals.FLAG}),
}


@pytest.mark.parametrize(("function", "arguments", "name"), refusals.cases(TABLE))
def test_bad_values_are_refused(function, arguments, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refusals.assert_refused(function, arguments, name)
    assert not list(tmp_path.iterdir())
