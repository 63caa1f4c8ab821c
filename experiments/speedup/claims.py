"""The claim that depth accelerates, tested for each loss and optimizer."""

from __future__ import annotations

import pandas as pd

from experiments.harness.results import Claim
from experiments.speedup.ratios import MAIN_TARGET, estimate_of, with_labels


def claims_of(ratios: pd.DataFrame) -> list[Claim]:
    """Return, for each loss and optimizer, whether any depth reaches the main target faster."""
    main = ratios[ratios["target"] == MAIN_TARGET]
    claims = []
    for (p, group), rows in main.groupby(["p", "group"], sort=False):
        deeper = with_labels(rows[rows["depth"] > 1])
        text = f"L{p}, {group}: some depth is faster to {MAIN_TARGET} of the excess"
        numbers = [
            f"depth {row['label']} {estimate_of(row).text()}" for _, row in deeper.iterrows()
        ]
        claims.append(Claim(text, _any_helps(deeper["helps"].tolist()), "; ".join(numbers)))
    return claims


def _any_helps(verdicts: list[bool | None]) -> bool | None:
    """Return True if one is True, False if all are False, else None."""
    if True in verdicts:
        return True
    return False if verdicts and set(verdicts) == {False} else None
