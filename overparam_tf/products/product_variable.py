"""A weight that is a product of variables and stands where a `keras.Variable` stood."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from overparam_tf.errors import InputError
from overparam_tf.products.composing_once import composed

# The class of variables of the backend, of which `keras.Variable` is the public subclass.
# `keras.ops` converts every variable of the backend by its `value`, but layers, optimizers and
# metrics track only instances of `keras.Variable`. So a product that a layer is given as an
# attribute does not become one more weight beside its factors.
BackendVariable: Any = keras.Variable.__base__


class Product(BackendVariable):
    r"""A weight whose value is composed of variables, its factors, whenever it is read.

    $$K = F_1 F_2 \cdots F_N, \qquad \text{or} \quad K = B + F_1 F_2 \cdots F_N$$

    with a frozen base B. It holds no numbers. In `keras.ops`, in arithmetic and in indexing it is
    the composed tensor, of which gradients reach the factors, cast under mixed precision as a
    variable is. `assign` splits a value into factors.

    Args:
        factors: The N variables.
        compose: Returns the value as a tensor, from the list of factors.
        split: Returns the values of the N factors, from an array or tensor with the shape of the
            product. Within a compiled function it receives a tensor without known numbers.
        shape: Shape of the product.
        name: Name, as that of the variable it stands for; default `"kernel"`.
        path: Path; default None, the path of the first factor with `name` at its end.
        base: A variable that is added to what `compose` returns, and that does not train; default
            None. Then a value that is assigned becomes the base, and `split` returns factors whose
            product is zero.
        multiply: Returns `x K` from x, the factors and the base, without composing K where that is
            cheaper; default None.

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
        base: keras.Variable | None = None,
        multiply: Callable[..., Any] | None = None,
    ) -> None:
        # Not the initialization of a variable, which would create one.
        self.factors, self.base = list(factors), base
        self._compose, self._split, self._multiply = compose, split, multiply
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
        known = composed(self)
        if known is not None:
            return ops.cast(known, self.dtype)
        product = self._compose(self.factors)
        return product if self.base is None else ops.add(self.base, product)

    @property
    def variables(self) -> list[keras.Variable]:
        """Return the factors, and the base if there is one."""
        return [*self.factors, *([] if self.base is None else [self.base])]

    def multiplied(self, x: Any) -> Any:
        """Return `x K`, in the cheaper order if the product knows one.

        Args:
            x: Shape (..., in), for a product of shape (in, out).
        """
        if self._multiply is None or composed(self) is not None:
            return ops.matmul(x, self.value)
        return self._multiply(x, self.factors, self.base)

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
        if self.base is not None:
            self.base.assign(value)
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
