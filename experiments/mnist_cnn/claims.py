"""What the convnet's runs say: the paper's claim about its loss, taken apart into cross-entropy, penalty and error."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from experiments.harness.results import Claim

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
FOLLOWS = 0.25  # of the paper's value: batches differ, and the figure's line is about 3 % thick
WINDOW = 50
# Lower in this share of the epochs is a verdict; anything between it and a half is none.
CLEAR_SHARE = 0.8


def smooth(curve: np.ndarray, window: int = WINDOW) -> tuple[np.ndarray, np.ndarray]:
    """Means over windows of steps, each at its middle step.

    Example:
        >>> steps, means = smooth(np.arange(6.0), 2)
        >>> steps.tolist(), means.tolist()
        ([0.5, 2.5, 4.5], [0.5, 2.5, 4.5])
    """
    window = min(window, len(curve))
    whole = len(curve) // window * window
    return np.arange(whole).reshape(-1, window).mean(axis=1), curve[:whole].reshape(
        -1, window
    ).mean(axis=1)


def results_table(results: pd.DataFrame) -> pd.DataFrame:
    """A row per net and seed: the last epoch's losses and errors, and the cost."""
    columns = {
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
    table = results[list(columns)].rename(columns=columns)
    for name in ("val. error", "test error"):
        table[name] = [f"{value:.2%}" for value in table[name]]
    return table


def claims_of(
    epochs: pd.DataFrame, curves: Mapping[str, np.ndarray], nets: list[dict]
) -> list[Claim]:
    """Per overparameterised net: is it faster, and in what? And what is the loss made of?"""
    claims = []
    for net in nets:
        if net["depth"] == 1:
            continue
        against = "plain" if net["place"] else "plain, no penalty"
        for quantity, title in (
            ("total", "total loss"),
            ("cross_entropy", "cross-entropy on the training batches"),
            ("val_cross_entropy", "validation cross-entropy"),
            ("test_error", "test error"),
        ):
            claims.append(
                lower(
                    epochs, quantity, net["name"], against, f"{net['name']}: {title} falls faster"
                )
            )
        if net["place"]:
            claims.append(_mostly_penalty(epochs, net["name"]))
            claims.append(
                _follows(
                    curves,
                    net["name"],
                    "overparameterised" if net["place"] == "product" else "plain",
                )
            )
    plain = [_mostly_penalty(epochs, "plain"), _follows(curves, "plain", "plain")]
    return [*plain, *claims]


def lower(epochs: pd.DataFrame, quantity: str, name: str, against: str, text: str) -> Claim:
    """The claim that `quantity` is lower than that of the net `against` in most epochs, seed by seed."""
    keyed = epochs.set_index(["seed", "epoch"])
    ours, theirs = (keyed.loc[keyed["net"] == net, quantity] for net in (name, against))
    difference = (ours - theirs).dropna()
    share = (difference < 0).mean() + (difference == 0).mean() / 2
    held = True if share >= CLEAR_SHARE else False if share <= 0.5 else None
    if difference.empty:
        return Claim(text, None, f"not both {name} and {against} were trained")
    first, last = difference.index[0], difference.index[-1]
    numbers = (
        f"lower after {(difference < 0).sum()} of {len(difference)} epochs; "
        f"{ours[first]:.4g} against {theirs[first]:.4g} after the first, {ours[last]:.4g} against {theirs[last]:.4g} "
        "after the last"
    )
    return Claim(text, held, numbers)


def _mostly_penalty(epochs: pd.DataFrame, name: str) -> Claim:
    rows = epochs[epochs["net"] == name]
    shares = (rows["penalty"] / rows["total"]).groupby(rows["epoch"]).mean()
    first, last = shares.iloc[0], shares.iloc[-1]
    numbers = f"{first:.0%} of it in the first epoch, {shares.min():.0%} at the least, {last:.0%} in the last"
    return Claim(f"{name}: the loss is mostly penalty", bool(shares.min() > 0.5), numbers)


def _follows(curves: Mapping[str, np.ndarray], name: str, which: str) -> Claim:
    """The claim that the total loss is that of the paper's figure, wherever the run is long enough to tell."""
    curve = next(
        values
        for key, values in curves.items()
        if key.startswith(f"{name}, seed") and key.endswith("/total")
    )
    half = WINDOW // 2
    # Near the start the curve is too steep for a window of 50 steps.
    measured = {
        step: float(
            curve[max(step - min(half, step // 5), 0) : step + min(half, step // 5) + 1].mean()
        )
        for step in PAPER[which]
        if step < len(curve)
    }
    off = {step: value / PAPER[which][step] - 1 for step, value in measured.items()}
    held = max(map(abs, off.values())) <= FOLLOWS if max(off, default=0) >= 2000 else None
    numbers = ", ".join(
        f"{measured[step]:.3g} ({PAPER[which][step]:g}) at {step:,}" for step in measured
    )
    return Claim(
        f"{name}: the total loss is that of the paper's {which} net (in brackets)", held, numbers
    )
