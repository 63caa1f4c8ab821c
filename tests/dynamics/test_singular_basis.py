import numpy as np
import pytest
from keras.ops import convert_to_numpy

from overparam_tf.dynamics.singular_basis import singular_basis
from tests.backends import compiled, needs_xla
from tests.dynamics.cases import kernel_with

VALUES = np.array(
    [
        np.linspace(1, 0.1, 9),
        np.logspace(0, -8, 9),
        [1.0, 1.0 - 1e-7, 1.0 - 2e-7, 1.0 - 3e-7, 0.5, 0.5, 0.5, 0.1, 0.1],
        [1.0, 0.5, *[0.0] * 7],
        np.ones(9),
    ]
)


@pytest.mark.parametrize("mode", ["eager", pytest.param("xla", marks=needs_xla)])
@pytest.mark.parametrize("size", [2, 9])
def test_decomposes_to_rounding(mode, size):
    expected = VALUES[:, :size]
    kernels = np.stack(
        [kernel_with((20, size), values, seed) for seed, values in enumerate(expected)]
    )
    decompose = compiled(singular_basis) if mode == "xla" else singular_basis
    left, values, right = map(convert_to_numpy, decompose(kernels))
    transposed = np.swapaxes(right, 1, 2)
    np.testing.assert_allclose((left * values[:, None]) @ transposed, kernels, atol=3e-15)
    np.testing.assert_allclose(
        transposed @ right, np.broadcast_to(np.eye(size), right.shape), atol=3e-15
    )
    np.testing.assert_allclose(np.sort(values)[:, ::-1], expected, atol=3e-15)


def test_rounding_noise_counts_as_zero():
    kernel = np.outer(np.arange(1.0, 7), [1 / 3, 1 / 7, 1 / 11]).astype("float32")
    assert np.count_nonzero(np.linalg.svd(kernel)[1]) > 1
    assert np.count_nonzero(singular_basis(kernel)[1]) == 1
