"""Between a plain Keras layer and its factorised form: configuration, kernel and bias, there and back."""

from __future__ import annotations

import math
import numbers
from typing import Any, TypeVar

import keras
import numpy as np
from keras import ops

from overparam_tf import initializers
from overparam_tf._shapes import Width
from overparam_tf.errors import InputError

Layer = TypeVar("Layer", bound="Convertible")

_COMMON = (
    "name",
    "trainable",
    "activation",
    "bias_initializer",
    "kernel_regularizer",
    "activity_regularizer",
)


class Convertible:
    """The part of `FactorizedLayer` that converts from and to the plain layer, ``plain_class``."""

    @classmethod
    def from_plain(
        cls: type[Layer],
        layer: keras.layers.Layer,
        depth: int = 2,
        width: Width = None,
        **options: Any,
    ) -> Layer:
        """Return the factorised layer with the configuration of a plain one, not built: weights stay behind.

        Name, dtype policy, ``trainable``, activation, initializers and regularizers are those of ``layer``; its
        penalty on the kernel becomes the penalty on the product.

        Args:
            layer: A `Dense`, `Conv2D` or `EinsumDense`, for the class of that name.
            depth: Number of factors N >= 1.
            width: Inner dimensions, as in the constructor.
            **options: Further arguments of the constructor, which go before those of ``layer``.

        Raises:
            InputError: If ``layer`` is of another class, has constraints, is quantised or has LoRA enabled.

        Example:
            >>> from overparam_tf.layers import FactorizedDense
            >>> plain = keras.layers.Dense(3, activation="relu", name="head")
            >>> layer = FactorizedDense.from_plain(plain, depth=3)
            >>> layer.name, layer.depth, layer.plain_layer().get_config() == plain.get_config()
            ('head', 3, True)
        """
        _check_plain(layer, cls.plain_class)
        config = {
            name: getattr(layer, name)
            for name in (*_COMMON, "kernel_initializer", "bias_regularizer")
        }
        shared = {
            argument: getattr(layer, attribute)
            for argument, attribute in cls._plain_arguments.items()
        }
        return cls(
            **{
                **config,
                **shared,
                "dtype": layer.dtype_policy,
                "depth": depth,
                "width": width,
                **options,
            }
        )

    def plain_layer(self) -> keras.layers.Layer:
        """Return the plain Keras layer of the same function, not built: give it `kernel` and `end_to_end_bias`.

        It has the name, dtype policy, ``trainable``, activation and initializers of this layer, and a bias if this
        layer has any. The penalty on the product becomes the penalty on its kernel. What has no meaning for it is
        left out: penalties on factors and, with factor biases, those on biases.

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
        return self.plain_class(**config, **self._plain_shape(), dtype=self.dtype_policy)

    def _plain_shape(self) -> dict[str, Any]:
        shape = {
            argument: getattr(self, attribute)
            for argument, attribute in self._plain_arguments.items()
        }
        return {**shape, "use_bias": self.use_bias or self._has_factor_biases}

    @property
    def _has_factor_biases(self) -> bool:
        return self.use_factor_biases and self.depth > 1

    def assign_kernel(
        self, kernel: Any, split: str = "balanced", noise: float = 0.0, seed: int | None = None
    ) -> None:
        """Set the factors such that `kernel` is the given kernel, to round-off.

        Args:
            kernel: Array or tensor with the shape of the plain layer's kernel.
            split: ``"balanced"``, neighbouring factors of equal weight as in
                `overparam_tf.initializers.balanced_factors`, or ``"identity"``, one factor the kernel and the others
                identities, as in `overparam_tf.initializers.identity_factors`.
            noise: If not 0, noise N(0, (noise r)^2) is added to each factor of root mean square r, and the kernel
                is no longer the given one.
            seed: Seed of the noise.

        Raises:
            InputError: If the layer is not built, the kernel has another shape, or a width is too small for it.

        Example:
            >>> from overparam_tf.layers import FactorizedDense
            >>> layer = FactorizedDense(2, depth=3)
            >>> layer.build((None, 4))
            >>> layer.assign_kernel(np.arange(8.0).reshape(4, 2), split="identity")
            >>> print(ops.convert_to_numpy(layer.kernel)[1])
            [2. 3.]
        """
        self._require_built()
        if split not in initializers.SPLITS:
            raise InputError(
                f"Expected a split out of {', '.join(initializers.SPLITS)}. Received: split={split!r}"
            )
        if not isinstance(noise, numbers.Real) or not 0 <= noise < math.inf:
            raise InputError(f"Expected a finite noise >= 0. Received: noise={noise!r}")
        values = self._split(self._fitting("kernel", kernel, self._kernel_shape), split)
        normal = keras.initializers.RandomNormal(stddev=1.0, seed=seed)
        for j, (factor, value) in enumerate(zip(self._factors, values, strict=True)):
            if noise:
                draw = initializers.draw(
                    initializers.per_factor(normal, j), value.shape, self.variable_dtype
                )
                value = value + noise * np.sqrt(np.mean(value**2)) * draw
            factor.assign(value)

    def assign_bias(self, bias: Any) -> None:
        """Set the biases such that `end_to_end_bias` is the given bias: the last one takes it, the others are 0.

        Args:
            bias: Array or tensor with the shape of the weight ``bias``, or None for zeros everywhere.

        Raises:
            InputError: If the layer is not built, has no bias after its last factor, or one of another shape.

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
                raise InputError(
                    "Expected None, as this layer has no bias after its last factor. Received: a bias"
                )
            bias = self._fitting("bias", bias, tuple(self.bias.shape))
        for variable in self._biases:
            if variable is not None:
                variable.assign(ops.zeros(variable.shape, variable.dtype))
        if bias is not None:
            self.bias.assign(bias)

    def _require_built(self) -> None:
        if not self.built:
            raise InputError(
                f"Expected a built layer: call it, or build(input_shape), first. Received: {self.name}"
            )

    def _fitting(self, name: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
        array = ops.convert_to_numpy(ops.convert_to_tensor(value, self.variable_dtype))
        if array.shape != shape:
            raise InputError(
                f"Expected a {name} of shape {shape}. Received: {name}.shape={array.shape}"
            )
        return array


def _check_plain(layer: Any, plain_class: type) -> None:
    if type(layer) is not plain_class:
        raise InputError(
            f"Expected a keras.layers.{plain_class.__name__}. Received: {type(layer).__name__}"
        )
    if getattr(layer, "lora_rank", None):
        raise InputError(
            f"Expected a layer without LoRA: merge its weights into a plain layer first. Received: {layer.name}, "
            f"lora_rank={layer.lora_rank}"
        )
    if layer.quantization_mode is not None:
        raise InputError(
            f"Expected a layer that is not quantised: convert before quantising. Received: {layer.name}, "
            f"quantization_mode={layer.quantization_mode!r}"
        )
    if layer.kernel_constraint is not None or layer.bias_constraint is not None:
        raise InputError(
            "Expected a layer without constraints, as none of them holds for the product when it is put on the "
            f"factors: take them away first. Received: {layer.name}"
        )
