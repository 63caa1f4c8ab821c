import numpy as np
import pytest

from overparam_tf.datasets import Problem, preprocess
from overparam_tf.errors import InputError


def columns():
    rng = np.random.default_rng(0)
    return rng.standard_normal((50, 3)) * [1e-6, 1.0, 1e6] + [1.0, -2.0, 1e7], rng.uniform(
        3, 9, (50, 1)
    )


def test_zscore_has_mean_0_and_variance_1_with_divisor_n():
    for values in preprocess(*columns()):
        np.testing.assert_allclose(values.sum(0) / len(values), 0, atol=1e-9)
        np.testing.assert_allclose((values**2).sum(0) / len(values), 1, rtol=1e-12)


def test_minmax_spans_0_to_1():
    for values in preprocess(*columns(), "minmax"):
        assert (values.min(0) == 0).all() and (values.max(0) == 1).all()


def test_none_returns_equal_copies():
    x, y = columns()
    new_x, new_y = preprocess(x, y, "none")
    assert (new_x == x).all() and (new_y == y).all() and new_x is not x


@pytest.mark.parametrize("how", ["zscore", "minmax"])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e300, -7.0])
def test_a_constant_column_becomes_zeros(how, value):
    x, y = columns()
    x[:, 1] = value
    assert (preprocess(x, y, how)[0][:, 1] == 0).all()


@pytest.mark.parametrize("how", ["zscore", "minmax"])
def test_one_row_becomes_zeros(how):
    x, y = preprocess([[3.0, 4.0]], [[5.0]], how)
    assert not x.any() and not y.any()


@pytest.mark.parametrize("how", ["zscore", "minmax"])
def test_overflow_is_refused_by_the_problem_not_hidden(how):
    x, y = preprocess([[1.7e308], [-1.7e308], [1e308]], [[1.0], [2.0], [3.0]], how)
    with pytest.raises(InputError, match="finite numbers for x"):
        Problem("huge", x, y, "made for a test", how, False)


@pytest.mark.parametrize(
    ("x", "how", "message"),
    [
        (np.ones((2, 2)), "whiten", "one of 'zscore', 'minmax', 'none' for how"),
        (np.ones((2, 2)), None, "one of 'zscore', 'minmax', 'none' for how"),
        (np.ones(2), "zscore", r"a matrix of numbers, not empty, for x. Received: x.shape=\(2,\)"),
        (np.ones((0, 2)), "zscore", r"a matrix of numbers, not empty, for x"),
    ],
)
def test_bad_input(x, how, message):
    with pytest.raises(InputError, match=message):
        preprocess(x, np.ones((2, 1)), how)
