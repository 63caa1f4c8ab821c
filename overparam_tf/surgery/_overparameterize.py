"""Conversion of a model to one with products for kernels, which computes the same function."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable

import keras

from overparam_tf._blas_threads import one_blas_thread
from overparam_tf._shapes import Width, check_width
from overparam_tf.checks import boolean, one_of, positive_int, real_number, whole_number
from overparam_tf.errors import InputError, input_error
from overparam_tf.initializers import SPLITS, factor_seed
from overparam_tf.surgery._compiling import check_compiled, compile_like, fresh_optimizers
from overparam_tf.surgery._copies import factorised_copy, naming
from overparam_tf.surgery._factors import factorise
from overparam_tf.surgery._in_place import mark
from overparam_tf.surgery._rebuild import check_built, copy_of, is_rebuilt_exactly
from overparam_tf.surgery._selection import Layers, choose
from overparam_tf.surgery._splits import Split
from overparam_tf.surgery._targets import (
    SHOWN,
    find_targets,
    kernels_by_path,
    without_obstacles,
)
from overparam_tf.surgery._tracking import holders
from overparam_tf.surgery._walk import all_layers
from overparam_tf.surgery._weight_axes import Axes


@dataclasses.dataclass(frozen=True)
class _Options:
    depth: int
    width: Width
    initializer: str
    noise: float
    seed: int | None
    base: bool


def overparameterize(
    model: keras.Model,
    depth: int = 2,
    width: Width = None,
    layers: Layers = None,
    initializer: str = "balanced",
    noise: float = 0.0,
    seed: int | None = None,
    compile: bool = False,
    *,
    weights: Axes | None = None,
    base: str | None = None,
    rank: int | None = None,
    copy: bool = False,
) -> keras.Model:
    r"""Make the kernels of a model products of factors, in place, and return the model.

    As `quantize` and `enable_lora` of Keras do, it changes the model that it is given; `copy=True`
    leaves that one as it is and returns a new one. Every chosen kernel K becomes a product of
    `depth` factors, split so that

    $$F_1 F_2 \cdots F_N = K.$$

    So the model computes the same function and trains along another path. The layers stay where
    they are and of their classes, with names, masks and state; `layer.kernel` is a
    `overparam_tf.products.Product`, which is read and assigned as a variable is. Models of every
    kind are taken: Sequential, functional, subclassed, those of KerasHub, with layers nested in
    other layers to any depth, shared layers, wrappers, recurrent cells. A compiled model stays
    compiled, with a fresh optimizer state.

    `overparam_tf.collapse` makes the kernels plain variables again. `save`, `save_weights` and
    `load_model` keep the factors (import `overparam_tf.surgery` first in a new process), and
    `load_weights` of a checkpoint of the plain model splits its kernels.

    Args:
        model: A built model of any kind. Convert the outermost one: another model around it, if
            compiled, would go on training the old variables.
        depth: Number of factors N >= 1 of every converted kernel; default 2.
        width: Inner dimensions: None (default) for the smallest that lose nothing, min(in, out) in
            a dense layer, an int for all, or a list of `depth - 1` ints.
        layers: The layers to convert: None (default) for all with a kernel, a layer, a layer type,
            a name, a glob pattern such as `"block_*"`, a predicate `layer -> bool`, or a list of
            these. Names and patterns also match paths, `"encoder/dense"`; a layer with others
            inside stands for all of them. Embedding tables are converted only if their layer itself
            is selected. By default a kernel that cannot be split stays as it is, and a warning
            names all weights of two or more axes that do.
        initializer: How kernels are split: `"balanced"` (default), neighbouring factors of equal
            weight, or `"identity"`, the kernel itself beside identity-like factors.
        noise: Standard deviation of noise on the factors, relative to the root mean square of each,
            >= 0. Only 0, the default, keeps the function.
        seed: Seed of the noise and of adapters; default None, a random one.
        compile: With `copy=True`, whether to compile the new model as `model` is, with a fresh
            optimizer state; default False.
        weights: Weights of your own layers, or of others whose axes are not known, by name or
            `"layer/weight"` pattern: the axis or axes that the layer sums over, as in
            `{"projection": 0}`. For a stack of matrices, such as experts (experts, in, out), both
            the input and the output axes, `{"experts": ((1,), (2,))}`: then each has factors of its
            own. Default None.
        base: None (default), or `"frozen"` for adapters: the kernel itself stays and never trains,
            and the product of the factors, zero at the start, is added to it. At depth 2 this is
            LoRA. Everything else that is trainable goes on training. `collapse` merges them.
        rank: With `base="frozen"`, the inner dimension of all factors; default None, `width`.
        copy: Whether to return a new model and leave `model` as it is; default False. A Sequential
            or functional copy has `FactorizedDense`, `FactorizedConv2D`, `FactorizedEinsumDense`
            and `FactorizedMultiHeadAttention` in place of its layers. These choose the cheaper
            order of multiplication; in place only `Dense` does.

    Returns:
        `model`, or with `copy=True` a new model of the same class, with the same layer names.

    Raises:
        InputError: If the model is not built, `layers` matches nothing, a selected layer is
            quantised, has LoRA enabled or a constraint, a kernel cannot be split as required, for
            instance with a width below its rank, the model cannot be copied, or another argument is
            out of its range.

    Source:
        Arora, Cohen & Hazan, "On the Optimization of Deep Networks" (ICML 2018); Theorem 1 for the
        balance. Adapters: Hu et al., "LoRA" (ICLR 2022).

    Example:
        >>> layers = [keras.layers.Dense(3, "relu"), keras.layers.Dense(2)]
        >>> model = keras.Sequential([keras.Input((5,)), *layers])
        >>> x = keras.ops.ones((4, 5))
        >>> before = model(x)
        >>> deep = overparameterize(model, depth=3)
        >>> deep is model, len(model.trainable_weights)
        (True, 8)
        >>> bool(keras.ops.all(keras.ops.abs(deep(x) - before) < 1e-5))
        True
        >>> plain = keras.Sequential([keras.Input((5,)), keras.layers.Dense(2, use_bias=False)])
        >>> adapted = overparameterize(plain, base="frozen", rank=1)
        >>> [tuple(weight.shape) for weight in adapted.trainable_weights]
        [(5, 1), (1, 2)]
    """
    check_built(model)
    depth = positive_int("depth", depth)
    width = _adapter_width(width, base, rank)
    if isinstance(layers, (list, tuple, set)) and not layers and not weights:
        raise input_error("at least one of the layers, or None for all", layers=layers)
    if seed is not None:
        seed = whole_number("seed", seed, least=None)
    options = _Options(
        depth,
        check_width(width, depth),
        one_of("initializer", initializer, SPLITS),
        real_number("noise", noise, least=0),
        seed,
        base is not None,
    )
    if boolean("copy", copy):
        return _converted_copy(model, layers, weights, options, boolean("compile", compile))
    if boolean("compile", compile):
        check_compiled(model)
    _convert(model, layers, weights, options)
    return model


def _adapter_width(width: Width, base: str | None, rank: int | None) -> Width:
    """Return the width of the factors, which is the rank of adapters."""
    if base is not None:
        one_of("base", base, ["frozen"])
    if rank is None:
        return width
    if base is None or width is not None:
        raise input_error("rank only with base='frozen' and without a width", rank=rank)
    return positive_int("rank", rank)


def _convert(model: keras.Model, layers: Layers, weights: Axes | None, options: _Options) -> None:
    """Make the chosen kernels of a model products: all of them, or on an error none."""
    targets = find_targets(model, layers, weights)
    planned = []
    for j, kernel in enumerate(targets.kernels.values()):
        seed = None if options.seed is None else factor_seed(options.seed, j)
        assert kernel.axes is not None  # of every target
        split = Split(kernel.axes, **{**dataclasses.asdict(options), "seed": seed})
        with naming([kernel.layer]):
            planned.append((kernel, split, split.values_of(kernel.variable)))
    around = holders(model._flatten_layers(), (kernel.variable for kernel, _, _ in planned))
    with fresh_optimizers(model) as replaced:
        for kernel, split, values in planned:
            layers_around = around[id(kernel.variable)]
            made = factorise(kernel.layer, kernel.place, split, layers_around, values)
            replaced[id(kernel.variable)] = made.product.factors
    mark(model)
    targets.warn()
    if options.base:
        _warn_of_frozen_layers(kernel.layer for kernel, _, _ in planned)


def _warn_of_frozen_layers(layers: Iterable[keras.layers.Layer]) -> None:
    names = list(dict.fromkeys(layer.name for layer in layers if not layer.trainable))
    if names:
        shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
        warnings.warn(
            f"adapters of frozen layers do not train until layer.trainable is True: {shown}",
            UserWarning,
            stacklevel=4,
        )


def _converted_copy(
    model: keras.Model, layers: Layers, weights: Axes | None, options: _Options, compile: bool
) -> keras.Model:
    chosen = None if weights or options.base else _rebuilt_layers(model, layers)
    if chosen is not None:
        if layers is None:
            chosen, left = without_obstacles(model, chosen)
            left.warn()
        with one_blas_thread():
            new = factorised_copy(
                model,
                chosen,
                options.depth,
                options.width,
                options.initializer,
                options.noise,
                options.seed,
            )
    else:
        new = copy_of(model)
        _convert(new, layers, weights, options)
    if compile:
        compile_like(new, model)
    return new


def _rebuilt_layers(model: keras.Model, layers: Layers) -> list[keras.layers.Layer] | None:
    """Return the layers to be replaced by factorised ones in a copy; None if that is not enough.

    It is enough for a graph of plain layers, of which all that are asked for have such a form.
    """
    if not is_rebuilt_exactly(model):
        return None
    try:
        chosen = choose(model, layers)
    except InputError:
        return None
    if layers is not None:
        replaced = {id(inner) for layer in chosen for inner in layer._flatten_layers()}
        targets = find_targets(model, layers).kernels.values()
        asked_for = {id(kernel.layer) for kernel in targets}
        kernels = kernels_by_path(all_layers(model)).values()
        owners = {id(kernel.layer) for kernel in kernels if kernel.axes and not kernel.is_table}
        if asked_for != replaced & owners or any(kernel.is_stack for kernel in targets):
            return None
    return chosen
