"""Fine grids take the runs that the coarse ones have too from them: the same table and curves."""

from __future__ import annotations

import numpy as np
import pandas as pd

from experiments.harness.finer_grids import train_finer
from experiments.harness.parts import lp_part
from overparam_tf import Sweep, Variant
from tests.experiments.speedup.cases import small_regression


def test_no_run_is_trained_twice_and_the_table_is_the_same():
    part, trained = lp_part(small_regression(), 4, (), 40), []

    def train(part):
        trained.append([(variant.name, *run) for variant in part.variants for run in variant.runs])
        targets = {"50%": part.reference.target(0.5)}
        sweep = Sweep(part.problem, part.variants, part.loss)
        return sweep.run(part.steps, targets=targets, stop_at_targets=True, points=20)

    def of(rates, seeds):
        variants = [
            Variant(f"depth {depth}", depth, learning_rates=rates, seeds=seeds) for depth in (1, 2)
        ]
        return type(part)(part.name, part.problem, variants, part.loss, part.reference, part.steps)

    coarse = train(of((1e-4, 1e-2, 10.0), (0,)))
    fine = of((3e-3, 1e-2, 10.0, 20.0), (0, 1))
    expected, found = train(fine), train_finer(fine, coarse, train)
    *_, of_all, of_others = trained
    assert set(of_all) - set(of_others) == {
        (f"depth {depth}", rate, 0) for depth in (1, 2) for rate in (1e-2, 10.0)
    }
    assert found.keys == expected.keys and set(found.runs["status"]) == {"stopped", "diverged"}
    # A stack of other runs sums in another order: all but the last digits of losses is the same.
    pd.testing.assert_frame_equal(found.runs, expected.runs, rtol=1e-6)
    np.testing.assert_allclose(found.losses, expected.losses, rtol=1e-6)
    # Runs of one seed alone, of which nothing is left to train.
    assert train_finer(of((1e-4,), (0,)), coarse, train).keys == coarse.select([0, 3]).keys
    assert len(trained) == 3
