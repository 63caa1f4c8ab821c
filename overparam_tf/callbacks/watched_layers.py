"""The factorised layers of a model, and their kernels and factors as matrices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import pairwise

import keras
import numpy as np
from keras import ops

from overparam_tf.dynamics.balance import balance_defect
from overparam_tf.errors import InputError


def _factorised(
    model: keras.layers.Layer, prefix: str = ""
) -> Iterator[tuple[str, keras.layers.Layer]]:
    """Yield path and layer for every factorised layer inside ``model``."""
    is_model = isinstance(model, keras.Model)
    for layer in (
        model.layers if is_model else model._flatten_layers(include_self=False, recursive=False)
    ):
        # The class is asked first: as properties, both raise on a layer that is not built.
        if all(
            hasattr(type(layer), name) or hasattr(layer, name) for name in ("factors", "kernel")
        ):
            yield prefix + layer.name, layer
        else:
            yield from _factorised(layer, f"{prefix}{layer.name}/")


def chosen_layers(
    model: keras.Model, patterns: Sequence[str] | None
) -> dict[str, keras.layers.Layer]:
    """Return the factorised layers by path, a shared one once."""
    found: dict[str, keras.layers.Layer] = {}
    for path, layer in _factorised(model):
        if not layer.built:
            raise InputError(
                f"Expected a built model: call it on data first. Received: unbuilt layer {path!r}"
            )
        if not any(layer is other for other in found.values()):
            # In a subclassed model, two layers can have the same name.
            found[f"{path}_{len(found)}" if path in found else path] = layer
    if not found:
        raise InputError(
            "Expected a model with a factorised layer, such as FactorizedDense or those that overparameterize(model) "
            f"puts in. Received: model {model.name!r} without any"
        )
    if patterns is None:
        return found
    chosen = set()
    for pattern in patterns:
        matches = {
            p
            for p, layer in found.items()
            if fnmatchcase(p, pattern) or fnmatchcase(layer.name, pattern)
        }
        if not matches:
            raise InputError(
                f"Expected names or patterns of factorised layers, here {', '.join(found)}. "
                f"Received: layers={list(patterns)}, where {pattern!r} matches none"
            )
        chosen |= matches
    return {path: layer for path, layer in found.items() if path in chosen}


def kernel_blocks(layer: keras.layers.Layer, factors: list[np.ndarray]) -> np.ndarray:
    """Return the kernel as its diagonal blocks (groups, in, out): a single one, but for a grouped convolution."""
    if all(factor.ndim == 2 for factor in factors):
        with np.errstate(over="ignore", invalid="ignore"):
            return (np.linalg.multi_dot(factors) if len(factors) > 1 else factors[0])[None]
    kernel = ops.convert_to_numpy(layer.kernel).astype("float64")
    groups = getattr(layer, "groups", 1)
    return kernel.reshape(-1, groups, kernel.shape[-1] // groups).swapaxes(0, 1)


def largest_balance_defect(factors: list[np.ndarray]) -> float:
    """Return the largest relative defect of neighbouring factors, (in, out) or (height, width, in, out)."""
    defects = [0.0]
    for this, following in pairwise(factors):
        # Group g of the first sends its channels to group g of the second.
        channels, across = following.shape[-2], this.shape[-1]
        groups = across // channels
        into = this.reshape(-1, groups, channels).swapaxes(0, 1)
        out_of = following.reshape(-1, channels, groups, following.shape[-1] // groups)
        out_of = out_of.transpose(2, 1, 0, 3).reshape(groups, channels, -1)
        defects.append(np.max(ops.convert_to_numpy(balance_defect([into, out_of]).relative)))
    return max(defects)
