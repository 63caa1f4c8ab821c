"""A copy of a model with some layers replaced: the one walk that both conversions share."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import keras
from keras.layers import Layer

from overparam_tf.errors import InputError, input_error
from overparam_tf.layers.skip_init import skip_initialization


def is_graph(layer: Layer) -> bool:
    """Return whether a layer is a Sequential or functional model, whose layers are in known order.

    Example:
        >>> is_graph(keras.Sequential()), is_graph(keras.layers.Dense(2))
        (True, False)
    """
    return isinstance(layer, keras.Sequential) or (
        isinstance(layer, keras.Model) and isinstance(layer, keras.Function)
    )


def check_model(model: keras.Model) -> None:
    """Raise `InputError` unless `model` is a built Sequential or functional model."""
    if not isinstance(model, keras.Model):
        raise input_error("a Keras model", model=model)
    if not is_graph(model):
        raise InputError(
            "Expected a Sequential or functional model, since it is not known how a subclassed "
            "model calls its layers: write it with the functional API, or replace its layers by "
            "hand, FactorizedDense for Dense and so on. "
            f"Received: a model of type {type(model).__name__}"
        )
    if not model.built:
        raise InputError(
            "Expected a built model, whose weights exist: give it an Input, call it on data, or "
            f"call model.build(input_shape) first. Received: unbuilt model {model.name!r}"
        )


def layers_by_path(model: keras.Model, prefix: str = "") -> dict[str, Layer]:
    """Return the layers of a model and of the models nested in it by their path.

    A shared layer has more than one path.

    Args:
        model: A Sequential or functional model.
        prefix: Path of the model itself, with a slash at its end; default "".

    Example:
        >>> dense, relu = keras.layers.Dense(2, name="dense"), keras.layers.ReLU(name="relu")
        >>> inner = keras.Sequential([keras.Input((3,)), dense], name="encoder")
        >>> outer = keras.Sequential([keras.Input((3,)), inner, relu])
        >>> list(layers_by_path(outer))
        ['encoder', 'encoder/dense', 'relu']
    """
    layers: dict[str, Layer] = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue  # no weights, and `clone_model` names them after their tensors
        path = prefix + layer.name
        layers[path] = layer
        if is_graph(layer):
            layers |= layers_by_path(layer, path + "/")
    return layers


def rebuild(
    model: keras.Model, replace: Callable[[Layer], Layer | None]
) -> tuple[keras.Model, list[tuple[Layer, Layer]]]:
    """Return a copy of a model with some layers replaced, and the pairs (original, replacement).

    Args:
        model: A built Sequential or functional model. It is not changed.
        replace: Returns a new unbuilt layer to replace the one it is called with, or None to copy
            that one.

    Returns:
        The new model, uncompiled, and the pairs in the model's order. All layers but the
        replacements have the original's weights and other state; trainable flags are the original's
        throughout. Factorised replacements that would start from the split of a random kernel are
        zero: the caller assigns their weights.

    Raises:
        InputError: If a model inside is of a class that cannot be built from inputs and outputs.
    """
    replaced: list[tuple[Layer, Layer]] = []

    def clone(layer: Layer) -> Layer:
        # Keras calls this once for each layer, also a shared one, and for bare operations such as
        # `x + y`.
        replacement = replace(layer) if isinstance(layer, Layer) else None
        if replacement is None:
            return _unbuilt_copy(layer)
        replaced.append((layer, replacement))
        return replacement

    with _uncompiled(model), skip_initialization():
        new = keras.models.clone_model(model, clone_function=clone, recursive=True)
    originals, copies = layers_by_path(model), layers_by_path(new)
    replacements = {id(replacement) for _, replacement in replaced}
    # From the outside in: setting a model's flag sets those of all its layers, which get their own
    # back after it.
    for old, copy in [(model, new), *((originals[path], copies[path]) for path in originals)]:
        _check_same_class(old, copy)
        if not is_graph(old) and id(copy) not in replacements:
            _copy_state(old, copy)
        for inner_old, inner_copy in _inner_layers(old, copy):
            inner_copy.trainable = inner_old.trainable
    return new, replaced


def _unbuilt_copy(layer: Layer) -> Layer:
    if isinstance(layer, keras.layers.Lambda):
        # Safe mode refuses functions from a file; this one is already part of the program.
        return type(layer).from_config(layer.get_config(), safe_mode=False)
    return type(layer).from_config(layer.get_config())


@contextlib.contextmanager
def _uncompiled(model: keras.Model) -> Iterator[None]:
    """Keep `clone_model` from compiling the copy, which fails if a loss or metric has no config."""
    compiled = [layer for layer in model._flatten_layers() if getattr(layer, "compiled", False)]
    for layer in compiled:
        layer.compiled = False
    try:
        yield
    finally:
        for layer in compiled:
            layer.compiled = True


def _check_same_class(old: Layer, copy: Layer) -> None:
    if is_graph(old) and type(copy) is not type(old):
        raise InputError(
            "Expected models that can be built from their inputs and outputs; a copy would lose "
            f"the methods of {type(old).__name__}: pass keras.Model(model.input, model.output) "
            f"instead. Received: model {old.name!r} of type {type(old).__name__}"
        )


def _copy_state(old: Layer, copy: Layer) -> None:
    """Copy all that Keras would save with the layer: weights, statistics, vocabularies."""
    for source, target in _inner_layers(old, copy):
        store: dict[str, Any] = {}
        source.save_own_variables(store)
        target.load_own_variables(
            {name: keras.ops.convert_to_numpy(value) for name, value in store.items()}
        )
        if hasattr(source, "save_assets"):
            with tempfile.TemporaryDirectory() as folder:
                source.save_assets(folder)
                target.load_assets(folder)


def _inner_layers(old: Layer, copy: Layer) -> Iterator[tuple[Layer, Layer]]:
    """Return pairs of a layer and the layers inside it with their copies, the outer ones first."""
    if is_graph(old):
        return iter([(old, copy)])
    return zip(old._flatten_layers(), copy._flatten_layers(), strict=True)
