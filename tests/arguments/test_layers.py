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
from tests.arguments import bad_values
from tests.arguments.bad_values import (
    FLAG,
    INTEGER_OR_NONE,
    MODEL,
    NAME,
    NAN,
    NOT_NEGATIVE,
    OBJECT,
    OBJECT_OR_NONE,
    POSITIVE,
    WHOLE,
    WIDTH,
    Argument,
    Kind,
    arguments_of,
)

FACTORS = {
    "depth": POSITIVE,
    "width": WIDTH,
    "activation": OBJECT_OR_NONE,
    "use_factor_biases": FLAG,
    "factor_initializer": OBJECT_OR_NONE,
    "kernel_initializer": OBJECT_OR_NONE,
    "bias_initializer": OBJECT,
    "kernel_regularizer": OBJECT_OR_NONE,
    "factor_regularizer": OBJECT_OR_NONE,
    "bias_regularizer": OBJECT_OR_NONE,
    "activity_regularizer": OBJECT_OR_NONE,
    "kernel_constraint": OBJECT_OR_NONE,
    "bias_constraint": OBJECT_OR_NONE,
    "contraction": NAME,
}
PAIR = Kind(more=("3", [3], 1.5, 0, [3, None], (3, 3, 3), (), ("3", 3)))
SHAPE = Kind(more=(3, "45", [], [4], ["4", 4], [None, NAN], [4, -1], [4, True]))
CONVERSION = {"depth": POSITIVE, "width": WIDTH}


def built() -> FactorizedDense:
    layer = FactorizedDense(3)
    layer.build((None, 4))
    return layer


def assign_kernel(**arguments):
    built().assign_kernel(**arguments)


def dense_from_plain(**arguments):
    FactorizedDense.from_plain(**arguments)


def attention_from_plain(**arguments):
    FactorizedMultiHeadAttention.from_plain(**arguments)


ARGUMENTS = {
    **arguments_of(FactorizedDense, {"units": 3}, units=POSITIVE, use_bias=FLAG, **FACTORS),
    **arguments_of(
        FactorizedConv2D,
        {"filters": 4, "kernel_size": 3},
        filters=POSITIVE,
        kernel_size=PAIR,
        factor_kernel_sizes=Kind(("None",), ("33", 3, [3], [None, 3], ["3", 1])),
        strides=PAIR,
        padding=NAME,
        data_format=Kind(("None",), NAME.more),
        dilation_rate=PAIR,
        groups=POSITIVE,
        use_bias=FLAG,
        **FACTORS,
    ),
    **arguments_of(
        FactorizedEinsumDense,
        {"equation": "ab,bc->ac", "output_shape": 3},
        equation=Kind(more=(["ab,bc->ac"],)),
        output_shape=Kind(more=("3", ["3"], [True], [NAN], 0, 1.5)),
        bias_axes=Kind(("None",), (["c"], "x")),
        **FACTORS,
    ),
    **arguments_of(
        FactorizedMultiHeadAttention,
        {"num_heads": 2, "key_dim": 3},
        num_heads=POSITIVE,
        key_dim=POSITIVE,
        factor_initializer=OBJECT_OR_NONE,
        **CONVERSION,
    ),
    "FactorizedDense.build input_shape": Argument(FactorizedDense(3).build, *SHAPE),
    "FactorizedConv2D.build input_shape": Argument(FactorizedConv2D(3, 3).build, *SHAPE),
    "FactorizedEinsumDense.build input_shape": Argument(
        FactorizedEinsumDense("ab,bc->ac", 3).build, *SHAPE
    ),
    **arguments_of(dense_from_plain, {"layer": keras.layers.Dense(3)}, layer=MODEL, **CONVERSION),
    **arguments_of(
        attention_from_plain,
        {"layer": keras.layers.MultiHeadAttention(2, 3)},
        layer=MODEL,
        **CONVERSION,
    ),
    **arguments_of(
        assign_kernel,
        {"kernel": [[1.0] * 3] * 4},
        kernel=Kind(more=(["text"], {}, [1.0])),
        split=NAME,
        noise=NOT_NEGATIVE,
        seed=INTEGER_OR_NONE,
    ),
    "assign_bias.bias": Argument(
        lambda bias: built().assign_bias(bias), ("None",), (["text"], {}, [1.0])
    ),
    "contraction_for.rows": Argument(lambda rows: built().contraction_for(rows), *WHOLE),
}


@pytest.mark.parametrize(("name", "value"), bad_values.cases(ARGUMENTS))
def test_bad_values_are_refused(name, value):
    bad_values.assert_refused(ARGUMENTS, name, value)


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
