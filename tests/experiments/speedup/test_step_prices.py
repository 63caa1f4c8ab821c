"""The price of a step: its arithmetic by hand, what is measured, and what is measured again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from experiments.benchmarks.timing import Times
from experiments.harness.parts import lp_part
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

# Seconds of a call in three rounds; the machine was slow in the second.
TIMES = Times(
    {"SGD, depth 1": np.array([0.1, 0.4, 0.1]), "SGD, depth 2": np.array([0.12, 0.4, 0.15])}
)


@pytest.fixture
def part():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((9, 3)), rng.standard_normal((9, 1))
    problem = Problem("small", x, y, "random", "none", synthetic=True)
    variants = [
        Variant(f"SGD, depth {depth}", depth=depth, learning_rates=(0.1, 0.2)) for depth in (1, 2)
    ]
    return replace(lp_part(problem, 4, (), 10), variants=variants)


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path)


class Clock:
    """Stands in for `time_steps`, and counts its calls."""

    def __init__(self):
        self.calls = 0

    def __call__(self, part, dtype, seconds):
        self.calls += 1
        return TIMES


def test_the_price_is_the_median_of_the_rounds_ratios():
    plain, deep = price_rows(TIMES, "SGD, depth 1")
    assert [plain[name] for name in ("price", "least", "most")] == [1, 1, 1]
    assert [deep[name] for name in ("price", "least", "most")] == pytest.approx([1.2, 1, 1.5])
    assert deep["ms_per_run_step"] == pytest.approx(150 / (STEPS_PER_CALL * len(RATES)))


def test_every_variant_is_timed_as_many_times(part):
    times = time_steps(part, "float32", seconds=0.01)
    assert list(times.seconds) == ["SGD, depth 1", "SGD, depth 2"]
    assert times.rounds >= 5
    assert all((seconds > 0).all() for seconds in times.seconds.values())


def test_what_is_in_the_folder_is_not_measured_again(part, folder):
    clock = Clock()
    parts = [("SGD", part), ("SGD", replace(part, loss=lp_part(part.problem, 6, (), 1).loss))]
    write_prices(folder, parts[:1], "float32", 0.0, lambda: False, clock)
    first = (folder.path / "prices.csv").read_text()
    write_prices(folder, parts, "float32", 0.0, lambda: False, clock)
    assert clock.calls == 2 and (folder.path / "prices.csv").read_text().startswith(first)
    assert list(read_prices(folder)) == [
        (p, f"SGD, depth {depth}") for p in (4, 6) for depth in (1, 2)
    ]
    assert read_prices(folder)[4, "SGD, depth 2"] == pytest.approx(Price(1.2, 1, 1.5))


def test_a_stop_signal_ends_the_measurement(part, folder):
    clock = Clock()
    write_prices(folder, [("SGD", part)], "float32", 0.0, lambda: True, clock)
    assert not clock.calls and read_prices(folder) == {}


def test_damaged_prices_are_said_to_be(folder):
    (folder.path / "prices.csv").write_text("p,variant\n")
    with pytest.raises(DataError, match="prices"):
        read_prices(folder)
