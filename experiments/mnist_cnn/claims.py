"""The paper's claim about its convnet's loss, taken apart into cross-entropy, penalty and error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from experiments.harness.results import Claim
from experiments.mnist_cnn.intervals import Mean, mean_curve

# The paper's figure, "batch loss" by step, digitised.
PAPER = {
    "plain": {10: 4.4, 100: 3.34, 500: 3.10, 1000: 2.88, 2000: 2.61, 4000: 2.21, 8500: 1.61},
    "overparameterised": {
        10: 12.8,
        100: 9.3,
        500: 3.3,
        1000: 1.25,
        2000: 0.37,
        3000: 0.19,
        8500: 0.05,
    },
}
# Of the paper's value: batches differ, and the figure's line is about 3 % thick.
TOLERANCE = 0.25
# A run at least this long can tell whether it follows the paper's figure.
LEAST_STEPS = 2000
# Steps of a mean.
WINDOW = 50
# Lower in this share of the epochs is a verdict, and not lower in half of them is one too.
CLEAR_SHARE = 0.8
# What the nets are compared by: columns of epochs.csv and their names.
QUANTITIES = {
    "total": "total loss",
    "cross_entropy": "cross-entropy on the training batches",
    "val_cross_entropy": "validation cross-entropy",
    "test_error": "test error",
}
COLUMNS = {
    "net": "net",
    "seed": "seed",
    "parameters": "parameters",
    "total": "total",
    "cross_entropy": "cross-ent.",
    "penalty": "penalty",
    "val_error": "val. error",
    "test_error": "test error",
    "ms_per_step": "ms/step",
}


def smooth(curve: np.ndarray, window: int = WINDOW) -> tuple[np.ndarray, np.ndarray]:
    """Return the means over windows of steps, each at its middle step.

    Example:
        >>> steps, means = smooth(np.arange(6.0), 2)
        >>> steps.tolist(), means.tolist()
        ([0.5, 2.5, 4.5], [0.5, 2.5, 4.5])
    """
    window = min(window, len(curve))
    end = len(curve) // window * window
    steps = np.arange(end).reshape(-1, window)
    return steps.mean(axis=1), curve[:end].reshape(-1, window).mean(axis=1)


def results_table(results: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each net: the last epoch's losses and errors, size and time.

    With several seeds it has their means, with 95 % intervals over seeds. One that is still in
    training does not count.
    """
    if results["seed"].nunique() > 1:
        results = results[results["epoch"] == results["epoch"].max()]
        return pd.DataFrame(
            [_net_row(net, rows) for net, rows in results.groupby("net", sort=False)]
        )
    table = results[list(COLUMNS)].rename(columns=COLUMNS)
    for name in ("val. error", "test error"):
        table[name] = [f"{value:.2%}" for value in table[name]]
    return table


def _net_row(net: str, rows: pd.DataFrame) -> dict[str, Any]:
    """Return the row of a net of several seeds."""
    row: dict[str, Any] = {"net": net, "seeds": len(rows), "parameters": rows["parameters"].iloc[0]}
    for column in ("total", "cross_entropy", "penalty"):
        row[COLUMNS[column]] = Mean.of(rows[column]).text()
    for column in ("val_error", "test_error"):
        row[COLUMNS[column]] = Mean.of(rows[column]).text(" %", 100)
    return {**row, "ms/step": rows["ms_per_step"].median()}


def claims_of(
    epochs: pd.DataFrame,
    curves: Mapping[str, np.ndarray],
    nets: Sequence[Mapping[str, Any]],
) -> list[Claim]:
    """Return the claims: is each net faster, by every measure, and what is its loss made of?

    Args:
        epochs: The table epochs.csv.
        curves: The arrays of curves.npz.
        nets: The nets of config.json.
    """
    claims = [_mostly_penalty(epochs, "plain"), _follows_paper(curves, "plain", "plain")]
    for net in nets:
        name, place = net["name"], net["place"]
        if net["depth"] == 1:
            continue
        against = "plain" if place else "plain, no penalty"
        for quantity, title in QUANTITIES.items():
            text = f"{name}: {title} falls faster"
            claims.append(lower(epochs, quantity, name, against, text))
        claims += lower_at_the_end(epochs, name, against)
        if place:
            paper_net = "overparameterised" if place == "product" else "plain"
            claims += [_mostly_penalty(epochs, name), _follows_paper(curves, name, paper_net)]
    return claims


def lower(epochs: pd.DataFrame, quantity: str, name: str, against: str, text: str) -> Claim:
    """Return the claim that a quantity is lower than that of another net in most epochs.

    Args:
        epochs: The table epochs.csv; epochs are compared seed by seed.
        quantity: A column of it.
        name: The net.
        against: The other net.
        text: The claim.
    """
    keyed = epochs.set_index(["seed", "epoch"])
    ours, theirs = (keyed.loc[keyed["net"] == net, quantity] for net in (name, against))
    difference = (ours - theirs).dropna()
    if difference.empty:
        return Claim(text, None, f"not both {name} and {against} were trained")
    share = (difference < 0).mean() + (difference == 0).mean() / 2
    held = True if share >= CLEAR_SHARE else False if share <= 0.5 else None
    first, last = difference.index[0], difference.index[-1]
    counts = difference.groupby("seed").size()
    whole = counts.index[counts == counts.max()]  # seeds that are not still in training
    by_seed = difference.groupby("seed").mean()[whole]
    if len(by_seed) > 1:
        gain = Mean.of(by_seed)
        numbers = (
            f"lower after {(difference < 0).sum()} of {len(difference)} epochs; mean difference "
            f"over the epochs {gain.text()} (95 % interval over {len(by_seed)} seeds)"
        )
        return Claim(text, gain.is_below_zero, numbers)
    numbers = (
        f"lower after {(difference < 0).sum()} of {len(difference)} epochs; "
        f"{ours[first]:.4g} against {theirs[first]:.4g} after the first, "
        f"{ours[last]:.4g} against {theirs[last]:.4g} after the last"
    )
    return Claim(text, held, numbers)


def lower_at_the_end(epochs: pd.DataFrame, name: str, against: str) -> list[Claim]:
    """Return the claim that the last test error is lower than another net's, seed by seed.

    A single seed is no claim.

    Args:
        epochs: The table epochs.csv.
        name: The net.
        against: The other net.
    """
    last = epochs[epochs["epoch"] == epochs["epoch"].max()]
    errors = {
        net: last[last["net"] == net].set_index("seed")["test_error"] for net in (name, against)
    }
    difference = (errors[name] - errors[against]).dropna()
    if len(difference) < 2:
        return []
    ours, theirs = (Mean.of(errors[net][difference.index]) for net in (name, against))
    gain = Mean.of(difference)
    numbers = (
        f"{ours.text(' %', 100)} against {theirs.text(' %', 100)}, difference "
        f"{gain.text(' %', 100)} (95 % intervals over {len(difference)} seeds)"
    )
    return [Claim(f"{name}: test error is lower after the last epoch", gain.is_below_zero, numbers)]


def _mostly_penalty(epochs: pd.DataFrame, name: str) -> Claim:
    """Return the claim that a net's loss is mostly penalty in every epoch."""
    rows = epochs[epochs["net"] == name]
    shares = (rows["penalty"] / rows["total"]).groupby(rows["epoch"]).mean()
    first, least, last = shares.iloc[0], shares.min(), shares.iloc[-1]
    numbers = (
        f"{first:.0%} of it in the first epoch, {least:.0%} at the least, {last:.0%} in the last"
    )
    return Claim(f"{name}: the loss is mostly penalty", bool(least > 0.5), numbers)


def _follows_paper(curves: Mapping[str, np.ndarray], name: str, paper_net: str) -> Claim:
    """Return the claim that the total loss is that of the paper's figure."""
    totals = [
        curve
        for key, curve in curves.items()
        if key.startswith(f"{name}, seed") and key.endswith("/total")
    ]
    (curve, _, _), points = mean_curve(totals), PAPER[paper_net]
    values = {step: _mean_around(curve, step) for step in points if step < len(curve)}
    deviations = {step: value / points[step] - 1 for step, value in values.items()}
    held = None
    if max(deviations, default=0) >= LEAST_STEPS:
        held = max(map(abs, deviations.values())) <= TOLERANCE
    numbers = [f"{value:.3g} ({points[step]:g}) at {step:,}" for step, value in values.items()]
    text = f"{name}: the total loss is that of the paper's {paper_net} net (in brackets)"
    return Claim(text, held, ", ".join(numbers))


def _mean_around(curve: np.ndarray, step: int) -> float:
    # Near the start the curve is too steep for a window of 50 steps.
    half = min(WINDOW // 2, step // 5)
    return float(curve[max(step - half, 0) : step + half + 1].mean())
