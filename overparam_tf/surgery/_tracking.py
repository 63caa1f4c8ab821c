"""The lists in which Keras keeps the variables of a layer, in the order of its checkpoints."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from keras.layers import Layer

from overparam_tf.surgery._places import contents


def tracks(layer: Layer, variable: Any) -> bool:
    """Return whether a variable is one of a layer's own, rather than of a layer inside it.

    Example:
        >>> import keras
        >>> layer = keras.layers.Dense(2)
        >>> layer.build((None, 3))
        >>> tracks(layer, layer.bias), tracks(layer, keras.Variable(0.0))
        (True, False)
    """
    return any(variable is own for listed in lists(layer) for own in listed)


def holders(layers: Iterable[Layer], variables: Iterable[Any]) -> dict[int, list[Layer]]:
    """Return the layers that hold or track each of some objects, by the object's `id`."""
    found: dict[int, list[Layer]] = {id(variable): [] for variable in variables}
    for layer in layers:
        held = [id(value) for _, value in contents(layer)]
        tracked = [id(variable) for listed in lists(layer) for variable in listed]
        for key in found.keys() & {*held, *tracked}:
            found[key].append(layer)
    return found


def lists(layer: Layer) -> tuple[list[Any], list[Any]]:
    """Return the lists of a layer's own variables: those created as trainable, and the others."""
    return layer._trainable_variables, layer._non_trainable_variables


@contextlib.contextmanager
def unlocked(layer: Layer) -> Iterator[None]:
    """Let a built layer have new variables, as Keras does in `enable_lora`."""
    locked = layer._tracker.locked
    layer._tracker.unlock()
    try:
        yield
    finally:
        layer._tracker.locked = locked


def replace(layer: Layer, old: Sequence[Any], new: Sequence[Any]) -> None:
    """Let a layer track the variables `new` in the place of `old`, at the position of the first.

    Args:
        layer: A layer that tracks all of `old`.
        old: Variables. Those behind the first that are in the same list stand next to it.
        new: Variables; whether the layer tracks them already is of no matter.
    """
    created_as_trainable = _index(layer._trainable_variables, old[0]) is not None
    listed = lists(layer)[0 if created_as_trainable else 1]
    store = "trainable_variables" if created_as_trainable else "non_trainable_variables"
    position = _index(listed, old[0])
    before = listed[:position]
    for variable in [*old, *new]:
        layer._untrack_variable(variable)
    after = listed[len(before) :]
    with unlocked(layer):
        for variable in new:
            layer._tracker.add_to_store(store, variable)
            layer._post_track_variable(variable)
    listed[:] = [*before, *new, *after]


def insert(layer: Layer, position: int, variables: Sequence[Any]) -> None:
    """Let a layer track variables, at a position among those created as trainable."""
    with unlocked(layer):
        for variable in variables:
            layer._tracker.add_to_store("trainable_variables", variable)
            layer._post_track_variable(variable)
    listed, _ = lists(layer)
    before, after = listed[:position], listed[position : len(listed) - len(variables)]
    listed[:] = [*before, *variables, *after]


def add_frozen(layer: Layer, variable: Any) -> None:
    """Let a layer track a variable as one that never trains, whatever `layer.trainable` is."""
    with unlocked(layer):
        layer._tracker.add_to_store("non_trainable_variables", variable)
        layer._post_track_variable(variable)


def follow(layer: Layer, name: str, variable: Any) -> None:
    """Let TensorFlow's own checkpoints find an object under a name of a layer; None for none."""
    if not hasattr(layer, "_delete_tracking"):  # another backend
        return
    layer._delete_tracking(name)
    if variable is not None:
        layer._track_trackable(variable, name=name, overwrite=True)


def refresh_parameters(layer: Layer) -> None:
    """Let PyTorch's `parameters` and `zero_grad` of a layer, on that backend, find its variables.

    Keras makes the list of a layer's own and inner variables once, when the layer is built.
    """
    if hasattr(layer, "_torch_params"):
        layer._track_variables()


@contextlib.contextmanager
def shown(layer: Layer, pairs: Sequence[tuple[Sequence[Any], Any]]) -> Iterator[None]:
    """Show, for a while, one object in the place of several variables of a layer.

    Args:
        layer: The layer.
        pairs: For each object, the variables that it stands for.
    """
    before = [(listed, listed[:]) for listed in lists(layer)]
    for variables, stand_in in pairs:
        for listed in lists(layer):
            position = _index(listed, variables[0])
            listed[:] = [own for own in listed if _index(variables, own) is None]
            if position is not None:
                listed.insert(position, stand_in)
    try:
        yield
    finally:
        for listed, variables in before:
            listed[:] = variables


def _index(variables: Sequence[Any], variable: Any) -> int | None:
    # Not `list.index`: variables compare their values.
    return next((i for i, own in enumerate(variables) if own is variable), None)
