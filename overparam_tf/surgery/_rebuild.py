"""A copy of a model in which some layers are others: the one walk that conversion and collapse share."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator

import keras

from overparam_tf.errors import InputError

Layer = keras.layers.Layer


def is_graph(layer: Layer) -> bool:
    """Tell whether ``layer`` is a Sequential or functional model, whose layers and their order are known.

    Example:
        >>> is_graph(keras.Sequential()), is_graph(keras.layers.Dense(2))
        (True, False)
    """
    return isinstance(layer, keras.Sequential) or (isinstance(layer, keras.Model) and isinstance(layer, keras.Function))


def check_model(model: keras.Model) -> None:
    """Raise `InputError` unless ``model`` is a built Sequential or functional model."""
    if not isinstance(model, keras.Model):
        raise InputError(f"expected a Keras model. Received: model={model!r}")
    if not is_graph(model):
        raise InputError(
            f"expected a Sequential or functional model, since what a subclassed model's call does with its layers "
            f"is not known: write it with the functional API, or replace its layers by hand, FactorizedDense for "
            f"Dense and so on. Received: a model of type {type(model).__name__}"
        )
    if not model.built:
        raise InputError(
            f"expected a built model, whose weights exist: give it an Input, call it on data, or call "
            f"model.build(input_shape) first. Received: unbuilt model {model.name!r}"
        )


def layers_by_path(model: keras.Model, prefix: str = "") -> dict[str, Layer]:
    """Return the layers of a model and of the models nested in it; a shared layer has more than one path.

    Example:
        >>> inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="dense")], name="encoder")
        >>> outer = keras.Sequential([keras.Input((3,)), inner, keras.layers.ReLU(name="relu")])
        >>> list(layers_by_path(outer))
        ['encoder', 'encoder/dense', 'relu']
    """
    found: dict[str, Layer] = {}
    for layer in model.layers:
        path = prefix + layer.name
        found[path] = layer
        if is_graph(layer):
            found |= layers_by_path(layer, path + "/")
    return found


def rebuilt(
    model: keras.Model, replace: Callable[[Layer], Layer | None]
) -> tuple[keras.Model, list[tuple[Layer, Layer]]]:
    """Return a copy of a model with some layers replaced, and the pairs (original, replacement).

    Args:
        model: A built Sequential or functional model. It stays as it is.
        replace: Returns a new unbuilt layer to stand in the place of the given one, or None to copy that one.

    Returns:
        The new model, uncompiled, and the pairs in the model's order. All layers but the replacements have the
        original's weights and other state; trainable flags are the original's throughout.

    Raises:
        InputError: If a model inside is of a class that cannot be built from inputs and outputs.
    """
    copies: dict[int, Layer] = {}
    replaced: list[tuple[Layer, Layer]] = []

    def clone(layer: Layer) -> Layer:
        replacement = replace(layer) if isinstance(layer, Layer) else None
        copy = _unbuilt_copy(layer) if replacement is None else replacement
        copies[id(layer)] = copy
        if replacement is not None:
            replaced.append((layer, copy))
        return copy

    with _uncompiled(model):
        new = keras.models.clone_model(model, clone_function=clone, recursive=True)
    _adopt(new, model)
    # From the outside in: setting a model's flag sets the flags of all its layers, which then get back their own.
    for (path, old), other in zip(layers_by_path(model).items(), layers_by_path(new).values(), strict=True):
        assert other.name == old.name, path
        if is_graph(old):
            _adopt(other, old)
        elif not any(other is replacement for _, replacement in replaced):
            _copy_state(old, other)
        other.trainable = old.trainable
    return new, replaced
