"""A small regression, and runs made by hand as the table results.csv has them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from overparam_tf.datasets import Problem


def small_regression() -> Problem:
    """Return a regression of 24 rows with a heavy-tailed target."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((24, 3)) * [2.0, 1.0, 0.5]
    y = x @ rng.standard_normal((3, 1)) + rng.standard_t(3, (24, 1))
    return Problem("small", x, y, "random", "none", synthetic=True)


def fine_runs(**depths):
    """Return fine runs of SGD under l_4 to the target 10%.

    Args:
        **depths: For `depth1`, `depth2` .., a list over rates of a list over seeds of
            (steps to the target, status).
    """
    rows = []
    for name, rates in depths.items():
        depth = int(name.removeprefix("depth"))
        for exponent, seeds in enumerate(rates):
            for seed, (steps, status) in enumerate(seeds):
                rows.append(
                    {
                        "p": 4,
                        "group": "SGD",
                        "grid": "fine",
                        "variant": f"SGD, depth {depth}",
                        "depth": depth,
                        "learning_rate": 10.0**exponent,
                        "seed": seed,
                        "steps_to_10%": steps,
                        "status": status,
                    }
                )
    return pd.DataFrame(rows)
