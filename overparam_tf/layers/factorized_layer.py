"""What the factorised layers share: factors, biases, penalties, the order of multiplication, and their config."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from overparam_tf import initializers
from overparam_tf._shapes import Width, check_width
from overparam_tf.checks import positive_int
from overparam_tf.errors import InputError
from overparam_tf.layers._conversion import Convertible
from overparam_tf.layers.skip_init import initialization_is_skipped

CONTRACTIONS = ("auto", "kernel", "chain")


class FactorizedLayer(Convertible, keras.layers.Layer):
    """Base of `FactorizedDense`, `FactorizedConv2D` and `FactorizedEinsumDense`; its arguments are described there.

    A subclass names the Keras layer whose functions it computes and the arguments that fix the shape of its
    kernel, creates its weights with `_add_factors`, and says how its factors compose (`_compose`), act on data
    (`_through_chain`, `_through_kernel`) and arise from a kernel (`_split`).
    """

    plain_class: ClassVar[type[keras.layers.Layer]]
    # The arguments, beside those of this class, that layer and plain layer have in common, and their attributes.
    _plain_arguments: ClassVar[dict[str, str]]

    def __init__(
        self,
        depth: int = 2,
        width: Width = None,
        activation: Any = None,
        use_factor_biases: bool = False,
        factor_initializer: Any = "near_zero",
        kernel_initializer: Any = None,
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        factor_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        contraction: str = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.depth = positive_int("depth", depth)
        self.width = check_width(width, self.depth)
        self.activation = keras.activations.get(activation)
        self.use_factor_biases = bool(use_factor_biases)
        self.factor_initializer = self._for_factors(
            initializers.get, "factor_initializer", factor_initializer
        )
        self.kernel_initializer = (
            None if kernel_initializer is None else initializers.get(kernel_initializer)
        )
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.factor_regularizer = self._for_factors(
            keras.regularizers.get, "factor_regularizer", factor_regularizer
        )
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        if contraction not in CONTRACTIONS:
            raise InputError(
                f"Expected a contraction out of {', '.join(CONTRACTIONS)}. Received: contraction={contraction!r}"
            )
        self.contraction = contraction

    def _for_factors(self, get: Callable[[Any], Any], name: str, identifiers: Any) -> Any:
        if not isinstance(identifiers, (list, tuple)):
            return get(identifiers)
        if len(identifiers) != self.depth:
            raise InputError(
                f"Expected one object for all factors or a list of depth = {self.depth}. "
                f"Received: {name} of length {len(identifiers)}"
            )
        return [get(identifier) for identifier in identifiers]

    # What a subclass provides.

    def _compose(self) -> Any:
        """Return the kernel, the composition of ``self._factors``."""
        raise NotImplementedError

    def _split(self, kernel: np.ndarray, split: str) -> list[np.ndarray]:
        """Return the values of the factors of ``kernel``, for a ``split`` of `Convertible.assign_kernel`."""
        raise NotImplementedError

    def _bias_after(self, j: int, bias: Any) -> Any:
        """Return what factor j, from 0, makes of a ``bias`` added in front of it."""
        raise NotImplementedError

    def _data_rows(self, x: Any) -> Any:
        """Return how many rows the kernel, as a matrix, would be multiplied with: an int, or a tensor in a graph."""
        raise NotImplementedError

    def _through_kernel(self, x: Any) -> Any:
        raise NotImplementedError

    def _through_chain(self, x: Any) -> Any:
        raise NotImplementedError

    def _draw_kernel(self) -> np.ndarray:
        return initializers.draw(self.kernel_initializer, self._kernel_shape, self.variable_dtype)

    # Weights.

    def _add_factors(
        self,
        factor_shapes: Sequence[tuple[int, ...]],
        kernel_shape: tuple[int, ...],
        bias_shape: tuple[int, ...] | None,
        kernel_pays_above: float,
    ) -> None:
        """Create the factors, each with its bias; ``bias_shape`` is that of the last one, or None."""
        self._kernel_shape, self._kernel_pays_above = kernel_shape, kernel_pays_above
        factor_inits = self._factor_initializers()
        self._factors, self._biases = [], []
        for j, shape in enumerate(factor_shapes):
            factor = self.add_weight(
                name=f"factor_{j + 1}",
                shape=shape,
                initializer=factor_inits[j],
                regularizer=self._penalty(j),
            )
            self._factors.append(factor)
            self._biases.append(self._add_bias(j, (shape[-1],), bias_shape))
        self.bias = self._biases[-1]
        self.built = True

    def _factor_initializers(self) -> list[Any]:
        if self.kernel_initializer is not None and initialization_is_skipped():
            return ["zeros"] * self.depth
        if self.kernel_initializer is not None:
            split = self._split(self._draw_kernel(), "balanced")
            return [
                lambda shape, dtype=None, value=value: ops.cast(value, dtype) for value in split
            ]
        if isinstance(self.factor_initializer, list):
            return self.factor_initializer
        return [initializers.per_factor(self.factor_initializer, j) for j in range(self.depth)]

    def _add_bias(
        self, j: int, inner_shape: tuple[int], last_shape: tuple[int, ...] | None
    ) -> keras.Variable | None:
        """Add the bias after factor j, if there is to be one; the last has the given seed, as in the plain layer."""
        is_last = j == self.depth - 1
        shape = last_shape if is_last else inner_shape if self.use_factor_biases else None
        if shape is None:
            return None
        return self.add_weight(
            name="bias" if is_last else f"bias_{j + 1}",
            shape=shape,
            initializer=initializers.per_factor(self.bias_initializer, 0 if is_last else j + 1),
            regularizer=self.bias_regularizer,
        )

    def _penalty(self, j: int) -> Callable[[Any], Any] | None:
        """Return what the weight ``factor_j`` is penalised with.

        The penalty on the product rides on the first factor, as Keras treats a weight's penalty just right:
        it counts once however often a shared layer is called, is computed in the dtype of the variables (in
        float16 the square of a near-zero kernel is 0), and is listed before the first call, as in `Dense`.
        """
        regularizer = self.factor_regularizer
        own = regularizer[j] if isinstance(regularizer, list) else regularizer
        if j > 0 or self.kernel_regularizer is None:
            return own
        if own is None:
            return lambda factor: self.kernel_regularizer(self.kernel)
        return lambda factor: own(factor) + self.kernel_regularizer(self.kernel)

    @property
    def factors(self) -> list[keras.Variable]:
        """The factors F_1, ..., F_N as variables, the one that touches the input first."""
        self._check_built("factors")
        return list(self._factors)

    @property
    def biases(self) -> list[keras.Variable | None]:
        """The bias after each of the N factors as a variable, None where there is none."""
        self._check_built("biases")
        return list(self._biases)

    @property
    def kernel(self) -> Any:
        """The end-to-end kernel, the composition of the factors, as a tensor with the shape of a plain kernel."""
        self._check_built("kernel")
        return self._compose()

    @property
    def end_to_end_bias(self) -> Any:
        """The output for input 0, as a tensor with the shape of a plain layer's bias; None without any bias."""
        self._check_built("end_to_end_bias")
        total = None
        for j, bias in enumerate(self._biases):
            if total is not None:
                total = self._bias_after(j, total)
            if bias is not None:
                total = ops.convert_to_tensor(bias) if total is None else ops.add(total, bias)
        return total

    def _check_built(self, name: str) -> None:
        if not self.built:
            raise AttributeError(
                f"{name} needs a built layer: call the layer, or build(input_shape), first"
            )

    # Output.

    def call(self, inputs: Any) -> Any:
        """Return the output for ``inputs``."""
        outputs = self._contract(inputs)
        return outputs if self.activation is None else self.activation(outputs)

    def contraction_for(self, rows: int) -> str:
        """Return the order in which a call multiplies: ``"kernel"`` or ``"chain"``.

        Args:
            rows: How many rows the kernel, as a matrix, would be multiplied with: examples, times the output's
                pixels or tokens of each.

        Example:
            >>> from overparam_tf.layers import FactorizedDense
            >>> layer = FactorizedDense(512, depth=2)
            >>> layer.build((None, 1024))
            >>> layer.contraction_for(1000), layer.contraction_for(2000)
            ('chain', 'kernel')
        """
        self._check_built("contraction_for")
        if self.contraction == "kernel" or self.depth == 1:
            return "kernel"
        return (
            "chain" if self.contraction == "chain" or rows <= self._kernel_pays_above else "kernel"
        )

    def _contract(self, x: Any) -> Any:
        by_rows = (
            self.contraction == "auto" and self.depth > 1 and self._kernel_pays_above < math.inf
        )
        rows = self._data_rows(x) if by_rows else 1
        if isinstance(rows, int):
            return (
                self._through_kernel(x)
                if self.contraction_for(rows) == "kernel"
                else self._through_chain(x)
            )
        # A graph for any batch size: the number of rows is a tensor.
        kernel_pays = ops.convert_to_tensor(rows) > self._kernel_pays_above
        return ops.cond(
            kernel_pays, lambda: self._through_kernel(x), lambda: self._through_chain(x)
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""

        def serialized(objects: Any, serialize: Callable[[Any], Any]) -> Any:
            return (
                [serialize(o) for o in objects] if isinstance(objects, list) else serialize(objects)
            )

        initializer, regularizer = keras.initializers.serialize, keras.regularizers.serialize
        return {
            **super().get_config(),
            **{
                argument: getattr(self, attribute)
                for argument, attribute in self._plain_arguments.items()
            },
            "depth": self.depth,
            "width": self.width,
            "activation": keras.activations.serialize(self.activation),
            "use_factor_biases": self.use_factor_biases,
            "factor_initializer": serialized(self.factor_initializer, initializer),
            "kernel_initializer": initializer(self.kernel_initializer),
            "bias_initializer": initializer(self.bias_initializer),
            "kernel_regularizer": regularizer(self.kernel_regularizer),
            "factor_regularizer": serialized(self.factor_regularizer, regularizer),
            "bias_regularizer": regularizer(self.bias_regularizer),
            "activity_regularizer": regularizer(self.activity_regularizer),
            "contraction": self.contraction,
        }


def plus(x: Any, bias: Any) -> Any:
    """Return ``x + bias``, broadcast as numpy does, or ``x`` if there is no bias.

    Example:
        >>> print(ops.convert_to_numpy(plus(ops.zeros((1, 2, 2)), ops.reshape(ops.arange(2.0), (2, 1)))))
        [[[0. 0.]
          [1. 1.]]]
    """
    if bias is None:
        return x
    # On TensorFlow `ops.add` takes a bias of shape (n, 1) for one along the last axis if that has size n too.
    return ops.add(x, bias) if len(bias.shape) == 1 else x + ops.convert_to_tensor(bias)
