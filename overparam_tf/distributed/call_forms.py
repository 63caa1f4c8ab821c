"""The call form that `train` had before it took the names of `fit`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import keras

P = ParamSpec("P")
R = TypeVar("R")
EARLIER_ORDER = ("dataset", "loss", "optimizer", "strategy")


@dataclass(frozen=True)
class EarlierData:
    """What the earlier form took for data, (x, y) or (x, y, sample_weight), or a dataset."""

    value: Any


def takes_earlier_form(train: Callable[P, R]) -> Callable[P, R]:
    """Return a `train` that also takes `train(model, (x, y), loss, optimizer, strategy)`.

    The form is known by a loss in the third place, an optimizer in the fourth, or the keyword
    `dataset`. The keyword `validation` is another name of `validation_data`.
    """

    @functools.wraps(train)
    def call(*positional: P.args, **keywords: P.kwargs) -> R:
        if "dataset" in keywords or _has_loss_or_optimizer(*positional):
            model, *others = positional or (keywords.pop("model"),)
            by_name = dict(zip(EARLIER_ORDER, others, strict=False))
            keywords = {"model": model, **by_name, **keywords}  # type: ignore[assignment]
            keywords["x"] = EarlierData(keywords.pop("dataset"))
            positional = ()  # type: ignore[assignment]
        if "validation" in keywords:
            keywords["validation_data"] = keywords.pop("validation")
        return train(*positional, **keywords)

    return call


def _has_loss_or_optimizer(
    model: Any = None, x: Any = None, third: Any = None, fourth: Any = None, *others: Any
) -> bool:
    is_loss = isinstance(third, (str, keras.losses.Loss)) or (
        callable(third) and not hasattr(third, "shape")
    )
    return is_loss or isinstance(fourth, keras.optimizers.Optimizer)
