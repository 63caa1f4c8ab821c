"""What depth does to the gradients of an optimizer's kernels, and which variables those are."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from keras import backend, ops

from overparam_tf.checks import real_number
from overparam_tf.dynamics.end_to_end import precondition
from overparam_tf.dynamics.mixed import mixed_rule
from overparam_tf.errors import input_error
from overparam_tf.optimizers.kernel_roles import path_of
from overparam_tf.optimizers.kernel_selection import Kernels, select_kernels


class KernelRule:
    """The rule of a depth on those variables of an optimizer that are kernels.

    Args:
        kernels: What `check_kernels` returned.
        depth: `N >= 1`.
        spread: `t >= 0` of `mixed_update`; above 0 with depth 2 only.
        variables: The variables of the optimizer.
        owner: The optimizer's name, for the warning about kernels that are exactly 0.
        plain: The name of the optimizer that trains those.
    """

    def __init__(
        self,
        kernels: Kernels,
        depth: float,
        spread: float,
        variables: Sequence[Any],
        owner: str,
        plain: str,
    ) -> None:
        self.depth, self.spread = depth, spread
        self._axes = select_kernels(kernels, variables)
        if depth > 1 and spread == 0:
            self._leave_out_zeros(variables, owner, plain)

    def _leave_out_zeros(self, variables: Sequence[Any], owner: str, plain: str) -> None:
        """Leave kernels that are exactly 0 to plain updates, with a warning."""
        kernels = [
            variable if axes else None for variable, axes in zip(variables, self._axes, strict=True)
        ]
        zeros = []
        for index, is_zero in enumerate(_are_zero(kernels)):
            if is_zero:
                self._axes[index] = None
                zeros.append(path_of(variables[index]))
        if zeros:
            warnings.warn(
                f"{owner} trains kernels that are exactly 0 by plain {plain}, since the rule would "
                f"never move them: {', '.join(zeros)}",
                UserWarning,
                stacklevel=4,
            )

    def depth_of(self, index: int) -> float:
        """Return the number of factors that a variable stands for: 1 unless it is a kernel."""
        return 1.0 if self._axes[index] is None else self.depth

    def turned(self, index: int, variable: Any, gradient: Any) -> Any:
        """Return a variable's gradient as the rule turns it, in the dtype of a step.

        Args:
            index: The variable's number.
            variable: The variable.
            gradient: Its gradient; that of a table may be sparse.
        """
        dtype = computing_dtype(variable)
        gradient, axes = ops.cast(gradient, dtype), self._axes[index]
        if axes is None or self.depth == 1:
            return gradient
        shape = tuple(variable.shape)
        # A gradient may be sparse, and in a graph its shape is not always known.
        matrices = axes.matrices(ops.reshape(gradient, shape))
        kernel = axes.matrices(ops.cast(variable, dtype))
        if self.spread:
            spread = ops.convert_to_tensor(self.spread, dtype)
            return axes.restored(mixed_rule(kernel, matrices, spread), shape)
        return axes.restored(precondition(kernel, matrices, self.depth), shape)


def computing_dtype(variable: Any) -> str:
    """Return the dtype of a step: no backend decomposes matrices in 16 bits."""
    dtype = backend.standardize_dtype(variable.dtype)
    return "float32" if dtype in ("float16", "bfloat16") else dtype


def check_spread(spread: Any, depth: float) -> float:
    """Return the argument `spread` as a float.

    Raises:
        InputError: If it is negative, or above 0 at another depth than 2.
    """
    spread = real_number("spread", spread, least=0)
    if spread and depth != 2:
        raise input_error("depth 2 for spread above 0", spread=spread, depth=depth)
    return spread


def _are_zero(variables: Sequence[Any]) -> list[bool]:
    """Return, for every variable, whether it is there and exactly 0."""

    def are_zero() -> list[bool]:
        return [one is not None and bool(ops.all(ops.equal(one, 0))) for one in variables]

    # In a thread of its own values can be read even while this one traces a TensorFlow function, as
    # where a training step in a `tf.function` builds its optimizer.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(are_zero).result()
