"""Arguments of the factorised layers: every bad value is refused in one line."""

from __future__ import annotations

import keras
import pytest

from overparam_tf.layers import (
    FactorizedConv2D,
    FactorizedDense,
    FactorizedEinsumDense,
    FactorizedMultiHeadAttention,
)
from tests.arguments import refusals

FACTORS = {
    "depth": refusals.POSITIVE,
    "width": refusals.WIDTH,
    "activation": refusals.OPTIONAL_OBJECT,
    "use_factor_biases": refusals.FLAG,
    "factor_initializer": refusals.OBJECT,
    "kernel_initializer": refusals.OPTIONAL_OBJECT,
    "bias_initializer": refusals.OBJECT,
    "kernel_regularizer": refusals.OPTIONAL_OBJECT,
    "factor_regularizer": refusals.OPTIONAL_OBJECT,
    "bias_regularizer": refusals.OPTIONAL_OBJECT,
    "activity_regularizer": refusals.OPTIONAL_OBJECT,
    "contraction": refusals.NAME,
}
PAIR = (*refusals.POSITIVE, [3, None], (3, 3, 3), (), ("3", 3))
FACTOR_SIZES = (refusals.NAN, refusals.INFINITE, "33", 3, True, -1, [3], [None, 3], ["3", 1])
OUTPUT_SHAPE = (*refusals.POSITIVE[:4], ["3"], [True], [refusals.NAN], True, -1, 0, 1.5)
BIAS_AXES = (refusals.NAN, refusals.INFINITE, ["c"], True, -1, "x")


def built() -> FactorizedDense:
    layer = FactorizedDense(3)
    layer.build((None, 4))
    return layer


def assign_kernel(**arguments):
    built().assign_kernel(**arguments)


def assign_bias(bias):
    built().assign_bias(bias)


def contraction_for(rows):
    built().contraction_for(rows)


def build_dense(input_shape):
    FactorizedDense(3).build(input_shape)


def build_convolution(input_shape):
    FactorizedConv2D(3, 3).build(input_shape)


def build_einsum(input_shape):
    FactorizedEinsumDense("ab,bc->ac", 3).build(input_shape)


def dense_from_plain(**arguments):
    FactorizedDense.from_plain(**arguments)


def attention_from_plain(**arguments):
    FactorizedMultiHeadAttention.from_plain(**arguments)


PLAIN = keras.layers.Dense(3)
ATTENTION = keras.layers.MultiHeadAttention(2, 3)
SHAPES = (None, refusals.NAN, 3, "45", [], [4], ["4", 4], [None, refusals.NAN], [4, -1], [4, True])
TABLE = {
    FactorizedDense: (
        {"units": 3},
        {"units": refusals.POSITIVE, "use_bias": refusals.FLAG, **FACTORS},
    ),
    FactorizedConv2D: (
        {"filters": 4, "kernel_size": 3},
        {
            "filters": refusals.POSITIVE,
            "kernel_size": PAIR,
            "factor_kernel_sizes": FACTOR_SIZES,
            "strides": PAIR,
            "padding": refusals.NAME,
            "data_format": refusals.NAME[1:],
            "dilation_rate": PAIR,
            "groups": refusals.POSITIVE,
            "use_bias": refusals.FLAG,
            **FACTORS,
        },
    ),
    FactorizedEinsumDense: (
        {"equation": "ab,bc->ac", "output_shape": 3},
        {
            "equation": (*refusals.TEXT, "no equation"),
            "output_shape": OUTPUT_SHAPE,
            "bias_axes": BIAS_AXES,
            **FACTORS,
        },
    ),
    FactorizedMultiHeadAttention: (
        {"num_heads": 2, "key_dim": 3},
        {
            "num_heads": refusals.POSITIVE,
            "key_dim": refusals.POSITIVE,
            "depth": refusals.POSITIVE,
            "width": refusals.WIDTH,
        },
    ),
    build_dense: ({}, {"input_shape": SHAPES}),
    build_convolution: ({}, {"input_shape": (*SHAPES, [None, 8, 8])}),
    build_einsum: ({}, {"input_shape": SHAPES}),
    dense_from_plain: (
        {"layer": PLAIN},
        {"layer": refusals.MODEL, "depth": refusals.POSITIVE, "width": refusals.WIDTH},
    ),
    attention_from_plain: (
        {"layer": ATTENTION},
        {"layer": refusals.MODEL, "depth": refusals.POSITIVE, "width": refusals.WIDTH},
    ),
    assign_kernel: (
        {"kernel": [[1.0] * 3] * 4},
        {
            "kernel": (*refusals.ARRAY, refusals.NAN, refusals.INFINITE, [1.0], True, -1),
            "split": refusals.NAME,
            "noise": refusals.NOT_NEGATIVE,
            "seed": refusals.OPTIONAL_INTEGER,
        },
    ),
    assign_bias: ({}, {"bias": (*refusals.ARRAY[1:], refusals.NAN, [1.0], True, -1)}),
    contraction_for: ({}, {"rows": refusals.WHOLE}),
}


@pytest.mark.parametrize(("function", "arguments", "name"), refusals.cases(TABLE))
def test_bad_values_are_refused(function, arguments, name):
    refusals.assert_refused(function, arguments, name)


@pytest.mark.parametrize(
    "arguments",
    [
        {"units": keras.ops.convert_to_numpy(3)[()]},
        {"depth": 3, "width": (4, 5)},
        {"activation": keras.activations.relu, "kernel_initializer": keras.initializers.Ones},
        {"factor_initializer": [keras.initializers.Zeros(), "near_zero"]},
        {"factor_initializer": lambda shape, dtype=None: keras.ops.ones(shape, dtype)},
        {"kernel_regularizer": "l2", "factor_regularizer": ["l1", None]},
        {"kernel_regularizer": lambda kernel: keras.ops.sum(kernel)},
    ],
)
def test_what_keras_lets_through_is_let_through(arguments):
    layer = FactorizedDense(**{"units": 3, **arguments})
    layer.build((None, 4))
    assert len(layer.factors) == layer.depth
