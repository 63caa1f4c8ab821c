import numpy as np
import pytest

from overparam_tf.datasets import Problem, load
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
