"""Selection of layers of a model by type, name, glob pattern or predicate."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any

import keras
from keras.layers import Layer

from overparam_tf.errors import InputError, input_error
from overparam_tf.surgery._rebuild import layers_by_path
from overparam_tf.surgery._registry import FACTORIZED, SUPPORTED

# A layer itself is one more of them, but Keras is not typed: it would make all of this Any.
Selector = type | str | Callable[[Any], bool]
Layers = None | Selector | Sequence[Selector]


def choose(model: keras.Model, layers: Layers = None) -> list[Layer]:
    """Return the selected layers that have a factorised form, each once, in the model's order.

    Args:
        model: A Sequential or functional model.
        layers: None for all, a layer, a layer type, a name, a glob pattern, a predicate, or a list
            of these. Names and patterns are compared with the layer's name and, in nested models,
            with its path "outer/inner".

    Raises:
        InputError: If a selector matches no layer that has a factorised form, or is of another
            type.

    Example:
        >>> dense = [keras.layers.Dense(2, name=name) for name in ("hidden_1", "hidden_2", "head")]
        >>> model = keras.Sequential([keras.Input((3,)), *dense])
        >>> [layer.name for layer in choose(model, "hidden_*")]
        ['hidden_1', 'hidden_2']
        >>> first_or_head = ["head", lambda layer: layer.name.endswith("1")]
        >>> [layer.name for layer in choose(model, first_or_head)]
        ['hidden_1', 'head']
    """
    paths = layers_by_path(model)
    if layers is None:
        chosen = _with_factorised_form(paths)
        if not chosen:
            raise InputError(
                f"Expected a model with a layer of type {SUPPORTED}. Received: model {model.name!r}"
            )
    else:
        chosen = {}
        for selector in layers if isinstance(layers, (list, tuple, set)) else [layers]:
            chosen |= _matches(paths, selector)
    in_order = {id(layer): layer for path, layer in paths.items() if path in chosen}
    return [layer for layer in in_order.values() if type(layer) in FACTORIZED]


def _with_factorised_form(paths: dict[str, Layer]) -> dict[str, Layer]:
    # Layers that are factorised already may be selected; `choose` does not return them.
    known = (*FACTORIZED, *FACTORIZED.values())
    return {path: layer for path, layer in paths.items() if type(layer) in known}


def _matches(paths: dict[str, Layer], selector: Any) -> dict[str, Layer]:
    """Return the layers by path that a selector matches and that have a factorised form."""
    candidates = _with_factorised_form(paths)
    matched, problem = match_layers(paths, selector, candidates, f" of type {SUPPORTED}")
    usable = _with_factorised_form(matched)
    if matched and not usable:
        path, layer = next(iter(matched.items()))
        problem = (
            f"{path!r} is a {type(layer).__name__}, and only {SUPPORTED} have a factorised form; "
            "wrappers and custom layers are left as they are, and the layers of a nested model are "
            "named 'model/layer'"
        )
    if not usable:
        raise InputError(
            f"Expected layers to convert. Received: layers={selector!r}, but {problem}"
        )
    return usable


def match_layers(
    paths: dict[str, Layer], selector: Any, candidates: dict[str, Layer], kind: str = ""
) -> tuple[dict[str, Layer], str]:
    """Return the layers that a selector matches by path, and what to say if there are none.

    Args:
        paths: All layers by path.
        selector: A layer, a layer type, a name, a glob pattern or a predicate.
        candidates: The layers with which a predicate is called.
        kind: End of the message about a predicate that holds for none; default "".

    Raises:
        InputError: If the selector is of another type.

    Example:
        >>> layers = {name: keras.layers.Dense(2, name=name) for name in ("hidden", "head")}
        >>> matched, _ = match_layers(layers, "h*d", layers)
        >>> list(matched)
        ['head']
    """
    if isinstance(selector, Layer):
        matched = {path: layer for path, layer in paths.items() if layer is selector}
        return matched, f"the model has no such layer as {selector.name!r}"
    if isinstance(selector, type):
        matched = {path: layer for path, layer in paths.items() if isinstance(layer, selector)}
        return matched, f"no layer is a {selector.__name__}"
    if isinstance(selector, str):
        matched = {
            path: layer
            for path, layer in paths.items()
            if fnmatchcase(layer.name, selector) or fnmatchcase(path, selector)
        }
        names = [*(layer.name for layer in paths.values()), *paths]
        return matched, "no layer has such a name" + close_names(names, selector)
    if callable(selector):
        matched = {path: layer for path, layer in candidates.items() if selector(layer)}
        return matched, f"it holds for no layer{kind}"
    raise input_error("layers, layer types, names, patterns or predicates", layers=selector)


def close_names(names: Sequence[str], name: str) -> str:
    """Return the end of a message: names like `name`, or else the first of `names`.

    Example:
        >>> close_names(["encoder", "head"], "haed")
        "; did you mean 'head'?"
    """
    names = list(dict.fromkeys(names))
    close = difflib.get_close_matches(name, names, n=3)
    if close:
        return f"; did you mean {' or '.join(map(repr, close))}?"
    first_names = ", ".join(map(repr, names[:8]))
    return f"; there are {first_names}" + (", ..." if len(names) > 8 else "")
