"""Sweeps that one device and several must train alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from overparam_tf import LpLoss, Sweep, Variant
from tests.cases import OPTIMIZERS, small_problem

STEPS = 100


def rule() -> Variant:
    """Return the rule of Theorem 1 at two rates, of which one diverges."""
    return Variant("rule", 2.5, learning_rates=(1e-3, 30.0), update="end_to_end", use_bias=True)


def adam() -> Variant:
    return Variant("Adam", 2, optimizer="adam", learning_rates=(1e-3, 3e-3), seeds=(0, 1))


def every_variant() -> list[Variant]:
    """Return every optimizer, some with biases, and the rule."""
    optimizers = enumerate(OPTIMIZERS.items())
    return [
        *(
            Variant(
                name,
                2,
                3,
                make(rate),
                (rate,),
                use_bias=index % 2 == 0,
                use_factor_biases=index % 4 == 0,
            )
            for index, (name, (make, rate)) in optimizers
        ),
        rule(),
    ]


# Variants, outputs, further settings. (Functions make the variants, since they hold optimizers, and
# nothing of TensorFlow may be made before the strategy.)
# Of 101 rows, batches of 16 leave a last one of 5; of 3, some replicas are left without a row.
SWEEPS = {
    "every optimizer": (every_variant, 1, {}),
    "no bias": (lambda: [adam()], 2, {}),
    "batches": (lambda: [adam(), rule()], 1, {"batch_size": 16}),
    "unobserved": (lambda: [adam()], 3, {"unobserved": 0.4}),
    "unobserved, batches": (lambda: [adam()], 3, {"unobserved": 0.4, "batch_size": 16}),
    "small batches, float64": (lambda: [rule()], 2, {"batch_size": 3, "dtype": "float64"}),
}


def swept(name: str, strategy=None, **options) -> dict[str, np.ndarray]:
    """Run a sweep under a strategy; return by name all that must not depend on the strategy."""
    variants, outputs, settings = SWEEPS[name]
    settings = {"targets": {"half": 0.7}, "points": 2 * STEPS, **settings, **options}
    problem = small_problem(101, outputs=outputs)
    if share := settings.pop("unobserved", 0):
        hidden = np.random.default_rng(3).random(problem.y.shape) < share
        problem = replace(problem, unobserved=hidden)
    sweep = Sweep(problem, variants(), LpLoss(4), settings.pop("dtype", "float32"))
    history = sweep.run(STEPS, strategy=strategy, **settings)
    results = {
        f"losses/{column}": losses
        for column, losses in enumerate(np.nan_to_num(history.losses.T, nan=-1))
    }
    if history.test_losses is not None:
        results["test_losses"] = history.test_losses
    results |= {
        name: history.runs[name].to_numpy(float, na_value=-1)
        for name in ("steps", "diverged_at", "best_loss")
    }
    finished = (history.runs["status"] == "finished").to_numpy()
    weights = [
        np.concatenate([w.ravel() for w in run])
        for run, ok in zip(history.weights, finished, strict=True)
        if ok
    ]
    return results | {f"weights/{place}": run for place, run in enumerate(weights)}


def gd_sweep(seed: int = 0) -> Sweep:
    """Return a sweep of one run, quick to compile."""
    return Sweep(small_problem(seed=seed), [Variant("GD")])
