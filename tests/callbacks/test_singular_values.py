"""Singular values of large kernels, randomised, against exact ones."""

import numpy as np
import pytest

from overparam_tf.callbacks.singular_values import (
    effective_rank,
    randomized_singular_values,
    singular_values,
)

RNG = np.random.default_rng(0)
SPECTRA = {
    "1/i": 1 / np.arange(1.0, 201),
    "exponential": np.exp(-np.arange(200) / 20),
    "flat": np.ones(200),
    "rank 12": np.repeat([2.0, 1.0, 0.0], [6, 6, 188]),
}


def with_spectrum(s, rows=300):
    left, right = (np.linalg.qr(RNG.normal(size=(n, len(s))))[0] for n in (rows, len(s)))
    return left * s @ right.T


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("name", SPECTRA)
def test_randomised_singular_values_against_exact_ones(name, transposed):
    s = SPECTRA[name]
    matrix = with_spectrum(s).T if transposed else with_spectrum(s)
    values = randomized_singular_values(matrix, 20, seed=0)
    np.testing.assert_allclose(values[:5], s[:5], rtol=1e-3)
    assert np.all(values <= s[:20] + 1e-12)
    np.testing.assert_array_equal(values, randomized_singular_values(matrix, 20, seed=0))


@pytest.mark.parametrize("name", SPECTRA)
def test_large_kernels_keep_their_norm_and_bound_the_effective_rank_from_above(name):
    s = SPECTRA[name]
    values = singular_values(with_spectrum(s)[None], top=10, max_exact=80, seed=0)
    np.testing.assert_allclose(np.linalg.norm(values), np.linalg.norm(s))
    assert len(values) == 200 and effective_rank(values) >= effective_rank(s) * (1 - 1e-6)
    if name in ("flat", "rank 12"):
        np.testing.assert_allclose(effective_rank(values), effective_rank(s), rtol=1e-4)
