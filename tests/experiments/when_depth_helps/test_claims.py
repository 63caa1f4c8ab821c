"""Cells of which only bounds are known, the theory of two examples, and the claims."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.harness.speed_up import Bound
from experiments.when_depth_helps.cells import cell_table, with_speed_up
from experiments.when_depth_helps.claims import ceiling, claims_of
from experiments.when_depth_helps.theory import label_kurtosis, theory

CELLS = {  # steps of depth 1 and 2 by seed -> speed-up, mark of its bound
    "exact": ([(90, 30), (80, 40), (50, 50)], 2.0, ""),
    "a seed at least": ([(90, 30), (None, 25), (50, 50)], 3.0, ">"),
    "a seed unknown": ([(90, 30), (None, None), (50, 50)], np.nan, "?"),
    "bounded from both sides": ([(None, 30), (90, None)], np.nan, "?"),
}


@pytest.mark.parametrize("case", CELLS)
def test_a_cell_says_what_its_seeds_know(case):
    seeds, speed_up, mark = CELLS[case]
    rows = pd.DataFrame(seeds, columns=["steps_1", "steps_2"])
    rows = rows.assign(
        problem="generated", target=0.1, p=4, alignment=0.5, condition=10.0, kurtosis=3.0
    )
    cell = cell_table(with_speed_up(rows, limit=100)).iloc[0]
    assert Bound(cell["bound"]).mark == mark
    assert cell["speed_up"] == pytest.approx(speed_up, nan_ok=True)
    assert cell["seeds"] == len(seeds)


@pytest.mark.parametrize(("ratio", "kurtosis"), [(1, 1), (2, 34 / 25), (1e6, 2)])
def test_kurtosis_of_two_labels(ratio, kurtosis):
    assert label_kurtosis(ratio) == pytest.approx(kurtosis)
    labels = np.array([ratio, 1.0])
    assert label_kurtosis(ratio) == pytest.approx(np.mean(labels**4) / np.mean(labels**2) ** 2)


def test_the_theory_of_two_examples_gains_about_two():
    rows = theory((4,), per_decade=8).set_index("ratio")
    assert 1.5 < rows.loc[5, "speed_up"] < 2.5 and rows.loc[1, "speed_up"] <= 1
    assert ceiling(0.1, 2) == 1 and ceiling(0.0001, 4) == pytest.approx(100)


def test_claims_follow_the_numbers():
    axes = {"problem": "generated", "target": 0.1, "p": 4, "alignment": 0.5, "seed": 0}
    rows = [
        {
            **axes,
            "condition": c,
            "kurtosis": k,
            "steps_1": 20 * c + k,
            "steps_2": 20,
            "at_edge_1": c > 5,
        }
        for c in (1.0, 2.0, 9.0)
        for k in (1, 9)
    ]
    results = with_speed_up(pd.DataFrame(rows).assign(at_edge_2=False), limit=1000)
    verdicts = {claim.text: claim.held for claim in claims_of(results, cell_table(results))}
    assert verdicts["L4: depth 2 takes fewer steps wherever that is worth while"]
    assert verdicts["L4: a larger condition number makes the speed-up larger"]
    assert verdicts["L4: a heavier tail makes the speed-up larger"]
    assert verdicts["L4: less alignment makes the speed-up larger"] is None
    assert not verdicts[
        "L4: no speed-up is above what the curvature loses on the way, target^-(p-2)/p"
    ]
    assert not verdicts["no best rate lies at an edge of its grid"]
