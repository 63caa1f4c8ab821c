"""A copy of a model with some layers replaced: the one walk that both conversions share."""

from __future__ import annotations

import contextlib
import copy
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
from keras.layers import Layer

from overparam_tf.errors import InputError, input_error
from overparam_tf.layers.skip_init import skip_initialization
from overparam_tf.surgery._in_place import GRAPHS, InPlace


def is_graph(layer: Layer) -> bool:
    """Return whether a layer is a Sequential or functional model, whose layers are in known order.

    Example:
        >>> is_graph(keras.Sequential()), is_graph(keras.layers.Dense(2))
        (True, False)
    """
    return isinstance(layer, keras.Sequential) or (
        isinstance(layer, keras.Model) and isinstance(layer, keras.Function)
    )


def check_built(model: keras.Model) -> None:
    """Check that a model is a built one.

    Raises:
        InputError: If it is no model, or not built.
    """
    if not isinstance(model, keras.Model):
        raise input_error("a Keras model", model=model)
    if not model.built:
        raise InputError(
            "Expected a built model, whose weights exist: give it an Input, call it on data, or "
            f"call model.build(input_shape) first. Received: unbuilt model {model.name!r}"
        )


def is_rebuilt_exactly(model: keras.Model) -> bool:
    """Return whether `rebuild` can make a copy: of graphs alone, without layers held twice."""
    if not is_graph(model) or any(isinstance(layer, InPlace) for layer in model._flatten_layers()):
        return False
    graphs = [model, *(layer for layer in layers_by_path(model).values() if is_graph(layer))]
    leaves = {id(layer): layer for layer in layers_by_path(model).values() if not is_graph(layer)}
    inside = [
        id(inner)
        for layer in leaves.values()
        for inner in layer._flatten_layers(include_self=False)
    ]
    tied = len(set(inside)) < len(inside) or not leaves.keys().isdisjoint(inside)
    return not tied and all(type(graph) in GRAPHS for graph in graphs)


def copy_of(model: keras.Model) -> keras.Model:
    """Return a copy of a model of any kind, made as saving and loading make it, in memory.

    Raises:
        InputError: If Keras cannot save the model or load it again.
    """
    classes = {type(layer).__name__: type(layer) for layer in model._flatten_layers()}
    own = {name: found for name, found in classes.items() if not issubclass(found, InPlace)}
    try:
        with keras.saving.custom_object_scope(own), _uncompiled(model), skip_initialization():
            new = copy.deepcopy(model)
    except (AttributeError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise InputError(
            "Expected a model that Keras can save and load again, to make a copy of it; with "
            f"copy=False it is changed in place. Received: model {model.name!r}, for which Keras "
            f"says: {lines[0] if lines else type(error).__name__}"
        ) from error
    _copy_flags(model._flatten_layers(), new._flatten_layers())
    return new


def _copy_flags(originals: Sequence[Layer], copies: Sequence[Layer]) -> None:
    """Let copies be trainable where the originals are: layers, then each single variable."""
    for old, new in zip(originals, copies, strict=True):
        new.trainable = old.trainable
    for old, new in zip(originals, copies, strict=True):
        for source, target in zip(old.variables, new.variables, strict=True):
            target.trainable = source.trainable


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
    for path in ("", *originals):
        old, twin = (originals[path], copies[path]) if path else (model, new)
        if not is_graph(old) and id(twin) not in replacements:
            _copy_state(old, twin)
        for inner_old, inner_twin in _inner_layers(old, twin):
            inner_twin.trainable = inner_old.trainable
    for path, old in originals.items():
        if not is_graph(old) and id(copies[path]) not in replacements:
            _copy_flags(old._flatten_layers(), copies[path]._flatten_layers())
    return new, replaced


def _unbuilt_copy(layer: Layer) -> Layer:
    config = layer.get_config()
    if isinstance(layer, keras.layers.Lambda):
        # Safe mode refuses functions from a file; this one is already part of the program.
        twin = type(layer).from_config(config, safe_mode=False)
    else:
        twin = type(layer).from_config(config)
    if isinstance(layer, Layer):
        twin.name = layer.name  # which a config of one's own may leave out
    return twin


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
