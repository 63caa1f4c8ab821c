"""The price of a step: its arithmetic by hand, what a folder with and without prices makes of it, resuming."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from experiments.benchmarks.timing import Times
from experiments.harness.sweeps import lp_part
from experiments.speedup import step_prices as speedup_prices
from experiments.speedup.claims import in_time, ratio_table, ratios_of, verdict_table
from experiments.speedup.step_prices import (
    RATES,
    STEPS_PER_CALL,
    Price,
    price_rows,
    read_prices,
    time_steps,
    write_prices,
)
from overparam_tf.datasets import Problem
from overparam_tf.errors import DataError
from overparam_tf.runlog import RunFolder
from overparam_tf.sweep import Variant
from tests.experiments.test_speedup import table

# Seconds of a call in three rounds; the machine was slow in the second.
TIMES = Times(
    {"SGD, depth 1": np.array([0.1, 0.4, 0.1]), "SGD, depth 2": np.array([0.12, 0.4, 0.15])}
)


@pytest.fixture
def part():
    rng = np.random.default_rng(0)
    problem = Problem(
        "small", rng.standard_normal((9, 3)), rng.standard_normal((9, 1)), "random", "none", True
    )
    variants = [
        Variant(f"SGD, depth {depth}", depth=depth, learning_rates=(0.1, 0.2)) for depth in (1, 2)
    ]
    return replace(lp_part(problem, 4, (), 10), variants=variants)


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path)


@pytest.fixture
def timed_once(monkeypatch):
    """Stands in for the clock; counts how often it is asked."""
    asked = []
    monkeypatch.setattr(
        speedup_prices, "time_steps", lambda *arguments: asked.append(arguments) or TIMES
    )
    return asked


def test_the_price_is_the_median_of_the_rounds_ratios():
    plain, deep = price_rows(TIMES, "SGD, depth 1")
    assert [plain[name] for name in ("price", "least", "most")] == [1, 1, 1]
    assert [deep[name] for name in ("price", "least", "most")] == pytest.approx([1.2, 1, 1.5])
    assert deep["ms_per_run_step"] == pytest.approx(150 / (STEPS_PER_CALL * len(RATES)))


def test_every_variant_is_timed_as_many_times(part):
    times = time_steps(part, "float32", seconds=0.01)
    assert list(times.seconds) == ["SGD, depth 1", "SGD, depth 2"]
    assert times.rounds >= 5 and all((seconds > 0).all() for seconds in times.seconds.values())


def test_what_is_in_the_folder_is_not_measured_again(part, folder, timed_once):
    cells = [("SGD", part), ("SGD", replace(part, loss=lp_part(part.problem, 6, (), 1).loss))]
    write_prices(folder, cells[:1], "float32", 0.0, lambda: None)
    first = (folder.path / "prices.csv").read_text()
    write_prices(folder, cells, "float32", 0.0, lambda: None)
    assert len(timed_once) == 2 and (folder.path / "prices.csv").read_text().startswith(first)
    assert list(read_prices(folder)) == [
        (p, f"SGD, depth {depth}") for p in (4, 6) for depth in (1, 2)
    ]
    assert read_prices(folder)[4, "SGD, depth 2"] == pytest.approx(Price(1.2, 1, 1.5))


def test_a_stop_signal_ends_the_measurement(part, folder, timed_once):
    write_prices(folder, [("SGD", part)], "float32", 0.0, lambda: 2)
    assert not timed_once and read_prices(folder) == {}


def test_damaged_prices_are_said_to_be(folder):
    (folder.path / "prices.csv").write_text("p,variant\n")
    with pytest.raises(DataError, match="prices"):
        read_prices(folder)


RUNS = table(
    depth1=[[(80, "finished")] * 2],
    depth2=[[(40, "finished")] * 2],
    depth3=[[(None, "finished")] * 2],
)


def test_the_ratio_of_times_is_the_ratio_over_the_price():
    prices = {(4, "SGD, depth 2"): Price(1.25, 1.2, 1.3), (4, "SGD, depth 3"): Price(2.0, 2.0, 2.0)}
    ratios = ratios_of(RUNS, ["10%"], prices, limit=100)
    deep = ratios.set_index("depth").loc[2]
    assert deep[["ratio_of_times", "time_low", "time_high"]].tolist() == pytest.approx([1.6] * 3)
    shown = ratio_table(ratios)
    assert shown["price"].tolist() == ["1.25 [1.20, 1.30]", "2.00 [2.00, 2.00]"]
    # Where a depth never gets there the bound is divided too: 80 steps over 100 or more, at twice the price.
    assert shown["in time to 10%"].tolist() == ["1.6 [1.6, 1.6]", "<0.4 [0, 0]"]


def test_without_prices_the_table_leaves_them_blank():
    shown = ratio_table(ratios_of(RUNS, ["10%"], {}, limit=100))
    assert shown[["price", "in time to 10%"]].eq("").all(axis=None) and shown[
        "verdict"
    ].tolist() == ["helps", "hurts"]
    assert not pd.isna(shown["to 10%"]).any()
    assert in_time(ratios_of(RUNS, ["10%"], {}, limit=100)).empty


def test_the_verdict_at_the_price_of_a_step():
    # Half the steps, each twice as dear and more.
    ratios = ratios_of(RUNS, ["10%"], {(4, "SGD, depth 2"): Price(2.5, 2.4, 2.6)}, limit=100)
    (row,) = verdict_table(ratios).to_dict("records")
    assert row == {"loss": "L4", "optimizer": "SGD", "to 10%": "+2 -3", "in time to 10%": "-2"}
