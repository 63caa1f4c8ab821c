"""The goals of the sweep's speed, each a ratio measured round by round, and the agreement of all losses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from experiments.benchmarks.step_cost.contestants import (
    COMPARED_STEPS,
    FIT,
    FUSED,
    MANY,
    ONE,
    RUNS,
    SCAN,
    SWEEP_COMPRESSED,
    SWEEP_P2,
    THIRTY,
    TORCH,
    VMAP_SCAN,
    products_label,
    sweep_label,
)
from experiments.benchmarks.step_cost.scaling import COMPRESSED, fit_exponent
from experiments.harness.results import Claim

SETTING = ["optimizer", "depth"]
START_UP_SECONDS = 15
TOLERANCE, LEAST_MOVE = 1e-4, 1e-2
# Costs of compressed problems may differ by this factor over all numbers of rows and count as the same.
SAME = 1.2


@dataclass(frozen=True)
class Goal:
    """The cost of a run-step of the first of each pair over that of the second: at most, or at least, a bound."""

    text: str
    pairs: tuple[tuple[str, str], ...]
    most: float = np.inf
    least: float = 0.0


GOALS = (
    Goal(
        f"{MANY} runs or more cost at most 1.15 times the two BLAS products alone",
        tuple((sweep_label(n), products_label(n)) for n in RUNS if n >= MANY),
        most=1.15,
    ),
    Goal("one run costs at most what JAX scan costs", ((ONE, SCAN),), most=1.0),
    Goal("one run costs at most 1.5 times the fused pass of numba", ((ONE, FUSED),), most=1.5),
    Goal(
        f"JAX vmap(scan) costs at least 1.3 times as much at {MANY} runs",
        ((VMAP_SCAN, THIRTY),),
        least=1.3,
    ),
    Goal(f"the PyTorch loop costs at least 15 times a run of {MANY}", ((TORCH, THIRTY),), least=15),
    Goal(
        f"Keras fit, a batch an epoch, costs at least 1,000 times a run of {MANY}",
        ((FIT, THIRTY),),
        least=1000,
    ),
    Goal(
        "p = 2: compressed data are at least 5 times as fast again",
        ((SWEEP_P2, SWEEP_COMPRESSED),),
        least=5,
    ),
)


def ratios(rounds: pd.DataFrame, top: str, bottom: str, column: str = "ms") -> pd.DataFrame:
    """Cost of `top` over that of `bottom` in the same round: median, min and max for each optimizer and depth."""
    costs = [
        rounds[rounds["contestant"] == name].set_index([*SETTING, "round"])[column]
        for name in (top, bottom)
    ]
    quotient = (costs[0] / costs[1]).dropna()
    return quotient.groupby(level=SETTING, sort=False).agg(["median", "min", "max"]).reset_index()


def goal_claim(goal: Goal, rounds: pd.DataFrame) -> Claim:
    """Whether the goal is met by the median ratio in every setting and for every pair."""
    measured, numbers = [], []
    for top, bottom in goal.pairs:
        for row in ratios(rounds, top, bottom).to_dict("records"):
            measured.append(row["median"])
            where = (
                f"{row['optimizer']}, depth {row['depth']}"
                if len(goal.pairs) == 1
                else f"{top.split(', ')[-1]}"
            )
            numbers.append(f"{where}: {row['median']:.3g} ({row['min']:.3g} to {row['max']:.3g})")
    held = all(goal.least <= ratio <= goal.most for ratio in measured) if measured else None
    return Claim(goal.text, held, "; ".join(numbers) or "not both measured")


def loss_claim(results: pd.DataFrame) -> Claim:
    """Whether all contestants have come to the same loss, and far enough from the start for that to say something."""
    text = f"after {COMPARED_STEPS} steps all losses agree to {TOLERANCE:g}"
    trained = results.dropna(subset="loss")
    groups = trained.groupby([*SETTING, "p"])["loss"]
    compared = trained[groups.transform("count") > 1]
    if compared.empty:
        return Claim(text, None, "fewer than two trained")
    deviation = (compared["loss"] / groups.transform("median")[compared.index] - 1).abs()
    move = (compared["loss"] / compared["start_loss"] - 1).abs()
    worst = compared.loc[deviation.idxmax()]
    numbers = (
        f"{len(compared)} losses, largest deviation {deviation.max():.1e} ({worst['contestant']}, "
        f"{worst['optimizer']}, depth {worst['depth']}); each at least {move.min():.1%} from the start's"
    )
    return Claim(text, bool((deviation <= TOLERANCE).all() and (move >= LEAST_MOVE).all()), numbers)


def start_up_claim(seconds: list[float]) -> Claim:
    """Whether optimizer_compare is ready soon."""
    text = f"optimizer_compare takes at most {START_UP_SECONDS} s to import, trace and compile"
    if not seconds:
        return Claim(text, None, "not measured")
    numbers = f"{np.median(seconds):.1f} s ({min(seconds):.1f} to {max(seconds):.1f})"
    return Claim(text, bool(np.median(seconds) <= START_UP_SECONDS), numbers)


def rows_claim(scaling: pd.DataFrame) -> Claim:
    """Whether the cost on compressed data is the same for any number of rows."""
    text = "p = 2 on compressed data: the cost does not depend on the number of rows"
    cells = scaling[(scaling["axis"] == COMPRESSED) & (scaling["status"] == "measured")]
    if len(cells) < 2:
        return Claim(text, None, "fewer than two measured")
    costs = "; ".join(
        f"{size:,} rows: {ms:.3g} ms" for size, ms in zip(cells["size"], cells["ms"], strict=True)
    )
    held = bool(cells["ms"].max() <= SAME * cells["ms"].min())
    return Claim(text, held, f"{costs}; exponent {fit_exponent(cells['size'], cells['ms']):.2f}")


def idle_claim(rounds: pd.DataFrame) -> Claim:
    """Whether those whose turn it was not left the processors alone."""
    text = "workers that wait take less than 1 % of a processor each"
    if rounds.empty:
        return Claim(text, None, "nothing measured")
    idle = rounds.groupby("worker")[["idle_seconds", "idle_processor_seconds"]].sum()
    share = idle["idle_processor_seconds"] / idle["idle_seconds"]
    return Claim(text, bool(share.max() < 0.01), f"{share.max():.2%} at most ({share.idxmax()})")
