"""EndToEndMonitor: when and what it measures, in which models, and where it writes."""

import keras
import numpy as np
import pytest
from keras import ops

from overparam_tf.callbacks.end_to_end_monitor import EndToEndMonitor
from overparam_tf.callbacks.watched_layers import kernel_blocks, largest_balance_defect
from overparam_tf.dynamics import effective_learning_rate
from overparam_tf.errors import InputError
from overparam_tf.layers import FactorizedConv2D, FactorizedDense, FactorizedEinsumDense
from tests.backends import BACKEND, needs_tensorflow

RNG = np.random.default_rng(0)
SCALARS = ("norm", "effective_rank", "balance_defect", "effective_learning_rate")


def compiled(layers, inputs=(4,), rate=0.01, **options):
    model = keras.Sequential([keras.Input(inputs, dtype="float64"), *layers])
    model.compile(keras.optimizers.SGD(rate), "mse", **options)
    return model


def dense(units=3, depth=2, name="head", **options):
    return FactorizedDense(
        units,
        depth=depth,
        kernel_initializer="glorot_uniform",
        name=name,
        dtype="float64",
        **options,
    )


def kernel_of(layer):
    return ops.convert_to_numpy(layer.kernel)


def fit(model, monitor, examples=10, epochs=2, **options):
    x = RNG.normal(size=(examples, *model.input_shape[1:]))
    y = RNG.normal(size=(examples, *model.output_shape[1:]))
    return model.fit(
        x, y, batch_size=1, epochs=epochs, callbacks=[monitor], verbose=0, **options
    ).history


def measured(layer, inputs, rate=0.1, **options):
    """Return what the monitor measures of one layer, by name."""
    model = compiled([layer], inputs, rate)
    monitor = EndToEndMonitor(**options)
    monitor.set_model(model)
    monitor.on_step(0)
    return {
        name.removeprefix(f"{layer.name}/"): values[0] for name, values in monitor.history.items()
    }


# When it measures.


@pytest.mark.parametrize(
    ("every", "per_execution", "steps"),
    [
        (4, 1, [0, 4, 8, 12, 16, 20]),
        (100, 1, [0, 20]),
        (4, 3, [0, 6, 9, 13, 16, 20]),  # executions end after 3, 6, 9, 10, 13, 16, 19, 20 steps
        (1, 4, [0, 4, 8, 10, 14, 18, 20]),
    ],
)
def test_steps_are_batches_at_the_ends_of_executions(every, per_execution, steps):
    if per_execution > 1 and BACKEND == "torch":
        pytest.skip("Keras on PyTorch has no steps_per_execution")
    monitor = EndToEndMonitor(every)
    model = compiled([dense()], steps_per_execution=per_execution)
    logs = fit(model, monitor)
    assert monitor.history["step"] == steps
    assert {len(values) for values in monitor.history.values()} == {len(steps)}
    for name in SCALARS:
        at_epoch_ends = [
            monitor.history[f"head/{name}"][max(i for i, s in enumerate(steps) if s <= end)]
            for end in (10, 20)
        ]
        assert logs[f"head/{name}"] == at_epoch_ends
    assert "step" not in logs and "head/singular_values" not in logs


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_steps_go_on_in_the_next_fit_and_need_no_known_length():
    monitor, model = EndToEndMonitor(5), compiled([dense()])
    fit(model, monitor, examples=7, epochs=1)
    batches = ((RNG.normal(size=(1, 4)), np.zeros((1, 3))) for _ in range(6))
    model.fit(batches, shuffle=False, callbacks=[monitor], verbose=0)
    assert monitor.history["step"] == [0, 5, 7, 10, 13]


def test_training_that_stops_early_is_measured_at_its_end():
    monitor, stop = (
        EndToEndMonitor(100),
        keras.callbacks.EarlyStopping("head/norm", patience=1, mode="min"),
    )
    model = compiled([dense()])
    model.fit(np.zeros((3, 4)), np.zeros((3, 3)), 1, epochs=9, callbacks=[monitor, stop], verbose=0)
    assert monitor.history["step"] == [0, 6]


def test_a_custom_training_loop():
    layer = dense()
    layer.build((None, 4))
    monitor = EndToEndMonitor(10, optimizer=keras.optimizers.SGD(0.5))
    monitor.set_model(keras.Sequential([layer]))
    for step in (1, 9, 10, 11, 25, 30, 32):
        monitor.on_step(step)
    monitor.on_train_end()
    assert monitor.history["step"] == [1, 10, 25, 30, 32]


# What is measured.


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


@keras.saving.register_keras_serializable("tests")
class Twins(keras.Model):
    """A subclassed model with two layers of the same name."""

    def __init__(self, **options):
        super().__init__(**options)
        self.pair = [dense(4, name="twin"), dense(4, name="twin")]

    def call(self, x):
        return self.pair[1](self.pair[0](x))


def nested():
    encoder = keras.Sequential(
        [keras.Input((4,), dtype="float64"), dense(4, name="inner")], name="encoder"
    )
    shared = dense(4, name="shared")
    spread = keras.layers.TimeDistributed(dense(4, name="each"), name="spread", dtype="float64")
    x = keras.Input((4,), dtype="float64")
    wide = keras.layers.Reshape((1, 4), dtype="float64")(shared(shared(encoder(x))))
    model = keras.Model(
        x, Twins(name="twins", dtype="float64")(keras.layers.Flatten(dtype="float64")(spread(wide)))
    )
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize(
    ("layers", "paths"),
    [
        (None, ["encoder/inner", "shared", "spread/each", "twins/twin", "twins/twin_4"]),
        ("encoder/*", ["encoder/inner"]),
        (["each", "sh*"], ["shared", "spread/each"]),
    ],
)
def test_layers_are_found_wherever_they_are_and_named_by_their_path(layers, paths):
    monitor = EndToEndMonitor(layers=layers)
    logs = fit(nested(), monitor, examples=2, epochs=1)
    assert sorted(n.removesuffix("/norm") for n in logs if n.endswith("/norm")) == paths
    assert len(monitor.history) == 1 + 5 * len(paths)


@needs_tensorflow
def test_tensorboard_gets_scalars_and_histograms(tmp_path):
    from tests import event_files

    monitor = EndToEndMonitor(5, log_dir=tmp_path)
    fit(compiled([dense()]), monitor)
    values = event_files.events(tmp_path)
    for name in SCALARS:
        written = event_files.scalars(values, f"head/{name}")
        assert list(written) == [0, 5, 10, 15, 20]
        np.testing.assert_allclose(
            list(written.values()), monitor.history[f"head/{name}"], rtol=1e-6, atol=1e-9
        )
    assert [step for step, _ in values["head/singular_values"]] == [0, 5, 10, 15, 20]
    assert values["head/singular_values"][0][1].metadata.plugin_data.plugin_name == "histograms"


@needs_tensorflow
def test_tensorboard_leaves_out_what_is_not_finite(tmp_path):
    from tests import event_files

    monitor = EndToEndMonitor(1, log_dir=tmp_path)
    fit(compiled([dense()], rate=1e300), monitor, examples=4, epochs=1)
    assert np.isnan(monitor.history["head/norm"][-1])
    assert set(event_files.scalars(event_files.events(tmp_path), "head/norm")) < {0, 1, 2, 3}


# Bad input.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 0}, "Expected a positive integer for every. Received: every=0"),
        ({"top": 1.5}, "Expected a positive integer for top. Received: top=1.5"),
        ({"max_exact": -1}, "Expected a positive integer for max_exact. Received: max_exact=-1"),
        ({"layers": [3]}, "Expected names or patterns of layers. Received: layers=[3]"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(InputError) as caught:
        EndToEndMonitor(**options)
    assert str(caught.value) == message


PLAIN = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)], name="plain")


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (lambda: compiled(PLAIN.layers), {}, "Expected a model with a factorised layer"),
        (lambda: compiled([dense()]), {"layers": "tail"}, "here head. Received: layers=['tail']"),
        (
            lambda: keras.Sequential([keras.Input((4,)), dense()]),
            {},
            "Expected an optimizer with one learning rate",
        ),
        (
            lambda: keras.Sequential([dense()]),
            {"optimizer": keras.optimizers.SGD()},
            "unbuilt layer 'head'",
        ),
        (lambda: None, {}, "call set_model(model) first"),
    ],
)
def test_models_that_cannot_be_watched(model, options, message):
    monitor = EndToEndMonitor(**options)
    monitor.set_model(model())
    with pytest.raises(InputError) as caught:
        monitor.on_step(0)
    assert message in str(caught.value) and "\n" not in str(caught.value)
