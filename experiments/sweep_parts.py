"""The sweeps that an experiment is made of: data, variants, loss, and what is known of the loss beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from overparam_tf.datasets import Problem
from overparam_tf.floor import convex_floor
from overparam_tf.losses import LpLoss
from overparam_tf.sweep import History, Variant

# The learning rates that the 2019 team searched.
RATES_2019 = (1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1, 5e-1)
# A run has reached the target when it has done this share of what can be done: excess loss over the convex floor
# at a tenth of that of the zero kernel.
TARGET_EXCESS = 0.1


def loss_label(p: int, scale: bool) -> str:
    """The loss as figures and tables name it."""
    return f"L{p}, mean(e^{p})/{p}" if scale else f"L{p}, mean(e^{p})"


def loss_facts(problem: Problem, loss: LpLoss, use_bias: bool) -> dict:
    """What tables and figures need to know of a loss on a problem: label, convex floor, start, and target."""
    floor = convex_floor(problem.x, problem.y, loss.p, scale=loss.scale, use_bias=use_bias)
    start = float(np.mean(problem.y**loss.p)) * (1 / loss.p if loss.scale else 1.0)
    return {
        "label": loss_label(loss.p, loss.scale),
        "p": loss.p,
        "scale": loss.scale,
        "floor": floor.loss,
        "floor_duality_gap": floor.gap,
        "floor_with_bias": use_bias,
        "at_zero": start,
        "target": floor.loss + TARGET_EXCESS * (start - floor.loss),
    }


@dataclass(frozen=True)
class Part:
    """One sweep of an experiment.

    Attributes:
        name: its name, e.g. `"part 1"`.
        problem: the data it trains on.
        variants: what it trains.
        loss: the loss.
        facts: the loss's `loss_facts`.
        steps: number of steps.
    """

    name: str
    problem: Problem
    variants: Sequence[Variant]
    loss: LpLoss
    facts: dict
    steps: int


def lp_part(problem: Problem, p: int, variants: Sequence[Variant], steps: int) -> Part:
    """The part `"Lp"`: variants without biases under l_p with 1/p."""
    # For p = 2 the R factor of a QR of [X y] has the same loss for every kernel, in 129 rows instead of 2565.
    data = problem.compressed() if p == 2 else problem
    return Part(f"L{p}", data, variants, LpLoss(p), loss_facts(problem, LpLoss(p), use_bias=False), steps)


def finer_variants(variants: Sequence[Variant], history: History) -> list[Variant]:
    """The variants at ten rates a decade, between the neighbours of each one's best rate.

    Beyond an end of the grid of rates it goes on for half a decade. Rates that were trained already are left out, and
    variants of which every run diverged.

    Args:
        variants: what was trained.
        history: with what outcome.
    """
    finer = []
    for variant in variants:
        best, tried = history.best(variant.name), np.sort(variant.learning_rates)
        if best is None:
            continue
        at, half = int(np.argmin(np.abs(tried - best["learning_rate"]))), np.sqrt(10)
        low = tried[at - 1] if at else tried[0] / half
        high = tried[at + 1] if at + 1 < len(tried) else tried[-1] * half
        tenths = range(int(np.ceil(10 * np.log10(low) - 1e-9)), int(np.floor(10 * np.log10(high) + 1e-9)) + 1)
        # 5.01e-4 is the 5e-4 of the grid, and not trained twice.
        rates = [float(f"{10 ** (tenth / 10):.3g}") for tenth in tenths]
        if rates := [rate for rate in rates if not np.isclose(rate, tried, rtol=0.01, atol=0).any()]:
            finer.append(replace(variant, learning_rates=rates))
    return finer
