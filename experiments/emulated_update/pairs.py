"""The pairs that are compared: a variant of real factors with one of the end-to-end rule."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from experiments.harness.sweep_places import Place
from overparam_tf.sweep import Variant

# (how the factors start, weight decay of every factor), for Theorem 1 and for the course's setting.
SETTINGS = (("balanced", 0.0), ("near_zero", 0.0), ("balanced", 1e-3))
UVA_SETTINGS = (("balanced", 0.0), ("near_zero", 0.0))
# The rules by the update of their variant: as their variants begin, and in figures.
KINDS = {"end_to_end": "rule", "unbalanced": "unbalanced", "exact": "exact"}
WORDS = {
    "end_to_end": "Theorem 1",
    "unbalanced": "with the conserved differences",
    "exact": "exact step",
}


@dataclass(frozen=True)
class Pair:
    """A variant of real factors and one of the rule, compared at each of their rates.

    Attributes:
        p: Exponent of the loss.
        depth: Number of factors N.
        width: Inner width of the real factors.
        start: How the factors start, see `Variant`.
        decay: Weight decay of every factor.
        rates: Learning rates.
        factors: The name of the variant of real factors.
        rule: The name of the variant of the rule.
        update: Its update, see `Variant`.
    """

    p: int
    depth: int
    width: int
    start: str
    decay: float
    rates: tuple[float, ...]
    factors: str
    rule: str
    update: str = "end_to_end"

    @classmethod
    def from_record(cls, entry: dict[str, Any]) -> Pair:
        """Return what `record` wrote."""
        return cls(**{**entry, "rates": tuple(entry["rates"])})

    def record(self) -> dict[str, Any]:
        """Return the pair for config.json."""
        return dataclasses.asdict(self)

    @property
    def largest_rate(self) -> float:
        """Return the largest of its rates."""
        return max(self.rates)

    @property
    def start_in_words(self) -> str:
        """Return how the factors start, as figures name it."""
        return self.start.replace("_", " ")

    def variants(self, seeds: Sequence[int]) -> list[Variant]:
        """Return the variant of real factors and that of the rule."""
        return [
            Variant(
                name,
                depth=self.depth,
                width=self.width,
                optimizer=keras.optimizers.SGD(weight_decay=self.decay or None),
                learning_rates=self.rates,
                seeds=seeds,
                initial_factors=self.start,
                update=update,
            )
            for name, update in ((self.factors, "factors"), (self.rule, self.update))
        ]


def pairs_under(
    p: int,
    depths: Sequence[int],
    widths: Sequence[int],
    rates: Sequence[float],
    settings: Sequence[tuple[str, float]] = SETTINGS,
    every_rule: bool = False,
) -> list[Pair]:
    """Return what is compared under l_p.

    The first width has every setting and rate. The others have the largest rate and no decay, and
    where the factors start as a balanced split of one and the same kernel they share the first
    width's rule.

    Args:
        p: Exponent of the loss.
        depths: Numbers of factors.
        widths: Inner widths.
        rates: Learning rates.
        settings: How the factors start, and their weight decay.
        every_rule: Compare factors that start near zero with every rule that their shapes allow,
            not with Theorem 1 alone; default False.
    """
    first, *_ = widths
    pairs = []
    for depth, width, (start, decay) in itertools.product(depths, widths, settings):
        is_first = width == first
        if decay and not is_first:
            continue
        setting = f"L{p}, N={depth}, width {{}}, {start}" + (f", decay {decay:g}" if decay else "")
        width_of_rule = first if start == "balanced" else width
        has_more = every_rule and start == "near_zero"
        pairs += [
            Pair(
                p,
                depth,
                width,
                start,
                decay,
                rates=tuple(rates) if is_first else (max(rates),),
                factors=f"factors, {setting.format(width)}",
                rule=f"{KINDS[update]}, {setting.format(width_of_rule)}",
                update=update,
            )
            for update in (_updates(depth, width) if has_more else ("end_to_end",))
        ]
    return pairs


def _updates(depth: int, width: int) -> tuple[str, ...]:
    """Return the rules of one output at a depth and an inner width, see `Variant`."""
    if width == 1:
        return "end_to_end", "unbalanced", "exact"
    return ("end_to_end", "exact") if depth == 2 else ("end_to_end",)


def place_of(part: str, variant: str) -> Place:
    """Return where TensorBoard shows a variant: kinds and depths side by side in each setting.

    Example:
        >>> place_of("L2", "rule, L2, N=3, width 20, near_zero")
        Place(run='rule, N=3', panel='L2, width 20, near_zero')
    """
    kind, loss, depth, setting = variant.split(", ", 3)
    return Place(f"{kind}, {depth}", f"{loss}, {setting}")
