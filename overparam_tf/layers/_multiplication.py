"""The part of a factorised layer that multiplies: factors first, or data through the factors."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from overparam_tf.checks import whole_number
from overparam_tf.products import in_cheaper_order

CONTRACTIONS = ("auto", "kernel", "chain")


class Multiplication(keras.layers.Layer):
    """The part of `FactorizedLayer` that computes the output in the cheaper of two orders."""

    _kernel_pays_above: float

    # What a subclass provides.

    def _data_rows(self, x: Any) -> Any:
        """Return the number of rows that the kernel, as a matrix, would be multiplied with.

        It is an int, or a tensor in a graph for any batch size.
        """
        raise NotImplementedError

    def _through_kernel(self, x: Any) -> Any:
        """Return the output by way of the kernel, the product of the factors."""
        raise NotImplementedError

    def _through_chain(self, x: Any) -> Any:
        """Return the output by way of one factor after the other."""
        raise NotImplementedError

    # Output.

    def call(self, inputs: Any) -> Any:
        """Return the output for `inputs`."""
        outputs = self._contract(inputs)
        return outputs if self.activation is None else self.activation(outputs)

    def contraction_for(self, rows: int) -> str:
        """Return the order in which a call multiplies: `"kernel"` or `"chain"`.

        Args:
            rows: Number of rows that the kernel, as a matrix, would be multiplied with: examples,
                times the output's pixels or tokens of each.

        Raises:
            InputError: If `rows` is not an integer >= 0.
            AttributeError: If the layer is not built.

        Example:
            >>> from overparam_tf.layers import FactorizedDense
            >>> layer = FactorizedDense(512, depth=2)
            >>> layer.build((None, 1024))
            >>> layer.contraction_for(1000), layer.contraction_for(2000)
            ('chain', 'kernel')
        """
        self._check_built("contraction_for")
        rows = whole_number("rows", rows)
        if self.contraction == "kernel" or self.depth == 1:
            return "kernel"
        if self.contraction == "chain" or rows <= self._kernel_pays_above:
            return "chain"
        return "kernel"

    def _check_built(self, name: str) -> None:
        if not self.built:
            raise AttributeError(
                f"{name} needs a built layer: call the layer, or build(input_shape), first"
            )

    def _contract(self, x: Any) -> Any:
        if self.contraction == "kernel" or self.depth == 1:
            return self._through_kernel(x)
        limit = math.inf if self.contraction == "chain" else self._kernel_pays_above
        return in_cheaper_order(
            self._data_rows(x) if limit < math.inf else 0,
            limit,
            lambda: self._through_kernel(x),
            lambda: self._through_chain(x),
        )


def plus(x: Any, bias: Any) -> Any:
    """Return `x + bias`, broadcast as NumPy does, or `x` if there is no bias.

    Example:
        >>> column = ops.reshape(ops.arange(2.0), (2, 1))
        >>> print(ops.convert_to_numpy(plus(ops.zeros((1, 2, 2)), column)))
        [[[0. 0.]
          [1. 1.]]]
    """
    if bias is None:
        return x
    if len(bias.shape) == 1:
        return ops.add(x, bias)
    # On TensorFlow `ops.add` adds a bias of shape (n, 1) along a last axis of size n.
    return x + ops.convert_to_tensor(bias)
