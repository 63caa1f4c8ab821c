"""The numbers to which losses on a problem are compared: convex floor, zero kernel, target."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from overparam_tf.datasets import Problem
from overparam_tf.errors import InputError
from overparam_tf.floor import convex_floor
from overparam_tf.losses import LpLoss

# A run has reached the target when this share of the zero kernel's excess loss over the convex
# floor is left.
TARGET_EXCESS = 0.1


@dataclass(frozen=True)
class LossReference:
    """The numbers to which the loss of a run on a problem is compared.

    Attributes:
        label: The loss as figures and tables name it, e.g. `"L4, mean(e^4)/4"`.
        p: Its exponent.
        scale: Whether it is divided by p.
        floor: The lowest loss of any linear predictor.
        floor_duality_gap: How far `floor` may be above the true minimum, certified.
        floor_with_bias: Whether the predictors have a bias.
        at_zero: The loss of the zero kernel.
    """

    label: str
    p: int
    scale: bool
    floor: float
    floor_duality_gap: float
    floor_with_bias: bool
    at_zero: float

    @classmethod
    def measure(cls, problem: Problem, loss: LpLoss, use_bias: bool) -> LossReference:
        """Compute the numbers for a loss on a problem.

        Raises:
            InputError: If the loss of the zero kernel is 0 or not finite in float64, or the floor
                cannot be computed.
        """
        label = loss_label(loss.p, loss.scale)
        with np.errstate(all="ignore"):
            constant = 1 / loss.p if loss.scale else 1.0
            at_zero = float(np.mean(problem.known_labels**loss.p)) * constant
        if not 0 < at_zero < np.inf:
            raise InputError(
                f"Expected labels of a finite loss {label} above 0; --preprocessing zscore scales "
                f"them. Received: a loss of {at_zero:g} at the zero kernel"
            )
        floor = convex_floor(
            problem.x,
            problem.y,
            loss.p,
            scale=loss.scale,
            use_bias=use_bias,
            unobserved=problem.unobserved,
        )
        return cls(
            label=label,
            p=loss.p,
            scale=loss.scale,
            floor=floor.loss,
            floor_duality_gap=floor.gap,
            floor_with_bias=use_bias,
            at_zero=at_zero,
        )

    @classmethod
    def from_record(cls, entry: dict[str, Any]) -> LossReference:
        """Return what `record` wrote."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: entry[name] for name in names})

    def record(self) -> dict[str, Any]:
        """Return the numbers for config.json."""
        return {**dataclasses.asdict(self), "target": self.target()}

    def target(self, share: float = TARGET_EXCESS) -> float:
        """Return the loss at which `share` of the zero kernel's excess over the floor is left."""
        return self.floor + share * (self.at_zero - self.floor)


def loss_label(p: int, scale: bool) -> str:
    """Return the loss as figures and tables name it."""
    return f"L{p}, mean(e^{p})/{p}" if scale else f"L{p}, mean(e^{p})"


def references_of(record: dict[str, Any]) -> list[LossReference]:
    """Return the references of the losses in a config.json."""
    return [LossReference.from_record(entry) for entry in record["losses"]]
