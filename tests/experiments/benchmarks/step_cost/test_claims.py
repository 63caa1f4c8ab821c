"""The verdicts of the step-cost benchmark, on made-up costs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.benchmarks.step_cost.claims import (
    Goal,
    goal_claim,
    idle_claim,
    loss_claim,
    ratios,
    rows_claim,
    start_up_claim,
)
from experiments.benchmarks.step_cost.scaling import COMPRESSED


def made_up(costs):
    """Return rounds in two settings, from (power of the depth, costs) by contestant."""
    rows = [
        {
            "contestant": name,
            "optimizer": "sgd",
            "depth": depth,
            "round": number,
            "ms": ms * depth**power,
        }
        for name, (power, values) in costs.items()
        for depth in (1, 2)
        for number, ms in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_ratios_are_taken_within_rounds():
    # A drift by a hundred, the same for both, leaves no trace.
    rounds = made_up({"a": (1, [3.0, 30.0, 300.0]), "b": (0, [1.0, 10.0, 60.0])})
    measured = ratios(rounds, "a", "b")[["median", "min", "max"]]
    np.testing.assert_allclose(measured, [[3, 3, 5], [6, 6, 10]])


@pytest.mark.parametrize(
    ("bounds", "held"),
    [
        ({"most": 6.1}, True),
        ({"most": 5.9}, False),
        ({"least": 2.9}, True),
        ({"least": 3.1}, False),
    ],
)
def test_a_goal_is_judged_by_its_worst_setting(bounds, held):
    rounds = made_up({"a": (1, [3.0, 3.3, 6.0]), "b": (0, [1.0, 1.1, 1.2])})
    claim = goal_claim(Goal("a / b", (("a", "b"),), **bounds), rounds)
    assert claim.held is held and "sgd, depth 2: 6 (6 to 10)" in claim.numbers


BUSY, IDLE = [2.3, 0.8, 5.6], [0.50, 0.52, 0.51]


def test_a_yardstick_is_the_best_burst_over_numbers_of_threads():
    # On a machine with a busy core, threads that wait for one another take many times as long.
    ours = made_up({"ours": (0, [0.4, 0.4, 0.4])})
    goal = Goal("ours / limit", (("ours", "limit"),), most=1.0)
    all_threads, one = (made_up({"limit": (0, bursts)}) for bursts in (BUSY, IDLE))
    claim = goal_claim(goal, pd.concat([ours, all_threads, one]))
    assert claim.held is True and "depth 1: 0.784 (0.769 to 0.8)" in claim.numbers


@pytest.mark.parametrize(("ours", "limit"), [([0.01] * 3, BUSY), (BUSY, [9.0] * 3)])
def test_bursts_more_than_twice_apart_tell_nothing(ours, limit):
    goal = Goal("ours / limit", (("ours", "limit"),), most=1.0)
    claim = goal_claim(goal, made_up({"ours": (0, ours), "limit": (0, limit)}))
    assert claim.held is None and "bursts 7 times apart" in claim.numbers


def test_what_can_be_told_of_one_setting_is_told():
    pairs = (("ours", "limit"), ("theirs", "limit"))
    rounds = made_up({"ours": (0, BUSY), "theirs": (0, [3.0] * 3), "limit": (0, [1.0] * 3)})
    assert goal_claim(Goal("both", pairs, most=1.0), rounds).held is False
    assert goal_claim(Goal("both", pairs, most=4.0), rounds).held is None


def test_a_goal_without_measurements_is_open():
    assert goal_claim(Goal("a / c", (("a", "c"),)), made_up({"a": (0, [1.0])})).held is None


@pytest.mark.parametrize(
    ("losses", "held"),
    [([1.0, 1.00005], True), ([1.0, 1.001], False), ([1.999, 1.999], False), ([1.0, np.nan], None)],
)
def test_losses_must_agree_and_have_moved(losses, held):
    results = pd.DataFrame({"contestant": ["a", "b"], "loss": losses}).assign(
        optimizer="sgd", depth=1, p=4
    )
    assert loss_claim(results.assign(start_loss=2.0)).held is held


@pytest.mark.parametrize(
    ("costs", "held"), [((1.0, 1.1, 1.15), True), ((1.0, 1.1, 1.5), False), ((1.0,), None)]
)
def test_compressed_costs_must_not_depend_on_rows(costs, held):
    points = pd.DataFrame({"size": [1000, 10_000, 100_000][: len(costs)], "ms": costs})
    assert rows_claim(points.assign(axis=COMPRESSED, status="measured")).held is held


@pytest.mark.parametrize(("seconds", "held"), [([5.9], True), ([5.0, 6.5, 7.0], False), ([], None)])
def test_start_up_is_judged_by_its_median(seconds, held):
    assert start_up_claim(seconds).held is held


@pytest.mark.parametrize(("spun", "held"), [(0.001, True), (0.5, False)])
def test_waiting_workers_must_be_idle(spun, held):
    rounds = pd.DataFrame(
        {"worker": "a", "idle_seconds": [1.0, 9.0], "idle_processor_seconds": [0.0, spun]}
    )
    assert idle_claim(rounds).held is held
