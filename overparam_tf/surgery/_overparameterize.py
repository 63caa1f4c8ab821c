"""A plain model to a factorised one that computes the same function."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import keras

from overparam_tf._shapes import Width
from overparam_tf.checks import positive_int
from overparam_tf.errors import InputError
from overparam_tf.initializers import SPLITS, factor_seed
from overparam_tf.surgery._compiling import compile_like
from overparam_tf.surgery._rebuild import Layer, check_model, rebuilt
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

    Every chosen layer with kernel K becomes one whose kernel is a product of ``depth`` factors, split so that

    .. math:: F_1 F_2 \cdots F_N = K.

    Train it in place of the model, then take `overparam_tf.collapse` for the way back. Shared layers stay
    shared, models nested in the model are converted too, and all other layers keep weights and state. Wrappers
    (`TimeDistributed`, `Bidirectional`), depthwise and recurrent layers and custom layers are left as they are,
    and so are layers that are factorised already.

    Args:
        model: A built Sequential or functional model. It stays as it is.
        depth: Number of factors N >= 1 of every converted kernel.
        width: Inner dimensions: None for the smallest that lose nothing, min(in, out) in a dense layer, an int for
            all, or a list of ``depth - 1`` ints.
        layers: Which layers: None for all Dense, Conv2D, EinsumDense and MultiHeadAttention layers, a layer
            type, a name, a glob pattern such as ``"block_*"``, a predicate ``layer -> bool``, or a list of
            these. Layers of nested models also go by their path, ``"encoder/dense"``.
        initializer: How kernels are split: ``"balanced"``, neighbouring factors of equal weight, or
            ``"identity"``, the kernel itself beside identity-like factors.
        noise: Standard deviation of noise on the factors, relative to the root mean square of each. Only 0 keeps
            the function as it is.
        seed: Seed of the noise.
        compile: Whether to compile the new model as ``model`` is, with a fresh optimizer state.

    Returns:
        A new model of the same class, with the same layer names.

    Raises:
        InputError: If the model is subclassed or not built, ``layers`` matches nothing, or a chosen layer is
            quantised, has LoRA enabled, or cannot be split as asked, for instance with a width below its rank.

    Source:
        Arora, Cohen & Hazan, "On the Optimization of Deep Networks" (ICML 2018); Theorem 1 for the
        balance.

    Example:
        >>> model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, "relu"), keras.layers.Dense(2)])
        >>> deep = overparameterize(model, depth=3)
        >>> x = keras.ops.ones((4, 5))
        >>> bool(keras.ops.all(keras.ops.abs(deep(x) - model(x)) < 1e-5))
        True
    """
    check_model(model)
    depth = positive_int("depth", depth)
    if initializer not in SPLITS:
        raise InputError(
            f"Expected an initializer out of {', '.join(SPLITS)}. Received: initializer={initializer!r}"
        )
    chosen = choose(model, layers)
    factorised = {}
    for layer in chosen:
        with _naming([layer]):
            factorised[id(layer)] = FACTORIZED[type(layer)].from_plain(layer, depth, width)
    with _naming(layer for layer in chosen if not factorised[id(layer)].built):
        new, replaced = rebuilt(model, lambda layer: factorised.get(id(layer)))
    kernels = [
        (layer, *pair)
        for layer, deep in replaced
        for pair in zip(parts(layer), parts(deep), strict=True)
    ]
    for j, (layer, plain, deep) in enumerate(kernels):
        with _naming([layer]):
            deep.assign_kernel(
                plain.kernel, initializer, noise, None if seed is None else factor_seed(seed, j)
            )
            deep.assign_bias(plain.bias)
    if compile:
        compile_like(new, model)
    return new


@contextlib.contextmanager
def _naming(layers: Iterable[Layer]) -> Iterator[None]:
    """Tell the reader of an error which layer of the model it is about, the first of ``layers`` if there is any."""
    try:
        yield
    except InputError as error:
        for layer in layers:
            raise InputError(
                f"{error} (in layer {layer.name!r}; layers=... says which to convert)"
            ) from error
        raise
