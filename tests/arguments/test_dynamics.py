"""Arguments of the theory's functions: every bad value is refused in one line."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from overparam_tf.dynamics import (
    balance_defect,
    closed_integral,
    conserved_imbalance,
    depth_two_step,
    effective_learning_rate,
    end_to_end_field,
    end_to_end_update,
    hessian,
    kernel_hessian,
    line_integral,
    mixed_update,
    momentum_direction,
    pair_eigenvalues,
    preconditioner,
    sharpness,
    theorem2_curve,
    unbalanced_update,
    width_one_step,
)
from tests.arguments import bad_values
from tests.arguments.bad_values import (
    INFINITE,
    NAME,
    NAN,
    NOT_NEGATIVE,
    POSITIVE,
    Argument,
    Kind,
    arguments_of,
)
from tests.backends import BACKEND, compiled

COLUMN, MATRIX = np.array([[3.0], [4.0]]), np.eye(2)
X, Y = np.arange(6.0).reshape(3, 2), np.ones((3, 1))
CURVE = theorem2_curve(np.ones(2), 1.0, 0.1)
# One number >= 1, or one for each kernel.
DEPTH = Kind(more=(-INFINITE, "3", [3], [3.0, 4.0], 0.5, {}, np.full(2, 2.0)))
SCALAR_DEPTH = Kind(more=(*DEPTH.more, np.full((1, 1), 2.0)))
KERNEL = Kind(more=([1.0], ["text"], [[True]], [[NAN]], {}, 1.0))
ROW_OR_COLUMN = Kind(more=(*KERNEL.more, MATRIX))
GRADIENT = Kind(more=(["text"], {}, np.ones((2, 3))))
FACTORS = Kind(more=([], ["text"], [1.0], {"a": 1}))
COLUMN_AND_NUMBERS = Kind(more=(*FACTORS.more, [np.ones((2, 2))], [COLUMN, COLUMN]))
# The differences of N factors; of one number with a stack of no axes there is no N.
IMBALANCE = Kind(more=(["text"], {}, 1.0, [NAN], np.ones((3, 1))))
GRAM = Kind(more=(["text"], {}, 1.0, np.eye(3)))
# One number >= 0, or one for each kernel.
RATE = Kind(more=(*NOT_NEGATIVE.more, np.full(2, 2.0), np.full((1, 1), -2.0)))
SINGULAR_VALUES = Kind(more=(["text"], [NAN], [-1.0], [1], [True]))
VECTOR = Kind(more=(["text"], [NAN, 1.0], [[1.0, 2.0]], [[1], [1, 2]]))
DIRECTION = Kind(more=(*VECTOR.more, [1.0], [0.0, 0.0]))
FUNCTION = Kind(more=("abs", [abs]))
SEGMENTS = Kind(more=([], [None], [1.0], abs))
DATA = Kind(more=([1.0], [["text"]], [[NAN]], np.ones((2, 3))))
EXPONENT = Kind(more=(*NOT_NEGATIVE.more, 0, 3, 2.5))
LOSS = {"factors": [COLUMN], "x": X, "y": Y, "p": 4}
BAD_LOSS = {"factors": COLUMN_AND_NUMBERS, "x": DATA, "y": DATA, "p": EXPONENT}


def number(*more):
    """Return the kind of a number >= 0 that must be none of some others."""
    return Kind(more=(*NOT_NEGATIVE.more, *more))


ARGUMENTS = {
    **arguments_of(
        end_to_end_update,
        {"kernel": MATRIX, "gradient": MATRIX, "depth": 2},
        kernel=KERNEL,
        gradient=GRADIENT,
        depth=DEPTH,
        method=NAME,
    ),
    **arguments_of(preconditioner, {"kernel": MATRIX, "depth": 2}, kernel=KERNEL, depth=DEPTH),
    "Preconditioner.apply gradient": Argument(preconditioner(MATRIX, 2).apply, *GRADIENT),
    **arguments_of(
        effective_learning_rate,
        {"kernel": COLUMN, "depth": 2},
        kernel=ROW_OR_COLUMN,
        depth=DEPTH,
    ),
    **arguments_of(
        momentum_direction,
        {"kernel": COLUMN, "gradient": COLUMN, "depth": 2},
        kernel=ROW_OR_COLUMN,
        gradient=GRADIENT,
        depth=DEPTH,
    ),
    **arguments_of(
        pair_eigenvalues,
        {"left": np.ones(2), "right": np.ones(3), "depth": 2},
        left=SINGULAR_VALUES,
        right=SINGULAR_VALUES,
        depth=DEPTH,
    ),
    **arguments_of(balance_defect, {}, factors=FACTORS),
    **arguments_of(conserved_imbalance, {}, factors=COLUMN_AND_NUMBERS),
    **arguments_of(
        unbalanced_update,
        {"kernel": COLUMN, "gradient": COLUMN, "imbalance": np.ones(2)},
        kernel=ROW_OR_COLUMN,
        gradient=GRADIENT,
        imbalance=IMBALANCE,
    ),
    **arguments_of(
        mixed_update,
        {"kernel": MATRIX, "gradient": MATRIX, "spread": 0.5},
        kernel=KERNEL,
        gradient=GRADIENT,
        spread=RATE,
        method=NAME,
    ),
    **arguments_of(
        width_one_step,
        {"kernel": COLUMN, "gradient": COLUMN, "imbalance": np.ones(2), "learning_rate": 0.1},
        kernel=ROW_OR_COLUMN,
        gradient=GRADIENT,
        imbalance=IMBALANCE,
        learning_rate=RATE,
        weight_decay=RATE,
    ),
    **arguments_of(
        depth_two_step,
        {
            "kernel": MATRIX,
            "gradient": MATRIX,
            "left": MATRIX,
            "right": MATRIX,
            "learning_rate": 0.1,
        },
        kernel=KERNEL,
        gradient=GRADIENT,
        left=GRAM,
        right=GRAM,
        learning_rate=RATE,
        weight_decay=RATE,
    ),
    **arguments_of(sharpness, LOSS, **BAD_LOSS),
    **arguments_of(hessian, LOSS, **BAD_LOSS),
    **arguments_of(
        kernel_hessian,
        {"error": np.ones(3), "x": X, "p": 4},
        error=Kind(more=(*VECTOR.more, np.ones(2))),
        x=DATA,
        p=EXPONENT,
    ),
    **arguments_of(
        line_integral,
        {"field": lambda w: w, "curve": CURVE, "nodes": 4},
        field=FUNCTION,
        curve=SEGMENTS,
        nodes=POSITIVE,
    ),
    **arguments_of(
        end_to_end_field,
        {"gradient": np.ones(2), "depth": 2},
        gradient=VECTOR,
        depth=SCALAR_DEPTH,
    ),
    **arguments_of(
        theorem2_curve,
        {"direction": np.ones(2), "outer_radius": 1.0, "inner_radius": 0.1},
        direction=DIRECTION,
        outer_radius=number(0, 0.05),
        inner_radius=number(0, 2.0),
    ),
    **arguments_of(
        closed_integral,
        {"depth": 3, "outer_radius": 1.0, "gradient_norm": 1.0, "inner_radius": 0.1},
        depth=SCALAR_DEPTH,
        outer_radius=number(0, 0.05),
        gradient_norm=NOT_NEGATIVE,
        inner_radius=number(2.0),
    ),
}


@pytest.mark.parametrize(("name", "value"), bad_values.cases(ARGUMENTS))
def test_bad_values_are_refused(name, value):
    bad_values.assert_refused(ARGUMENTS, name, value)


TRACED = {
    "end_to_end_update": lambda a, depth: end_to_end_update(a, a, depth),
    "precondition": lambda a, depth: preconditioner(a, depth).apply(a),
    "effective_learning_rate": lambda a, depth: effective_learning_rate(a[..., :1], depth),
    "momentum_direction": lambda a, depth: momentum_direction(a[..., :1], a[..., :1], depth),
    "pair_eigenvalues": lambda a, depth: pair_eigenvalues(abs(a[0]), abs(a[1]), depth[0, 0]),
    "balance_defect": lambda a, depth: balance_defect([a, a]).absolute,
    "mixed_update": lambda a, depth: mixed_update(a, a, depth),
    "conserved_imbalance": lambda a, depth: conserved_imbalance([a[:, :1], a[:1, :1]]),
    "unbalanced_update": lambda a, depth: unbalanced_update(a[:, :1], a[:, :1], a[0]),
    "width_one_step": lambda a, depth: width_one_step(a[:, :1], a[:, :1], a[0], depth).kernel,
    "depth_two_step": lambda a, depth: depth_two_step(a, a, a, a, depth).left,
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
