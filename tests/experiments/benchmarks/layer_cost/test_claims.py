"""The verdicts of the cost of layers, on made-up ratios."""

from __future__ import annotations

import pandas as pd
import pytest

from experiments.benchmarks.layer_cost.claims import at_most, claims_of, picks_the_faster


def made_up(median, low, picked="chain", other=1.5):
    """Return the rows of one size: "auto" at the given ratio, chain the better order."""
    ratios = [
        ("chain", "chain", 1, 1, 1),
        ("kernel", "kernel", other, other / 2, 3),
        ("auto", picked, median, low, 2),
    ]
    columns = ["contestant", "order", "to_better", "to_better_low", "to_better_high"]
    return pd.DataFrame(ratios, columns=columns).assign(
        layer="8 x 4", batch=2, mode="step", compiler="xla", better="chain", part="dense"
    )


@pytest.mark.parametrize(
    ("median", "low", "held"), [(1.05, 1.0, True), (1.2, 1.04, None), (1.2, 1.06, False)]
)
def test_a_bound_is_open_where_rounds_disagree(median, low, held):
    rows = made_up(median, low)
    assert at_most("text", rows[rows["contestant"] == "auto"], "to_better").held is held


@pytest.mark.parametrize(
    ("picked", "other", "held"),
    [("chain", 3.0, True), ("kernel", 1.5, True), ("kernel", 2.5, False)],
)
def test_a_pick_is_wrong_only_if_every_round_says_so(picked, other, held):
    assert picks_the_faster("xla", made_up(1.0, 1.0, picked, other)).held is held


def test_a_run_of_one_part_judges_what_it_can():
    *_, collapsed, said = claims_of(made_up(1.0, 1.0))
    assert collapsed.held is said.held is None and "not measured" in collapsed.numbers


@pytest.mark.parametrize(("ratio", "held"), [(1.3, True), (1.36, True), (1.5, False)])
def test_factors_are_held_against_their_multiply_adds(ratio, held):
    rows = [("plain", 10, 1.0), ("auto", 13, 1.2), ("in place", 13, ratio)]
    results = pd.DataFrame(rows, columns=["contestant", "timed_multiply_adds", "to_plain"])
    results = results.assign(
        to_plain_low=results["to_plain"], to_plain_high=results["to_plain"], mode="fit", layer="a"
    ).assign(batch=2, compiler="xla", part="models")
    *_, said = claims_of(results)
    assert said.held is held and f"a, batch 2: x{ratio / 1.3:.2f}" in said.numbers
