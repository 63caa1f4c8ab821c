"""Where TensorBoard shows the variants of a sweep: in runs of its own, side by side in panels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from experiments.harness.loss_reference import LossReference
from overparam_tf.sweep import Variant


class Place(NamedTuple):
    """Where a variant is shown.

    Attributes:
        run: Its TensorBoard run, which may be that of variants in other panels too.
        panel: The variants that are compared with it in one chart, such as `"part 1"`.
    """

    run: str
    panel: str


PlaceOf = Callable[[str, str], Place]


def place_of(part: str, variant: str) -> Place:
    """Return the place of a variant: the panel of its part, in the run of its name without it.

    Example:
        >>> place_of("part 1", "GD, depth 3")
        Place(run='GD, depth 3', panel='part 1')
        >>> place_of("L2", "L2, depth 3"), place_of("L4", "L4, depth 3").run
        (Place(run='depth 3', panel='L2'), 'depth 3')
    """
    return Place(variant.removeprefix(f"{part}, "), part)


@dataclass(frozen=True)
class Panel:
    """Variants under one loss that are compared with one another.

    Attributes:
        name: Its name.
        reference: The numbers to which the losses are compared.
        runs: The TensorBoard run of each variant, by the variant's name.
        is_alone: Whether no variant of another panel is shown in these runs, so that tags need not
            name the panel.
        rates: How many of the variants are trained at each rate, by its text.
    """

    name: str
    reference: LossReference
    runs: Mapping[str, str]
    is_alone: bool
    rates: Mapping[str, int]

    @property
    def loss_tag(self) -> str:
        """Return the tag of the loss at the best rate."""
        return "loss" if self.is_alone else f"loss/{self.name}"

    @property
    def excess_tag(self) -> str:
        """Return the tag of the chart that compares the excess losses."""
        return f"log10 of excess loss/{self.name}"

    @property
    def ratio_tag(self) -> str:
        """Return the tag of the excess loss divided by that of the panel's first variant."""
        first, *_ = self.runs.values()
        return f"relative excess loss/{self.name}, over {first}"

    def rate_tag(self, rate: float, seed: int | None = None) -> str:
        """Return the tag of the loss at one rate.

        Args:
            rate: The learning rate.
            seed: The seed, where a variant has several; default None.
        """
        words = rate_text(rate) if seed is None else f"{rate_text(rate)}, seed {seed}"
        return f"rates/{words}" if self.is_alone else f"rates, {self.name}/{words}"

    def charts(self) -> list[str]:
        """Return the tags of the charts, without those of a single line."""
        tags = [self.excess_tag]
        if len(self.runs) > 1:
            tags.append(self.ratio_tag)
        return tags


def rate_text(rate: float) -> str:
    """Return a learning rate as tags name it."""
    return f"{rate:.6g}"


def make_panels(
    parts: Sequence[tuple[str, Sequence[Variant], LossReference]], place: PlaceOf = place_of
) -> list[Panel]:
    """Return the panels of a run, in the order of their first variants.

    Args:
        parts: Name, variants and reference of each part.
        place: Returns the place of a variant from the names of its part and its own.
    """
    members: dict[str, dict[str, str]] = {}
    references: dict[str, LossReference] = {}
    rates: dict[str, dict[str, int]] = {}
    for part, variants, reference in parts:
        for variant in variants:
            run, panel = place(part, variant.name)
            references.setdefault(panel, reference)
            members.setdefault(panel, {})[variant.name] = run
            counts = rates.setdefault(panel, {})
            for rate in variant.learning_rates:
                counts[rate_text(rate)] = counts.get(rate_text(rate), 0) + 1
    runs = [run for of_panel in members.values() for run in of_panel.values()]
    is_alone = len(runs) == len(set(runs))
    return [
        Panel(name, references[name], of_panel, is_alone, rates[name])
        for name, of_panel in members.items()
    ]
