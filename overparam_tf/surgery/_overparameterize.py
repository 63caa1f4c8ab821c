"""Conversion of a plain model to a factorised one that computes the same function."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import keras

from overparam_tf._shapes import Width, check_width
from overparam_tf.checks import boolean, one_of, positive_int, real_number, whole_number
from overparam_tf.errors import InputError
from overparam_tf.initializers import SPLITS, factor_seed
from overparam_tf.surgery._compiling import compile_like
from overparam_tf.surgery._rebuild import check_model, rebuild
from overparam_tf.surgery._registry import FACTORIZED, parts
from overparam_tf.surgery._selection import Layers, choose


def overparameterize(
    model: keras.Model,
    depth: int = 2,
    width: Width = None,
    layers: Layers = None,
    initializer: str = "balanced",
    noise: float = 0.0,
    seed: int | None = None,
    compile: bool = False,
) -> keras.Model:
    r"""Return a new model that computes the same function with factorised kernels.

    Every chosen layer with kernel K becomes one whose kernel is a product of `depth` factors, split
    so that

    $$F_1 F_2 \cdots F_N = K.$$

    Train it in place of the model, then call `overparam_tf.collapse` for plain layers again. Shared
    layers stay shared, models nested in the model are converted too, and all other layers keep
    weights and state. Wrappers (`TimeDistributed`, `Bidirectional`), depthwise and recurrent
    layers, custom layers and layers that are factorised already are copied as they are.

    Args:
        model: A built Sequential or functional model. It is not changed.
        depth: Number of factors N >= 1 of every converted kernel; default 2.
        width: Inner dimensions: None (default) for the smallest that lose nothing, min(in, out) in
            a dense layer, an int for all, or a list of `depth - 1` ints.
        layers: The layers to convert: None (default) for all Dense, Conv2D, EinsumDense and
            MultiHeadAttention layers, a layer type, a name, a glob pattern such as `"block_*"`, a
            predicate `layer -> bool`, or a list of these. Layers of nested models also match by
            their path, `"encoder/dense"`.
        initializer: How kernels are split: `"balanced"` (default), neighbouring factors of equal
            weight, or `"identity"`, the kernel itself beside identity-like factors.
        noise: Standard deviation of noise on the factors, relative to the root mean square of each,
            >= 0. Only 0, the default, keeps the function.
        seed: Seed of the noise; default None, a random one.
        compile: Whether to compile the new model as `model` is, with a fresh optimizer state;
            default False.

    Returns:
        A new model of the same class, with the same layer names.

    Raises:
        InputError: If the model is subclassed or not built, `layers` matches nothing, a chosen
            layer is quantised, has LoRA enabled, or cannot be split as required, for instance with
            a width below its rank, or another argument is out of its range.

    Source:
        Arora, Cohen & Hazan, "On the Optimization of Deep Networks" (ICML 2018); Theorem 1 for the
        balance.

    Example:
        >>> layers = [keras.layers.Dense(3, "relu"), keras.layers.Dense(2)]
        >>> model = keras.Sequential([keras.Input((5,)), *layers])
        >>> deep = overparameterize(model, depth=3)
        >>> x = keras.ops.ones((4, 5))
        >>> bool(keras.ops.all(keras.ops.abs(deep(x) - model(x)) < 1e-5))
        True
    """
    check_model(model)
    depth = positive_int("depth", depth)
    width = check_width(width, depth)
    initializer = one_of("initializer", initializer, SPLITS)
    noise = real_number("noise", noise, least=0)
    if seed is not None:
        seed = whole_number("seed", seed, least=None)
    compile = boolean("compile", compile)
    chosen = choose(model, layers)
    factorised: dict[int, keras.layers.Layer] = {}
    for layer in chosen:
        with _naming([layer]):
            factorised[id(layer)] = FACTORIZED[type(layer)].from_plain(layer, depth, width)
    with _naming(layer for layer in chosen if not factorised[id(layer)].built):
        new, replaced = rebuild(model, lambda layer: factorised.get(id(layer)))
    j = 0  # number of the kernel
    for layer, deep_layer in replaced:
        for plain, deep in zip(parts(layer), parts(deep_layer), strict=True):
            with _naming([layer]):
                kernel_seed = None if seed is None else factor_seed(seed, j)
                deep.assign_kernel(plain.kernel, initializer, noise, kernel_seed)
                deep.assign_bias(plain.bias)
            j += 1
    if compile:
        compile_like(new, model)
    return new


@contextlib.contextmanager
def _naming(layers: Iterable[Any]) -> Iterator[None]:
    """Add to an error which layer of the model it is about, the first of `layers` if any."""
    try:
        yield
    except InputError as error:
        for layer in layers:
            raise InputError(
                f"{error} (in layer {layer.name!r}; layers=... says which to convert)"
            ) from error
        raise
