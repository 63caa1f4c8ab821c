"""Base class of the factorised layers: arguments, factors, biases, penalties and config."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from overparam_tf import initializers
from overparam_tf._shapes import Width, check_width
from overparam_tf.checks import boolean, one_of, positive_int, resolve
from overparam_tf.layers._conversion import Convertible, Factorised
from overparam_tf.layers._for_factors import resolve_for_factors, serialize
from overparam_tf.layers._initial_factors import (
    KERNEL_INITIALIZER,
    InitialFactors,
    without_ignored_initializer,
)
from overparam_tf.layers._kernel_assignment import KernelAssignment
from overparam_tf.layers._kernel_constraint import KernelConstraint, constraint
from overparam_tf.layers._multiplication import CONTRACTIONS, Multiplication
from overparam_tf.layers._plain_weights import PlainWeights, without_refused
from overparam_tf.products import Product


class FactorizedLayer(
    Convertible, PlainWeights, Multiplication, InitialFactors, KernelConstraint, KernelAssignment
):
    """Base class of the layers whose kernel is a product of factors.

    Its arguments are described in `FactorizedDense`. A subclass names the Keras layer whose
    functions it computes (`plain_class`) and the arguments that fix the shape of its kernel,
    creates its weights with `_add_factors`, and defines how its factors compose (`_compose`), act
    on data (`_through_chain`, `_through_kernel`) and are computed from a kernel (`_split`).
    """

    def __init__(
        self,
        *,
        depth: int = 2,
        width: Width = None,
        activation: Any = None,
        use_factor_biases: bool = False,
        kernel_initializer: Any = KERNEL_INITIALIZER,
        factor_initializer: Any = None,
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        factor_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        contraction: str = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            activity_regularizer=_regularizer(activity_regularizer, "activity_regularizer"),
            **without_refused(kwargs),
        )
        self.depth = positive_int("depth", depth)
        self.width = check_width(width, self.depth)
        self.activation = resolve(
            "activation",
            activation,
            keras.activations.get,
            "a Keras activation, its name or None",
        )
        self.use_factor_biases = boolean("use_factor_biases", use_factor_biases)
        self._set_initializers(kernel_initializer, factor_initializer)
        self.bias_initializer = initializers.get(bias_initializer, "bias_initializer")
        self.kernel_regularizer = _regularizer(kernel_regularizer, "kernel_regularizer")
        self.factor_regularizer = resolve_for_factors(
            _regularizer, "factor_regularizer", factor_regularizer, self.depth
        )
        self.bias_regularizer = _regularizer(bias_regularizer, "bias_regularizer")
        self.kernel_constraint = constraint(kernel_constraint, "kernel_constraint")
        self.bias_constraint = constraint(bias_constraint, "bias_constraint")
        self.contraction = one_of("contraction", contraction, CONTRACTIONS)

    # What a subclass provides, beside the hooks of its base classes.

    def _compose(self) -> Any:
        """Return the kernel, the composition of `self._factors`."""
        raise NotImplementedError

    def _bias_after(self, j: int, bias: Any) -> Any:
        """Return the bias behind factor j, from 0, that equals `bias` in front of it."""
        raise NotImplementedError

    # Weights.

    def _add_factors(
        self,
        factor_shapes: Sequence[tuple[int, ...]],
        kernel_shape: tuple[int, ...],
        bias_shape: tuple[int, ...] | None,
        kernel_pays_above: float,
    ) -> None:
        """Create the factors, each with its bias.

        Args:
            factor_shapes: Shapes of the N factors.
            kernel_shape: Shape of the plain kernel.
            bias_shape: Shape of the bias behind the last factor; None for no bias.
            kernel_pays_above: Rows above which it is cheaper to multiply the factors first.
        """
        self._kernel_shape, self._kernel_pays_above = kernel_shape, kernel_pays_above
        self._inner_widths = [shape[-1] for shape in factor_shapes[:-1]]
        factor_initializers = self._factor_initializers()
        self._factors, self._biases = [], []
        for j, shape in enumerate(factor_shapes):
            factor = self.add_weight(
                name=f"factor_{j + 1}",
                shape=shape,
                initializer=factor_initializers[j],
                regularizer=self._penalty(j),
                constraint=self._constraint_on(j),
            )
            self._factors.append(factor)
            self._biases.append(self._add_bias(j, (shape[-1],), bias_shape))
        self.bias = self._biases[-1]
        self._kernel = Product(
            self._factors, lambda factors: self._compose(), self._values_for, kernel_shape
        )
        self._kernel.regularizer = self.kernel_regularizer
        self._kernel.constraint = self.kernel_constraint
        self.built = True

    def _add_bias(
        self, j: int, inner_shape: tuple[int, ...], last_shape: tuple[int, ...] | None
    ) -> keras.Variable | None:
        """Add the bias behind factor j if the layer has one there.

        The last bias has the seed of `bias_initializer`, as in the plain layer; the others have
        seeds derived from it.
        """
        is_last = j == self.depth - 1
        inner = inner_shape if self.use_factor_biases else None
        shape = last_shape if is_last else inner
        if shape is None:
            return None
        return self.add_weight(
            name="bias" if is_last else f"bias_{j + 1}",
            shape=shape,
            initializer=initializers.per_factor(self.bias_initializer, 0 if is_last else j + 1),
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
        )

    def _penalty(self, j: int) -> Callable[[Any], Any] | None:
        """Return the penalty on the weight `factor_j`.

        The penalty on the product is attached to the first factor. Keras then counts it once
        however often a shared layer is called, computes it in the dtype of the variables (in
        float16 the square of a near-zero kernel is 0), and lists it before the first call, as in
        `Dense`.
        """
        penalties = self.factor_regularizer
        on_factor = penalties[j] if isinstance(penalties, list) else penalties
        if j > 0 or self.kernel_regularizer is None:
            return on_factor
        if on_factor is None:
            return lambda factor: self._penalty_of_kernel()
        return lambda factor: on_factor(factor) + self._penalty_of_kernel()

    def _penalty_of_kernel(self) -> Any:
        return self.kernel_regularizer(self._compose())

    @property
    def factors(self) -> list[keras.Variable]:
        """Return the factors F_1, ..., F_N as variables, the one that touches the input first."""
        self._check_built("factors")
        return list(self._factors)

    @property
    def biases(self) -> list[keras.Variable | None]:
        """Return the bias behind each of the N factors as a variable, None for no bias."""
        self._check_built("biases")
        return list(self._biases)

    @property
    def kernel(self) -> Product:
        """Return the end-to-end kernel, the product of the factors.

        It stands for the variable that the plain layer has: `keras.ops` take it for a tensor, and
        `kernel.assign` splits a value into the factors.
        """
        self._check_built("kernel")
        return self._kernel

    @property
    def end_to_end_bias(self) -> Any:
        """Return the output for input 0 before the activation; None for a layer without any bias.

        It is a tensor with the shape of the plain layer's bias.
        """
        self._check_built("end_to_end_bias")
        total = None
        for j, bias in enumerate(self._biases):
            if total is not None:
                total = self._bias_after(j, total)
            if bias is not None:
                total = ops.convert_to_tensor(bias) if total is None else ops.add(total, bias)
        return total

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        initializer, regularizer = keras.initializers.serialize, keras.regularizers.serialize
        shape_arguments = {
            argument: getattr(self, attribute)
            for argument, attribute in self._plain_arguments.items()
        }
        return {
            **super().get_config(),
            **shape_arguments,
            "depth": self.depth,
            "width": self.width,
            "activation": keras.activations.serialize(self.activation),
            "use_factor_biases": self.use_factor_biases,
            "factor_initializer": serialize(self.factor_initializer, initializer),
            "kernel_initializer": initializer(self.kernel_initializer),
            "bias_initializer": initializer(self.bias_initializer),
            "kernel_regularizer": regularizer(self.kernel_regularizer),
            "factor_regularizer": serialize(self.factor_regularizer, regularizer),
            "bias_regularizer": regularizer(self.bias_regularizer),
            "activity_regularizer": regularizer(self.activity_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
            "bias_constraint": keras.constraints.serialize(self.bias_constraint),
            "contraction": self.contraction,
        }

    @classmethod
    def from_config(cls: type[Factorised], config: dict[str, Any]) -> Factorised:
        """Return the layer of a config, also of one that version 0.1.0 saved."""
        return super().from_config(without_ignored_initializer(config))


def _regularizer(identifier: Any, name: str) -> Any:
    expected = "a Keras regularizer, its name or None"
    return resolve(name, identifier, keras.regularizers.get, expected)
