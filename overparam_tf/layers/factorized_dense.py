"""A dense layer whose kernel is a product of matrices."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from overparam_tf import initializers
from overparam_tf._shapes import Width, check_width, factor_shapes, positive_int
from overparam_tf.errors import InputError
from overparam_tf.layers._contraction import kernel_pays_above, product

CONTRACTIONS = ("auto", "kernel", "chain")


@keras.saving.register_keras_serializable(package="overparam_tf")
class FactorizedDense(keras.layers.Layer):
    r"""A `Dense` layer whose kernel is a product of ``depth`` matrices, with no nonlinearity between them.

    .. math:: y = \sigma(x F_1 F_2 \cdots F_N + b)

    It expresses the same functions as `keras.layers.Dense` if no width is below min(in, units), but gradient
    descent on the factors moves their product like an accelerated method. ``depth=1`` is `Dense`.

    Args:
        units: Output dimension.
        depth: Number of factors N >= 1.
        width: Inner dimensions: None for min(in, units), an int for all, or a list of ``depth - 1`` ints.
        activation: Activation of the output, as in `Dense`.
        use_bias: Whether to add a bias, the weight ``bias``, to the output.
        use_factor_biases: Whether to add a bias, the weight ``bias_j``, after every factor F_j but the last.
            With ``use_bias`` this is a stack of N biased `Dense` layers, weights in the same order.
        factor_initializer: Initializer of the factors: ``"near_zero"``, N(0, 0.01^2) as in the paper, any
            Keras initializer, or a list of N. A single one is dealt out by
            `overparam_tf.initializers.per_factor`, so that seeded factors differ.
        kernel_initializer: If given, takes the place of ``factor_initializer``: the factors are the balanced
            split (`overparam_tf.initializers.balanced_factors`) of a kernel (in, units) drawn from it.
        bias_initializer: Initializer of every bias.
        kernel_regularizer: Penalty on the product of the factors. This is what a penalty on the kernel of
            `Dense` becomes, and not the same as one on each factor.
        factor_regularizer: Penalty on each factor: one for all, or a list of N, None where there is none.
        bias_regularizer: Penalty on every bias.
        activity_regularizer: Penalty on the output.
        contraction: ``"kernel"`` multiplies the factors first, ``"chain"`` passes the data through them,
            ``"auto"`` takes whichever costs a training step fewer multiply-adds for the actual batch. In a
            graph traced for any batch size (`fit` does this) the choice is made as it runs.
        **kwargs: ``name``, ``dtype``, ``trainable`` as in every Keras layer.

    Input shape:
        (batch, ..., in), of rank 2 or more.

    Output shape:
        (batch, ..., units).

    Raises:
        InputError: If an argument is out of its range, or the input has no known last dimension.

    Source:
        Arora, Cohen & Hazan, "On the Optimization of Deep Networks" (ICML 2018).

    Example:
        >>> layer = FactorizedDense(2, depth=3, width=[4, 3], kernel_initializer="glorot_uniform")
        >>> x = ops.ones((8, 5))
        >>> y = layer(x)
        >>> [tuple(factor.shape) for factor in layer.factors]
        [(5, 4), (4, 3), (3, 2)]
        >>> bool(ops.all(ops.abs(y - ops.matmul(x, layer.kernel)) < 1e-5))
        True
    """

    def __init__(
        self,
        units: int,
        depth: int = 2,
        width: Width = None,
        activation: Any = None,
        use_bias: bool = True,
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
        self.units = positive_int("units", units)
        self.depth = positive_int("depth", depth)
        self.width = check_width(width, self.depth)
        self.activation = keras.activations.get(activation)
        self.use_bias = bool(use_bias)
        self.use_factor_biases = bool(use_factor_biases)
        self.factor_initializer = self._for_factors(initializers.get, "factor_initializer", factor_initializer)
        self.kernel_initializer = None if kernel_initializer is None else initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.factor_regularizer = self._for_factors(keras.regularizers.get, "factor_regularizer", factor_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        if contraction not in CONTRACTIONS:
            raise InputError(
                f"expected a contraction out of {', '.join(CONTRACTIONS)}. Received: contraction={contraction!r}"
            )
        self.contraction = contraction
        self.input_spec = keras.InputSpec(min_ndim=2)
        self.supports_masking = True

    def _for_factors(self, get: Callable[[Any], Any], name: str, identifiers: Any) -> Any:
        if not isinstance(identifiers, (list, tuple)):
            return get(identifiers)
        if len(identifiers) != self.depth:
            raise InputError(
                f"expected one object for all factors or a list of depth = {self.depth}. "
                f"Received: {name} of length {len(identifiers)}"
            )
        return [get(identifier) for identifier in identifiers]

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the factors and biases for inputs of ``input_shape``."""
        inputs = input_shape[-1]
        if inputs is None:
            raise InputError(f"expected a known last dimension. Received: input_shape={tuple(input_shape)}")
        shapes = factor_shapes((inputs, self.units), self.depth, self.width)
        factor_inits = self._factor_initializers((inputs, self.units))
        self._factors, self._biases = [], []
        for j, shape in enumerate(shapes):
            factor = self.add_weight(
                name=f"factor_{j + 1}", shape=shape, initializer=factor_inits[j], regularizer=self._penalty(j)
            )
            self._factors.append(factor)
            self._biases.append(self._add_bias(j, shape[1]))
        self.bias = self._biases[-1]
        self._kernel_pays_above = kernel_pays_above([inputs, *(columns for _, columns in shapes)])
        self.input_spec = keras.InputSpec(min_ndim=2, axes={-1: inputs})
        self.built = True

    def _factor_initializers(self, kernel_shape: tuple[int, int]) -> list[Any]:
        if self.kernel_initializer is not None:
            kernel = initializers.draw(self.kernel_initializer, kernel_shape, self.variable_dtype)
            split = initializers.balanced_factors(kernel, self.depth, self.width)
            return [lambda shape, dtype=None, value=value: ops.cast(value, dtype) for value in split]
        if isinstance(self.factor_initializer, list):
            return self.factor_initializer
        return [initializers.per_factor(self.factor_initializer, j) for j in range(self.depth)]

    def _add_bias(self, j: int, size: int) -> keras.Variable | None:
        """Add the bias after factor j, if there is to be one; the last has the given seed, as in `Dense`."""
        is_last = j == self.depth - 1
        if not (self.use_bias if is_last else self.use_factor_biases):
            return None
        return self.add_weight(
            name="bias" if is_last else f"bias_{j + 1}",
            shape=(size,),
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

    def call(self, inputs: Any) -> Any:
        """Return ``activation(inputs F_1 ... F_N + b)``."""
        outputs = self._contract(inputs)
        return outputs if self.activation is None else self.activation(outputs)

    def _contract(self, x: Any) -> Any:
        if self.contraction == "kernel":
            return self._through_kernel(x)
        if self.contraction == "chain" or self._kernel_pays_above == math.inf:
            return self._through_chain(x)
        rows = math.prod(ops.shape(x)[:-1])
        if isinstance(rows, int):
            return self._through_kernel(x) if rows > self._kernel_pays_above else self._through_chain(x)
        # A graph for any batch size: the number of rows is a tensor.
        kernel_pays = ops.convert_to_tensor(rows) > self._kernel_pays_above
        return ops.cond(kernel_pays, lambda: self._through_kernel(x), lambda: self._through_chain(x))

    def _through_kernel(self, x: Any) -> Any:
        bias = self.end_to_end_bias
        outputs = ops.matmul(x, self.kernel)
        return outputs if bias is None else outputs + bias

    def _through_chain(self, x: Any) -> Any:
        for factor, bias in zip(self._factors, self._biases, strict=True):
            x = ops.matmul(x, factor)
            if bias is not None:
                x = ops.add(x, bias)
        return x

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
        """The end-to-end kernel F_1 F_2 ... F_N as a tensor of shape (in, units)."""
        self._check_built("kernel")
        return product(self._factors)

    @property
    def end_to_end_bias(self) -> Any:
        """The output for input 0, b_1 F_2 ... F_N + ... + b_N, a tensor (units,); None without any bias."""
        self._check_built("end_to_end_bias")
        total = None
        for factor, bias in zip(self._factors, self._biases, strict=True):
            if total is not None:
                total = ops.matmul(total, factor)
            if bias is not None:
                total = ops.convert_to_tensor(bias) if total is None else ops.add(total, bias)
        return total

    def _check_built(self, name: str) -> None:
        if not self.built:
            raise AttributeError(f"{name} needs a built layer: call the layer, or build(input_shape), first")

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return ``input_shape`` with the last dimension replaced by ``units``."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""

        def serialized(objects: Any, serialize: Callable[[Any], Any]) -> Any:
            return [serialize(o) for o in objects] if isinstance(objects, list) else serialize(objects)

        initializer, regularizer = keras.initializers.serialize, keras.regularizers.serialize
        return {
            **super().get_config(),
            "units": self.units,
            "depth": self.depth,
            "width": self.width,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
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
