"""The part of a factorised layer that takes the weights of the plain layer."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from overparam_tf.errors import InputError

# Arguments of Keras's layers that have no meaning for a product.
_REFUSED = ("lora_rank", "lora_alpha", "quantization_config", "gptq_unpacked_column_size")
_PREFIX = "factorized_"


class PlainWeights(keras.layers.Layer):
    """The part of `FactorizedLayer` that accepts the kernel and bias of the plain layer.

    They are split as in `assign_kernel`, in balance.
    """

    bias: keras.Variable | None
    _kernel_shape: tuple[int, ...]
    assign_kernel: Callable[..., None]
    assign_bias: Callable[..., None]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the weights of this layer, or split those of the plain layer.

        Args:
            weights: Arrays: all factors and biases in the order of `weights`, or the kernel, and
                the bias if there is one, of the plain layer.

        Raises:
            InputError: If a width is too small for the kernel.
            ValueError: If number or shapes of the arrays are of neither layer.

        Example:
            >>> import numpy as np
            >>> from overparam_tf.layers import FactorizedDense
            >>> layer = FactorizedDense(2, depth=3)
            >>> layer.build((None, 4))
            >>> layer.set_weights([8 * np.ones((4, 2)), np.zeros(2)])
            >>> round(float(layer.kernel[0, 0]), 4)
            8.0
        """
        weights = list(weights)
        if self._are_plain([np.shape(weight) for weight in weights]):
            self._assign_plain(weights)
        else:
            super().set_weights(weights)

    def load_own_variables(self, store: Any) -> None:
        """Load the weights that Keras saved for this layer, or for the plain one in its place."""
        if self.built and len(store.keys()) == 0:
            store = _of_plain_layer(store, self.name)
        weights = [store[key] for key in sorted(store.keys())]
        if self._are_plain([np.shape(weight) for weight in weights]):
            self._assign_plain(weights)
        else:
            super().load_own_variables(store)

    def _are_plain(self, shapes: list[tuple[int, ...]]) -> bool:
        """Return whether weights of these shapes are the plain layer's and not this layer's."""
        if not self.built or shapes == [tuple(weight.shape) for weight in self.weights]:
            return False
        return shapes[:1] == [self._kernel_shape] and len(shapes) == 1 + (self.bias is not None)

    def _assign_plain(self, weights: Sequence[Any]) -> None:
        kernel, *bias = weights
        self.assign_kernel(kernel)
        self.assign_bias(*bias or [None])

    def quantize(self, mode: Any = None, *args: Any, **kwargs: Any) -> None:
        """Raise `NotImplementedError`, which a model's `quantize` turns into a warning."""
        raise NotImplementedError(
            "Expected plain layers to quantise: call overparam_tf.collapse(model), then quantize. "
            f"Received: {self.name}, a {type(self).__name__}"
        )

    def enable_lora(self, rank: int, *args: Any, **kwargs: Any) -> None:
        """Raise `InputError`: the factors are already a trained product.

        Raises:
            InputError: Always.
        """
        raise InputError(
            "Expected a plain layer for LoRA: call overparam_tf.collapse(model), then enable_lora. "
            f"Received: {self.name}, a {type(self).__name__}, rank={rank}"
        )


def without_refused(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments of a constructor without those of LoRA and quantisation, all None.

    Raises:
        InputError: If one of them is not None.

    Example:
        >>> without_refused({"name": "head", "lora_rank": None})
        {'name': 'head'}
    """
    for name in _REFUSED:
        if arguments.get(name) is not None:
            raise InputError(
                f"Expected no {name} for a factorised layer, whose kernel is a trained product "
                "already: use it with the plain layer, as of overparam_tf.collapse. "
                f"Received: {name}={arguments[name]!r}"
            )
    return {name: value for name, value in arguments.items() if name not in _REFUSED}


def _of_plain_layer(store: Any, name: str) -> Any:
    """Return the entry of a weights file that the plain layer has in place of this one.

    Keras finds the layers of a model by their class and their number within it. So a file of the
    plain model has `dense_1` for `factorized_dense_1`, if both models have the same layers.
    """
    path = getattr(store, "_h5_entry_path", None)
    plain_path = str(path).replace(_PREFIX, "")
    if path is None or path == plain_path or not store.has_path(plain_path):
        return store
    warnings.warn(
        f"Layer {name!r} takes the weights of {plain_path!r} in the file, a plain layer. This is "
        "right if all layers of that class in this model are factorised.",
        stacklevel=2,
    )
    return store.get(plain_path)
