"""The axes of a model's kernels, as the types of its layers tell."""

from __future__ import annotations

import re
from typing import Any

import keras

from overparam_tf.checks import boolean, instance_of
from overparam_tf.errors import input_error
from overparam_tf.products import known_kernels

_CONVOLUTIONS = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
# Input axes and output axes of a kernel, by number.
Axes = tuple[tuple[int, ...], tuple[int, ...]]


def kernel_axes(
    model: keras.layers.Layer, *, embeddings: bool = False, convolutions: bool = False
) -> dict[str, Axes]:
    """Return which axes of kernels are inputs and which are outputs, for `EndToEndSGD(kernels=..)`.

    A variable does not tell what its axes mean, but its layer does. The result names the kernels of
    `EinsumDense` layers, read from their equations (an axis in both the input and the output of the
    layer stacks independent matrices), and on request two more kinds. `EndToEndSGD` itself knows
    the kernels of two axes and those of attention layers.

    Args:
        model: A model, or a layer, of which the layers inside exist: built, as a rule.
        embeddings: Whether to name the tables of `Embedding` layers, which are linear layers of
            one-hot inputs; default False. Every step then decomposes the whole table.
        convolutions: Whether to name the kernels of `Conv1D`, `Conv2D` and `Conv3D` as matrices
            from a patch of the input to a channel; default False. Kernels in groups are left out.

    Returns:
        A regular expression for the end of each variable's path, and its input and output axes.

    Raises:
        InputError: If an argument is not as described, or if layers of one name have kernels of
            different axes.

    Example:
        >>> layer = keras.layers.EinsumDense("abc,cde->abde", (None, 2, 4), name="split")
        >>> model = keras.Sequential([keras.Input((5, 6)), layer])
        >>> kernel_axes(model)
        {'(^|/)split/kernel$': ((0,), (1, 2))}
    """
    instance_of("model", model, keras.layers.Layer, "a Keras model or layer")
    boolean("embeddings", embeddings)
    boolean("convolutions", convolutions)
    found: dict[str, Axes] = {}
    # Keras has no public way to the layers inside a layer.
    for layer in model._flatten_layers():
        for name, axes in _kernels_of(layer, embeddings, convolutions).items():
            path = rf"(^|/){re.escape(layer.name)}/{name}$"
            if found.setdefault(path, axes) != axes:
                raise input_error(
                    "other names for layers that share one and have kernels of different axes",
                    name=layer.name,
                    axes=[found[path], axes],
                )
    return found


def _kernels_of(layer: Any, embeddings: bool, convolutions: bool) -> dict[str, Axes]:
    """Return the axes of a layer's kernels of these kinds by the names of the weights."""
    is_convolution = type(layer) in _CONVOLUTIONS and layer.groups == 1
    if isinstance(layer, keras.layers.EinsumDense) or (convolutions and is_convolution):
        kernels = known_kernels(layer)
    else:
        kernels = known_kernels(layer, tables=True) if embeddings else {}
    return {name: (axes.inputs, axes.outputs) for name, axes in kernels.items() if axes is not None}
