"""A plain model to a factorised one that computes the same function."""

from __future__ import annotations

import keras
from keras import ops

from overparam_tf._shapes import Width, positive_int
from overparam_tf.errors import InputError
from overparam_tf.initializers import factor_seed
from overparam_tf.surgery._compiling import compile_like
from overparam_tf.surgery._rebuild import Layer, check_model, rebuilt
from overparam_tf.surgery._registry import FACTORIZED, parts
from overparam_tf.surgery._selection import Layers, choose

SPLITS = ("balanced", "identity")


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
        width: Inner dimensions: None for the smallest that loses nothing, min(in, out), an int for all, or a
            list of ``depth - 1`` ints.
        layers: Which layers: None for all Dense, Conv2D, EinsumDense and MultiHeadAttention layers, a layer
            type, a name, a glob pattern such as ``"block_*"``, a predicate ``layer -> bool``, or a list of
            these. Layers of nested models also go by their path, ``"encoder/dense"``.
        initializer: How kernels are split: ``"balanced"``, equal singular values in all factors, or
            ``"identity"``, the kernel itself beside identity-like factors.
        noise: Standard deviation of noise on the factors, relative to their size; 0 keeps the function as it is.
        seed: Seed of the noise.
        compile: Whether to compile the new model as ``model`` is, with a fresh optimizer state.

    Returns:
        A new model of the same class, with the same layer names.

    Raises:
        InputError: If the model is subclassed or not built, ``layers`` matches nothing, or a chosen layer is
            quantised, has LoRA enabled, or cannot be split as asked, for instance with a width below its rank.

    Source:
        Arora, Cohen & Hazan, "On the Optimization of Deep Networks" (ICML 2018), Section 4 and Theorem 1.

    Example:
        >>> model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, "relu"), keras.layers.Dense(2)])
        >>> deep = overparameterize(model, depth=3)
        >>> x = ops.ones((4, 5))
        >>> bool(ops.all(ops.abs(deep(x) - model(x)) < 1e-5))
        True
    """
    check_model(model)
    depth = positive_int("depth", depth)
    if initializer not in SPLITS:
        raise InputError(f"expected an initializer out of {', '.join(SPLITS)}. Received: initializer={initializer!r}")
    chosen = {id(layer) for layer in choose(model, layers)}

    def factorised(layer: Layer) -> Layer | None:
        if id(layer) not in chosen:
            return None
        _check_convertible(layer)
        return _named(layer, FACTORIZED[type(layer)].from_plain, layer, depth, width)

    new, replaced = rebuilt(model, factorised)
    kernels = [pair for plain, deep in replaced for pair in zip(parts(plain), parts(deep), strict=True)]
    for j, (plain, deep) in enumerate(kernels):
        own_seed = None if seed is None else factor_seed(seed, j)
        kernel = ops.convert_to_numpy(plain.kernel)
        _named(plain, deep.assign_kernel, kernel, split=initializer, noise=noise, seed=own_seed)
        if plain.bias is not None:
            deep.assign_bias(ops.convert_to_numpy(plain.bias))
    if compile:
        compile_like(new, model)
    return new


def _check_convertible(layer: Layer) -> None:
    for part in parts(layer):
        if part.quantization_mode is not None:
            problem = f"is quantised to {part.quantization_mode}: convert the model before it is quantised"
        elif part.lora_enabled:
            problem = "has LoRA enabled: save its weights, which merges LoRA, and load them into the model built without"
        else:
            continue
        raise InputError(
            f"expected layers with plain kernels, or a choice of layers=... that leaves others out. "
            f"Received: layer {layer.name!r}, which {problem}"
        )


def _named(layer: Layer, function, *args, **kwargs):  # noqa: ANN
    """Call a layer's method; tell an error's reader which layer of the model it is about."""
    try:
        return function(*args, **kwargs)
    except InputError as error:
        raise InputError(f"layer {layer.name!r}: {error}") from error
