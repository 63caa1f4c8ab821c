"""The paper's figure of the optimizers beside ours: the order at its end, and who passes whom."""

from __future__ import annotations

import numpy as np
import pandas as pd

from overparam_tf.sweep import History

# Read off the paper's figure, within 3 %. Its loss scale is not known: only orders and crossings
# can be compared.
DEPTH_2, GD = "GD, depth 2", "GD, depth 1"
PAPER_ENDS = {GD: 0.0598, "AdaGrad": 0.0582, "AdaDelta": 0.0207, DEPTH_2: 0.0082}
PAPER_STEPS = 1_000_000
PAPER_CROSSINGS = {GD: 140_000, "AdaGrad": 140_000, "AdaDelta": 540_000}


def passing_step(history: History, name: str, other: str) -> int | None:
    """Return the step from which on the best run of one variant is below that of another.

    Args:
        history: The history.
        name: The variant that may pass.
        other: The variant that may be passed.

    Returns:
        The recorded step; None if it is above at the last step that both have, or if all runs of
        one of them diverged.
    """
    curves = [history.best_curve(variant) for variant in (name, other)]
    if None in curves:
        return None
    (steps, losses), (other_steps, others) = curves
    common, places, other_places = np.intersect1d(steps, other_steps, return_indices=True)
    above = np.flatnonzero(losses[places] >= others[other_places])
    if not above.size:
        return int(common[0])
    last_above = above[-1]
    return None if last_above == len(common) - 1 else int(common[last_above + 1])


def paper_table(history: History) -> pd.DataFrame:
    """Return the table: for the end and each crossing the paper's figure and this run.

    Args:
        history: A history with the variants of the paper's figure; others do not matter.
    """
    bests = {name: history.best(name) for name in PAPER_ENDS}
    ends = {name: best["final_loss"] for name, best in bests.items() if best is not None}
    last_step = int(history.runs.loc[history.runs["variant"] == DEPTH_2, "steps"].max())
    rows = [
        {
            "": "order at the end, lowest first",
            f"paper, {PAPER_STEPS:,} steps": " < ".join(sorted(PAPER_ENDS, key=PAPER_ENDS.get)),
            f"here, {last_step:,} steps": " < ".join(sorted(ends, key=ends.get)),
        }
    ]
    for other, paper_step in PAPER_CROSSINGS.items():
        step = passing_step(history, DEPTH_2, other)
        rows.append(
            {
                "": f"{DEPTH_2} passes {other}",
                f"paper, {PAPER_STEPS:,} steps": f"near step {paper_step:,}",
                f"here, {last_step:,} steps": "never" if step is None else f"at step {step:,}",
            }
        )
    return pd.DataFrame(rows)


def has_paper_variants(history: History) -> bool:
    """Return whether a history has all variants of the paper's figure."""
    return set(PAPER_ENDS) <= set(history.variants)
