"""A weight that is a product of variables and stands where a `keras.Variable` stood."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from overparam_tf.errors import InputError

# The class of variables of the backend, of which `keras.Variable` is the public subclass.
# `keras.ops` converts every variable of the backend by its `value`, but layers, optimizers and
# metrics track only instances of `keras.Variable`. So a product that a layer is given as an
# attribute does not become one more weight beside its factors.
BackendVariable: Any = keras.Variable.__base__


class Product(BackendVariable):
    r"""A weight whose value is composed of variables, its factors, whenever it is read.

    $$K = F_1 F_2 \cdots F_N$$

    It holds no numbers. In `keras.ops`, in arithmetic and in indexing it is the composed tensor, of
    which gradients reach the factors, cast under mixed precision as a variable is. `assign` splits
    a value into factors.

    Args:
        factors: The N variables.
        compose: Returns the value as a tensor, from the list of factors.
        split: Returns the values of the N factors, from an array or tensor with the shape of the
            product. Within a compiled function it receives a tensor without known numbers.
        shape: Shape of the product.
        name: Name, as that of the variable it stands for; default `"kernel"`.
        path: Path; default None, the path of the first factor with `name` at its end.

    Source:
        Arora, Cohen & Hazan, "On the Optimization of Deep Networks" (ICML 2018).

    Example:
        >>> from overparam_tf.products import product, split_matrix
        >>> factors = [keras.Variable(ops.ones((3, 2))), keras.Variable(ops.ones((2, 4)))]
        >>> def split(value):
        ...     return split_matrix(value, depth=2, width=2)
        >>> kernel = Product(factors, product, split, shape=(3, 4))
        >>> kernel.numpy()[0]
        array([2., 2., 2., 2.], dtype=float32)
        >>> value = kernel.assign(7 * np.ones((3, 4)))
        >>> bool(ops.all(ops.abs(ops.matmul(factors[0], factors[1]) - 7) < 1e-5))
        True
    """

    def __init__(
        self,
        factors: Sequence[keras.Variable],
        compose: Callable[[list[keras.Variable]], Any],
        split: Callable[[Any], Sequence[Any]],
        shape: Sequence[int],
        name: str = "kernel",
        path: str | None = None,
    ) -> None:
        # Not the initialization of a variable, which would create one.
        self.factors = list(factors)
        self._compose, self._split = compose, split
        self._shape = tuple(int(size) for size in shape)
        self._ndim = len(self._shape)
        self._name = name
        *parents, _ = self.factors[0].path.split("/")
        self._path = "/".join([*parents, name]) if path is None else path
        self._value = self._initializer = self._layout = None
        self._regularizer = self._constraint = None
        self._aggregation = self._synchronization = "none"
        self._autocast, self._overwrite_with_gradient = True, False
        # Whether `assign` does nothing, while the factors are read from a checkpoint.
        self.ignores_values = False

    @property
    def value(self) -> Any:
        """Return the composed tensor."""
        return self._compose(self.factors)

    @property
    def dtype(self) -> str:
        """Return the dtype of the factors, under mixed precision the one of the computation."""
        return self.factors[0].dtype

    @property
    def trainable(self) -> bool:
        """Whether the factors are trained; setting it sets them all."""
        return all(factor.trainable for factor in self.factors)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for factor in self.factors:
            factor.trainable = bool(value)

    def assign(self, value: Any) -> Any:
        """Split a value into the factors, to round-off, and return it as a tensor.

        Args:
            value: Array, tensor or variable with the shape of the product.

        Raises:
            InputError: If it has another shape, or the factors cannot have it as their product.
        """
        if self.ignores_values:
            return value
        value = ops.convert_to_tensor(value, dtype=self.factors[0].dtype)
        if tuple(value.shape) != self._shape:
            raise InputError(
                f"Expected a value of shape {self._shape} for {self._path!r}. "
                f"Received: value.shape={tuple(value.shape)}"
            )
        for factor, part in zip(self.factors, self._split(value), strict=True):
            factor.assign(part)
        return value

    def numpy(self) -> np.ndarray:
        """Return the composed value as an array."""
        return ops.convert_to_numpy(self.value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.numpy(), dtype=dtype)

    def __repr__(self) -> str:
        return (
            f"<Product path={self._path}, shape={self._shape}, dtype={self.dtype}, "
            f"factors={len(self.factors)}>"
        )

    # TensorFlow takes whatever has these two for a variable with a buffer of its own.

    @property
    def _should_act_as_resource_variable(self) -> bool:
        raise AttributeError("a product has no buffer of its own")

    @property
    def handle(self) -> Any:
        """Raise AttributeError: there is no buffer of its own."""
        raise AttributeError("a product has no buffer of its own")
