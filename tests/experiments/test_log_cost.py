"""The cost of logging: how it is counted, the verdicts, bad input. No time is asserted."""

from __future__ import annotations

import pandas as pd
import pytest

from experiments.benchmarks import log_cost
from experiments.benchmarks.log_cost import (
    DISPLAY,
    FIGURES,
    KINDS,
    OWN,
    WATCHED,
    claims_of,
    main,
    measure,
    shares_of,
)
from experiments.benchmarks.timing import Stopwatch
from tests.experiments.refusals import assert_refused

ALL = [kind for kinds in KINDS.values() for kind in kinds]


class Worker:
    """Works on a clock of its own; `outer` does a part of its work by `inner`."""

    now = 0.0

    def outer(self):
        Worker.now += 1
        self.inner()
        Worker.now += 2

    def inner(self):
        Worker.now += 10

    def fail(self):
        Worker.now += 5
        raise ValueError


def test_every_second_counts_once_and_functions_are_given_back():
    watch, worker, originals = Stopwatch([lambda: Worker.now]), Worker(), dict(vars(Worker))
    with (
        watch.watching([(Worker, "outer", "a"), (Worker, "inner", "b"), (Worker, "fail", "a")]),
        watch.timed("rest"),
    ):
        worker.outer()
        with pytest.raises(ValueError):
            worker.fail()
        Worker.now += 100
    worker.outer()  # watched no more
    assert {kind: seconds.item() for kind, seconds in watch.seconds.items()} == {
        "rest": 100,
        "a": 8,
        "b": 10,
    }
    assert all(vars(Worker)[name] is originals[name] for name in ("outer", "inner", "fail"))


def results(checkpoints=1.0, tensorboard=2.0, display=0.5):
    kinds = {
        OWN: 100 - checkpoints - tensorboard,
        "checkpoints": checkpoints,
        "TensorBoard": tensorboard,
    }
    rows = [
        {"run": "r", "kind": kind, "seconds": s, "processor_seconds": s}
        for kind, s in kinds.items()
    ]
    rows += [{"run": "r", "kind": FIGURES, "seconds": 50.0, "processor_seconds": 50.0}]
    return pd.DataFrame(
        [*rows, {"run": "r", "kind": DISPLAY, "seconds": 0.0, "processor_seconds": display}]
    )


def test_shares_are_of_the_run_without_its_figures():
    shares = shares_of(results()).set_index("kind")
    assert shares.loc["checkpoints", "share"] == pytest.approx(0.01)
    assert shares.loc[DISPLAY, "processor share"] == pytest.approx(0.5 / 100.5)
    assert shares.loc[[OWN, "TensorBoard", "checkpoints"], "share"].sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("cost", "shortened", "held"),
    [
        ({}, [], [True, True]),
        ({"tensorboard": 3.1}, [], [False, True]),
        ({"display": 1.2}, [], [False, True]),  # by the processor's time alone
        ({"checkpoints": 2.1}, [], [True, False]),
        ({"tensorboard": 3.1, "checkpoints": 2.1}, ["r"], [None, None]),
    ],
)
def test_limits(cost, shortened, held):
    assert [claim.held for claim in claims_of(shares_of(results(**cost)), shortened)] == held


def test_the_watched_functions_exist():
    assert all(callable(getattr(owner, name)) for owner, name, _ in WATCHED)
    assert {kind for *_, kind in WATCHED} | {DISPLAY} == set(ALL)


def test_a_run_is_counted_in_every_kind():
    found = measure(log_cost.Config(steps=20), "optimizer_compare")
    assert set(found) == {OWN, FIGURES, *ALL} - {DISPLAY}
    assert all(seconds > 0 for seconds, _ in found.values())


def test_the_folder_has_shares_and_verdicts(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(
        log_cost, "measure", lambda config, name: {OWN: (90.0, 90.0), "checkpoints": (10.0, 10.0)}
    )
    monkeypatch.setattr(log_cost, "display_share", lambda: 0.01)
    main(["--logdir", str(tmp_path), "--name", "run", "--steps", "10"])
    shown = capsys.readouterr().out
    assert (
        "cannot tell  optimizer_compare: checkpoints" in shown
        and "did not hold  mnist_cnn: checkpoints" in shown
    )
    assert (
        "10.00%" in shown
        and "0.99%" in shown
        and (tmp_path / "log_cost" / "run" / "report.json").is_file()
    )


BAD = {
    "no steps": ["--steps", "0"],
    "no epochs": ["--epochs", "0"],
    "unknown experiment": ["--runs", "plateau"],
    "experiment twice": ["--runs", "mnist_cnn", "mnist_cnn"],
    "unknown run": ["--redraw", "nothing"],
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_writes_nothing(case, tmp_path, capsys):
    assert_refused("log_cost", main, BAD[case], tmp_path / "logs", capsys)
