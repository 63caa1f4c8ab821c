from itertools import pairwise

import numpy as np
import pytest

from overparam_tf.dynamics import balance_defect
from overparam_tf.dynamics import dense_reference as reference
from overparam_tf.errors import InputError
from tests.dynamics.cases import KERNELS


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_balanced_factors_have_no_defect(name, depth):
    defect = balance_defect(reference.balanced_factors(KERNELS[name], depth))
    assert float(defect.absolute) < 1e-14
    assert float(defect.relative) < 1e-13


def test_worst_pair_in_the_frobenius_norm():
    first, second, third = (
        np.random.default_rng(0).normal(size=shape) for shape in [(4, 2), (2, 3), (3, 1)]
    )
    defects = [np.linalg.norm(a.T @ a - b @ b.T) for a, b in [(first, second), (second, third)]]
    sizes = [
        max(np.linalg.norm(a.T @ a), np.linalg.norm(b @ b.T))
        for a, b in [(first, second), (second, third)]
    ]
    defect = balance_defect([first, second, third])
    np.testing.assert_allclose(defect.absolute, max(defects))
    np.testing.assert_allclose(defect.relative, max(np.divide(defects, sizes)))


def test_stack_has_one_defect_a_run():
    factors = [np.ones((5, 4, 1)), np.zeros((5, 1, 3))]
    np.testing.assert_allclose(balance_defect(factors).absolute, np.full(5, 4.0))
    np.testing.assert_allclose(balance_defect(factors).relative, np.ones(5))


def test_gradient_descent_conserves_balance_in_proportion_to_the_rate():
    # Least squares, an unbalanced start, the same time 1 in 100 ... 800 steps.
    rng = np.random.default_rng(0)
    start = [0.7 * rng.normal(size=shape) for shape in [(4, 3), (3, 3), (3, 2)]]
    target = rng.normal(size=(4, 2))

    def defects(factors):
        return [a.T @ a - b @ b.T for a, b in pairwise(factors)]

    drifts = []
    for steps in (100, 200, 400, 800):
        factors = start
        for _ in range(steps):
            factors = reference.descend(factors, reference.product(factors) - target, 1 / steps)
        pairs = zip(defects(factors), defects(start), strict=True)
        drifts.append(max(np.linalg.norm(after - before) for after, before in pairs))
    np.testing.assert_allclose(np.divide(drifts[:-1], drifts[1:]), 2, rtol=0.05)


def test_training_from_a_balanced_start_unbalances_in_proportion_to_the_rate():
    rng = np.random.default_rng(1)
    target = rng.normal(size=(4, 2))
    defects = []
    for steps in (100, 200, 400):
        factors = reference.balanced_factors(KERNELS["square"][:, :2], 3)
        for _ in range(steps):
            factors = reference.descend(factors, reference.product(factors) - target, 1 / steps)
        defects.append(float(balance_defect(factors).absolute))
    np.testing.assert_allclose(np.divide(defects[:-1], defects[1:]), 2, rtol=0.05)


@pytest.mark.parametrize("factors", [[], [np.ones(3)], [np.ones((2, 3)), np.ones((2, 2))]])
def test_bad_factors_get_one_line(factors):
    with pytest.raises(InputError, match="matrices whose product exists for factors"):
        balance_defect(factors)
