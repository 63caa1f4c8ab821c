"""Sweeps of experiments: reference losses, finer rates, tables of best runs, interrupted runs."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from experiments.harness.loss_reference import LossReference, references_of
from experiments.harness.parts import lp_part
from experiments.harness.sweeps import (
    best_runs,
    describe_parts,
    finer_variants,
    read_run,
)
from overparam_tf import History, LpLoss, Variant
from overparam_tf.runlog import RunFolder
from tests.cases import small_problem

REFERENCE = LossReference(
    label="L4, mean(e^4)/4",
    p=4,
    scale=True,
    floor=0.2,
    floor_duality_gap=1e-9,
    floor_with_bias=False,
    at_zero=1.2,
)


def history(losses_by_run, variant="GD"):
    """Return a history of runs of one variant.

    Args:
        losses_by_run: The last loss by learning rate; NaN if the run diverged.
        variant: The variant's name.
    """
    runs = pd.DataFrame(
        {
            "part": "L4",
            "loss": REFERENCE.label,
            "variant": variant,
            "learning_rate": list(losses_by_run),
            "seed": 0,
            "status": ["diverged" if np.isnan(v) else "finished" for v in losses_by_run.values()],
            "steps": 10,
            "final_loss": list(losses_by_run.values()),
            "steps_to_target": pd.array([None] * len(losses_by_run), dtype="Int64"),
        }
    )
    runs["excess_loss"] = runs["final_loss"] - REFERENCE.floor
    return History(runs, np.arange(2), np.zeros((2, len(runs))), [[]] * len(runs), {variant: {}})


@pytest.mark.parametrize("scale", [True, False])
def test_the_reference_of_a_loss_by_hand(scale):
    problem = small_problem()
    reference = LossReference.measure(problem, LpLoss(4, scale=scale), use_bias=True)
    at_zero = np.mean(problem.y**4) / (4 if scale else 1)
    assert reference.at_zero == pytest.approx(at_zero) and reference.floor_with_bias
    assert reference.label == ("L4, mean(e^4)/4" if scale else "L4, mean(e^4)")
    assert abs(reference.floor_duality_gap) <= 1e-8 * reference.floor < reference.at_zero
    lowest = reference.floor + 0.25 * (at_zero - reference.floor)
    assert reference.target(0.25) == pytest.approx(lowest)


def test_a_reference_is_read_as_it_was_written():
    record = json.loads(json.dumps(REFERENCE.record()))
    assert record["target"] == REFERENCE.target() == pytest.approx(0.3)
    assert LossReference.from_record(record) == REFERENCE
    assert references_of({"losses": [record]}) == [REFERENCE]


RATES = (1e-4, 1e-3, 1e-2)
FINER = {  # last loss by rate -> the rates to train next, or None
    "in the middle": ((3.0, 1.0, 2.0), np.geomspace(1e-4, 1e-2, 21)),
    "at the low end": ((1.0, 2.0, 3.0), np.geomspace(10**-4.5, 1e-3, 16)),
    "at the high end": ((3.0, 2.0, 1.0), np.geomspace(1e-3, 10**-1.5, 16)),
    "beside a divergence": ((2.0, 1.0, np.nan), np.geomspace(1e-4, 1e-2, 21)),
    "every run diverged": ((np.nan,) * 3, None),
}


@pytest.mark.parametrize("case", FINER)
def test_finer_rates_lie_between_the_neighbours_of_the_best(case):
    losses, grid = FINER[case]
    variants = [Variant("GD", depth=2, learning_rates=RATES)]
    finer = finer_variants(variants, history(dict(zip(RATES, losses, strict=True))))
    if grid is None:
        assert finer == []
        return
    (variant,) = finer
    new = [rate for rate in grid if not np.isclose(rate, RATES, rtol=0.01).any()]
    np.testing.assert_allclose(variant.learning_rates, new, rtol=5e-3)
    assert (variant.name, variant.depth) == ("GD", 2)


def test_rates_that_differ_by_rounding_are_not_trained_twice():
    rates = tuple(float(f"{rate:.3g}") for rate in np.geomspace(1e-4, 1e-3, 11))
    losses = dict(zip(rates, [2.0] * 5 + [1.0] + [2.0] * 5, strict=True))
    assert finer_variants([Variant("GD", learning_rates=rates)], history(losses)) == []


def test_the_table_of_best_runs():
    runs = history({0.1: 0.5, 0.2: 0.3, 0.3: np.nan})
    lost = history({0.1: np.nan}, "Adam")
    table = best_runs(runs.join(lost)).set_index("variant")
    assert table.loc["GD", ["best rate", "loss", "diverged"]].tolist() == ["0.2", 0.3, "1 of 3"]
    assert table.loc["GD", "excess"] == pytest.approx(0.1)
    assert table.loc["Adam", ["best rate", "diverged"]].tolist() == ["-", "1 of 1"]
    assert pd.isna(table.loc["Adam", "loss"])


def test_parts_that_were_not_begun_are_left_out(tmp_path):
    problem = small_problem()
    parts = [lp_part(problem, p, [Variant("GD", learning_rates=RATES)], 5) for p in (4, 2)]
    described = describe_parts(parts)
    assert described["parts"] == {"L4": ["GD"], "L2": ["GD"]} and len(described["losses"]) == 2
    assert described["steps"] == {"L4": 5, "L2": 5}
    folder = RunFolder.create(tmp_path, "made_up", "run")
    folder.write_config(described)
    history({0.1: 0.5}).save(folder.path)
    record, runs = read_run(folder)
    assert list(record["parts"]) == ["L4"] and runs.variants == ["GD"]
    assert [reference.p for reference in references_of(record)] == [4]


def test_l2_parts_train_on_fewer_rows_with_the_same_losses():
    problem = small_problem(rows=200, features=4)
    part = lp_part(problem, 2, [Variant("GD", learning_rates=RATES)], 5)
    assert part.problem.rows == 5 and part.reference.floor_with_bias is False
    kernel = np.ones((4, 1))
    losses = [np.mean((data.x @ kernel - data.y) ** 2) for data in (problem, part.problem)]
    assert losses[1] == pytest.approx(losses[0])
