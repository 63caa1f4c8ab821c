import numpy as np
import pytest

from overparam_tf.dynamics import dense_reference as reference
from overparam_tf.dynamics import preconditioner
from overparam_tf.errors import InputError
from tests.dynamics.cases import KERNELS, gradient_for, largest_gap

every_kernel = pytest.mark.parametrize("name", KERNELS)
every_depth = pytest.mark.parametrize("depth", [1, 3])


@every_kernel
@every_depth
def test_dense_is_the_kronecker_matrix(name, depth):
    dense = preconditioner(KERNELS[name], depth).dense()
    assert largest_gap(dense, reference.kronecker_matrix(KERNELS[name], depth)) < 1e-10


@every_kernel
@pytest.mark.parametrize("depth", [1, 2.5])
def test_apply_is_the_dense_matrix(name, depth):
    operator = preconditioner(KERNELS[name], depth)
    gradient = gradient_for(KERNELS[name])
    dense = np.asarray(operator.dense()) @ gradient.ravel()
    assert largest_gap(operator.apply(gradient), dense.reshape(gradient.shape)) < 1e-12


@every_kernel
@every_depth
def test_eigenpairs(name, depth):
    kernel = KERNELS[name]
    operator = preconditioner(kernel, depth)
    values, vectors = np.asarray(operator.eigenvalues), np.asarray(operator.eigenvectors)
    assert (
        largest_gap(reference.kronecker_matrix(kernel, depth) @ vectors, vectors * values) < 1e-10
    )
    assert largest_gap(vectors.T @ vectors, np.eye(kernel.size)) < 1e-13
    assert np.all(values >= 0)


def test_first_eigenvector_is_the_first_singular_pair():
    left, _, right = np.linalg.svd(KERNELS["tall"])
    first = np.asarray(preconditioner(KERNELS["tall"], 3).eigenvectors)[:, 0]
    assert largest_gap(np.abs(first), np.abs(np.kron(left[:, 0], right[0]))) < 1e-12


def test_stack_of_kernels():
    kernels = np.random.default_rng(0).normal(size=(2, 3, 2))
    dense = preconditioner(kernels, np.array([2.0, 3.0]).reshape(2, 1, 1)).dense()
    expected = [
        reference.kronecker_matrix(kernels[0], 2),
        reference.kronecker_matrix(kernels[1], 3),
    ]
    assert largest_gap(dense, expected) < 1e-12


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: preconditioner(np.ones((65, 64)), 2).dense(), r"in \* out = 4096.*\(65, 64\)"),
        (
            lambda: preconditioner(np.ones((2, 2)), 2).apply(np.ones((2, 3))),
            r"gradient.shape=\(2, 3\)",
        ),
        (lambda: preconditioner(np.ones(2), 2), r"kernel.shape=\(2,\)"),
        (lambda: preconditioner(np.ones((2, 2)), 0), "depth=0"),
    ],
)
def test_bad_input_gets_one_line(use, message):
    with pytest.raises(InputError, match=message):
        use()
