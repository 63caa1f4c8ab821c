"""The kernels of a model that are to become products, and the weights that are left."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any

from keras.layers import Layer

from overparam_tf.errors import InputError
from overparam_tf.layers.factorized_layer import FactorizedLayer
from overparam_tf.surgery._factors import factorisations
from overparam_tf.surgery._kernels import Kernel, kernels_of
from overparam_tf.surgery._selection import Layers, match_layers
from overparam_tf.surgery._walk import all_layers
from overparam_tf.surgery._weight_axes import Axes, is_matched, with_axes

SHOWN = 6  # weights that a warning names


@dataclasses.dataclass(frozen=True)
class Targets:
    """What is to be converted.

    Attributes:
        kernels: The kernels by path, each variable once.
        left: For every other weight of two or more axes, its path and why it is left.
    """

    kernels: dict[str, Kernel]
    left: dict[str, str]

    def warn(self) -> None:
        """Name what is left as it is in one line, if anything is."""
        if not self.left:
            return
        shown = [f"{path} ({reason})" for path, reason in list(self.left.items())[:SHOWN]]
        more = len(self.left) - len(shown)
        names = ", ".join(shown) + (f" and {more} more" if more else "")
        warnings.warn(f"weights that stay as they are: {names}", UserWarning, stacklevel=3)


def find_targets(model: Layer, layers: Layers = None, weights: Axes | None = None) -> Targets:
    """Return the kernels of a model that `overparameterize` is asked to convert.

    Args:
        model: A built model or layer.
        layers: As in `overparameterize`.
        weights: As in `overparameterize`.

    Raises:
        InputError: If a selector matches no layer with a kernel, or one whose kernel cannot be
            split, or there is nothing to convert.

    Example:
        >>> import keras
        >>> embedding, dense = keras.layers.Embedding(9, 4), keras.layers.Dense(2, name="head")
        >>> model = keras.Sequential([keras.Input((3,)), embedding, dense])
        >>> list(find_targets(model).kernels)
        ['head/kernel']
    """
    paths = all_layers(model)
    kernels = with_axes(kernels_by_path(paths), weights)
    if layers is None:
        asked_for: dict[int, bool] = dict.fromkeys(map(id, kernels.values()), False)
    else:
        asked_for = {}
        for selector in layers if isinstance(layers, (list, tuple, set)) else [layers]:
            for key, directly in _matches(paths, kernels, selector).items():
                asked_for[key] = asked_for.get(key, False) or directly
    named = {id(kernels[path]) for path in kernels if weights and is_matched(path, weights)}
    targets = _sort(kernels, asked_for, named)
    if not targets.kernels and not any(map(has_products, paths.values())):
        raise _nothing(model, targets)
    return targets


def without_obstacles(model: Layer, chosen: Sequence[Layer]) -> tuple[list[Layer], Targets]:
    """Return the chosen layers all of whose kernels a copy can split, and what it leaves plain.

    Raises:
        InputError: If there is no such layer among them.
    """
    kernels = kernels_by_path(all_layers(model))
    hindered = {
        id(kernel.layer)
        for kernel in kernels.values()
        if kernel.obstacle is not None or kernel.is_stack
    }
    usable = [
        layer
        for layer in chosen
        if hindered.isdisjoint(id(inner) for inner in layer._flatten_layers())
    ]
    converted = {id(inner) for layer in usable for inner in layer._flatten_layers()}
    targets = _sort(kernels, dict.fromkeys(map(id, kernels.values()), False), set())
    plain = [path for path, kernel in targets.kernels.items() if id(kernel.layer) not in converted]
    reason = "without a factorised form for a copy: copy=False makes it a product in place"
    left = Targets({}, {**dict.fromkeys(plain, reason), **targets.left})
    if chosen and not usable:
        raise _nothing(model, left)
    return usable, left


def has_products(layer: Layer) -> bool:
    """Return whether a layer is factorised already, of itself or in place."""
    return isinstance(layer, FactorizedLayer) or bool(factorisations(layer))


def kernels_by_path(paths: dict[str, Layer]) -> dict[str, Kernel]:
    """Return all weights of two or more axes by path, a shared one once.

    Of several layers that track a variable, the one whose kernel it is counts.
    """
    found: dict[int, tuple[str, Kernel]] = {}
    seen: set[int] = set()
    for path, layer in paths.items():
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        for kernel in kernels_of(layer):
            known = found.get(id(kernel.variable))
            if known is None or (known[1].axes is None and kernel.axes is not None):
                found[id(kernel.variable)] = (f"{path}/{kernel.variable.name}", kernel)
    return dict(found.values())


def _matches(paths: dict[str, Layer], kernels: dict[str, Kernel], selector: Any) -> dict[int, bool]:
    """Return the kernels that a selector matches, by id: whether their own layer is matched."""
    owners = {id(kernel.layer) for kernel in kernels.values()}
    candidates = {path: layer for path, layer in paths.items() if id(layer) in owners}
    by_path, problem = match_layers(paths, selector, candidates)
    matched = list(by_path.values())
    inside = {id(inner) for layer in matched for inner in layer._flatten_layers()}
    own = {id(layer) for layer in matched}
    found = {
        id(kernel): id(kernel.layer) in own
        for kernel in kernels.values()
        if id(kernel.layer) in inside
    }
    if not found and not any(has_products(layer) for layer in matched):
        if matched:
            problem = f"{matched[0].name!r} is a {type(matched[0]).__name__} without any kernel"
        raise InputError(
            f"Expected layers to convert. Received: layers={selector!r}, but {problem}"
        )
    return found


def _sort(kernels: dict[str, Kernel], asked_for: dict[int, bool], named: set[int]) -> Targets:
    """Return the kernels asked for as targets; raise if one that is named cannot be split."""
    targets = Targets({}, {})
    for path, kernel in kernels.items():
        if id(kernel) not in asked_for and id(kernel) not in named:
            continue
        directly = asked_for.get(id(kernel), False) or id(kernel) in named
        if kernel.obstacle is not None and directly:
            raise InputError(
                f"Expected {kernel.obstacle}. Received: weight {path!r} "
                f"(in layer {kernel.layer.name!r}; layers=... says which to convert)"
            )
        reason = _reason_to_leave(kernel, directly)
        if reason is None:
            targets.kernels[path] = kernel
        else:
            targets.left[path] = reason
    return targets


def _reason_to_leave(kernel: Kernel, directly: bool) -> str | None:
    if kernel.obstacle is not None:
        return f"expected {kernel.obstacle.partition(':')[0].partition(',')[0]}"
    if kernel.axes is None:
        kind = "an embedding table" if kernel.is_table else f"of a {type(kernel.layer).__name__}"
        return f"{kind}: weights= can name its input axes"
    if kernel.is_table and not directly:
        return "an embedding table: layers= can name its layer"
    return None


def _nothing(model: Layer, targets: Targets) -> InputError:
    left = ", ".join(f"{path} ({reason})" for path, reason in list(targets.left.items())[:SHOWN])
    return InputError(
        "Expected a model with a kernel to convert, such as that of a layer of type Dense, Conv2D "
        f"or LSTM. Received: model {model.name!r}" + (f" with {left}" if left else "")
    )
