"""The cost of logging: how it is counted, the verdicts. No time is asserted."""

from __future__ import annotations

import pandas as pd
import pytest

from experiments.benchmarks.log_cost.experiment import (
    DISPLAY,
    FIGURES,
    KINDS,
    RUN,
    WATCHED,
    Config,
    claims_of,
    measure,
    shares_of,
)

ALL = [kind for kinds in KINDS.values() for kind in kinds]


def results(checkpoints=1.0, tensorboard=2.0, display=0.5):
    kinds = {
        RUN: 100 - checkpoints - tensorboard,
        "checkpoints": checkpoints,
        "TensorBoard": tensorboard,
        FIGURES: 50.0,
    }
    rows = [
        {"run": "r", "kind": kind, "seconds": s, "processor_seconds": s}
        for kind, s in kinds.items()
    ]
    rows.append({"run": "r", "kind": DISPLAY, "seconds": 0.0, "processor_seconds": display})
    return pd.DataFrame(rows)


def test_shares_are_of_the_run_without_its_figures():
    shares = shares_of(results()).set_index("kind")
    assert shares.loc["checkpoints", "share"] == pytest.approx(0.01)
    assert shares.loc[DISPLAY, "processor share"] == pytest.approx(0.5 / 100.5)
    assert shares.loc[[RUN, "TensorBoard", "checkpoints"], "share"].sum() == pytest.approx(1)


def test_shares_are_of_the_time_of_their_own_run():
    longer = results().assign(run="s")
    longer[["seconds", "processor_seconds"]] *= 7
    shares = shares_of(pd.concat([results(), longer], ignore_index=True)).set_index("run")
    assert shares.loc["r", "share"].tolist() == pytest.approx(shares.loc["s", "share"].tolist())


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


def test_the_watched_methods_exist():
    assert all(isinstance(owner, type) for owner, _, _ in WATCHED)
    assert all(callable(getattr(owner, name)) for owner, name, _ in WATCHED)
    assert {kind for *_, kind in WATCHED} | {DISPLAY} == set(ALL)


def test_a_run_is_counted_in_every_kind():
    seconds = measure(Config(steps=20), "optimizer_compare")
    assert set(seconds) == {RUN, FIGURES, *ALL} - {DISPLAY}
    assert all(clock > 0 for clock, _ in seconds.values())


@pytest.mark.parametrize(
    ("options", "shortened", "settings"),
    [
        ({}, [], [{}, {}]),
        ({"steps": 7}, ["optimizer_compare"], [{"steps": 7}, {}]),
        ({"quick": True}, ["optimizer_compare", "mnist_cnn"], [{"steps": 3000}, {"epochs": 1}]),
    ],
)
def test_experiments_run_with_their_own_defaults_or_shortened(options, shortened, settings):
    config = Config(**options)
    common = {"data": "synthetic", "quick": config.quick}
    assert config.shortened == shortened
    assert [config.settings(name) for name in config.runs] == [
        {**common, **each} for each in settings
    ]


def test_the_folder_has_shares_and_verdicts(finished_run):
    finished = finished_run("log_cost")
    assert "cannot tell  optimizer_compare: checkpoints" in finished.output
    assert "did not hold  mnist_cnn: checkpoints" in finished.output
    assert "10.00%" in finished.output and "0.99%" in finished.output
    assert (finished.path / "report.json").is_file()
