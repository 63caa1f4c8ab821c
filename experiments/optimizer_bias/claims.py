"""The table of `experiments.optimizer_bias`, and the claims of 2026 with their verdicts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from experiments.harness.draws import OverDraws
from experiments.harness.results import Claim
from experiments.optimizer_bias.optimizers import CANDIDATES
from experiments.optimizer_bias.settings import SETTINGS

GROUP = ["problem", "optimizer", "depth"]
# An optimizer has lost the bias if its error is this many times that of gradient descent ..
LOST = 10.0
# .. and has recovered the rank if its effective rank exceeds the matrix's by less than this share.
RANK_MARGIN = 0.25
# A third factor restores the bias if it divides the error by this.
RESTORED = 10.0


def best_runs(results: pd.DataFrame) -> pd.DataFrame:
    """Return, for each problem, optimizer, depth and draw, the fitted run of lowest error.

    Only runs that reached the same training loss are compared.
    """
    fitted = results[results["status"] == "fitted"]
    return fitted.loc[fitted.groupby([*GROUP, "draw"], sort=False)["error"].idxmin()]


def bias_table(results: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each problem, optimizer and depth."""
    best, rows = best_runs(results), []
    for (problem, optimizer, depth), runs in results.groupby(GROUP, sort=False):
        own = _of(best, problem, optimizer, depth)
        fitted = runs[runs["status"] == "fitted"]
        ends = f"{fitted['error'].min():.2g} to {fitted['error'].max():.2g}" if len(fitted) else "-"
        rows.append(
            {
                "problem": problem,
                "depth": int(depth),
                "optimizer": optimizer,
                "error, best rate": OverDraws.of(own["error"]).text(),
                "effective rank": OverDraws.of(own["rank"]).text(),
                "error, all rates": ends,
                "fitted": f"{len(fitted)} of {len(runs)}",
            }
        )
    return pd.DataFrame(rows).sort_values(["problem", "depth"], kind="stable")


def claims_of(results: pd.DataFrame) -> list[Claim]:
    """Return the claims on each problem at each depth."""
    best = best_runs(results)
    depths, problems = sorted(set(results["depth"])), list(results["problem"].unique())
    claims = []
    for problem in problems:
        present = list(results.loc[results["problem"] == problem, "optimizer"].unique())
        for depth in depths:
            claims += _claims_at(best, problem, depth, present)
        if {2, 3} <= set(depths):
            claims += [_restored(best, problem, optimizer) for optimizer in present]
    return claims


def _claims_at(best: pd.DataFrame, problem: str, depth: int, present: list[str]) -> Iterator[Claim]:
    for optimizer, source in (("Muon", "2603.00742"), ("Lion", "sign methods")):
        if {optimizer, "SGD"} <= set(present):
            yield _lost(best, problem, depth, optimizer, source)
    if "Adam" in present:
        yield _recovers(best, problem, depth)
    if {"RMSprop", "Adam"} <= set(present):
        yield _overshoots(best, problem, depth)


def _lost(best: pd.DataFrame, problem: str, depth: int, optimizer: str, source: str) -> Claim:
    text = (
        f"{problem}, depth {depth}: {optimizer} loses the bias ({source}): "
        f"{LOST:g} times the error of gradient descent"
    )
    errors = _errors(best, problem, depth, optimizer, "SGD")
    if errors.empty:
        return Claim(text, None, "one of them did not fit the data")
    ratio = OverDraws.of(errors[optimizer] / errors["SGD"])
    numbers = f"{ratio.text()} times, {_both(errors)}"
    return Claim(text, _decided(ratio, LOST), numbers)


def _recovers(best: pd.DataFrame, problem: str, depth: int) -> Claim:
    rank = SETTINGS[problem].rank
    text = (
        f"{problem}, depth {depth}: Adam recovers low rank (aLhQNH4k7C): effective rank within "
        f"{RANK_MARGIN:.0%} of {rank}"
    )
    ranks = _of(best, problem, "Adam", depth)["rank"]
    if ranks.empty:
        return Claim(text, None, "it did not fit the data")
    held = bool((np.abs(ranks - rank) <= RANK_MARGIN * rank).all())
    return Claim(text, held, f"effective rank {OverDraws.of(ranks).text()}")


def _overshoots(best: pd.DataFrame, problem: str, depth: int) -> Claim:
    text = f"{problem}, depth {depth}: RMSprop overshoots: a higher effective rank than Adam's"
    ranks = _errors(best, problem, depth, "RMSprop", "Adam", column="rank")
    if ranks.empty:
        return Claim(text, None, "one of them did not fit the data")
    ratio = OverDraws.of(ranks["RMSprop"] / ranks["Adam"])
    return Claim(text, _decided(ratio, 1.0), f"{ratio.text()} times, {_both(ranks)}")


def _restored(best: pd.DataFrame, problem: str, optimizer: str) -> Claim:
    kind = "" if CANDIDATES[optimizer].is_elementwise else ", which mixes entries"
    text = (
        f"{problem}: a third factor restores the bias of {optimizer}{kind}: "
        f"a {RESTORED:g}th of the error or less"
    )
    columns = {depth: _of(best, problem, optimizer, depth).set_index("draw") for depth in (2, 3)}
    errors = pd.DataFrame({depth: runs["error"] for depth, runs in columns.items()}).dropna()
    if errors.empty:
        return Claim(text, None, "it did not fit the data at both depths")
    ratio = OverDraws.of(errors[2] / errors[3])
    numbers = f"error divided by {ratio.text()}, " + " and ".join(
        f"{OverDraws.of(errors[depth]).text()} at depth {depth}" for depth in (2, 3)
    )
    return Claim(text, _decided(ratio, RESTORED), numbers)


def _decided(ratio: OverDraws, limit: float) -> bool | None:
    """Return whether an interval lies above a limit, below it, or on both sides (None)."""
    if ratio.low > limit:
        return True
    return False if ratio.high <= limit else None


def _of(best: pd.DataFrame, problem: str, optimizer: str, depth: int) -> pd.DataFrame:
    chosen = (best["problem"] == problem) & (best["optimizer"] == optimizer)
    return best[chosen & (best["depth"] == depth)]


def _errors(
    best: pd.DataFrame, problem: str, depth: int, first: str, second: str, column: str = "error"
) -> pd.DataFrame:
    """Return a column of two optimizers on the draws that both have fitted."""
    pairs = {name: _of(best, problem, name, depth).set_index("draw") for name in (first, second)}
    return pd.DataFrame({name: runs[column] for name, runs in pairs.items()}).dropna()


def _both(numbers: pd.DataFrame) -> str:
    return ", ".join(f"{name} {OverDraws.of(numbers[name]).text()}" for name in numbers)
