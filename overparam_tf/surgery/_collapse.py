"""Conversion of a factorised model back to plain Keras layers."""

from __future__ import annotations

import keras

from overparam_tf.checks import boolean
from overparam_tf.errors import InputError
from overparam_tf.surgery._compiling import compile_like
from overparam_tf.surgery._rebuild import check_model, is_graph, layers_by_path, rebuild
from overparam_tf.surgery._registry import FACTORIZED, parts


def collapse(model: keras.Model, compile: bool = False) -> keras.Model:
    r"""Return a new model of plain Keras layers that computes the same function.

    Every factorised layer becomes the plain layer whose kernel is the product of the factors,

    $$K = F_1 F_2 \cdots F_N,$$

    and its bias the end-to-end bias: equal except for round-off, and as fast as a model that never
    was factorised. It undoes `overparam_tf.overparameterize`, and needs nothing but Keras to be
    saved, exported and loaded.

    With tf2onnx installed (tried: tf2onnx 1.17, onnx 1.23, onnxruntime 1.32, with Keras 3.15 on
    TensorFlow 2.21) `export(path, format="onnx")` works once the new model has been called on data,
    which Keras requires. The one exception is a convolution with groups: on a CPU Keras compiles it
    with XLA, which tf2onnx cannot convert.

    Args:
        model: A built Sequential or functional model. It is not changed.
        compile: Whether to compile the new model as `model` is, with a fresh optimizer state;
            default False.

    Returns:
        A new model of the same class, with the same layer names. Without any factorised layer it is
        a copy.

    Raises:
        InputError: If the model is subclassed or not built, or has factorised layers inside a
            wrapper or a custom layer, where no plain layer can take their place.

    Source:
        Arora, Cohen & Hazan, "On the Optimization of Deep Networks" (ICML 2018).

    Example:
        >>> from overparam_tf.layers import FactorizedDense
        >>> deep = keras.Sequential([keras.Input((5,)), FactorizedDense(2, depth=3, name="head")])
        >>> plain = collapse(deep)
        >>> type(plain.layers[0]).__name__, plain.layers[0].name
        ('Dense', 'head')
        >>> x = keras.ops.ones((4, 5))
        >>> bool(keras.ops.all(keras.ops.abs(plain(x) - deep(x)) < 1e-5))
        True
    """
    check_model(model)
    compile = boolean("compile", compile)
    for path, layer in layers_by_path(model).items():
        _check_no_hidden_factors(path, layer)
    new, replaced = rebuild(
        model, lambda layer: layer.plain_layer() if _is_factorised(layer) else None
    )
    for deep, plain in replaced:
        for source, target in zip(parts(deep), parts(plain), strict=True):
            target.kernel.assign(source.kernel)
            if target.bias is not None:
                target.bias.assign(source.end_to_end_bias)
    if compile:
        compile_like(new, model)
    return new


def _is_factorised(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, tuple(FACTORIZED.values()))


def _check_no_hidden_factors(path: str, layer: keras.layers.Layer) -> None:
    if is_graph(layer) or _is_factorised(layer):
        return
    inner_layers = layer._flatten_layers(include_self=False)
    hidden = [inner.name for inner in inner_layers if _is_factorised(inner)]
    if hidden:
        raise InputError(
            "Expected factorised layers in the model itself, not inside the "
            f"{type(layer).__name__} {path!r}: replace them there by hand, with plain_layer(), "
            f"kernel and end_to_end_bias. Received: {', '.join(hidden)}"
        )
