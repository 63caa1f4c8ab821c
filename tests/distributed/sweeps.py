"""Sweeps that one device and several must train alike."""

from __future__ import annotations

import numpy as np

from overparam_tf import LpLoss, Sweep, Variant
from tests.cases import OPTIMIZERS, small_problem

STEPS = 100
# Every optimizer and the rule of Theorem 1, some with biases; and a run that diverges.
RULE = Variant("rule", 2.5, learning_rates=(1e-3, 30.0), update="end_to_end", use_bias=True)
ALL = [
    *(
        Variant(name, 2, 3, make(rate), (rate,), use_bias=index % 2 == 0, use_factor_biases=index % 4 == 0)
        for index, (name, (make, rate)) in enumerate(OPTIMIZERS.items())
    ),
    RULE,
]
ADAM = Variant("Adam", 2, optimizer="adam", learning_rates=(1e-3, 3e-3), seeds=(0, 1))
# Of 101 rows. Batches of 16 leave a last one of 5; of 3, some replicas are left without a row.
SWEEPS = {
    "all rows": {"variants": [ADAM, RULE]},
    "batches": {"variants": ALL, "batch_size": 16},
    "small batches, float64": {"variants": [ADAM, RULE], "batch_size": 3, "dtype": "float64"},
    "no bias": {"variants": [ADAM], "outputs": 2},
}


def swept(name: str, strategy=None, **options) -> dict[str, np.ndarray]:
    """Run a sweep under a strategy; return, by name, everything that must not depend on the strategy."""
    case = {"outputs": 1, "dtype": "float32", "batch_size": None, **SWEEPS[name]}
    problem = small_problem(rows=101, outputs=case["outputs"])
    sweep = Sweep(problem, case["variants"], LpLoss(4), case["dtype"])
    settings = {"targets": {"half": 0.7}, "points": 2 * STEPS, "batch_size": case["batch_size"], **options}
    history = sweep.run(STEPS, strategy=strategy, **settings)
    found = {f"losses/{column}": losses for column, losses in enumerate(history.losses.T)}
    found |= {name: history.runs[name].to_numpy(float, na_value=-1) for name in ("steps", "diverged_at", "best_loss")}
    finished = (history.runs["status"] == "finished").to_numpy()
    weights = [np.concatenate([w.ravel() for w in run]) for run, ok in zip(history.weights, finished, strict=True) if ok]
    return found | {f"weights/{place}": run for place, run in enumerate(weights)}
