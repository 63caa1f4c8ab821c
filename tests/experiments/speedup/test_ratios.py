"""The table of speed-ups from runs made by hand: what was lost, bounds, and the price of a step."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.speedup.ratios import in_time, ratios_of, steps_to
from experiments.speedup.step_prices import Price
from experiments.speedup.tables import ratio_table, verdict_table
from tests.experiments.speedup.cases import fine_runs

RUNS = fine_runs(
    depth1=[[(80, "finished")] * 2],
    depth2=[[(40, "finished")] * 2],
    depth3=[[(None, "finished")] * 2],
)


def test_ratios_count_what_was_lost():
    done, gone, never = (40, "finished"), (10, "diverged"), (None, "finished")
    runs = fine_runs(
        depth1=[[(80, "finished")] * 2, [never] * 2],
        depth2=[[done] * 2, [gone] * 2],
        depth3=[[gone, never]] * 2,
    )
    ratios = ratios_of(runs, ["10%"], {}, limit=100).set_index("depth")
    # Depth 3 never reached the target: 80 steps over 100 or more.
    assert ratios["ratio"].tolist() == [1, 2, pytest.approx(0.8)]
    assert ratios["bound"].tolist() == ["exact", "exact", "at most"]
    assert ratios["helps"].tolist() == [None, True, False]
    assert ratios["diverged"].tolist() == [0, 2, 2]
    assert ratios["never"].tolist() == [2, 0, 2]
    # What diverges after its target has not reached it: nobody would train with such a rate.
    _, steps = steps_to(runs[runs["depth"] == 2], "10%")
    assert np.isinf(steps[1]).all()


def test_the_ratio_of_times_is_the_ratio_over_the_price():
    prices = {(4, "SGD, depth 2"): Price(1.25, 1.2, 1.3), (4, "SGD, depth 3"): Price(2.0, 2.0, 2.0)}
    ratios = ratios_of(RUNS, ["10%"], prices, limit=100)
    deep = ratios.set_index("depth").loc[2]
    assert deep[["ratio_of_times", "time_low", "time_high"]].tolist() == pytest.approx([1.6] * 3)
    table = ratio_table(ratios)
    assert table["price"].tolist() == ["1.25 [1.20, 1.30]", "2.00 [2.00, 2.00]"]
    # A bound is divided too: 80 steps over 100 or more, at twice the price.
    assert table["in time to 10%"].tolist() == ["1.6 [1.6, 1.6]", "<0.4 [0, 0.4]"]


def test_where_neither_depth_reached_the_target_there_is_no_ratio():
    runs = fine_runs(depth1=[[(None, "finished")] * 2], depth2=[[(None, "finished")] * 2])
    ratios = ratios_of(runs, ["10%"], {}, limit=100)
    assert ratio_table(ratios)[["to 10%", "verdict"]].values.tolist() == [
        ["neither", "cannot tell"]
    ]


def test_where_only_the_other_depth_reached_it_the_ratio_has_a_lower_bound():
    runs = fine_runs(depth1=[[(None, "finished")] * 2], depth2=[[(40, "finished")] * 2])
    ratios = ratios_of(runs, ["10%"], {}, limit=100)
    assert ratio_table(ratios)["to 10%"].tolist() == [">2.5 [2.5, ∞]"]


def test_a_rate_that_few_seeds_get_to_the_target_with_is_not_best():
    lucky = [(40, "finished"), (None, "finished"), (None, "finished")]
    runs = fine_runs(depth1=[[(80, "finished")] * 3], depth2=[lucky])
    ratios = ratios_of(runs, ["10%"], {}, limit=100).set_index("depth")
    assert ratios.loc[2, "steps"] == np.inf and np.isnan(ratios.loc[2, "rate"])


def test_without_prices_the_table_leaves_them_blank():
    ratios = ratios_of(RUNS, ["10%"], {}, limit=100)
    table = ratio_table(ratios)
    assert table[["price", "in time to 10%"]].eq("").all(axis=None)
    assert table["verdict"].tolist() == ["helps", "hurts"]
    assert not pd.isna(table["to 10%"]).any()
    assert in_time(ratios).empty


def test_the_verdict_at_the_price_of_a_step():
    # Half the steps, at 2.5 times the price each.
    ratios = ratios_of(RUNS, ["10%"], {(4, "SGD, depth 2"): Price(2.5, 2.4, 2.6)}, limit=100)
    (row,) = verdict_table(ratios).to_dict("records")
    assert row == {"loss": "L4", "optimizer": "SGD", "to 10%": "+2 -3", "in time to 10%": "-2"}
