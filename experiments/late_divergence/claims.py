"""The claims of `experiments.late_divergence`: the mechanism, link by link, and the remedies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from experiments.harness.results import Claim
from experiments.late_divergence.oscillation import linear_stretch, predicted_log_growth

ADVICE = """\
What to do:
1. Do not rank learning rates of a factorised layer by a run cut short: ask how far the sharpness,
   the largest Hessian eigenvalue, still is from 2 / rate. It grows with the effective rate
   |K|^(2-2/N), which `EndToEndMonitor` logs.
2. Halving a constant rate only postpones the end while |K| grows. A constant rate is safe for good
   only below 2 / the sharpness at the minimum, which is far too slow at the start.
3. Clip the gradient's norm at a value that it does not reach while all is well, or keep
   rate x sharpness below 2: both removed every blow-up and ended lowest. Clipping needs no
   schedule: above 2 / rate the weights swing, but no further.
4. A schedule helps if it falls before the sharpness has grown: rate / (1 + t / T), T a tenth of the
   run, is safe, and slow. A cosine has hardly fallen by then.
5. Keep checkpoints: nothing in the loss gives warning, the blow-up takes a few hundred steps.
"""
# The least number of steps, and the relative error, that confirm the growth of the oscillation.
LEAST_STEPS, TOLERANCE = 20, 0.1


def claims_of(
    record: Mapping[str, Any],
    results: pd.DataFrame,
    trace: pd.DataFrame,
    curves: Mapping[str, np.ndarray],
) -> list[Claim]:
    """Return the claims, the mechanism first.

    Args:
        record: The run's config.json.
        results: The table results.csv, the run to explain first.
        trace: The table trace.csv.
        curves: The arrays of curves.npz.
    """
    options, plain = record["options"], results.iloc[0]
    run = trace[trace["method"] == plain["method"]]
    diverged = results[results["status"] == "diverged"]
    has_diverged = plain["status"] == "diverged"
    text = f"{plain['method']}, depth {options['depth']}: the run diverges"
    claims = [Claim(text, bool(has_diverged), _ending(plain))]
    claims += _crossings(diverged)
    claims += _survivors(trace[~trace["method"].isin(diverged["method"])])
    claims += [_growth(run, plain), _balance(run, plain, options["dtype"])]
    if has_diverged:
        claims.append(_oscillation(run, plain, curves))
    claims.append(_at_floor(record))
    return claims + [_remedy(row) for _, row in results.iloc[2:].iterrows()]


def _ending(row: pd.Series) -> str:
    if row["status"] == "diverged":
        return f"blows up at {row['steps']:,.0f}"
    return f"finite after {row['steps']:,.0f} steps"


def _crossings(diverged: pd.DataFrame) -> list[Claim]:
    """Return the claim that the crossing comes before every blow-up, if there is any."""
    if diverged.empty:
        return []
    numbers = [
        f"{row['method']}: passes at {row['crossed_at']:,.0f}, {_ending(row)}"
        for _, row in diverged.iterrows()
    ]
    held = diverged["crossed_at"].notna() & (diverged["crossed_at"] < diverged["steps"])
    text = "sharpness passes 2 / rate before every blow-up"
    return [Claim(text, bool(held.all()), "; ".join(numbers))]


def _survivors(trace: pd.DataFrame) -> list[Claim]:
    """Return the claim that runs stay below the crossing if they survive without clipping."""
    unclipped = trace[~trace["method"].str.startswith("clipped")]
    if unclipped.empty:
        return []
    quotients = unclipped["sharpness"] / unclipped["threshold"]
    highest = quotients.groupby(unclipped["method"], sort=False).max()
    numbers = ", ".join(f"{method} {value:.3g}" for method, value in highest.items())
    text = "and stays below it in all that survive unclipped"
    return [Claim(text, bool(highest.max() < 1), numbers)]


def _until_crossing(run: pd.DataFrame, plain: pd.Series) -> pd.DataFrame:
    """Return the snapshots up to the crossing, or all of a run that has none."""
    end = plain["steps"] if np.isnan(plain["crossed_at"]) else plain["crossed_at"]
    return run[run["step"] <= end]


def _growth(run: pd.DataFrame, plain: pd.Series) -> Claim:
    """Return the claim on what grows, from the time the loss has halved to the crossing."""
    text = (
        "the effective rate |K|^(2-2/N) drives it, while the loss gets flatter as a function of K"
    )
    until = _until_crossing(run, plain)
    halved = until[until["loss"] < run["loss"].iloc[0] / 2]
    if len(halved) < 2:
        return Claim(text, None, "the loss has not halved before")
    columns = ["sharpness", "effective_rate", "curvature", "norm"]
    growth = halved[columns].iloc[-1] / halved[columns].iloc[0]
    held = growth["effective_rate"] > 1 > growth["curvature"]
    factors = [f"{column.replace('_', ' ')} x{value:.3g}" for column, value in growth.items()]
    return Claim(text, bool(held), f"since the loss has halved: {', '.join(factors)}")


def _balance(run: pd.DataFrame, plain: pd.Series, dtype: str) -> Claim:
    r"""Return the claim that the factors stay balanced, as far as finite steps allow.

    Gradient flow conserves F_j^T F_j - F_(j+1) F_(j+1)^T; discrete steps do to first order in the
    rate. With G_j = dL/dF_j, F_j^T G_j = G_(j+1) F_(j+1)^T, so that the terms in the rate cancel
    and a step adds exactly rate^2 (G_j^T G_j - G_(j+1) G_(j+1)^T), the difference of two squared
    steps. Over the run that is no more than the sum of all squared steps, about rate x the fall of
    the loss. To this, rounding adds: every entry to its unit u in every step, which changes |F_j|^2
    by at most 2 u |F_j|^2, and the difference of two by twice that.
    """
    until = _until_crossing(run, plain)
    first, last = until.iloc[0], until.iloc[-1]
    moved = abs(last["absolute_defect"] - first["absolute_defect"])
    squared_norm = (until["absolute_defect"] / until["balance_defect"]).fillna(0).max()
    rounding = 2 * float(np.finfo(dtype).eps) * last["step"] * squared_norm
    text = (
        "lost balance is not the cause: up to the crossing the balance moves by no more than "
        "finite steps and rounding allow"
    )
    numbers = (
        f"defect {first['absolute_defect']:.4f} to {last['absolute_defect']:.4f}, by {moved:.2g}; "
        f"squared steps {last['squared_steps']:.2g}, rounding to {dtype} at most {rounding:.2g}; "
        f"relative to the factors {first['balance_defect']:.2g} to {last['balance_defect']:.2g}"
    )
    return Claim(text, bool(moved <= last["squared_steps"] + rounding), numbers)


def _oscillation(run: pd.DataFrame, plain: pd.Series, curves: Mapping[str, np.ndarray]) -> Claim:
    """Return the claim that linear theory predicts how the oscillation grows."""
    text = (
        "the weights swing along the top eigenvector, each step rate x sharpness - 1 times as far "
        "as the last"
    )
    steps, swing = (curves[f"{plain['method']}/{array}"] for array in ("tail_steps", "swing"))
    stretch = linear_stretch(steps, swing, plain["crossed_at"])
    count = stretch.stop - stretch.start
    if count < LEAST_STEPS:
        return Claim(text, None, "too few steps between noise and blow-up")
    first, last = stretch.start, stretch.stop - 1
    measured = np.log(swing[last] / swing[first])
    growth = predicted_log_growth(steps, run)
    predicted = growth[last] - growth[first]
    numbers = f"over {count} steps e^{measured:.2f} measured, e^{predicted:.2f} predicted"
    return Claim(text, bool(abs(measured / predicted - 1) < TOLERANCE), numbers)


def _at_floor(record: Mapping[str, Any]) -> Claim:
    """Return the claim that the rate is too high for the minimum itself."""
    rate, depth = record["options"]["learning_rate"], record["options"]["depth"]
    safe = {int(n): 2 / sharpness for n, sharpness in record["at_floor"].items()}
    numbers = ", ".join(f"depth {n} {highest:.2g}" for n, highest in safe.items())
    text = (
        "it cannot be avoided at this rate: at the floor itself 2 / sharpness is below the rate "
        f"{rate:g}, depth {depth}"
    )
    return Claim(text, rate > safe[depth], numbers)


def _remedy(row: pd.Series) -> Claim:
    held = row["status"] == "finished"
    numbers = _ending(row)
    if held:
        numbers = f"loss {row['final_loss']:.4f}, {row['excess_loss']:.4f} above the floor"
    return Claim(f"{row['method']} removes the blow-up", held, numbers)


def method_table(results: pd.DataFrame, trace: pd.DataFrame, steps: int) -> pd.DataFrame:
    """Return a row for each method.

    Args:
        results: The table results.csv.
        trace: The table trace.csv.
        steps: Length of the runs.

    Returns:
        Columns method, the steps of crossing and of blow-up, the loss at a third of the way and at
        the end, its excess over the floor, and |K| and sharpness x rate / 2 at the last snapshot.
    """
    last = trace.groupby("method", sort=False).last().loc[results["method"]]
    whole = results[["crossed_at", "steps"]].round().astype("Int64")
    return pd.DataFrame(
        {
            "method": results["method"],
            "λ > 2/rate": whole["crossed_at"],
            "blew up": whole["steps"].where(results["status"] == "diverged"),
            f"loss at {steps // 3:,}": results["loss_at_third"],
            "final loss": results["final_loss"],
            "excess": results["excess_loss"],
            "|K|": last["norm"].to_numpy(),
            "λ rate / 2": (last["sharpness"] / last["threshold"]).to_numpy(),
        }
    )
