"""Arguments of the theory's functions: every bad value is refused in one line."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from overparam_tf.dynamics import (
    balance_defect,
    closed_integral,
    effective_learning_rate,
    end_to_end_field,
    end_to_end_update,
    hessian,
    kernel_hessian,
    line_integral,
    momentum_direction,
    pair_eigenvalues,
    preconditioner,
    sharpness,
    theorem2_curve,
)
from tests.arguments import refusals
from tests.arguments.refusals import INFINITE, NAN
from tests.backends import BACKEND, compiled

COLUMN, MATRIX = np.array([[3.0], [4.0]]), np.eye(2)
X, Y = np.arange(6.0).reshape(3, 2), np.ones((3, 1))
CURVE = theorem2_curve(np.ones(2), 1.0, 0.1)
# One number >= 1 for each kernel.
DEPTH = (None, NAN, INFINITE, -INFINITE, "3", [3], [3.0, 4.0], True, -1, 0.5, {}, np.full(2, 2.0))
SCALAR_DEPTH = (*DEPTH, np.full((1, 1), 2.0))
KERNEL = (None, NAN, INFINITE, "text", [1.0], ["text"], [[True]], [[NAN]], True, -1, {}, 1.0)
GRADIENT = (None, NAN, INFINITE, "text", ["text"], True, -1, {}, np.ones((2, 3)))
FACTORS = (None, NAN, INFINITE, "text", [], [None], ["text"], [1.0], True, -1, {"a": 1})
COLUMN_AND_NUMBERS = (*FACTORS, [np.ones((2, 2))], [COLUMN, COLUMN])
SINGULAR_VALUES = (None, NAN, INFINITE, "text", ["text"], [NAN], [-1.0], [1], [True], True, -1)
VECTOR = (None, NAN, INFINITE, "text", ["text"], [NAN, 1.0], [[1.0, 2.0]], [[1], [1, 2]], True, -1)
FUNCTION = (None, NAN, INFINITE, "abs", [abs], True, -1)
DATA = (None, NAN, INFINITE, "text", [1.0], [["text"]], [[NAN]], True, -1, np.ones((2, 3)))
EXPONENT = (*refusals.NOT_NEGATIVE, 0, 3, 2.5)
RADIUS = (*refusals.NOT_NEGATIVE, 0)
LOSS = {"factors": [COLUMN], "x": X, "y": Y, "p": 4}
BAD_LOSS = {"factors": COLUMN_AND_NUMBERS, "x": DATA, "y": DATA, "p": EXPONENT}

TABLE = {
    end_to_end_update: (
        {"kernel": MATRIX, "gradient": MATRIX, "depth": 2},
        {"kernel": KERNEL, "gradient": GRADIENT, "depth": DEPTH},
    ),
    preconditioner: ({"kernel": MATRIX, "depth": 2}, {"kernel": KERNEL, "depth": DEPTH}),
    effective_learning_rate: (
        {"kernel": COLUMN, "depth": 2},
        {"kernel": (*KERNEL, MATRIX), "depth": DEPTH},
    ),
    momentum_direction: (
        {"kernel": COLUMN, "gradient": COLUMN, "depth": 2},
        {"kernel": (*KERNEL, MATRIX), "gradient": GRADIENT, "depth": DEPTH},
    ),
    pair_eigenvalues: (
        {"left": np.ones(2), "right": np.ones(3), "depth": 2},
        {"left": SINGULAR_VALUES, "right": SINGULAR_VALUES, "depth": DEPTH},
    ),
    balance_defect: ({"factors": [MATRIX]}, {"factors": FACTORS}),
    sharpness: (LOSS, BAD_LOSS),
    hessian: (LOSS, BAD_LOSS),
    kernel_hessian: (
        {"error": np.ones(3), "x": X, "p": 4},
        {"error": (*VECTOR, np.ones(2)), "x": DATA, "p": EXPONENT},
    ),
    line_integral: (
        {"field": lambda w: w, "curve": CURVE, "nodes": 4},
        {
            "field": FUNCTION,
            "curve": (None, NAN, INFINITE, "text", [], [None], [1.0], abs, True, -1),
            "nodes": refusals.POSITIVE,
        },
    ),
    end_to_end_field: (
        {"gradient": np.ones(2), "depth": 2},
        {"gradient": VECTOR, "depth": SCALAR_DEPTH},
    ),
    theorem2_curve: (
        {"direction": np.ones(2), "outer_radius": 1.0, "inner_radius": 0.1},
        {
            "direction": (*VECTOR, [1.0], [0.0, 0.0]),
            "outer_radius": (*RADIUS, 0.05),
            "inner_radius": (*RADIUS, 2.0),
        },
    ),
    closed_integral: (
        {"depth": 3, "outer_radius": 1.0, "gradient_norm": 1.0, "inner_radius": 0.1},
        {
            "depth": SCALAR_DEPTH,
            "outer_radius": (*RADIUS, 0.05),
            "gradient_norm": refusals.NOT_NEGATIVE,
            "inner_radius": (*refusals.NOT_NEGATIVE, 2.0),
        },
    ),
}


@pytest.mark.parametrize(("function", "arguments", "name"), refusals.cases(TABLE))
def test_bad_values_are_refused(function, arguments, name):
    refusals.assert_refused(function, arguments, name)


def test_apply_refuses_bad_gradients():
    operator = preconditioner(MATRIX, 2)
    for gradient in GRADIENT:
        refusals.assert_refused(operator.apply, {"gradient": gradient}, "gradient")


TRACED = {
    "end_to_end_update": lambda a, depth: end_to_end_update(a, a, depth),
    "precondition": lambda a, depth: preconditioner(a, depth).apply(a),
    "effective_learning_rate": lambda a, depth: effective_learning_rate(a[..., :1], depth),
    "momentum_direction": lambda a, depth: momentum_direction(a[..., :1], a[..., :1], depth),
    "pair_eigenvalues": lambda a, depth: pair_eigenvalues(abs(a[0]), abs(a[1]), depth[0, 0]),
    "balance_defect": lambda a, depth: balance_defect([a, a]).absolute,
}


@pytest.mark.parametrize("name", TRACED)
def test_arguments_may_be_traced(name):
    arguments = np.array([[2.0, 0.5], [1.0, 3.0]]), np.full((1, 1), 2.5)
    eager = TRACED[name](*(keras.ops.convert_to_tensor(argument) for argument in arguments))
    traced = compiled(TRACED[name], xla=BACKEND == "jax")(*arguments)
    np.testing.assert_allclose(traced, eager, rtol=1e-6)


@pytest.mark.parametrize(
    ("kernel", "depth", "argument"),
    [(np.ones(2), np.full((1, 1), 2.0), "kernel"), (MATRIX, np.full(2, 2.0), "depth")],
)
def test_shapes_are_checked_in_traced_code_too(kernel, depth, argument):
    # TensorFlow wraps the error in one of its own, which keeps the message.
    function = compiled(
        lambda kernel, depth: preconditioner(kernel, depth).apply(kernel), xla=False
    )
    with pytest.raises(Exception, match=f"Expected .* for {argument}"):
        function(kernel, depth)
