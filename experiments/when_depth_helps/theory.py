"""The two-example toy's speed-up of depth 2, to be drawn into `experiments.when_depth_helps` where it applies."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pandas as pd

from experiments.harness.two_examples import learning_rates, scan

# Labels (y, 1) of the two-example toy; see `label_kurtosis`.
THEORY_RATIOS = (1, 1.25, 1.5, 2, 2.5, 3, 5, 10, 30)
THEORY_LIMIT = 10**6


def label_kurtosis(ratio: float) -> float:
    """Mean y^4 / (mean y^2)^2 of the labels (ratio, 1): from 1 for equal ones to 2."""
    return 2 * (ratio**4 + 1) / (ratio**2 + 1) ** 2


def theory(powers: Sequence[int], per_decade: int) -> pd.DataFrame:
    """The two-example toy's speed-up of depth 2 among rates at which the loss never rises, by p and labels (y, 1)."""
    rows = []
    for p, ratio in itertools.product(powers, THEORY_RATIOS):
        limit = 10 * max(ratio ** (p - 2), 100)
        counts = []
        for depth in (1, 2):
            found = scan(
                ratio,
                p,
                depth,
                learning_rates(ratio, p, depth, per_decade, 4),
                min(limit, THEORY_LIMIT),
            ).stable()
            counts.append(None if found.best() is None else int(found.reached[found.best()]))
        if None not in counts:
            row = {
                "p": p,
                "ratio": ratio,
                "kurtosis": label_kurtosis(ratio),
                "steps_1": counts[0],
                "steps_2": counts[1],
            }
            rows.append({**row, "speed_up": max(counts[0], 1) / max(counts[1], 1)})
    return pd.DataFrame(rows)
