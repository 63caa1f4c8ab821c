"""A copy of a model in which some layers are others: the one walk that conversion and collapse share."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator

import keras

from overparam_tf.errors import InputError
from overparam_tf.layers.skip_init import skip_initialization

Layer = keras.layers.Layer


def is_graph(layer: Layer) -> bool:
    """Tell whether ``layer`` is a Sequential or functional model, whose layers and their order are known.

    Example:
        >>> is_graph(keras.Sequential()), is_graph(keras.layers.Dense(2))
        (True, False)
    """
    return isinstance(layer, keras.Sequential) or (
        isinstance(layer, keras.Model) and isinstance(layer, keras.Function)
    )


def check_model(model: keras.Model) -> None:
    """Raise `InputError` unless ``model`` is a built Sequential or functional model."""
    if not isinstance(model, keras.Model):
        raise InputError(f"Expected a Keras model. Received: model={model!r}")
    if not is_graph(model):
        raise InputError(
            f"Expected a Sequential or functional model, since what a subclassed model's call does with its layers "
            f"is not known: write it with the functional API, or replace its layers by hand, FactorizedDense for "
            f"Dense and so on. Received: a model of type {type(model).__name__}"
        )
    if not model.built:
        raise InputError(
            f"Expected a built model, whose weights exist: give it an Input, call it on data, or call "
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
        if isinstance(layer, keras.layers.InputLayer):
            continue  # no weights, and `clone_model` names them after their tensors
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
        original's weights and other state; trainable flags are the original's throughout. Factorised replacements
        that would start from the split of a random kernel are zero, for the caller to fill.

    Raises:
        InputError: If a model inside is of a class that cannot be built from inputs and outputs.
    """
    replaced: list[tuple[Layer, Layer]] = []

    def clone(layer: Layer) -> Layer:
        # Called once for each layer, however often it is shared; also for bare operations, such as `x + y`.
        replacement = replace(layer) if isinstance(layer, Layer) else None
        if replacement is None:
            return _unbuilt_copy(layer)
        replaced.append((layer, replacement))
        return replacement

    with _uncompiled(model), skip_initialization():
        new = keras.models.clone_model(model, clone_function=clone, recursive=True)
    originals, copies = layers_by_path(model), layers_by_path(new)
    replacements = {id(replacement) for _, replacement in replaced}
    # From the outside in: setting a model's flag sets those of all its layers, which get their own back after it.
    for old, copy in [(model, new), *((originals[path], copies[path]) for path in originals)]:
        _check_same_class(old, copy)
        if not is_graph(old) and id(copy) not in replacements:
            _copy_state(old, copy)
        for inner_old, inner_copy in _inner_layers(old, copy):
            inner_copy.trainable = inner_old.trainable
    return new, replaced


def _unbuilt_copy(layer: Layer) -> Layer:
    if isinstance(layer, keras.layers.Lambda):
        # Safe mode refuses functions that come with a file; this one is already part of the program.
        return type(layer).from_config(layer.get_config(), safe_mode=False)
    return type(layer).from_config(layer.get_config())


@contextlib.contextmanager
def _uncompiled(model: keras.Model) -> Iterator[None]:
    """Keep `clone_model` from compiling the copy, which fails where a loss or metric has no config."""
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
            f"Expected models that can be built from their inputs and outputs; a copy would lose the methods of "
            f"{type(old).__name__}: pass keras.Model(model.input, model.output) instead. "
            f"Received: model {old.name!r} of type {type(old).__name__}"
        )


def _copy_state(old: Layer, copy: Layer) -> None:
    """Copy all that Keras would save with the layer: weights, statistics, vocabularies."""
    for source, target in _inner_layers(old, copy):
        store: dict = {}
        source.save_own_variables(store)
        target.load_own_variables(
            {name: keras.ops.convert_to_numpy(value) for name, value in store.items()}
        )
        if hasattr(source, "save_assets"):
            with tempfile.TemporaryDirectory() as folder:
                source.save_assets(folder)
                target.load_assets(folder)


def _inner_layers(old: Layer, copy: Layer) -> Iterator[tuple[Layer, Layer]]:
    """Pair a layer and the layers it is made of with their copies, the outer ones first."""
    if is_graph(old):
        return iter([(old, copy)])
    return zip(old._flatten_layers(), copy._flatten_layers(), strict=True)
