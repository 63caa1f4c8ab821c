"""The Hessian in the factors by two other routes, and its largest eigenvalue."""

from __future__ import annotations

import numpy as np
import pytest

from overparam_tf.dynamics import dense_reference, hessian, kernel_hessian, sharpness
from overparam_tf.errors import InputError
from tests.backends import needs_tensorflow


def data(rows=30, features=4):
    rng = np.random.default_rng(0)
    return rng.standard_normal((rows, features)), rng.standard_normal((rows, 1))


def factors(depth, features=4):
    rng = np.random.default_rng(1)
    column = rng.standard_normal((features, 1))
    return [column, *(rng.standard_normal((1, 1)) for _ in range(depth - 1))]


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
@pytest.mark.parametrize("p", [2, 4, 6])
def test_hessian_against_finite_differences_of_the_gradient(depth, p):
    (x, y), point = data(), factors(depth)
    sizes = np.cumsum([factor.size for factor in point])

    def gradient(entries):
        parts = [
            part.reshape(f.shape)
            for part, f in zip(np.split(entries, sizes[:-1]), point, strict=True)
        ]
        error = x @ dense_reference.product(parts) - y
        # One step at rate 1 from the same factors is minus the gradient.
        moved = dense_reference.descend(parts, x.T @ error ** (p - 1) / len(x), 1.0)
        return np.concatenate([(f - new).ravel() for f, new in zip(parts, moved, strict=True)])

    at, step = np.concatenate([factor.ravel() for factor in point]), 1e-5
    columns = [
        (gradient(at + step * unit) - gradient(at - step * unit)) / (2 * step)
        for unit in np.eye(len(at))
    ]
    exact = hessian(point, x, y, p)[0]
    np.testing.assert_allclose(exact, np.array(columns), rtol=1e-6, atol=1e-7 * np.abs(exact).max())


@needs_tensorflow
def test_sharpness_against_autodiff():
    import tensorflow as tf

    (x, y), point = data(), factors(3)
    variables = [tf.Variable(factor) for factor in point]
    with tf.GradientTape(persistent=True) as outer:
        with tf.GradientTape() as inner:
            loss = tf.reduce_mean((x @ variables[0] @ variables[1] @ variables[2] - y) ** 4) / 4
        flat = tf.concat([tf.reshape(g, (-1,)) for g in inner.gradient(loss, variables)], 0)
    rows = [
        tf.reshape(outer.jacobian(flat, v, experimental_use_pfor=False), (6, -1)) for v in variables
    ]
    matrix = tf.concat(rows, 1).numpy()
    result = sharpness(point, x, y, 4)
    assert result.value == pytest.approx(np.linalg.eigvalsh(matrix).max())
    np.testing.assert_allclose(
        matrix @ result.direction, result.value * result.direction, atol=1e-8 * result.value
    )


def test_sharpness_of_a_blown_up_run_is_nan():
    x, y = data()
    assert np.isnan(sharpness([np.full((4, 1), np.inf), np.ones((1, 1))], x, y, 4).value)


@pytest.mark.parametrize("p", [2, 4, 6])
def test_at_depth_one_both_hessians_are_that_of_the_kernel(p):
    (x, y), (kernel,) = data(), factors(1)
    in_factors, in_kernel = hessian([kernel], x, y, p)
    np.testing.assert_allclose(in_factors, in_kernel)
    np.testing.assert_allclose(kernel_hessian((x @ kernel - y)[:, 0], x, p), in_kernel)
    curvature = np.linalg.eigvalsh(in_kernel).max()
    assert sharpness([kernel], x, y, p).curvature == pytest.approx(curvature)


X, Y = data()


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: hessian([], X, Y, 4), r"a column \(d, 1\) .* for factors"),
        (lambda: hessian(factors(2)[1:] * 2, X, Y, 4), r"x.shape=\(30, 4\), .*, d=1"),
        (
            lambda: hessian([np.ones((4, 2))], X, Y, 4),
            r"for factors. Received: shapes=\[\(4, 2\)\]",
        ),
        (lambda: hessian([*factors(1), np.ones((2, 1))], X, Y, 4), r"shapes=.*\(2, 1\)"),
        (lambda: sharpness(factors(2), X[:, :3], Y, 4), r"x.shape=\(30, 3\)"),
        (lambda: sharpness(factors(2), X, Y[:9], 4), r"y.shape=\(9, 1\)"),
        (lambda: sharpness(factors(2), X, Y, 3), "even whole exponent p >= 2"),
        (lambda: kernel_hessian(np.ones(3), X, 4), r"error.shape=\(3,\), x.shape=\(30, 4\)"),
    ],
)
def test_bad_input_gets_one_line(use, message):
    with pytest.raises(InputError, match=message) as caught:
        use()
    assert "\n" not in str(caught.value)
