"""The training of fine grids: a run that the coarse grids have too is not trained again."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from experiments.harness.parts import Part
from overparam_tf.sweep import History, Variant
from overparam_tf.sweep.sharing import runs_at


def train_finer(part: Part, coarse: History, train: Callable[[Part], History]) -> History:
    """Return the history of fine grids, all their runs in order.

    Args:
        part: The variants with their fine grids.
        coarse: The history of the coarse grids, trained with the same settings.
        train: Trains a part.
    """
    keys = [(variant.name, *run) for variant in part.variants for run in variant.runs]
    known = {key: place for place, key in enumerate(coarse.keys)}
    again = [known[key] for key in keys if key in known]
    histories = [coarse.select(again)] if again else []
    variants = [each for variant in part.variants if (each := _untrained(variant, known)).runs]
    if variants:
        histories.append(train(replace(part, variants=variants)))
    first, *others = histories
    both = first.join(*others)
    places = {key: place for place, key in enumerate(both.keys)}
    return both.select([places[key] for key in keys])


def _untrained(variant: Variant, known: Collection[tuple[str, float, int]]) -> Variant:
    """Return a variant with those of its runs that are not known."""
    runs = enumerate(variant.runs)
    return runs_at(variant, [number for number, run in runs if (variant.name, *run) not in known])
