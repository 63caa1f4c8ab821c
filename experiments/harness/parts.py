"""The sweeps that an experiment consists of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.harness.loss_reference import LossReference
from overparam_tf.datasets import Problem
from overparam_tf.losses import LpLoss
from overparam_tf.sweep import Sweep, Variant
from overparam_tf.sweep.memory import check_memory


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


def check_parts(parts: Sequence[Part], dtype: str) -> None:
    """Check that the sweeps of all parts can be made and fit into memory, before a folder is made.

    Raises:
        InputError: If one cannot, or does not.
    """
    for part in parts:
        Sweep(part.problem, part.variants, part.loss, dtype)
        check_memory(part.problem, part.variants, dtype)
