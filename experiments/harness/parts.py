"""The sweeps that an experiment consists of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.harness.loss_reference import LossReference
from overparam_tf.datasets import Problem
from overparam_tf.losses import LpLoss
from overparam_tf.sweep import Variant


@dataclass(frozen=True)
class Part:
    """One sweep of an experiment.

    Attributes:
        name: Its name, e.g. `"part 1"`.
        problem: The data it trains on.
        variants: The variants that it trains.
        loss: The loss.
        reference: The numbers to which the losses of the runs are compared.
        steps: Number of steps.
    """

    name: str
    problem: Problem
    variants: Sequence[Variant]
    loss: LpLoss
    reference: LossReference
    steps: int


def lp_part(problem: Problem, p: int, variants: Sequence[Variant], steps: int) -> Part:
    """Return the part `"Lp"`: variants without biases under l_p with 1/p."""
    # For p = 2 the R factor of a QR of [X y] has the same loss for every kernel, in 129 rows
    # instead of 2565.
    data = problem.compressed() if p == 2 else problem
    reference = LossReference.measure(problem, LpLoss(p), use_bias=False)
    return Part(f"L{p}", data, variants, LpLoss(p), reference, steps)
