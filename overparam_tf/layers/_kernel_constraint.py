"""The part of a factorised layer that constrains the product of its factors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from overparam_tf.checks import resolve
from overparam_tf.errors import InputError

# Constraints that multiply the kernel by a factor for each norm that they take.
_RESCALING = (
    keras.constraints.MaxNorm,
    keras.constraints.MinMaxNorm,
    keras.constraints.UnitNorm,
)


def constraint(identifier: Any, name: str) -> Any:
    """Return the constraint that Keras knows by an identifier, or None for None.

    Raises:
        InputError: If Keras knows no such constraint.

    Example:
        >>> type(constraint("max_norm", "kernel_constraint")).__name__
        'MaxNorm'
    """
    expected = "a Keras constraint, its name or None"
    return resolve(name, identifier, keras.constraints.get, expected)


class KernelConstraint(keras.layers.Layer):
    r"""The part of `FactorizedLayer` that keeps a constraint on the product.

    A constraint on norms of the kernel multiplies it by numbers. If there is one for each output,
    it multiplies the columns of the last factor,

    $$F_1 \cdots F_N \operatorname{diag}(c) = F_1 \cdots (F_N \operatorname{diag}(c)),$$

    and if there is one for each input, the rows of the first. Other constraints have no such form.
    """

    depth: int
    kernel_constraint: Any
    _kernel_shape: tuple[int, ...]
    _compose: Callable[[], Any]

    def _kernel_axes(self) -> tuple[tuple[int, ...], tuple[int, ...], int]:
        """Return the kernel's axes that are rows of the first factor, and columns of the last.

        The third entry is the number of all its axes, also those of a convolution's taps.
        """
        raise NotImplementedError

    def _only_factor(self, kernel: Any) -> Any:
        """Return the factor of depth 1 for a kernel, a tensor."""
        return kernel

    def _check_constraint(self) -> None:
        """Raise `InputError` if the factors cannot keep the constraint on the kernel."""
        if self.kernel_constraint is None or self.depth == 1:
            return
        if self._constrained_factor() is None:
            raise InputError(
                "Expected a layer without constraints that a product cannot keep, which can those "
                "on norms over all its input axes (max_norm, unit_norm, min_max_norm): use depth=1 "
                "for this layer, or constrain in a callback, kernel.assign(constraint(kernel)). "
                f"Received: {self.name}, kernel_constraint={self.kernel_constraint}"
            )

    def _constrained_factor(self) -> int | None:
        """Return the index of the factor that the constraint rescales, None if there is none."""
        rows, columns, axes_count = self._kernel_axes()
        if type(self.kernel_constraint) not in _RESCALING:
            return None
        reduced = self.kernel_constraint.axis
        reduced = reduced if isinstance(reduced, (list, tuple)) else [reduced]
        kept = set(range(axes_count)) - {axis % axes_count for axis in reduced}
        if kept <= set(columns):
            return self.depth - 1
        return 0 if kept <= set(rows) else None

    def _constraint_on(self, j: int) -> Callable[[Any], Any] | None:
        """Return the constraint on the weight `factor_j`, of which Keras assigns the result."""
        if self.kernel_constraint is None:
            return None
        if self.depth == 1:
            return lambda factor: self._only_factor(self.kernel_constraint(self._compose()))
        return self._rescale if j == self._constrained_factor() else None

    def _rescale(self, factor: Any) -> Any:
        """Return the first or last factor with which the product keeps the constraint."""
        rows, columns, axes_count = self._kernel_axes()
        kernel = self._compose()
        axes = columns if self._constrained_factor() == self.depth - 1 else rows
        others = tuple(axis for axis in range(axes_count) if axis not in axes)
        before, after = (
            ops.sqrt(ops.sum(ops.square(k), axis=others))
            for k in (kernel, self.kernel_constraint(kernel))
        )
        # Where a norm is over further axes, all entries along them have the same scale.
        scale = ops.where(before > 0, after / ops.where(before > 0, before, 1), 1)
        sizes = math.prod(self._kernel_shape[axis] for axis in axes)
        scale = ops.reshape(scale, (sizes,) if axes == columns else (sizes, 1))
        return ops.multiply(factor, ops.cast(scale, factor.dtype))
