"""The goals of the sweep's speed, as ratios taken round by round, and other claims of the run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from experiments.benchmarks.step_cost.contest import COMPARED_STEPS
from experiments.benchmarks.step_cost.contestants import (
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
from experiments.benchmarks.step_cost.status import is_measured
from experiments.harness.results import Claim

SETTING = ["optimizer", "depth"]
START_UP_SECONDS = 6
# Largest relative deviation of losses that agree, and least relative distance from the start.
TOLERANCE, LEAST_MOVE = 1e-4, 1e-2
# Costs of compressed problems may differ by this factor over all numbers of rows.
SAME = 1.2
# A machine on which bursts of one contestant are more than this times apart tells nothing of it.
APART = 2.0
# Largest share of a processor that a waiting worker may take.
IDLE_SHARE = 0.01


@dataclass(frozen=True)
class Goal:
    """A bound on the cost of a run-step of one contestant over that of another.

    Attributes:
        text: The goal.
        pairs: Labels of the contestants compared, the numerator first.
        most: The largest ratio allowed; default no limit.
        least: The least ratio allowed; default 0.
    """

    text: str
    pairs: tuple[tuple[str, str], ...]
    most: float = np.inf
    least: float = 0.0


GOALS = (
    Goal(
        f"{MANY} runs or more cost at most 1.15 times the two BLAS products alone",
        tuple((sweep_label(runs), products_label(runs)) for runs in RUNS if runs >= MANY),
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


def ratios(rounds: pd.DataFrame, top: str, bottom: str) -> pd.DataFrame:
    """Return the cost of one contestant over that of another in the same round.

    The cost of a contestant in a round is that of its best burst, over all numbers of threads.

    Args:
        rounds: The content of rounds.csv.
        top: Label of the numerator.
        bottom: Label of the denominator.

    Returns:
        Columns optimizer, depth, median, min, max, and apart: how many times as long as the
        shortest the longest burst of either contestant took. A row for each setting.
    """
    costs = [_costs(rounds, label) for label in (top, bottom)]
    over, under = costs
    quotient = (over / under).dropna().groupby(level=SETTING, sort=False)
    spreads = [
        cost.groupby(level=SETTING).max() / cost.groupby(level=SETTING).min() for cost in costs
    ]
    table = quotient.agg(["median", "min", "max"])
    apart = np.fmax(*spreads).reindex(table.index)
    return table.assign(apart=apart).reset_index()


def _costs(rounds: pd.DataFrame, label: str) -> pd.Series:
    """Return the best burst of a contestant by setting and round."""
    rows = rounds[rounds["contestant"] == label]
    return rows.groupby([*SETTING, "round"], sort=False)["ms"].min()


def goal_claim(goal: Goal, rounds: pd.DataFrame) -> Claim:
    """Return whether the median ratio meets the goal in every setting and for every pair.

    A ratio whose bursts are more than `APART` times apart says nothing.

    Args:
        goal: The goal.
        rounds: The content of rounds.csv.
    """
    verdicts, numbers = [], []
    for top, bottom in goal.pairs:
        *_, runs = top.split(", ")
        for row in ratios(rounds, top, bottom).to_dict("records"):
            is_met = bool(goal.least <= row["median"] <= goal.most)
            verdicts.append(is_met if row["apart"] <= APART else None)
            setting = f"{row['optimizer']}, depth {row['depth']}"
            label = setting if len(goal.pairs) == 1 else runs
            remark = "" if row["apart"] <= APART else f", bursts {row['apart']:.2g} times apart"
            numbers.append(
                f"{label}: {row['median']:.3g} ({row['min']:.3g} to {row['max']:.3g}{remark})"
            )
    if not verdicts:
        return Claim(goal.text, None, "not both measured")
    held = None if None in verdicts else True
    return Claim(goal.text, False if False in verdicts else held, "; ".join(numbers))


def loss_claim(results: pd.DataFrame) -> Claim:
    """Return whether all contestants reached the same loss, far enough from the start.

    Args:
        results: The content of results.csv.
    """
    text = f"after {COMPARED_STEPS} steps all losses agree to {TOLERANCE:g}"
    trained = results.dropna(subset="loss")
    groups = trained.groupby([*SETTING, "p"])["loss"]
    compared = trained[groups.transform("count") > 1]
    if compared.empty:
        return Claim(text, None, "fewer than two trained")
    medians = groups.transform("median")[compared.index]
    deviation = (compared["loss"] / medians - 1).abs()
    move = (compared["loss"] / compared["start_loss"] - 1).abs()
    worst = compared.loc[deviation.idxmax()]
    numbers = (
        f"{len(compared)} losses, largest deviation {deviation.max():.1e} "
        f"({worst['contestant']}, {worst['optimizer']}, depth {worst['depth']}); "
        f"each at least {move.min():.1%} from the start's"
    )
    held = (deviation <= TOLERANCE).all() and (move >= LEAST_MOVE).all()
    return Claim(text, bool(held), numbers)


def start_up_claim(seconds: list[float]) -> Claim:
    """Return whether optimizer_compare is ready soon.

    Args:
        seconds: The seconds of each start; empty if they were not measured.
    """
    text = f"optimizer_compare takes at most {START_UP_SECONDS} s to import, trace and compile"
    if not seconds:
        return Claim(text, None, "not measured")
    numbers = f"{np.median(seconds):.1f} s ({min(seconds):.1f} to {max(seconds):.1f})"
    return Claim(text, bool(np.median(seconds) <= START_UP_SECONDS), numbers)


def rows_claim(scaling: pd.DataFrame) -> Claim:
    """Return whether the cost on compressed data is the same for any number of rows.

    Args:
        scaling: The content of scaling.csv.
    """
    text = "p = 2 on compressed data: the cost does not depend on the number of rows"
    points = scaling[(scaling["axis"] == COMPRESSED) & is_measured(scaling)]
    if len(points) < 2:
        return Claim(text, None, "fewer than two measured")
    pairs = zip(points["size"], points["ms"], strict=True)
    costs = "; ".join(f"{size:,} rows: {ms:.3g} ms" for size, ms in pairs)
    held = bool(points["ms"].max() <= SAME * points["ms"].min())
    exponent = fit_exponent(points["size"], points["ms"])
    return Claim(text, held, f"{costs}; exponent {exponent:.2f}")


def idle_claim(rounds: pd.DataFrame) -> Claim:
    """Return whether workers left the processors to others between their turns.

    Args:
        rounds: The content of rounds.csv.
    """
    text = "workers that wait take less than 1 % of a processor each"
    if rounds.empty:
        return Claim(text, None, "nothing measured")
    idle = rounds.groupby("worker")[["idle_seconds", "idle_processor_seconds"]].sum()
    share = idle["idle_processor_seconds"] / idle["idle_seconds"]
    numbers = f"{share.max():.2%} at most ({share.idxmax()})"
    return Claim(text, bool(share.max() < IDLE_SHARE), numbers)
