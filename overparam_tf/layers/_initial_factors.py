"""The part of a factorised layer that gives its factors their initial values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from overparam_tf import initializers
from overparam_tf.errors import InputError
from overparam_tf.layers._for_factors import resolve_for_factors
from overparam_tf.layers.skip_init import initialization_is_skipped

# What Keras draws the kernel of every plain layer from by default.
KERNEL_INITIALIZER = "glorot_uniform"


class InitialFactors(keras.layers.Layer):
    """The part of `FactorizedLayer` that draws the initial factors.

    Either a kernel is drawn from `kernel_initializer` and split, or each factor is drawn from
    `factor_initializer`. The other one of the two attributes is None.
    """

    depth: int
    _kernel_shape: tuple[int, ...]
    _split: Callable[[np.ndarray, str], list[np.ndarray]]

    def _set_initializers(self, kernel_initializer: Any, factor_initializer: Any) -> None:
        if factor_initializer is None:
            self.factor_initializer = None
            self.kernel_initializer = initializers.get(
                KERNEL_INITIALIZER if kernel_initializer is None else kernel_initializer,
                "kernel_initializer",
            )
            return
        if kernel_initializer is not None and not _is_default(kernel_initializer):
            raise InputError(
                "Expected either kernel_initializer, for the product of the factors, or "
                "factor_initializer, for each of them. "
                f"Received: kernel_initializer={kernel_initializer!r}, "
                f"factor_initializer={factor_initializer!r}"
            )
        self.kernel_initializer = None
        self.factor_initializer = resolve_for_factors(
            initializers.get, "factor_initializer", factor_initializer, self.depth
        )

    # What a subclass may override.

    def _draw_kernel(self) -> np.ndarray:
        """Return the kernel that the plain layer draws."""
        return initializers.draw(self.kernel_initializer, self._kernel_shape, self.variable_dtype)

    def _within_widths(self, kernel: np.ndarray) -> np.ndarray:
        """Return the best approximation of a kernel that the widths can hold."""
        raise NotImplementedError

    def _start(self) -> list[np.ndarray]:
        """Return the initial factors for a kernel drawn from `kernel_initializer`."""
        return self._split(self._within_widths(self._draw_kernel()), "balanced")

    def _factor_initializers(self) -> list[Any]:
        if self.kernel_initializer is not None:
            if initialization_is_skipped():
                return ["zeros"] * self.depth
            return [
                lambda shape, dtype=None, value=value: ops.cast(value, dtype)
                for value in self._start()
            ]
        if isinstance(self.factor_initializer, list):
            return self.factor_initializer
        return [initializers.per_factor(self.factor_initializer, j) for j in range(self.depth)]


def _is_default(kernel_initializer: Any) -> bool:
    return isinstance(kernel_initializer, str) and kernel_initializer == KERNEL_INITIALIZER


def without_ignored_initializer(config: dict[str, Any]) -> dict[str, Any]:
    """Return a layer's config without a `factor_initializer` that its kernel's overrules.

    Layers write at most one of the two into their config. Those of version 0.1.0 wrote a
    `factor_initializer` always, and a `kernel_initializer` beside it replaced it.

    Example:
        >>> without_ignored_initializer({"kernel_initializer": "ones",
        ...                              "factor_initializer": "near_zero"})
        {'kernel_initializer': 'ones', 'factor_initializer': None}
    """
    pair = [config.get(name) for name in ("kernel_initializer", "factor_initializer")]
    if None in pair:
        return config
    return {**config, "factor_initializer": None}
