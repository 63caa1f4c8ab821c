"""The factorised layers of a model, and their kernels and factors as matrices."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import pairwise

import keras
import numpy as np
from keras import ops

from overparam_tf.dynamics.balance import balance_defect
from overparam_tf.errors import InputError


def choose_layers(
    model: keras.Model, patterns: Sequence[str] | None
) -> dict[str, keras.layers.Layer]:
    """Return the factorised layers of a model by path, a shared one once.

    Args:
        model: A built model of any kind, also subclassed.
        patterns: Names or glob patterns, matched with name and path; None for all layers.

    Raises:
        InputError: If a layer is not built, there is no factorised layer, or a pattern matches
            none.
    """
    layers = _factorised_layers(model)
    if patterns is None:
        return layers
    chosen: set[str] = set()
    for pattern in patterns:
        matches = {
            path
            for path, layer in layers.items()
            if fnmatchcase(path, pattern) or fnmatchcase(layer.name, pattern)
        }
        if not matches:
            raise InputError(
                f"Expected names or patterns of factorised layers, here {', '.join(layers)}. "
                f"Received: layers={list(patterns)}, where {pattern!r} matches none"
            )
        chosen |= matches
    return {path: layer for path, layer in layers.items() if path in chosen}


def _factorised_layers(model: keras.Model) -> dict[str, keras.layers.Layer]:
    layers: dict[str, keras.layers.Layer] = {}
    for path, layer in _walk(model):
        if not layer.built:
            raise InputError(
                f"Expected a built model: call it on data first. Received: unbuilt layer {path!r}"
            )
        if not any(layer is other for other in layers.values()):
            # In a subclassed model, two layers can have the same name.
            layers[f"{path}_{len(layers)}" if path in layers else path] = layer
    if not layers:
        raise InputError(
            "Expected a model with a factorised layer, such as FactorizedDense or those of "
            f"overparameterize(model). Received: model {model.name!r} without any"
        )
    return layers


def _walk(model: keras.layers.Layer, prefix: str = "") -> Iterator[tuple[str, keras.layers.Layer]]:
    """Yield path and layer for every factorised layer inside `model`, once for each path."""
    if isinstance(model, keras.Model):
        inner = model.layers
    else:
        inner = model._flatten_layers(include_self=False, recursive=False)
    for layer in inner:
        if _is_factorised(layer):
            yield prefix + layer.name, layer
        else:
            yield from _walk(layer, f"{prefix}{layer.name}/")


def _is_factorised(layer: keras.layers.Layer) -> bool:
    # As properties, both may raise on a layer that is not built: its class has them all the same.
    owner = layer if layer.built else type(layer)
    return all(hasattr(owner, name) or hasattr(layer, name) for name in ("factors", "kernel"))


def kernel_blocks(layer: keras.layers.Layer, factors: list[np.ndarray]) -> np.ndarray:
    """Return the kernel as the diagonal blocks of a matrix.

    Args:
        layer: A built factorised layer.
        factors: The values of its factors, in float64.

    Returns:
        Shape (groups, in, out), with one block except for a grouped convolution and for a stack of
        matrices, such as the kernels of experts. The kernel (height, width, in, out) of a
        convolution is a matrix (height width in, out).
    """
    if _are_stacks(factors):
        with np.errstate(over="ignore", invalid="ignore"):
            return functools.reduce(np.matmul, factors)
    if all(factor.ndim == 2 for factor in factors):
        with np.errstate(over="ignore", invalid="ignore"):
            return (np.linalg.multi_dot(factors) if len(factors) > 1 else factors[0])[None]
    kernel = ops.convert_to_numpy(layer.kernel).astype("float64")
    groups = getattr(layer, "groups", 1)
    return kernel.reshape(-1, groups, kernel.shape[-1] // groups).swapaxes(0, 1)


def largest_balance_defect(factors: list[np.ndarray]) -> float:
    """Return the largest relative balance defect of neighbouring factors; 0 for a single one.

    Args:
        factors: The values of the factors, (in, out), (matrices, in, out) of a stack, or (height,
            width, in, out).
    """
    as_blocks = (lambda *pair: pair) if _are_stacks(factors) else _blocks_between
    defects = [0.0]
    for left, right in pairwise(factors):
        pair = as_blocks(left, right)
        defects.append(float(np.max(ops.convert_to_numpy(balance_defect(pair).relative))))
    return max(defects)


def _are_stacks(factors: list[np.ndarray]) -> bool:
    """Return whether factors are (matrices, in, out), with as many matrices each."""
    return all(factor.ndim == 3 and len(factor) == len(factors[0]) for factor in factors)


def _blocks_between(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two neighbours as matrices (groups, .., channels) and (groups, channels, ..)."""
    # Group g of the left factor sends its channels to group g of the right one.
    channels = right.shape[-2]
    groups = left.shape[-1] // channels
    into = left.reshape(-1, groups, channels).swapaxes(0, 1)
    out_of = right.reshape(-1, channels, groups, right.shape[-1] // groups)
    return into, out_of.transpose(2, 1, 0, 3).reshape(groups, channels, -1)
