"""How a kernel is split into factors."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from overparam_tf._shapes import Width, factor_shapes
from overparam_tf.initializers import with_noise
from overparam_tf.products import MatrixAxes, split_matrix, zero_start


@dataclasses.dataclass(frozen=True)
class Split:
    """How a kernel is split into factors.

    Attributes:
        axes: Which axes of the kernel are inputs of its layer, and which are outputs.
        depth: Number of factors N >= 1.
        width: Inner dimensions, as in `overparameterize`.
        initializer: A name out of `overparam_tf.initializers.SPLITS`.
        noise: Standard deviation of noise on the factors, relative to the root mean square of each.
        seed: Seed of the noise and of adapters.
        base: Whether the kernel itself stays, frozen, and the factors start with zero as product.
    """

    axes: MatrixAxes
    depth: int = 2
    width: Width = None
    initializer: str = "balanced"
    noise: float = 0.0
    seed: int | None = None
    base: bool = False

    def shapes(self, kernel_shape: Sequence[int]) -> list[tuple[int, ...]]:
        """Return the shapes of the factors of a kernel of this shape."""
        stacks = [kernel_shape[axis] for axis in self.axes.stacks(len(kernel_shape))]
        matrix = self.axes.sizes(kernel_shape)
        return [(*stacks, *sizes) for sizes in factor_shapes(matrix, self.depth, self.width)]

    def values_of(self, variable: keras.Variable) -> list[np.ndarray]:
        """Return the values of the factors for a variable."""
        return self.values(ops.convert_to_numpy(variable))

    def values(self, kernel: Any) -> list[np.ndarray]:
        """Return the values of the factors for a kernel, an array or a tensor."""
        if self.base:
            return zero_start(self.shapes(kernel.shape), self.seed)
        matrices = self.axes.matrices(kernel)
        parts = split_matrix(matrices, self.depth, self.width, self.initializer)
        return with_noise(parts, self.noise, self.seed, "float32")
