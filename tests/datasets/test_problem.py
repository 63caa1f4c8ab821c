import dataclasses

import numpy as np
import pytest

from overparam_tf.datasets import Problem, SensingProblem, load
from overparam_tf.errors import InputError


def problem(x=None, y=None, name="toy", preprocessing="none", synthetic=False):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 5)) if x is None else x
    y = rng.standard_normal((40, 2)) if y is None else y
    return Problem(name, x, y, "made for a test", preprocessing, synthetic)


def test_sizes_and_label():
    p = problem()
    assert (p.rows, p.features, p.outputs) == (40, 5, 2)
    assert p.label == "toy (40 x 5, none)"
    assert problem(synthetic=True).label == "SYNTHETIC stand-in toy (40 x 5, none)"
    assert repr(p) == "Problem(toy (40 x 5, none))"


def test_arrays_are_private_read_only_float64_copies():
    x = np.ones((40, 5), np.float32, order="F")
    p = problem(x)
    x[:] = 7
    assert p.x.dtype == p.y.dtype == np.float64 and p.x.max() == 1
    with pytest.raises(ValueError, match="read-only"):
        p.x[0, 0] = 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": np.ones(40)}, r"a matrix of numbers, not empty, for x. Received: x.shape=\(40,\)"),
        ({"y": np.ones((40, 1, 1))}, r"a matrix of numbers, not empty, for y"),
        ({"x": np.ones((0, 5)), "y": np.ones((0, 2))}, r"a matrix of numbers, not empty, for x"),
        ({"x": np.ones((40, 0))}, r"a matrix of numbers, not empty, for x"),
        (
            {"x": np.ones((39, 5))},
            r"same number of rows in x and y. Received: x.shape=\(39, 5\), y.shape=\(40, 2\)",
        ),
        ({"x": np.full((40, 5), np.nan)}, r"finite numbers for x. Received: x\[0, 0\]=nan"),
        (
            {"y": [[1.0, 2.0]] * 39 + [[1.0, -np.inf]]},
            r"finite numbers for y. Received: y\[39, 1\]=-inf",
        ),
        ({"x": [["a", "b"]]}, r"a matrix of numbers for x. Received: x=\[\["),
        ({"x": None, "y": [[1.0], [2.0, 3.0]]}, r"a matrix of numbers for y"),
        (
            {"preprocessing": "whiten"},
            r"one of 'zscore', .* for preprocessing. Received: preprocessing='whiten'",
        ),
        ({"name": ""}, r"Expected a text, not empty, for name. Received: name=''"),
    ],
)
def test_bad_input_is_one_clear_line(arguments, message):
    with pytest.raises(InputError, match=message) as caught:
        problem(**arguments)
    assert "\n" not in str(caught.value)


def test_the_checksum_sees_values_shapes_and_order_but_not_names():
    x, y = np.arange(6.0).reshape(3, 2), np.arange(3.0)[:, None]
    same = {problem(x, y).checksum, problem(x.copy(order="F"), y, name="other").checksum}
    others = [
        (x[::-1], y[::-1]),
        (x + 1e-15, y),
        (y, x),
        (np.hstack([x, y]), y),
        (x.reshape(1, 6), y.T),
    ]
    assert len(same) == 1
    assert len({problem(*pair).checksum for pair in others} | same) == 6


def loss_and_gradient(p, kernel):
    error = p.x @ kernel - p.y
    return np.mean(error**2), 2 * p.x.T @ error / error.size


@pytest.mark.parametrize(
    "make", [problem, lambda: load("synthetic")], ids=["two-outputs", "ill-conditioned"]
)
def test_compressed_has_the_same_mean_squared_error_and_gradient(make):
    p = make()
    small = p.compressed()
    assert small.x.shape == (p.features + p.outputs, p.features)
    for scale in (0.01, 1.0, 100.0):
        kernel = scale * np.random.default_rng(1).standard_normal((p.features, p.outputs))
        for one, other in zip(
            loss_and_gradient(p, kernel), loss_and_gradient(small, kernel), strict=True
        ):
            assert np.linalg.norm(one - other) <= 1e-12 * np.linalg.norm(one)


def test_compressed_keeps_a_problem_that_is_small_already():
    p = problem(np.ones((3, 5)), np.ones((3, 2)))
    assert p.compressed() is p


def test_compressed_says_so_in_its_name_and_keeps_the_rest():
    small = problem(synthetic=True).compressed()
    assert small.label == "SYNTHETIC stand-in toy-compressed (7 x 5, none)"
    assert small.provenance == "made for a test"


MASK = np.random.default_rng(3).random((40, 2)) < 0.5


def test_numbers_under_a_mask_are_held_out():
    whole = problem()
    masked = dataclasses.replace(whole, unobserved=MASK.tolist())
    assert masked.observations == np.count_nonzero(~MASK)
    np.testing.assert_array_equal(np.isnan(masked.y), MASK)
    np.testing.assert_array_equal(masked.held_out.y[MASK], whole.y[MASK])
    assert np.isnan(masked.held_out.y[~MASK]).all()
    assert "labels observed" in masked.label and masked.checksum != whole.checksum
    assert {"observed", "held_out"} <= set(masked.describe())
    same = dataclasses.replace(masked, name="other")
    assert same.held_out is masked.held_out and same.checksum == masked.checksum
    unknown = dataclasses.replace(whole, y=masked.y, unobserved=True)
    assert unknown.held_out is None and unknown.checksum == masked.checksum


def with_nan(row, column):
    y = np.ones((40, 2))
    y[row, column] = np.nan
    return y


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": with_nan(3, 1)}, r"finite numbers for y. Received: y\[3, 1\]=nan"),
        ({"y": with_nan(3, 1), "unobserved": np.eye(40, 2, dtype=bool)}, r"y\[3, 1\]=nan"),
        ({"y": np.full((40, 2), np.nan), "unobserved": True}, "at least one observed label"),
        ({"y": np.full((40, 2), np.inf), "unobserved": True}, r"y\[0, 0\]=inf"),
        ({"unobserved": np.ones((2, 40), bool)}, r"shape \(40, 2\) for unobserved"),
        ({"unobserved": MASK.astype(float)}, "mask of bools"),
        ({"unobserved": None}, "mask of bools"),
        ({"unobserved": "some"}, "mask of bools"),
        ({"held_out": 3}, "a Problem for held_out"),
        ({"held_out": Problem("a", [[1.0]], [[1.0]], "", "none", False)}, "5 features and 2"),
        ({"unobserved": MASK, "held_out": problem()}, "NaN in y under the mask"),
    ],
)
def test_what_is_unobserved_is_said_in_one_line(arguments, message):
    with pytest.raises(InputError, match=message) as caught:
        dataclasses.replace(problem(), **arguments)
    assert "\n" not in str(caught.value)


def observed_error(p, kernel):
    return np.mean((p.x @ kernel - p.y)[p.observed] ** 2)


@pytest.mark.parametrize("mask", [MASK, np.repeat(MASK[:, :1], 2, axis=1)], ids=["any", "rows"])
def test_compressed_keeps_the_mean_over_observed_labels(mask):
    p = dataclasses.replace(problem(), unobserved=mask)
    small = p.compressed()
    assert small.rows < p.rows and small.held_out is p.held_out
    kernel = np.random.default_rng(1).standard_normal((5, 2))
    assert np.isclose(observed_error(small, kernel), observed_error(p, kernel), rtol=1e-12)


def sensing(**changes):
    right = {"x": np.ones((4, 6)), "y": np.arange(4.0)[:, None], "shape": (2, 3)}
    rest = {"name": "s", "provenance": "", "preprocessing": "none", "synthetic": False}
    return SensingProblem(**{**right, **rest, **changes})


def test_a_sensing_problem_has_the_sizes_of_its_kernel():
    p = sensing()
    assert (p.rows, p.features, p.outputs, p.matrices.shape) == (4, 2, 3, (4, 2, 3))
    assert p.checksum != sensing(shape=(3, 2)).checksum
    assert dataclasses.replace(p, name="b").label == "b (4 products with 2 x 3 matrices, none)"
    part = sensing(unobserved=[[False], [True], [False], [True]])
    assert part.observations == 2 and part.held_out.shape == (2, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": (2, 4)}, "rows of 2 \\* 4 = 8 numbers for x"),
        ({"shape": 6}, "a list for shape"),
        ({"shape": (6,)}, "two numbers, d and k, for shape"),
        ({"shape": (2, 0)}, "a positive integer for shape"),
        ({"y": np.ones((4, 2))}, "one label a row for y"),
    ],
)
def test_a_sensing_problem_refuses_other_shapes(arguments, message):
    with pytest.raises(InputError, match=message):
        sensing(**arguments)
