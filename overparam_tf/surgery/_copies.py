"""A copy of a Sequential or functional model with factorised layers in place of plain ones."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import keras

from overparam_tf._shapes import Width
from overparam_tf.errors import InputError
from overparam_tf.initializers import factor_seed
from overparam_tf.surgery._rebuild import rebuild
from overparam_tf.surgery._registry import FACTORIZED, parts


def factorised_copy(
    model: keras.Model,
    chosen: list[keras.layers.Layer],
    depth: int,
    width: Width,
    initializer: str,
    noise: float,
    seed: int | None,
) -> keras.Model:
    """Return a copy of a model in which the chosen layers are `FactorizedDense` and its like.

    Args:
        model: A built Sequential or functional model. It is not changed.
        chosen: Layers that have a factorised form.
        depth: As in `overparameterize`; so are the other arguments.
        width: Inner dimensions.
        initializer: How kernels are split.
        noise: Relative noise on the factors.
        seed: Seed of the noise.

    Raises:
        InputError: If a chosen layer is quantised, has LoRA or constraints, or cannot be split.
    """
    factorised: dict[int, keras.layers.Layer] = {}
    for layer in chosen:
        with naming([layer]):
            factorised[id(layer)] = FACTORIZED[type(layer)].from_plain(layer, depth, width)
    with naming(layer for layer in chosen if not factorised[id(layer)].built):
        new, replaced = rebuild(model, lambda layer: factorised.get(id(layer)))
    j = 0  # number of the kernel
    for layer, deep_layer in replaced:
        for plain, deep in zip(parts(layer), parts(deep_layer), strict=True):
            with naming([layer]):
                kernel_seed = None if seed is None else factor_seed(seed, j)
                deep.assign_kernel(plain.kernel, initializer, noise, kernel_seed)
                deep.assign_bias(plain.bias)
            for factor in deep.factors:
                factor.trainable = plain.kernel.trainable
            if plain.bias is not None:
                deep.bias.trainable = plain.bias.trainable
            j += 1
    return new


@contextlib.contextmanager
def naming(layers: Iterable[Any]) -> Iterator[None]:
    """Add to an error which layer of the model it is about, the first of `layers` if any."""
    try:
        yield
    except InputError as error:
        for layer in layers:
            raise InputError(
                f"{error} (in layer {layer.name!r}; layers=... says which to convert)"
            ) from error
        raise
