"""The settings of a comparison, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from overparam_tf.checks import (
    distinct,
    list_of,
    mapping_of,
    one_of,
    positive_int,
    real_number,
    resolve,
    whole_number,
)
from overparam_tf.errors import InputError, input_error

STARTS = ("same", "paper")
UPDATES = ("factors", "end_to_end")
# Rates by default: two to either side of the optimizer's own, half a decade apart.
DECADES = (-1.0, -0.5, 0.0, 0.5, 1.0)
# The largest seed that `keras.utils.set_random_seed` takes.
MOST_SEED = 2**32 - 1


@dataclass(frozen=True)
class Settings:
    """The settings of a comparison.

    Attributes:
        depths: Numbers of factors, 1 among them, increasing.
        optimizers: Configs of the optimizers by name, as `keras.optimizers.serialize` returns them.
        learning_rates: The coarse grid of each optimizer, increasing.
        seeds: The seeds.
        steps: Number of steps of a run.
        batch_size: Rows of a batch.
        targets: Losses to reach, the highest first.
        window: Over how many steps the loss is averaged before it is compared with the targets.
        per_point: Steps of a point of a curve, a divisor of `steps`.
        start: How products start.
        update: What the optimizer does at a depth above 1: `"factors"` or `"end_to_end"`.
    """

    depths: tuple[int, ...]
    optimizers: dict[str, dict[str, Any]]
    learning_rates: dict[str, tuple[float, ...]]
    seeds: tuple[int, ...]
    steps: int
    batch_size: int
    targets: tuple[float, ...]
    window: int
    per_point: int
    start: str
    update: str

    @classmethod
    def check(
        cls,
        depths: Any,
        optimizers: Any,
        learning_rates: Any,
        seeds: Any,
        steps: Any,
        batch_size: Any,
        targets: Any,
        window: Any,
        start: Any,
        update: Any = "factors",
    ) -> Settings:
        """Return the settings that arguments of `compare_depths` stand for.

        Raises:
            InputError: If one of them is unusable.
        """
        counts = sorted(distinct("depths", list_of("depths", depths, positive_int)))
        if 1 not in counts or len(counts) < 2:
            raise input_error("depth 1 and at least one other among the depths", depths=depths)
        configs = optimizer_configs(optimizers)
        count = positive_int("steps", steps)
        per_window = count if window is None else positive_int("window", window)
        per_window = min(per_window, max(1, count // 15)) if window is None else per_window
        if per_window > count:
            raise input_error(f"a window of at most {count} steps", window=window)
        goals = distinct("targets", list_of("targets", targets, real_number))
        numbers = list_of("seeds", seeds, lambda n, v: whole_number(n, v, most=MOST_SEED))
        if not numbers or not goals:
            raise input_error("at least one seed and one target", seeds=seeds, targets=targets)
        start, update = one_of("start", start, STARTS), one_of("update", update, UPDATES)
        if update != "factors" and start == "paper":
            raise input_error("start='same' for an update without factors", start=start)
        return cls(
            tuple(counts),
            configs,
            _grids(learning_rates, configs),
            tuple(distinct("seeds", numbers)),
            count,
            positive_int("batch_size", batch_size),
            tuple(sorted(goals, reverse=True)),
            per_window,
            _largest_divisor(count, max(1, per_window // 2)),
            start,
            update,
        )

    @property
    def points(self) -> int:
        """Return the number of points of a run's curve."""
        return self.steps // self.per_point

    @property
    def averaged_points(self) -> int:
        """Return how many points of a curve a smoothed one averages."""
        return max(1, round(self.window / self.per_point))


def optimizer_configs(optimizers: Any) -> dict[str, dict[str, Any]]:
    """Return the configs of optimizers by name.

    Args:
        optimizers: An optimizer or its name, a list of these, or a mapping of names to them.

    Raises:
        InputError: If Keras knows no such optimizer, two have one name, or one has a schedule for
            its rate: the rate is what the comparison varies.

    Example:
        >>> list(optimizer_configs(["sgd", keras.optimizers.Adam(1e-3)]))
        ['sgd', 'adam']
    """
    if isinstance(optimizers, Mapping):
        named = mapping_of("optimizers", optimizers, _optimizer)
    else:
        alone = isinstance(optimizers, (str, keras.optimizers.Optimizer))
        entries = [optimizers] if alone else optimizers
        if not isinstance(entries, (list, tuple)):
            raise input_error("an optimizer, or a list or mapping of them", optimizers=optimizers)
        checked = [_optimizer("optimizers", each) for each in entries]
        names = [_name(each, optimizer) for each, optimizer in zip(entries, checked, strict=True)]
        named = dict(zip(distinct("optimizers", names), checked, strict=True))
    if not named:
        raise input_error("at least one optimizer", optimizers=optimizers)
    configs = {}
    for name, optimizer in named.items():
        config = keras.optimizers.serialize(optimizer)
        if not isinstance(config["config"].get("learning_rate"), (int, float)):
            raise InputError(
                "Expected optimizers with a number for their learning rate, which the comparison "
                f"varies. Received: {name!r} with a schedule"
            )
        # Keras numbers the names of optimizers, otherwise in every process.
        configs[name] = {**config, "config": {**config["config"], "name": "optimizer"}}
    return configs


def fresh_optimizer(config: dict[str, Any], learning_rate: float) -> keras.optimizers.Optimizer:
    """Return a new optimizer of a config, at a rate."""
    inner = {**config["config"], "learning_rate": learning_rate}
    return keras.optimizers.deserialize({**config, "config": inner})


def _name(argument: Any, optimizer: keras.optimizers.Optimizer) -> str:
    """Return the name of an optimizer, without the number that Keras puts behind it."""
    return argument if isinstance(argument, str) else re.sub(r"_\d+$", "", optimizer.name)


def _optimizer(name: str, value: Any) -> keras.optimizers.Optimizer:
    return resolve(name, value, keras.optimizers.get, "a Keras optimizer or its name")


def _grids(rates: Any, configs: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    """Return the coarse grid of each optimizer, increasing."""
    if rates is None:
        own = {name: float(config["config"]["learning_rate"]) for name, config in configs.items()}
        return {
            name: tuple(float(f"{rate * 10**d:.4g}") for d in DECADES) for name, rate in own.items()
        }
    if isinstance(rates, Mapping):
        if set(rates) != set(configs):
            raise input_error(f"rates for each of {sorted(configs)}", learning_rates=rates)
        return {name: _grid(rates[name]) for name in configs}
    return dict.fromkeys(configs, _grid(rates))


def _grid(rates: Any) -> tuple[float, ...]:
    checked = list_of(
        "learning_rates", rates, lambda name, value: real_number(name, value, above=0)
    )
    if not checked:
        raise input_error("at least one rate", learning_rates=rates)
    grid = np.sort(np.asarray(checked))
    if np.any(grid[1:] < 1.02 * grid[:-1]):
        raise input_error("rates at least 2 % apart", learning_rates=rates)
    return tuple(grid.tolist())


def _largest_divisor(number: int, most: int) -> int:
    """Return the largest divisor of a number that is at most `most`.

    Example:
        >>> _largest_divisor(300, 7), _largest_divisor(7, 3)
        (6, 1)
    """
    return next(each for each in range(min(most, number), 0, -1) if number % each == 0)
