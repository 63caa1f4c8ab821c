"""What `experiments.late_divergence` finds, against what one would expect, and what follows for a user."""

from __future__ import annotations

import numpy as np
import pandas as pd

from experiments.harness.results import Claim

ADVICE = """\
What to do:
1. Do not rank learning rates of a factorised layer by a run cut short: ask how far the sharpness, the largest Hessian
   eigenvalue, still is from 2 / rate. It grows with the effective rate |K|^(2-2/N), which `EndToEndMonitor` logs.
2. Halving a constant rate only postpones the end while |K| grows. A constant rate is safe for good only below 2 / the
   sharpness at the minimum, which is far too slow at the start.
3. Clip the gradient's norm at a value that it does not reach in good times, or keep rate x sharpness below 2: both
   removed every blow-up and ended lowest. Clipping needs no plan: above 2 / rate the weights swing, but no further.
4. A schedule helps if it falls before the sharpness has grown: rate / (1 + t / T), T a tenth of the run, is safe, and
   slow. A cosine has hardly fallen by then.
5. Keep checkpoints: nothing in the loss gives warning, the blow-up takes a few hundred steps.
"""
# Where an oscillation is followed: above what rounding leaves, and while it is linear. At 1e-4 the sharpness on its two
# sides differs by a hundredth, and it is the square of that which bends the exponential growth.
NOISE, BENT = 30.0, 1e-4


def claims_of(
    config: dict, results: pd.DataFrame, trace: pd.DataFrame, curves: dict[str, np.ndarray]
) -> list[Claim]:
    """The mechanism, link by link, then the remedies."""
    rows = results.set_index("method")
    name = results["method"].iloc[0]
    diverged = rows[rows["status"] == "diverged"]
    plain, run = rows.loc[name], trace[trace["method"] == name]
    claims = [
        Claim(
            f"{name}, depth {config['depth']}: the run diverges",
            name in diverged.index,
            _end(plain),
        )
    ]
    if len(diverged):
        first = diverged["crossed_at"].notna() & (diverged["crossed_at"] < diverged["steps"])
        numbers = "; ".join(
            f"{row.Index}: passes at {row.crossed_at:,.0f}, {_end(row)}"
            for row in diverged.itertuples()
        )
        claims.append(
            Claim("sharpness passes 2 / rate before every blow-up", bool(first.all()), numbers)
        )
    below = {
        method: (part["sharpness"] / part["threshold"]).max()
        for method, part in trace[~trace["method"].isin(diverged.index)].groupby(
            "method", sort=False
        )
        if not method.startswith("clipped")
    }
    if below:
        numbers = ", ".join(f"{method} {value:.3g}" for method, value in below.items())
        claims.append(
            Claim(
                "and stays below it in all that survive unclipped",
                bool(max(below.values()) < 1),
                numbers,
            )
        )
    claims += [_growth(run, plain), _balance(run, plain, config["options"]["dtype"])]
    if name in diverged.index:
        claims.append(_oscillation(plain, run, curves))
    safe = {int(depth): 2 / value for depth, value in config["at_floor"].items()}
    numbers = ", ".join(f"depth {depth} {rate:.2g}" for depth, rate in safe.items())
    text = f"it has to come: at the floor itself 2 / sharpness is below the rate {config['rate']:g}"
    claims.append(
        Claim(f"{text}, depth {config['depth']}", config["rate"] > safe[config["depth"]], numbers)
    )
    for row in results.iloc[2:].itertuples():
        held = row.status == "finished"
        numbers = (
            f"loss {row.final_loss:.4f}, {row.excess_loss:.4f} above the floor"
            if held
            else _end(row)
        )
        claims.append(Claim(f"{row.method} removes the blow-up", held, numbers))
    return claims


def _end(row) -> str:
    return (
        f"blows up at {row.steps:,.0f}"
        if row.status == "diverged"
        else f"finite after {row.steps:,.0f} steps"
    )


def _growth(run: pd.DataFrame, plain: pd.Series) -> Claim:
    """From the time the loss has halved to the crossing: what grows."""
    halved = run[run["loss"] < run["loss"].iloc[0] / 2]
    until = halved[
        halved["step"] <= (plain["steps"] if np.isnan(plain["crossed_at"]) else plain["crossed_at"])
    ]
    text = (
        "the effective rate |K|^(2-2/N) drives it, while the loss gets flatter as a function of K"
    )
    if len(until) < 2:
        return Claim(text, None, "the loss has not halved before")
    columns = ("sharpness", "effective_rate", "curvature", "norm")
    times = {column: until[column].iloc[-1] / until[column].iloc[0] for column in columns}
    numbers = ", ".join(
        f"{column.replace('_', ' ')} x{value:.3g}" for column, value in times.items()
    )
    return Claim(
        text,
        bool(times["effective_rate"] > 1 > times["curvature"]),
        f"since the loss has halved: {numbers}",
    )


def _balance(run: pd.DataFrame, plain: pd.Series, dtype: str) -> Claim:
    r"""Gradient flow conserves F_j^T F_j - F_(j+1) F_(j+1)^T; discrete steps do to first order in the rate.

    With G_j = dL/dF_j, F_j^T G_j = G_(j+1) F_(j+1)^T, so that the terms in the rate cancel and a step adds exactly
    rate^2 (G_j^T G_j - G_(j+1) G_(j+1)^T), the difference of two squared steps. Over the run that is no more than the
    sum of all squared steps, about rate x the fall of the loss. On top comes rounding: every entry to its unit u in
    every step, which changes |F_j|^2 by at most 2 u |F_j|^2, and the difference of two by twice that.
    """
    until = run[
        run["step"] <= (plain["steps"] if np.isnan(plain["crossed_at"]) else plain["crossed_at"])
    ]
    first, last = until.iloc[0], until.iloc[-1]
    moved = abs(last["absolute_defect"] - first["absolute_defect"])
    squared_norm = (until["absolute_defect"] / until["balance_defect"]).fillna(0).max()
    rounding = 2 * float(np.finfo(dtype).eps) * last["step"] * squared_norm
    text = "it is not the balance that goes: up to the crossing it moves by no more than finite steps and rounding take"
    numbers = (
        f"defect {first['absolute_defect']:.4f} to {last['absolute_defect']:.4f}, by {moved:.2g}; squared steps "
        f"{last['squared_steps']:.2g}, rounding to {dtype} at most {rounding:.2g}; relative to the factors "
        f"{first['balance_defect']:.2g} to {last['balance_defect']:.2g}"
    )
    return Claim(text, bool(moved <= last["squared_steps"] + rounding), numbers)


def predicted_growth(steps: np.ndarray, run: pd.DataFrame) -> np.ndarray:
    """Log of what linear theory makes of an oscillation from step to step: log |rate x sharpness - 1|, summed."""
    known, quotient = over_the_swing(run)
    return np.cumsum(np.log(np.abs(2 * np.interp(steps, known, quotient) - 1)))


def over_the_swing(run: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Steps, and sharpness over 2 / rate, the mean of two successive steps wherever both are known.

    A swing of the weights by a along an eigenvector changes the sharpness by about a times its slope there, up on one
    side, down on the other: over two steps it cancels, while the steps of one side alone would be far off.
    """
    # Once the swing is large, it changes the sharpness to second order too.
    sane = run[run["sharpness"] < 1.1 * run["threshold"]]
    steps, quotient = sane["step"].to_numpy(), (sane["sharpness"] / sane["threshold"]).to_numpy()
    pairs = np.flatnonzero(np.diff(steps) == 1)
    if not len(pairs):
        return steps, quotient
    alone = np.setdiff1d(np.arange(len(steps)), np.concatenate([pairs, pairs + 1]))
    # Before the first pair the weights do not swing; later one side alone says nothing.
    alone = alone[alone < pairs[0]]
    both = (quotient[pairs] + quotient[pairs + 1]) / 2
    return np.concatenate([steps[alone], steps[pairs] + 0.5]), np.concatenate(
        [quotient[alone], both]
    )


def followed(steps: np.ndarray, swing: np.ndarray, crossed_at: float) -> slice:
    """The steps from the crossing on over which the swing stands out of the noise before it, and is still small."""
    begin = int(np.searchsorted(steps, crossed_at))
    noise = np.median(swing[max(begin - 500, 0) : begin]) if begin else 0.0
    large = np.flatnonzero(swing[begin:] > BENT)
    end = begin + int(large[0]) if len(large) else len(swing)
    quiet = np.flatnonzero(swing[begin:end] < NOISE * noise)
    return slice(begin + int(quiet[-1]) + 1 if len(quiet) else begin, end)


def _oscillation(plain: pd.Series, run: pd.DataFrame, curves: dict[str, np.ndarray]) -> Claim:
    text = "the weights swing along the top eigenvector, each step rate x sharpness - 1 times as far as the last"
    steps, swing = curves[f"{plain.name}/tail_steps"], curves[f"{plain.name}/swing"]
    part = followed(steps, swing, plain["crossed_at"])
    if part.stop - part.start < 20:
        return Claim(text, None, "too few steps between noise and blow-up")
    measured = np.log(swing[part.stop - 1] / swing[part.start])
    growth = predicted_growth(steps, run)
    predicted = growth[part.stop - 1] - growth[part.start]
    numbers = f"over {part.stop - part.start} steps e^{measured:.2f} measured, e^{predicted:.2f} predicted"
    return Claim(text, bool(abs(measured / predicted - 1) < 0.1), numbers)


def method_table(results: pd.DataFrame, trace: pd.DataFrame, config: dict) -> pd.DataFrame:
    """A row per method: where it crossed, where it blew up, what it read at a third of the way and at the end."""
    last = trace.groupby("method", sort=False).last().loc[results["method"]]
    steps = {name: results[name].round().astype("Int64") for name in ("crossed_at", "steps")}
    return pd.DataFrame(
        {
            "method": results["method"],
            "λ > 2/rate": steps["crossed_at"],
            "blew up": steps["steps"].where(results["status"] == "diverged"),
            f"loss at {config['steps'] // 3:,}": results["loss_at_third"],
            "final loss": results["final_loss"],
            "excess": results["excess_loss"],
            "|K|": last["norm"].to_numpy(),
            "λ rate / 2": (last["sharpness"] / last["threshold"]).to_numpy(),
        }
    )
