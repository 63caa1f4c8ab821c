"""What `experiments.late_divergence` finds, against what one would expect, and what follows for a user."""

from __future__ import annotations

import numpy as np
import pandas as pd

from experiments.claims import Claim

ADVICE = """\
What to do:
1. Do not rank learning rates of a factorised layer by a run cut short: ask how far the sharpness, the largest Hessian
   eigenvalue, still is from 2 / rate. It grows with the effective rate |K|^(2-2/N), which `EndToEndMonitor` logs.
2. Halving a constant rate only postpones the end while |K| grows. A constant rate is safe for good only below 2 / the
   sharpness at the minimum, which is far too slow at the start.
3. Let the rate fall over the run (cosine, or 1 / (1 + t / T)), clip the gradient's norm at a value that it does not
   reach in good times, or keep rate x sharpness below 2. Each of them removed the blow-up; clipping needs no plan.
4. Keep checkpoints: nothing in the loss gives warning, the blow-up takes a few hundred steps.
"""
# Where an oscillation is followed: above what rounding leaves, below what bends its exponential growth.
NOISE, BENT = 30.0, 1e-3


def claims_of(config: dict, results: pd.DataFrame, trace: pd.DataFrame, curves: dict[str, np.ndarray]) -> list[Claim]:
    """The mechanism, link by link, then the remedies."""
    rows = results.set_index("method")
    name = results["method"].iloc[0]
    diverged = rows[rows["status"] == "diverged"]
    plain, run = rows.loc[name], trace[trace["method"] == name]
    claims = [Claim(f"{name}, depth {config['depth']}: the run diverges", name in diverged.index, _end(plain))]
    if len(diverged):
        first = diverged["crossed_at"].notna() & (diverged["crossed_at"] < diverged["steps"])
        numbers = "; ".join(
            f"{row.Index}: passes at {row.crossed_at:,.0f}, {_end(row)}" for row in diverged.itertuples()
        )
        claims.append(Claim("sharpness passes 2 / rate before every blow-up", bool(first.all()), numbers))
    below = {
        method: (part["sharpness"] / part["threshold"]).max()
        for method, part in trace[~trace["method"].isin(diverged.index)].groupby("method", sort=False)
        if not method.startswith("clipped")
    }
    if below:
        numbers = ", ".join(f"{method} {value:.3g}" for method, value in below.items())
        claims.append(Claim("and stays below it in all that survive unclipped", max(below.values()) < 1, numbers))
    claims += [_growth(run, plain), _balance(run, plain)]
    if name in diverged.index:
        claims.append(_oscillation(plain, run, curves))
    safe = {int(depth): 2 / value for depth, value in config["at_floor"].items()}
    numbers = ", ".join(f"depth {depth} {rate:.2g}" for depth, rate in safe.items())
    text = f"rate {config['rate']:g} is stable at the floor itself: it is below 2 / sharpness there"
    claims.append(Claim(f"{text}, depth {config['depth']}", config["rate"] < safe[config["depth"]], numbers))
    for row in results.iloc[2:].itertuples():
        held = row.status == "finished"
        numbers = f"loss {row.final_loss:.4f}, {row.excess_loss:.4f} above the floor" if held else _end(row)
        claims.append(Claim(f"{row.method} removes the blow-up", held, numbers))
    return claims


def _end(row) -> str:
    return f"blows up at {row.steps:,.0f}" if row.status == "diverged" else f"finite after {row.steps:,.0f} steps"


def _growth(run: pd.DataFrame, plain: pd.Series) -> Claim:
    """From the time the loss has halved to the crossing: what grows."""
    halved = run[run["loss"] < run["loss"].iloc[0] / 2]
    until = halved[halved["step"] <= (plain["steps"] if np.isnan(plain["crossed_at"]) else plain["crossed_at"])]
    text = "the effective rate |K|^(2-2/N) drives it, while the loss gets flatter as a function of K"
    if len(until) < 2:
        return Claim(text, None, "the loss has not halved before")
    columns = ("sharpness", "effective_rate", "curvature", "norm")
    times = {column: until[column].iloc[-1] / until[column].iloc[0] for column in columns}
    numbers = ", ".join(f"{column.replace('_', ' ')} x{value:.3g}" for column, value in times.items())
    return Claim(text, times["effective_rate"] > 1 > times["curvature"], f"since the loss has halved: {numbers}")


def _balance(run: pd.DataFrame, plain: pd.Series) -> Claim:
    until = run[run["step"] <= (plain["steps"] if np.isnan(plain["crossed_at"]) else plain["crossed_at"])]
    defect = until["balance_defect"]
    text = "it is not the balance that goes: the relative defect is below 1% when sharpness passes 2 / rate"
    return Claim(text, defect.iloc[-1] < 0.01, f"{defect.iloc[0]:.2g} at the start, {defect.iloc[-1]:.2g} then")


def predicted_growth(steps: np.ndarray, run: pd.DataFrame) -> np.ndarray:
    """log of what linear theory makes of an oscillation from step to step: log |rate x sharpness - 1|, summed."""
    # Once the swing is large, it changes the sharpness itself.
    sane = run[run["sharpness"] < 1.1 * run["threshold"]]
    quotient = 2 * sane["sharpness"] / sane["threshold"]
    return np.cumsum(np.log(np.abs(np.interp(steps, sane["step"], quotient) - 1)))


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
