"""Multi-head attention whose projections are products of factors."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import keras

from overparam_tf import initializers
from overparam_tf._shapes import Width, check_width
from overparam_tf.checks import instance_of, positive_int
from overparam_tf.layers._for_factors import resolve_for_factors, serialize
from overparam_tf.layers.factorized_einsum_dense import FactorizedEinsumDense

# The attributes in which Keras keeps the projections; the gate exists only with use_gate=True.
PROJECTIONS = ("_query_dense", "_key_dense", "_value_dense", "_gate_dense", "_output_dense")


@keras.saving.register_keras_serializable(package="overparam_tf")
class FactorizedMultiHeadAttention(keras.layers.MultiHeadAttention):
    r"""`MultiHeadAttention` layer whose projections are products of `depth` matrices.

    Each projection of query, key, value and output is a `FactorizedEinsumDense`, with

    $$K = F_1 F_2 \cdots F_N$$

    over all heads together, from (features) to (heads * size of a head) and back. The kernels start
    as those of `MultiHeadAttention` do, drawn from `kernel_initializer` and split into balanced
    factors.

    Args:
        num_heads: Number of attention heads.
        key_dim: Size of each head for query and key.
        *args: All other arguments of `keras.layers.MultiHeadAttention`, in its order: `value_dim`,
            `dropout`, `use_bias` and so on. `kernel_regularizer` penalises the products.
        depth: Number of factors N >= 1 of every projection; default 2.
        width: Inner dimensions: None (default) for min(in, out), an int for all, or a list of
            `depth - 1` ints.
        factor_initializer: As in `FactorizedDense`, for every projection; default None.
        **kwargs: The other arguments of `keras.layers.MultiHeadAttention` by name.

    Call arguments:
        As `keras.layers.MultiHeadAttention`: query, value, key, masks, `return_attention_scores`.

    Raises:
        InputError: If `num_heads`, `key_dim`, `depth`, `width` or `factor_initializer` is out of
            its range.

    Source:
        Arora, Cohen & Hazan, "On the Optimization of Deep Networks" (ICML 2018), for the factors.

    Example:
        >>> layer = FactorizedMultiHeadAttention(num_heads=2, key_dim=4, depth=3)
        >>> x = keras.random.normal((8, 5, 6), seed=0)
        >>> tuple(layer(x, x).shape)
        (8, 5, 6)
        >>> [len(projection.factors) for projection in layer.projections]
        [3, 3, 3, 3]
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        *args: Any,
        depth: int = 2,
        width: Width = None,
        factor_initializer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            positive_int("num_heads", num_heads), positive_int("key_dim", key_dim), *args, **kwargs
        )
        self._projection_options: dict[str, Any] = {}
        self.depth = positive_int("depth", depth)
        self.width = check_width(width, self.depth)
        self.factor_initializer = resolve_for_factors(
            initializers.get, "factor_initializer", factor_initializer, self.depth
        )

    def __setattr__(self, name: str, value: Any) -> None:
        # `build` of the parent creates each projection, assigns it here, and then builds the
        # attribute: by then it is the factorised one.
        if name in PROJECTIONS and type(value) is keras.layers.EinsumDense:
            options = {"factor_initializer": self.factor_initializer, **self._projection_options}
            value = FactorizedEinsumDense.from_plain(value, self.depth, self.width, **options)
        super().__setattr__(name, value)

    @property
    def projections(self) -> list[FactorizedEinsumDense]:
        """Return the projections of query, key, value, gate (with `use_gate`) and output."""
        return projections(self)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the weights of this layer, or split those of a `MultiHeadAttention`.

        Args:
            weights: Arrays: those of `weights`, or the kernel, and the bias if there is one, of
                each projection in turn.

        Raises:
            ValueError: If number or shapes of the arrays are of neither layer.
        """
        each = 1 + self.use_bias
        if not self.built or len(weights) != each * len(self.projections):
            super().set_weights(weights)
            return
        in_order = self._flatten_layers(include_self=False, recursive=False)  # the gate's third
        rest = iter(weights)
        for layer in in_order:
            if layer in self.projections:
                layer.set_weights(list(itertools.islice(rest, each)))

    @classmethod
    def from_plain(
        cls,
        layer: keras.layers.MultiHeadAttention,
        depth: int = 2,
        width: Width = None,
        **options: Any,
    ) -> FactorizedMultiHeadAttention:
        """Return an unbuilt factorised layer with the configuration of a plain one.

        Weights are not copied.

        Args:
            layer: A `keras.layers.MultiHeadAttention`.
            depth: Number of factors N >= 1 of every projection; default 2.
            width: Inner dimensions, as in the constructor.
            **options: Further arguments of `FactorizedEinsumDense.from_plain` for the projections,
                such as `contraction`. They are not part of the config, except for
                `factor_initializer`.

        Raises:
            InputError: If `layer` is of another class, one of its projections has constraints, is
                quantised or has LoRA enabled, or depth or width is out of its range.

        Example:
            >>> plain = keras.layers.MultiHeadAttention(num_heads=2, key_dim=4, name="attention")
            >>> layer = FactorizedMultiHeadAttention.from_plain(plain, depth=3)
            >>> layer.name, layer.depth, layer.plain_layer().get_config() == plain.get_config()
            ('attention', 3, True)
        """
        attention = keras.layers.MultiHeadAttention
        instance_of("layer", layer, attention, "a keras.layers.MultiHeadAttention")
        depth = positive_int("depth", depth)
        width = check_width(width, depth)
        for projection in projections(layer) if layer.built else []:
            FactorizedEinsumDense.from_plain(projection, depth, width)  # raises if impossible
        config = {**layer.get_config(), "depth": depth, "width": width}
        config["factor_initializer"] = options.pop("factor_initializer", None)
        factorized = cls.from_config(config)
        factorized._projection_options = options
        return factorized

    def plain_layer(self) -> keras.layers.MultiHeadAttention:
        """Return an unbuilt `keras.layers.MultiHeadAttention` of the same name and config."""
        config = self.get_config()
        for name in ("depth", "width", "factor_initializer"):
            del config[name]
        return keras.layers.MultiHeadAttention.from_config(config)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "depth": self.depth,
            "width": self.width,
            "factor_initializer": serialize(self.factor_initializer, keras.initializers.serialize),
        }


def projections(layer: keras.layers.MultiHeadAttention) -> list[keras.layers.Layer]:
    """Return the projections of a built attention layer, plain or factorised.

    They are those of query, key, value, gate (with `use_gate`) and output.

    Raises:
        AttributeError: If the layer is not built.

    Example:
        >>> layer = keras.layers.MultiHeadAttention(num_heads=2, key_dim=4)
        >>> layer.build((None, 5, 6), (None, 5, 6))
        >>> [projection.name for projection in projections(layer)]
        ['query', 'key', 'value', 'attention_output']
    """
    if not layer.built:
        raise AttributeError(
            "projections need a built layer: call the layer, or build its shapes, first"
        )
    return [getattr(layer, name) for name in PROJECTIONS if hasattr(layer, name)]
