"""The crossing by hand, and the sharpness at the convex floor against balanced factors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.late_divergence.stability import crossing_step, sharpness_at_floor
from overparam_tf import Problem, convex_floor
from overparam_tf.dynamics import kernel_hessian, sharpness


def test_at_balanced_factors_of_a_minimum_the_preconditioner_gives_the_sharpness():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((30, 4)), rng.standard_normal((30, 1))
    problem = Problem("small", x, y, "random", "none", synthetic=True)
    kernel = convex_floor(x, y, 4).kernel
    by_depth = sharpness_at_floor(problem, (1, 2, 3))
    s = np.linalg.norm(kernel) ** (1 / 3)
    split = [kernel / s**2, np.array([[s]]), np.array([[s]])]
    assert by_depth["3"] == pytest.approx(sharpness(split, x, y, 4).value, rel=1e-5)
    error = (x @ kernel - y)[:, 0]
    assert by_depth["1"] == pytest.approx(np.linalg.eigvalsh(kernel_hessian(error, x, 4))[-1])


def test_a_crossing_by_hand():
    trace = pd.DataFrame(
        {"step": [0, 10, 20, 30], "sharpness": [1.0, 1.5, 2.5, 1.0], "threshold": 2.0}
    )
    assert crossing_step(trace) == 15
    assert crossing_step(trace[:2]) is None
