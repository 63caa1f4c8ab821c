"""`FactorizedDense` and its like, written by hand, replaced by their plain layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
from keras import ops
from keras.layers import Layer

from overparam_tf.errors import InputError
from overparam_tf.surgery import _tracking
from overparam_tf.surgery._in_place import own_class
from overparam_tf.surgery._places import contents, put
from overparam_tf.surgery._rebuild import is_graph, layers_by_path, rebuild
from overparam_tf.surgery._registry import FACTORIZED, parts


def is_factorised(layer: Any) -> bool:
    """Return whether a layer is `FactorizedDense` or one of its like.

    Example:
        >>> is_factorised(keras.layers.Dense(2))
        False
    """
    return isinstance(layer, tuple(FACTORIZED.values()))


def has_factorised_in_graph(model: Layer) -> bool:
    """Return whether a model is a graph in which, at any depth of graphs, such layers are."""
    return is_graph(model) and any(map(is_factorised, layers_by_path(model).values()))


def rebuilt_plain(model: keras.Model) -> keras.Model:
    """Return a copy of a Sequential or functional model with plain layers.

    Raises:
        InputError: If the model or one inside it is of a class that cannot be built from inputs and
            outputs.
    """
    new, replaced = rebuild(
        model, lambda layer: layer.plain_layer() if is_factorised(layer) else None
    )
    copies = layers_by_path(new)
    for path, graph in {"": model, **layers_by_path(model)}.items():
        plain_class, twin = own_class(graph), copies[path] if path else new
        if is_graph(graph) and own_class(twin) is not plain_class:
            raise InputError(
                "Expected models that can be built from their inputs and outputs; a copy would "
                f"lose the methods of {plain_class.__name__}: pass keras.Model(model.input, "
                f"model.output) instead. Received: model {graph.name!r} of type "
                f"{plain_class.__name__}"
            )
    for deep, plain in replaced:
        _copy_weights(deep, plain)
    put_plain(new)
    return new


def put_plain(model: Layer) -> None:
    """Replace factorised layers that other layers hold as attributes, in place."""
    twins: dict[int, Layer] = {}
    for holder in model._flatten_layers():
        if is_graph(holder) or is_factorised(holder):
            continue
        for layer in list(_held(holder)):
            if id(layer) not in twins:
                twins[id(layer)] = _plain_twin(layer)
            _exchange(holder, layer, twins[id(layer)])


def _held(holder: Layer) -> Iterator[Layer]:
    """Yield what a layer holds and is to be replaced: factorised layers, and graphs of them."""
    for layer in holder._flatten_layers(include_self=False, recursive=False):
        if is_factorised(layer) or has_factorised_in_graph(layer):
            yield layer


def _plain_twin(layer: Layer) -> Layer:
    if is_graph(layer):
        return rebuilt_plain(layer)
    twin = layer.plain_layer()
    twin._parent_path = layer._parent_path  # for the paths of its variables
    twin.build(**layer._build_shapes_dict)
    _copy_weights(layer, twin)
    return twin


def _copy_weights(deep: Layer, plain: Layer) -> None:
    for source, target in zip(parts(deep), parts(plain), strict=True):
        # By way of NumPy: on JAX two layers must not share a buffer, which a step gives away.
        target.kernel.assign(ops.convert_to_numpy(source.kernel))
        target.kernel.trainable = all(factor.trainable for factor in source.factors)
        if target.bias is not None:
            target.bias.assign(ops.convert_to_numpy(source.end_to_end_bias))
            target.bias.trainable = all(
                bias.trainable for bias in source.biases if bias is not None
            )


def _exchange(holder: Layer, old: Layer, new: Layer) -> None:
    """Put a layer wherever another one holds, or tracks, the old one."""
    ids = holder._tracker.stored_ids["layers"]
    ids.discard(id(old))
    ids.add(id(new))
    for place, held in list(contents(holder)):
        if held is old:
            put(holder, place, new)
            if place.key is None:
                _tracking.follow(holder, place.attribute, new)
