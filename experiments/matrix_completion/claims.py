"""The table of `experiments.matrix_completion`, and the claims of 2019 with their verdicts."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from experiments.harness.draws import OverDraws
from experiments.harness.results import Claim

# The depth under which the matrix of least nuclear norm stands in the table.
BASELINE = 0
# Best error over all entries by depth: 100 x 100, rank 5, 2,000 entries, from the output cell of
# the authors' notebook (roosephu/deep_matrix_factorization).
PUBLISHED = {1: 0.8195, 2: 0.0988, 3: 0.00167}
PUBLISHED_SETTING = {"size": 100, "rank": 5, "observations": 2000, "scale": 1e-3}


def completion_table(results: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each number of entries, depth and start: medians over draws, intervals."""
    rows = []
    for (observations, depth, scale), runs in results.groupby(["observations", "depth", "scale"]):
        is_baseline = depth == BASELINE
        rows.append(
            {
                "entries": observations,
                "depth": "nuclear norm" if is_baseline else str(depth),
                "start": "-" if is_baseline else f"{scale:g}",
                "error, unseen": OverDraws.of(runs["error"]).text(),
                "rank": OverDraws.of(runs["rank"]).text(),
                "steps": int(runs["steps"].median()),
                "fitted": f"{(runs['status'] == 'fitted').sum()}/{len(runs)}",
            }
        )
    return pd.DataFrame(rows)


def claims_of(results: pd.DataFrame, options: Mapping[str, Any]) -> list[Claim]:
    """Return what was found in 2019, and whether these draws agree.

    Args:
        results: What `run` wrote into results.csv.
        options: The options of the run.
    """
    fitted = results[(results["status"] == "fitted") & (results["depth"] != BASELINE)]
    fewest = fitted[fitted["observations"] == min(options["observations"])]
    largest = fewest[fewest["scale"] == max(options["scales"])]
    depths = sorted(set(options["depths"]))
    claims = [_published(depth, results, options) for depth in depths if depth in PUBLISHED]
    claims += [_deeper_is_better(largest, pair) for pair in itertools.pairwise(depths)]
    claims += [_smaller_is_better(depth, fewest, options) for depth in depths if depth > 1]
    claims += [_has_the_rank(depth, fewest, options) for depth in depths if depth > 2]
    if max(options["observations"]) > min(options["observations"]) and 2 in depths:
        claims.append(_more_entries(fitted, options))
    if BASELINE in set(results["depth"]):
        claims += [
            _beats_nuclear_norm(n, results, options) for n in sorted(options["observations"])
        ]
    return claims


def _published(depth: int, results: pd.DataFrame, options: Mapping[str, Any]) -> Claim:
    text = f"depth {depth} completes as published in 2019: best error over all entries"
    setting, published = PUBLISHED_SETTING, PUBLISHED[depth]
    is_there = all(options[name] == setting[name] for name in ("size", "rank"))
    runs = results[
        (results["depth"] == depth)
        & (results["observations"] == setting["observations"])
        & np.isclose(results["scale"], setting["scale"])
    ]
    if not is_there or runs.empty:
        return Claim(text, None, f"published {published:g}; this run has another setting")
    found = OverDraws.of(runs["best_error_of_all"])
    # The published number is of another draw: the same size, or less.
    held = found.median <= 1.2 * published
    return Claim(text, bool(held), f"{found.text()}, published {published:g}")


def _deeper_is_better(runs: pd.DataFrame, depths: Sequence[int]) -> Claim:
    shallow, deep = depths
    errors = runs.pivot_table(index="draw", columns="depth", values="error")
    text = f"depth {deep} completes better than depth {shallow}, on every draw"
    if not {shallow, deep} <= set(errors):
        return Claim(text, None, "a depth did not fit the entries")
    both = errors[[shallow, deep]].dropna()
    better = both[deep] < both[shallow]
    numbers = f"{better.sum()} of {len(both)} draws, error " + ", ".join(
        f"{OverDraws.of(both[depth]).text()} at depth {depth}" for depth in depths
    )
    return Claim(text, bool(better.all()) if len(both) else None, numbers)


def _smaller_is_better(depth: int, runs: pd.DataFrame, options: Mapping[str, Any]) -> Claim:
    text = f"depth {depth}: a smaller start completes better"
    errors = runs[runs["depth"] == depth].pivot_table(index="draw", columns="scale", values="error")
    large, small = max(options["scales"]), min(options["scales"])
    if large == small or not {large, small} <= set(errors):
        return Claim(text, None, "one start only, or one did not fit the entries")
    both = errors[[large, small]].dropna()
    better = both[small] < both[large]
    numbers = f"{better.sum()} of {len(both)} draws, error " + ", ".join(
        f"{OverDraws.of(both[scale]).text()} from {scale:g}" for scale in (large, small)
    )
    return Claim(text, bool(better.all()) if len(both) else None, numbers)


def _has_the_rank(depth: int, runs: pd.DataFrame, options: Mapping[str, Any]) -> Claim:
    rank = options["rank"]
    text = f"depth {depth} ends at an effective rank of at most {rank} + 0.5"
    found = runs.loc[runs["depth"] == depth, "rank"]
    if found.empty:
        return Claim(text, None, "no run fitted the entries")
    held = bool((found <= rank + 0.5).all())
    return Claim(text, held, f"{found.min():.3g} to {found.max():.3g} over draws and starts")


def _more_entries(runs: pd.DataFrame, options: Mapping[str, Any]) -> Claim:
    """Return the claim that enough entries leave depth 2 no choice, as they do nuclear norm."""
    most, scale = max(options["observations"]), max(options["scales"])
    text = f"with {most:,} entries depth 2 finds the matrix: error below 0.01"
    found = runs[(runs["observations"] == most) & (runs["depth"] == 2) & (runs["scale"] == scale)]
    if found.empty:
        return Claim(text, None, "no run fitted the entries")
    held = bool((found["error"] < 0.01).all())
    return Claim(text, held, f"error {OverDraws.of(found['error']).text()} from {scale:g}")


def _beats_nuclear_norm(
    observations: int, results: pd.DataFrame, options: Mapping[str, Any]
) -> Claim:
    deepest = max(options["depths"])
    text = f"{observations:,} entries: depth {deepest} completes better than the nuclear norm"
    runs = results[(results["observations"] == observations) & (results["status"] == "fitted")]
    deep = runs[runs["depth"] == deepest].groupby("draw")["error"].min()
    convex = runs[runs["depth"] == BASELINE].set_index("draw")["error"]
    both = pd.DataFrame({"deep": deep, "convex": convex}).dropna()
    if both.empty:
        return Claim(text, None, "no draw has both")
    numbers = f"error {OverDraws.of(both['deep']).text()}, nuclear norm "
    numbers += OverDraws.of(both["convex"]).text()
    # Below the error at which runs end, the difference is one of solvers.
    if (both < options["target"]).all(axis=None):
        return Claim(text, None, f"both find the matrix: {numbers}")
    return Claim(text, bool((both["deep"] < both["convex"]).all()), numbers)
