"""Which layers of a model are meant: by type, name, glob pattern or predicate."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

import keras

from overparam_tf.errors import InputError
from overparam_tf.surgery._rebuild import layers_by_path
from overparam_tf.surgery._registry import FACTORIZED, SUPPORTED

Layer = keras.layers.Layer
Selector = type | str | Callable[[Layer], bool]
Layers = None | Selector | Sequence[Selector]


def choose(model: keras.Model, layers: Layers = None) -> list[Layer]:
    """Return the layers that ``layers`` means and that have a factorised form, each once, in the model's order.

    Args:
        model: A Sequential or functional model.
        layers: None for all, a layer type, a name, a glob pattern, a predicate, or a list of these. Names and
            patterns are compared with the layer's name and, in nested models, with its path "outer/inner".

    Raises:
        InputError: If a selector matches no layer that has a factorised form, or is of another type.

    Example:
        >>> dense = [keras.layers.Dense(2, name=name) for name in ("hidden_1", "hidden_2", "head")]
        >>> model = keras.Sequential([keras.Input((3,)), *dense])
        >>> [layer.name for layer in choose(model, "hidden_*")]
        ['hidden_1', 'hidden_2']
        >>> [layer.name for layer in choose(model, ["head", lambda layer: layer.name.endswith("1")])]
        ['hidden_1', 'head']
    """
    found = layers_by_path(model)
    if layers is None:
        chosen = _with_factorised_form(found)
        if not chosen:
            raise InputError(
                f"Expected a model with a layer of type {SUPPORTED}. Received: model {model.name!r}"
            )
    else:
        selectors = layers if isinstance(layers, (list, tuple, set)) else [layers]
        chosen = {
            path: layer
            for selector in selectors
            for path, layer in _matches(found, selector).items()
        }
    in_order = {id(layer): layer for path, layer in found.items() if path in chosen}
    return [layer for layer in in_order.values() if type(layer) in FACTORIZED]


def _with_factorised_form(found: dict[str, Layer]) -> dict[str, Layer]:
    # Layers that are factorised already count as found; `choose` leaves them as they are.
    known = (*FACTORIZED, *FACTORIZED.values())
    return {path: layer for path, layer in found.items() if type(layer) in known}


def _matches(found: dict[str, Layer], selector: Selector) -> dict[str, Layer]:
    if isinstance(selector, type):
        matched = {path: layer for path, layer in found.items() if isinstance(layer, selector)}
        problem = f"no layer is a {selector.__name__}"
    elif isinstance(selector, str):
        matched = {
            path: layer
            for path, layer in found.items()
            if fnmatchcase(layer.name, selector) or fnmatchcase(path, selector)
        }
        problem = "no layer has such a name" + _close_names(found, selector)
    elif callable(selector):
        matched = {
            path: layer for path, layer in _with_factorised_form(found).items() if selector(layer)
        }
        problem = f"it holds for no layer of type {SUPPORTED}"
    else:
        raise InputError(
            f"Expected layer types, names, patterns or predicates. Received: layers={selector!r}"
        )
    usable = _with_factorised_form(matched)
    if matched and not usable:
        path, layer = next(iter(matched.items()))
        problem = (
            f"{path!r} is a {type(layer).__name__}, and only {SUPPORTED} have a factorised form; wrappers and custom "
            f"layers are left as they are, and the layers of a nested model are named 'model/layer'"
        )
    if not usable:
        raise InputError(
            f"Expected layers to convert. Received: layers={selector!r}, but {problem}"
        )
    return usable


def _close_names(found: dict[str, Layer], name: str) -> str:
    names = dict.fromkeys([*(layer.name for layer in found.values()), *found])
    close = difflib.get_close_matches(name, names, n=3)
    if close:
        return f"; did you mean {' or '.join(map(repr, close))}?"
    return f"; there are {', '.join(map(repr, list(names)[:8]))}" + (
        ", ..." if len(names) > 8 else ""
    )
