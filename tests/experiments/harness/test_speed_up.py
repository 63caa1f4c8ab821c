"""Speed-ups of runs that reached the target, and bounds where one did not."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from experiments.harness.speed_up import Bound, SpeedUp, speed_ups

NAN, INFINITE = float("nan"), float("inf")
CASES = {  # steps of depth 1, of another depth -> ratio, bound, text; runs have 1000 steps
    "faster": (200, 100, 2.0, Bound.EXACT, "2"),
    "slower": (100, 400, 0.25, Bound.EXACT, "0.25"),
    "from the start": (100, 0, 100.0, Bound.EXACT, "100"),
    "depth 1 did not reach it": (None, 100, 10.0, Bound.AT_LEAST, ">10"),
    "depth 1 did not reach it, NaN": (NAN, 100, 10.0, Bound.AT_LEAST, ">10"),
    "the other did not reach it": (100, INFINITE, 0.1, Bound.AT_MOST, "<0.1"),
    "neither reached it": (None, NAN, NAN, Bound.UNKNOWN, "?"),
}


@pytest.mark.parametrize("case", CASES)
def test_speed_ups_and_bounds(case):
    shallow, deep, ratio, bound, text = CASES[case]
    gain = SpeedUp.from_steps(shallow, deep, limit=1000)
    assert gain.ratio == pytest.approx(ratio, nan_ok=True)
    assert gain.bound is bound and gain.text() == text
    assert gain.is_known == (not math.isnan(ratio))


def test_columns_are_compared_row_by_row():
    index = ["a", "b", "c", "d"]
    shallow = pd.Series([90, None, 90, None], index, dtype="Int64")
    deep = pd.Series([30, 50, None, None], index, dtype="Int64")
    table = speed_ups(shallow, deep, limit=100)
    assert table.index.tolist() == index
    assert table["speed_up"].tolist()[:3] == [3, 2, 0.9] and math.isnan(table["speed_up"]["d"])
    assert table["bound"].tolist() == ["exact", "at least", "at most", "unknown"]


@pytest.mark.parametrize("dtype", [None, object, "string"])
def test_bounds_are_compared_with_columns_of_text(dtype):
    bounds = pd.Series(["exact", "at least", "at most", "unknown"], dtype=dtype)
    assert (bounds == Bound.AT_LEAST).tolist() == [False, True, False, False]
    assert bounds.isin([Bound.EXACT, Bound.UNKNOWN]).tolist() == [True, False, False, True]
    assert [Bound(bound).mark for bound in bounds] == ["", ">", "<", "?"]
