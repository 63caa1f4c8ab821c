"""Conversion of a model with products for kernels back to plain Keras layers."""

from __future__ import annotations

import keras

from overparam_tf.checks import boolean
from overparam_tf.surgery._compiling import check_compiled, compile_like, fresh_optimizers
from overparam_tf.surgery._factors import factorisations, merge
from overparam_tf.surgery._in_place import mark
from overparam_tf.surgery._plain_forms import has_factorised_in_graph, put_plain, rebuilt_plain
from overparam_tf.surgery._rebuild import check_built, copy_of, is_rebuilt_exactly
from overparam_tf.surgery._tracking import holders


def collapse(model: keras.Model, compile: bool = False, *, copy: bool = False) -> keras.Model:
    r"""Make the products of a model plain kernels again, in place, and return the model.

    Every product becomes a variable with its value,

    $$K = F_1 F_2 \cdots F_N,$$

    of the name, at the place and in the order of the one that was there before. So the layers are
    of their own classes again, and checkpoints are those of a model that never was converted. It
    undoes `overparam_tf.overparameterize`: the same function except for round-off, as fast as
    before, to be exported to any format.

    `FactorizedDense` and its like become the plain layers of `plain_layer()`, with the end-to-end
    kernel and bias. Held as attributes of a layer or a subclassed model they are replaced where
    they are; those in the graph of a Sequential or functional model cannot be, and the result is a
    new model, as with `copy=True`.

    With tf2onnx installed (tried: tf2onnx 1.17, onnx 1.23, onnxruntime 1.32, with Keras 3.15 on
    TensorFlow 2.21) `export(path, format="onnx")` works once the model has been called on data,
    which Keras requires. The one exception is a convolution with groups: on a CPU Keras compiles it
    with XLA, which tf2onnx cannot convert.

    Args:
        model: A built model of any kind.
        compile: Whether to compile a new model as `model` is, with a fresh optimizer state; default
            False. A model that is changed in place stays compiled in any case.
        copy: Whether to return a new model and leave `model` as it is; default False.

    Returns:
        `model`; a new one with `copy=True`, or with factorised layers in a graph.

    Raises:
        InputError: If the model is not built, or has to be copied and cannot be.

    Source:
        Arora, Cohen & Hazan, "On the Optimization of Deep Networks" (ICML 2018).

    Example:
        >>> from overparam_tf import overparameterize
        >>> model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(2, name="head")])
        >>> deep = overparameterize(model, depth=3)
        >>> [weight.name for weight in collapse(deep).weights]
        ['kernel', 'bias']
        >>> from overparam_tf.layers import FactorizedDense
        >>> by_hand = keras.Sequential([keras.Input((5,)), FactorizedDense(2, name="head")])
        >>> type(collapse(by_hand).layers[0]).__name__
        'Dense'
    """
    check_built(model)
    compile, copy = boolean("compile", compile), boolean("copy", copy)
    if compile:
        check_compiled(model)
    if has_factorised_in_graph(model) or (copy and is_rebuilt_exactly(model)):
        new = _in_place(rebuilt_plain(model))
    elif copy:
        new = _in_place(copy_of(model))
    else:
        return _in_place(model)
    if compile:
        compile_like(new, model)
    return new


def _in_place(model: keras.Model) -> keras.Model:
    layers = model._flatten_layers()
    records = [(layer, record) for layer in layers for record in factorisations(layer)]
    around = holders(layers, (record.product for _, record in records))
    with fresh_optimizers(model) as replaced:
        for layer, record in records:
            variable = merge(layer, record, around[id(record.product)])
            replaced.update((id(factor), [variable]) for factor in record.product.factors)
        put_plain(model)
    mark(model)
    return model
