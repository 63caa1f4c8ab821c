"""The speed-up of depth 2 on the two-example toy, where the theory gives it: about 2."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pandas as pd

from experiments.harness.speed_up import SpeedUp
from experiments.harness.two_examples import learning_rates, scan

# The larger of the toy's labels (y, 1).
RATIOS = (1, 1.25, 1.5, 2, 2.5, 3, 5, 10, 30)
# The most steps taken.
LIMIT = 10**6
# How many times as fine the grid of rates is as that of the experiment.
REFINEMENT = 4


def label_kurtosis(ratio: float) -> float:
    """Return mean y^4 / (mean y^2)^2 of the labels (ratio, 1): from 1 for equal ones to 2.

    Example:
        >>> label_kurtosis(1), label_kurtosis(2)
        (1.0, 1.36)
    """
    return 2 * (ratio**4 + 1) / (ratio**2 + 1) ** 2


def stable_steps(ratio: float, p: int, depth: int, per_decade: int) -> int | None:
    """Return the fewest steps of any rate up to which the loss never rises; None if none is enough.

    Args:
        ratio: The larger of the labels (ratio, 1).
        p: Exponent of the loss.
        depth: Number of factors.
        per_decade: Rates of the experiment's grid in a decade.
    """
    # Ten times the plateau of depth 1, see `two_examples`.
    limit = int(min(10 * max(ratio ** (p - 2), 100), LIMIT))
    rates = learning_rates(ratio, p, depth, per_decade, REFINEMENT)
    stable = scan(ratio, p, depth, rates, limit).stable()
    best = stable.best()
    return None if best is None else int(stable.reached_steps[best])


def theory(powers: Sequence[int], per_decade: int) -> pd.DataFrame:
    """Return the speed-up of depth 2 among rates at which the loss never rises, by p and labels.

    Args:
        powers: Exponents of the loss.
        per_decade: Rates of the experiment's grid in a decade.

    Returns:
        Columns p, ratio, kurtosis, steps_1, steps_2 and speed_up, a row for each p and ratio at
        which both depths fit the labels.
    """
    rows = []
    for p, ratio in itertools.product(powers, RATIOS):
        shallow, deep = (stable_steps(ratio, p, depth, per_decade) for depth in (1, 2))
        if shallow is None or deep is None:
            continue
        rows.append(
            {
                "p": p,
                "ratio": ratio,
                "kurtosis": label_kurtosis(ratio),
                "steps_1": shallow,
                "steps_2": deep,
                "speed_up": SpeedUp.from_steps(shallow, deep, LIMIT).ratio,
            }
        )
    return pd.DataFrame(rows)
