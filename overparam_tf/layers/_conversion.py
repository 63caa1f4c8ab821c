"""Conversion of a factorised layer from and to the plain Keras layer: config, kernel and bias."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

import keras
import numpy as np
from keras import ops

from overparam_tf import initializers
from overparam_tf._arrays import real_array
from overparam_tf._shapes import Width
from overparam_tf.checks import one_of, real_number, whole_number
from overparam_tf.errors import InputError, input_error

Factorised = TypeVar("Factorised", bound="Convertible")

_COMMON = (
    "name",
    "trainable",
    "activation",
    "bias_initializer",
    "kernel_regularizer",
    "kernel_constraint",
    "activity_regularizer",
)


class Convertible(keras.layers.Layer):
    """The part of `FactorizedLayer` that converts from and to the plain layer, `plain_class`."""

    plain_class: ClassVar[type[keras.layers.Layer]]
    # The arguments, beside those of `FactorizedLayer`, that the layer and its plain form share, and
    # the attributes that hold them.
    _plain_arguments: ClassVar[dict[str, str]]

    @classmethod
    def from_plain(
        cls: type[Factorised],
        layer: keras.layers.Layer,
        depth: int = 2,
        width: Width = None,
        **options: Any,
    ) -> Factorised:
        """Return an unbuilt factorised layer with the configuration of a plain one.

        Name, dtype policy, `trainable`, activation, initializers and regularizers are those of
        `layer`; its penalty on the kernel becomes the penalty on the product. Weights are not
        copied: see `assign_kernel` and `assign_bias`.

        Args:
            layer: A `Dense`, `Conv2D` or `EinsumDense`, for the class of that name.
            depth: Number of factors N >= 1; default 2.
            width: Inner dimensions, as in the constructor.
            **options: Further arguments of the constructor, which override those of `layer`.

        Raises:
            InputError: If `layer` is of another class, is quantised, has LoRA enabled, or has a
                constraint on its kernel that a product cannot keep.

        Example:
            >>> from overparam_tf.layers import FactorizedDense
            >>> plain = keras.layers.Dense(3, activation="relu", name="head")
            >>> layer = FactorizedDense.from_plain(plain, depth=3)
            >>> layer.name, layer.depth, layer.plain_layer().get_config() == plain.get_config()
            ('head', 3, True)
        """
        _check_plain(layer, cls.plain_class)
        names = [*_COMMON, "bias_regularizer", "bias_constraint"]
        if options.get("factor_initializer") is None:
            names.append("kernel_initializer")
        arguments = {
            **{name: getattr(layer, name) for name in names},
            **_values(layer, cls._plain_arguments),
            "dtype": layer.dtype_policy,
            "depth": depth,
            "width": width,
        }
        return cls(**{**arguments, **options})

    def plain_layer(self) -> keras.layers.Layer:
        """Return an unbuilt plain Keras layer for the same function.

        It has the name, dtype policy, `trainable`, activation and initializers of this layer, and a
        bias if this layer has any. Once built, give it `kernel` and `end_to_end_bias` for weights.
        The penalty on the product becomes the penalty on its kernel. Penalties on factors and, with
        factor biases, those on biases have no meaning for it and are left out.

        Example:
            >>> from overparam_tf.layers import FactorizedDense
            >>> layer = FactorizedDense(3, depth=2, use_factor_biases=True)
            >>> x = ops.ones((1, 4))
            >>> y, plain = layer(x), layer.plain_layer()
            >>> plain.build(x.shape)
            >>> plain.set_weights([layer.kernel, layer.end_to_end_bias])
            >>> bool(ops.all(ops.abs(plain(x) - y) < 1e-6))
            True
        """
        config = {name: getattr(self, name) for name in _COMMON}
        if self.kernel_initializer is not None:
            config["kernel_initializer"] = self.kernel_initializer
        if not self._has_factor_biases:
            config["bias_regularizer"] = self.bias_regularizer
            config["bias_constraint"] = self.bias_constraint
        return self.plain_class(**config, **self._plain_shape(), dtype=self.dtype_policy)

    def _plain_shape(self) -> dict[str, Any]:
        """Return the arguments that fix the shapes of the plain layer."""
        use_bias = self.use_bias or self._has_factor_biases
        return {**_values(self, self._plain_arguments), "use_bias": use_bias}

    @property
    def _has_factor_biases(self) -> bool:
        return self.use_factor_biases and self.depth > 1

    def _split(self, kernel: np.ndarray, split: str) -> list[np.ndarray]:
        """Return values of the factors for `kernel`, by a `split` as in `assign_kernel`."""
        raise NotImplementedError

    def assign_kernel(
        self, kernel: Any, split: str = "balanced", noise: float = 0.0, seed: int | None = None
    ) -> None:
        """Set the factors such that their product is a given kernel, to round-off.

        Args:
            kernel: Array or tensor with the shape of the plain layer's kernel.
            split: `"balanced"` (default), neighbouring factors of equal weight as in
                `overparam_tf.initializers.balanced_factors`, or `"identity"`, where one factor has
                the kernel and the others are identities, as in
                `overparam_tf.initializers.identity_factors`. Units that the kernel does not need,
                all of them for a kernel of zeros, are zero in one factor only, so that they train.
            noise: Standard deviation of noise on each factor, relative to its root mean square, >=
                0. Default 0; with any other the product is no longer the given kernel.
            seed: Seed of the noise; default None, a random one.

        Raises:
            InputError: If the layer is not built, the kernel has another shape, a width is too
                small for it, or another argument is out of its range.

        Example:
            >>> from overparam_tf.layers import FactorizedDense
            >>> layer = FactorizedDense(2, depth=3)
            >>> layer.build((None, 4))
            >>> layer.assign_kernel(np.arange(8.0).reshape(4, 2), split="identity")
            >>> print(ops.convert_to_numpy(layer.kernel)[1])
            [2. 3.]
        """
        self._require_built()
        split = one_of("split", split, initializers.SPLITS)
        noise = real_number("noise", noise, least=0)
        if seed is not None:
            seed = whole_number("seed", seed, least=None)
        values = self._split(self._as_weight("kernel", kernel, self._kernel_shape), split)
        values = initializers.with_noise(values, noise, seed, self.variable_dtype)
        for factor, value in zip(self._factors, values, strict=True):
            factor.assign(value)

    def assign_bias(self, bias: Any) -> None:
        """Set the last bias to a given one and the others to 0, so that it is `end_to_end_bias`.

        Args:
            bias: Array or tensor with the shape of the weight `bias`, or None for zeros everywhere.

        Raises:
            InputError: If the layer is not built, has no bias after its last factor, or one of
                another shape.

        Example:
            >>> from overparam_tf.layers import FactorizedDense
            >>> layer = FactorizedDense(2, use_factor_biases=True)
            >>> layer.build((None, 4))
            >>> layer.assign_bias([1.0, -1.0])
            >>> print(ops.convert_to_numpy(layer.end_to_end_bias))
            [ 1. -1.]
        """
        self._require_built()
        if bias is not None:
            if self.bias is None:
                raise input_error(
                    "None, since this layer has no bias after its last factor", bias=bias
                )
            bias = self._as_weight("bias", bias, tuple(self.bias.shape))
        for variable in self._biases:
            if variable is not None:
                variable.assign(ops.zeros(variable.shape, variable.dtype))
        if bias is not None:
            self.bias.assign(bias)

    def _require_built(self) -> None:
        if not self.built:
            raise InputError(
                "Expected a built layer: call it, or build(input_shape), first. "
                f"Received: unbuilt layer {self.name!r}"
            )

    def _as_weight(self, name: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
        """Return `value` as an array in the dtype of the weights, checked to have `shape`."""
        numbers = real_array(name, value)
        array = ops.convert_to_numpy(ops.convert_to_tensor(numbers, self.variable_dtype))
        if array.shape != shape:
            raise InputError(
                f"Expected a {name} of shape {shape}. Received: {name}.shape={array.shape}"
            )
        return array


def _values(layer: keras.layers.Layer, attributes: dict[str, str]) -> dict[str, Any]:
    return {argument: getattr(layer, attribute) for argument, attribute in attributes.items()}


def _check_plain(layer: Any, plain_class: type[keras.layers.Layer]) -> None:
    if type(layer) is not plain_class:
        raise input_error(f"a keras.layers.{plain_class.__name__}", layer=layer)
    if getattr(layer, "lora_rank", None):
        raise InputError(
            "Expected a layer without LoRA: merge its weights into a plain layer first. "
            f"Received: {layer.name}, lora_rank={layer.lora_rank}"
        )
    if layer.quantization_mode is not None:
        raise InputError(
            "Expected a layer that is not quantised: convert before quantising. "
            f"Received: {layer.name}, quantization_mode={layer.quantization_mode!r}"
        )
