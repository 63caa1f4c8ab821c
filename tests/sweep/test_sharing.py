"""Shares of the runs of a sweep: complete, balanced, and joined the same as undivided."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pandas as pd
import pytest

from overparam_tf import InputError, LpLoss, Sweep, Variant
from overparam_tf.sweep.sharing import Unit, divide
from tests.cases import small_problem

VARIANTS = [
    Variant("GD", 2, learning_rates=(1e-3, 1e-2, 3e-2), seeds=(0, 1), initial_factors="balanced"),
    Variant("rule", 2.5, learning_rates=(1e-3, 50.0), update="end_to_end"),
]


def cost(items, units):
    """Return what a share costs that has these (unit, item) pairs."""
    fixed = sum(units[unit].fixed_cost for unit in {unit for unit, _ in items})
    return fixed + sum(units[unit].item_cost for unit, _ in items)


def items_of(portions):
    return [(unit, item) for unit, first, end in portions for item in range(first, end)]


@pytest.mark.parametrize("seed", range(40))
def test_the_dearest_share_is_as_cheap_as_can_be(seed):
    generator = random.Random(seed)
    units = [
        Unit(generator.randint(1, 4), generator.randint(1, 9), generator.randint(0, 9))
        for _ in range(generator.randint(1, 4))
    ]
    every = [(place, item) for place, unit in enumerate(units) for item in range(unit.items)]
    shares = generator.randint(1, min(len(every), 4))
    divided = [items_of(portions) for portions in divide(units, shares)]
    assert len(divided) == shares and all(divided)
    assert [item for share in divided for item in share] == every
    best = min(
        max(cost(every[i:j], units) for i, j in itertools.pairwise((0, *cuts, len(every))))
        for cuts in itertools.combinations(range(1, len(every)), shares - 1)
    )
    assert max(cost(share, units) for share in divided) == best


def test_joined_shares_are_the_undivided_sweep_up_to_round_off():
    sweep = Sweep(small_problem(), VARIANTS, LpLoss(4), "float64")
    settings = {"steps": 120, "targets": {"half": 0.7}}
    whole = sweep.run(**settings)
    first, *others = (sweep.share(number, of=3).run(**settings) for number in (1, 2, 3))
    assert [len(each.runs) for each in (first, *others)] == [3, 3, 2]
    joined = first.join(*others)
    pd.testing.assert_frame_equal(joined.runs, whole.runs, rtol=1e-9)
    np.testing.assert_allclose(joined.losses, whole.losses, rtol=1e-9)
    for ours, theirs in zip(joined.weights, whole.weights, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)
    assert "diverged" in set(joined.runs["status"]) and joined.layers == whole.layers
    with pytest.raises(InputError, match="in one history only"):
        joined.join(first)


@pytest.mark.parametrize(("number", "of"), [(0, 2), (3, 2), (1, 0), (1, 9), (1.5, 2), (True, 2)])
def test_a_share_out_of_range_is_refused(number, of):
    with pytest.raises(InputError):
        Sweep(small_problem(), VARIANTS).share(number, of)


def test_a_share_is_divided_like_any_sweep():
    whole = Sweep(small_problem(), VARIANTS)
    last = whole.share(2, of=3)
    halves = [last.share(number, of=2) for number in (1, 2)]
    runs = [run for half in halves for variant in half.variants for run in variant.runs]
    assert runs == [run for variant in last.variants for run in variant.runs]
    assert runs == list(VARIANTS[0].runs[3:])


def test_a_share_knows_its_own_checkpoints(tmp_path):
    sweep = Sweep(small_problem(), VARIANTS[:1])
    sweep.share(1, of=2).run(4, checkpoints=tmp_path)
    with pytest.raises(InputError, match=r"variants\.GD\.runs\[0\]\[0\]: 0.01 now, 0.001 in"):
        sweep.share(2, of=2).run(4, checkpoints=tmp_path)
