"""EndToEndMonitor: its numbers against closed forms."""

import keras
import numpy as np
import pytest
from keras import ops

from overparam_tf.callbacks.end_to_end_monitor import EndToEndMonitor
from overparam_tf.callbacks.watched_layers import kernel_blocks, largest_balance_defect
from overparam_tf.dynamics import effective_learning_rate
from overparam_tf.layers import FactorizedConv2D, FactorizedEinsumDense
from tests.callbacks.monitored import SCALARS, compiled, dense, fit, kernel_of, measured

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_numbers_of_a_matrix_against_closed_forms(depth):
    layer = dense(3, depth)
    layer.build((None, 5))
    layer.set_weights([*(RNG.normal(size=f.shape) for f in layer.factors), np.zeros(3)])
    kernel = np.linalg.multi_dot([np.eye(5), *layer.get_weights()[:-1]])
    s = np.linalg.svd(kernel, compute_uv=False)
    values, p = measured(layer, (5,), rate=0.1, top=2), s / s.sum()
    np.testing.assert_allclose(values["singular_values"], s[:2])
    np.testing.assert_allclose(values["norm"], np.linalg.norm(kernel))
    np.testing.assert_allclose(values["effective_rank"], np.prod(p**-p))
    np.testing.assert_allclose(
        values["effective_learning_rate"], 0.1 * s[0] ** (2 - 2 / depth), rtol=1e-6
    )
    assert (values["balance_defect"] > 0.1) == (depth > 1)


def test_rate_of_a_single_output_is_claim_2_at_the_current_rate_of_a_schedule():
    schedule, monitor = keras.optimizers.schedules.InverseTimeDecay(0.4, 1, 1.0), EndToEndMonitor(3)
    model = compiled([dense(1, 3, use_bias=False)], rate=schedule)
    fit(model, monitor, examples=3, epochs=1)
    expected = (
        0.4
        / (1 + 3)
        * ops.convert_to_numpy(effective_learning_rate(model.layers[0].kernel, 3))[0, 0]
    )
    np.testing.assert_allclose(
        monitor.history["head/effective_learning_rate"][-1], expected, rtol=1e-6
    )


def test_kernel_of_an_attention_projection_is_a_matrix_of_in_axes_and_out_axes():
    layer = FactorizedEinsumDense(
        "abc,dec->abde", (None, 2, 4), kernel_initializer="glorot_uniform", dtype="float64"
    )
    values = measured(layer, (5, 6))
    matrix = kernel_of(layer).reshape(8, 6)
    np.testing.assert_allclose(values["singular_values"], np.linalg.svd(matrix, compute_uv=False))
    assert values["balance_defect"] < 1e-9


def test_a_stack_of_matrices_has_the_numbers_of_each_of_them():
    left, right = RNG.normal(size=(3, 4, 2)), RNG.normal(size=(3, 2, 5))
    blocks = kernel_blocks(None, [left, right])
    np.testing.assert_allclose(blocks, left @ right)
    defects = [largest_balance_defect(pair) for pair in zip(left, right, strict=True)]
    np.testing.assert_allclose(largest_balance_defect([left, right]), max(defects))


@pytest.mark.parametrize("groups", [1, 2])
def test_kernel_of_a_convolution_is_a_matrix_for_each_group(groups):
    layer = FactorizedConv2D(
        4, (2, 3), depth=3, groups=groups, kernel_initializer="glorot_uniform", dtype="float64"
    )
    values, inputs = measured(layer, (5, 5, 6)), 6 // groups
    matrix = np.zeros((groups, 6 * inputs, groups, 4 // groups))
    for g, outputs in enumerate(np.split(kernel_of(layer), groups, axis=-1)):
        matrix[g, :, g] = outputs.reshape(6 * inputs, 4 // groups)
    matrix = matrix.reshape(groups * 6 * inputs, 4)
    np.testing.assert_allclose(values["singular_values"], np.linalg.svd(matrix, compute_uv=False))
    np.testing.assert_allclose(values["norm"], np.linalg.norm(kernel_of(layer)))


@pytest.mark.parametrize("groups", [1, 2])
def test_balance_defect_of_convolutions_changes_in_second_order_of_the_rate_only(groups):
    def defect_after_a_step(rate):
        keras.utils.set_random_seed(1)
        layer = FactorizedConv2D(
            4,
            3,
            depth=3,
            groups=groups,
            kernel_initializer="glorot_uniform",
            dtype="float64",
            name="conv",
        )
        model, monitor = compiled([layer], (5, 5, 4), rate), EndToEndMonitor(1)
        x, y = (np.random.default_rng(2).normal(size=(8, n, n, 4)) for n in (5, 3))
        model.fit(x, y, callbacks=[monitor], verbose=0)
        assert monitor.history["conv/balance_defect"][0] < 1e-9
        return monitor.history["conv/balance_defect"][1]

    np.testing.assert_allclose(defect_after_a_step(2e-3) / defect_after_a_step(1e-3), 4, rtol=0.02)


def test_kernels_that_are_zero_or_not_finite_are_results_too():
    layer = dense(3, 2)
    layer.build((None, 4))
    layer.set_weights([np.zeros(w.shape) for w in layer.weights])
    values = measured(layer, (4,))
    assert [values[name] for name in SCALARS] == [0, 0, 0, 0] and values["singular_values"] == [
        0,
        0,
        0,
    ]
    layer.factors[0].assign(np.full((4, 3), np.inf))
    values = measured(layer, (4,))
    assert (
        np.isnan([values[name] for name in SCALARS]).all()
        and np.isnan(values["singular_values"]).all()
    )


def test_monitor_leaves_large_kernels_to_the_randomised_decomposition(monkeypatch):
    layer, calls = dense(20, 2), []
    monkeypatch.setattr(
        "overparam_tf.callbacks.singular_values.randomized_singular_values",
        lambda matrix, count, seed: calls.append((matrix.shape, count, seed)) or np.ones(count),
    )
    measured(layer, (30,), max_exact=19, seed=7)
    measured(layer, (30,), max_exact=20, seed=7)
    assert calls == [((30, 20), 10, 7)]


# Which layers, and where to.
