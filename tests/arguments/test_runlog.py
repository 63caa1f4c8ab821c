"""Arguments of the record of a run: every bad value is refused in one line."""

from __future__ import annotations

import pytest

from overparam_tf.runlog import ProgressReport, RunFolder, TensorBoardLog, open_run
from tests.arguments import bad_values
from tests.arguments.bad_values import FLAG, PATH, POSITIVE, Kind, arguments_of

TEXT = Kind(("a text",), (["text"],))
NAME = Kind(("a text",), (["text"], "", "../up", ".hidden", "two\nlines"))
PLACE = {"logdir": "no/such/folder", "experiment": "plateau"}
RUN = {**PLACE, "name": "run"}


def open_named_run(**arguments):
    return open_run(record={}, default_name="default", **arguments)


ARGUMENTS = {
    **arguments_of(RunFolder, {"path": "run"}, path=PATH),
    **arguments_of(RunFolder.at, RUN, logdir=PATH, experiment=TEXT, name=NAME),
    **arguments_of(RunFolder.create, RUN, logdir=PATH, experiment=TEXT, name=NAME),
    **arguments_of(RunFolder.open, RUN, logdir=PATH, experiment=TEXT, name=PATH),
    **arguments_of(RunFolder.all, PLACE, logdir=PATH, experiment=TEXT),
    **arguments_of(
        RunFolder.newest,
        {"logdir": "no/such/folder"},
        logdir=PATH,
        experiments=Kind(("None",), ("plateau", [3])),
        count=POSITIVE,
    ),
    **arguments_of(
        open_named_run,
        RUN,
        logdir=PATH,
        experiment=TEXT,
        name=Kind(("a text", "None"), NAME.more),
        resume=FLAG,
    ),
    **arguments_of(TensorBoardLog, {"folder": "tb"}, folder=PATH),
    **arguments_of(ProgressReport, {"title": "run"}, title=TEXT, quiet=FLAG),
}


@pytest.mark.parametrize(("name", "value"), bad_values.cases(ARGUMENTS))
def test_bad_values_are_refused_and_nothing_is_written(name, value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bad_values.assert_refused(ARGUMENTS, name, value)
    assert not list(tmp_path.iterdir())
