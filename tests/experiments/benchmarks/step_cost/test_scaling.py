"""Exponents: how a cost grows with a size, fitted at the large end."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.benchmarks.step_cost.scaling import fit_exponent


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 2.0])
def test_exponents_of_powers(exponent):
    sizes = np.array([1, 4, 16, 64, 256])
    assert fit_exponent(sizes, 7 * sizes**exponent) == pytest.approx(exponent, abs=1e-12)
    # The fixed cost of a step does not count where it is small.
    costs = 1e-3 + (sizes * 1e3) ** exponent
    assert fit_exponent(sizes * 1e3, costs) == pytest.approx(exponent, abs=1e-3)


def test_exponents_pass_over_what_was_not_measured():
    assert fit_exponent([1, 10, 100, 1000], [np.nan, 1, 10, np.nan]) == pytest.approx(1)
    assert np.isnan(fit_exponent([1, 2], [1, np.nan]))
