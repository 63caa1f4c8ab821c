"""The two-example toy: known numbers, two independent routes to them, scans by hand."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.harness.two_examples import Scan, State, kernel_path, learning_rates, scan
from overparam_tf import LpLoss, Problem, Sweep, Variant
from overparam_tf.dynamics import dense_reference
from overparam_tf.sweep.recorder import NEVER


@pytest.mark.parametrize(
    ("label", "p", "depth", "limit", "steps"),
    [
        (10, 4, 1, 3000, 2503),
        (10, 4, 2, 3000, 66),
        (100, 4, 1, 100_000, None),
        (100, 4, 2, 3000, 2201),
        (10, 2, 1, 100, 1),
        (10, 2, 2, 100, 12),
        (100, 2, 1, 100, 1),
        (100, 2, 2, 100, 15),
        (1, 4, 1, 100, 1),
        (1, 4, 2, 100, 2),
    ],
)
def test_known_numbers_at_the_best_rate_of_ten_a_decade(label, p, depth, limit, steps):
    result = scan(label, p, depth, learning_rates(label, p, depth, per_decade=10), limit)
    best = result.best()
    assert steps == (None if best is None else result.reached_steps[best])


def factors(start, depth):
    a, b, s = State.balanced(start, depth)
    return [np.array([[a], [b]])] + [np.array([[s]])] * (depth - 1)


@pytest.mark.parametrize(
    ("p", "depth", "rate"),
    [(4, 1, 0.01995), (4, 2, 0.1), (4, 3, 0.01995), (2, 3, 0.02), (6, 2, 0.2)],
)
def test_against_descent_on_whole_factors(p, depth, rate):
    labels, current = np.array([[10.0 if p < 6 else 2.0], [1.0]]), factors(1e-3, depth)
    kernels = [dense_reference.product(current)]
    for _ in range(120):
        current = dense_reference.descend(current, (kernels[-1] - labels) ** (p - 1), rate)
        kernels.append(dense_reference.product(current))
    steps, path = kernel_path(labels[0, 0], p, depth, rate, 120, 1e-3)
    np.testing.assert_allclose(path, np.array(kernels)[steps, :, 0], rtol=1e-6)
    fitted = np.flatnonzero([np.abs(kernel - labels).max() < 0.1 for kernel in kernels])
    reached = scan(labels[0, 0], p, depth, np.array([rate]), 120).reached_steps[0]
    assert reached == (fitted[0] if len(fitted) else NEVER)


@pytest.mark.parametrize(("depth", "rate", "steps"), [(2, 0.1, 66), (3, 10**-1.7, 97)])
def test_against_the_sweep_engine(depth, rate, steps):
    problem = Problem(
        "toy", np.eye(2), np.array([[10.0], [1.0]]), "two examples", "none", synthetic=True
    )
    # Its loss is the mean over the two examples, so it takes twice the rate.
    variant = Variant(
        "GD", depth=depth, learning_rates=(2 * rate,), initial_factors=factors(1e-3, depth)
    )
    sweep = Sweep(problem, [variant], LpLoss(4), "float64")
    kernels = [
        sweep.run(n).model("GD", 2 * rate).layers[0].kernel.numpy() for n in (steps - 1, steps)
    ]
    before, after = (np.abs(kernel - problem.y).max() for kernel in kernels)
    assert after < 0.1 <= before


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_the_start_is_balanced(depth):
    start = factors(1e-3, depth)
    np.testing.assert_allclose(dense_reference.product(start), 1e-3, rtol=1e-12)
    assert depth == 1 or np.linalg.norm(start[0]) == pytest.approx(start[1].item())


def test_depth_one_is_stable_up_to_the_known_rate():
    # e <- e (1 - eta e^2) shrinks from e = 10 for eta < 2 / 100.
    rates = np.array([0.001, 0.0199, 0.0201, 0.03])
    result = scan(10, 4, 1, rates, 3000)
    assert result.never_rises.tolist() == [True, True, False, False]
    assert result.stable().rates.tolist() == [0.001, 0.0199]
    assert (result.reached_steps != NEVER).tolist() == [False, True, False, False]


def test_a_scan_by_hand():
    result = Scan(
        np.arange(1.0, 7.0),
        np.array([9, 7, NEVER, 8, 2, NEVER]),
        np.array([True] * 2 + [False] + [True] * 3),
    )
    assert (result.best(), result.best(3), result.stable().best()) == (4, 3, 1)
    assert (result.window(4), result.window(0)) == ((4.0, 5.0), (1.0, 2.0))
    assert Scan(result.rates, np.full(6, NEVER), result.never_rises).best() is None


def test_the_finer_grid_contains_the_grid():
    for label, p, depth in ((3, 4, 3), (30, 6, 2), (100, 2, 1)):
        coarse, fine = (learning_rates(label, p, depth, 10, refinement) for refinement in (1, 20))
        np.testing.assert_allclose(fine[::20], coarse)
        np.testing.assert_allclose(
            np.log10(coarse) * 10, np.round(np.log10(coarse) * 10), atol=1e-9
        )
