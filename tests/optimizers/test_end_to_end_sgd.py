"""EndToEndSGD against the rule written out in NumPy, and as an optimizer of Keras."""

import keras
import numpy as np
import pytest

from overparam_tf.dynamics import dense_reference as reference
from overparam_tf.errors import InputError
from overparam_tf.losses import LpLoss
from overparam_tf.optimizers.end_to_end_sgd import EndToEndSGD
from tests.backends import MANY_STEPS, ROUNDING, needs_xla

RATE = 2.0**-5  # exact in float32, in which Keras keeps it
RNG = np.random.default_rng(0)
X, Y = (RNG.normal(size=(20, size)).astype("float32").astype("float64") for size in (4, 3))
KERNEL = 0.6 * RNG.normal(size=(4, 3))
modes = pytest.mark.parametrize(
    "mode",
    [
        pytest.param({"jit_compile": True}, marks=needs_xla),
        {"jit_compile": False},
        {"run_eagerly": True},
    ],
    ids=["xla", "graph", "eager"],
)


def dense_model(optimizer, outputs=3, **compile_options):
    layer = keras.layers.Dense(outputs, dtype="float64")
    model = keras.Sequential([keras.Input((4,), dtype="float64"), layer])
    layer.kernel.assign(KERNEL[:, :outputs])
    model.compile(optimizer, LpLoss(2, scale=False, dtype="float64"), **compile_options)
    return model


def train(model, steps, outputs=3):
    # One epoch of equal batches, each the whole data: much faster than one epoch for each step.
    x, y = np.tile(X, (steps, 1)), np.tile(Y[:, :outputs], (steps, 1))
    model.fit(x, y, batch_size=len(X), shuffle=False, verbose=0)
    return [variable.numpy() for variable in model.trainable_variables]


def loss_gradients(kernel, bias):
    """Return the gradients of the mean squared error: of the kernel, and of the bias."""
    error = 2 * (X @ kernel + bias - Y[:, : len(bias)]) / (len(X) * len(bias))
    return X.T @ error, error.sum(axis=0)


def emulate(
    steps, depth, outputs=3, decay=0.0, momentum=0.0, nesterov=False, rate=lambda step: RATE
):
    kernel, bias = KERNEL[:, :outputs], np.zeros(outputs)
    kernel_velocity, bias_velocity = 0.0, 0.0
    for step in range(steps):
        eta = rate(step)
        kernel_gradient, bias_gradient = loss_gradients(kernel, bias)
        preconditioned = reference.fractional_rule(kernel, kernel_gradient, depth)
        kernel_velocity = momentum * kernel_velocity - eta * preconditioned
        bias_velocity = momentum * bias_velocity - eta * bias_gradient
        kernel_step, bias_step = kernel_velocity, bias_velocity
        if nesterov:
            kernel_step = momentum * kernel_velocity - eta * preconditioned
            bias_step = momentum * bias_velocity - eta * bias_gradient
        kernel = (1 - eta * decay * depth) * kernel + kernel_step
        bias = (1 - eta * decay) * bias + bias_step
    return kernel, bias


def assert_close(actual, expected, tolerance=ROUNDING):
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=tolerance)


@modes
def test_a_dense_model_follows_the_rule(mode):
    model = dense_model(EndToEndSGD(RATE, depth=3, weight_decay=0.125, momentum=0.5), **mode)
    assert_close(train(model, 100), emulate(100, depth=3, decay=0.125, momentum=0.5))


@pytest.mark.parametrize(("depth", "outputs"), [(1, 3), (1.5, 3), (2, 1), (4, 3)])
def test_depths(depth, outputs):
    model = dense_model(EndToEndSGD(RATE, depth=depth), outputs, **MANY_STEPS)
    assert_close(train(model, 30, outputs), emulate(30, depth, outputs))


@pytest.mark.parametrize("depth", [2, 3])
def test_tracks_balanced_factors_with_a_gap_proportional_to_the_rate(depth):
    gaps = []
    for halvings in (0, 1, 2):
        rate, steps = RATE / 2**halvings, 20 * 2**halvings
        factors, bias = reference.balanced_factors(KERNEL, depth), np.zeros(3)
        for _ in range(steps):
            kernel_gradient, bias_gradient = loss_gradients(reference.product(factors), bias)
            factors, bias = (
                reference.descend(factors, kernel_gradient, rate),
                bias - rate * bias_gradient,
            )
        kernel, _ = train(dense_model(EndToEndSGD(rate, depth=depth), **MANY_STEPS), steps)
        gaps.append(np.linalg.norm(kernel - reference.product(factors)))
    np.testing.assert_allclose(np.divide(gaps[:-1], gaps[1:]), 2, rtol=0.1)


def test_spread_is_the_rule_of_wide_gaussian_factors_and_moves_zeros():
    kernel = np.arange(6.0).reshape(3, 2)
    moved, zero = apply_once(EndToEndSGD(RATE, spread=0.5), kernel=kernel, zero=np.zeros((3, 2)))
    for step, start in ((moved, kernel), (zero, np.zeros((3, 2)))):
        assert_close([step], [-RATE * reference.mixed_rule(start, np.ones((3, 2)), 0.5)])


def test_depth_one_is_keras_sgd():
    ours = dense_model(EndToEndSGD(RATE, depth=1, momentum=0.5), **MANY_STEPS)
    theirs = dense_model(keras.optimizers.SGD(RATE, momentum=0.5), **MANY_STEPS)
    assert_close(train(ours, 20), train(theirs, 20), tolerance=1e-14)


def test_nesterov():
    options = {"depth": 2, "momentum": 0.5, "nesterov": True}
    model = dense_model(EndToEndSGD(RATE, **options), **MANY_STEPS)
    assert_close(train(model, 20), emulate(20, **options))


def test_learning_rate_schedule():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([4], [RATE, RATE / 4])
    model = dense_model(EndToEndSGD(schedule, depth=2), **MANY_STEPS)
    assert_close(
        train(model, 10), emulate(10, 2, rate=lambda step: RATE if step <= 4 else RATE / 4)
    )


def apply_once(optimizer, **values):
    """Take one step with gradients of ones; return by how much each variable moved."""
    variables = [
        keras.Variable(value, dtype="float64", name=name) for name, value in values.items()
    ]
    optimizer.apply(
        [keras.ops.ones(variable.shape, variable.dtype) for variable in variables], variables
    )
    return [
        variable.numpy() - value for variable, value in zip(variables, values.values(), strict=True)
    ]


def test_only_matrices_follow_the_rule():
    ones = {"conv": np.ones((2, 2, 2, 2)), "bias": np.ones(3), "kernel": np.ones((2, 2))}
    conv, bias, kernel = apply_once(EndToEndSGD(RATE, depth=2), **ones)
    assert_close([conv, bias], [np.full_like(conv, -RATE), np.full_like(bias, -RATE)])
    assert_close([kernel], [-RATE * reference.literal_sum(np.ones((2, 2)), np.ones((2, 2)), 2)])


@pytest.mark.parametrize(
    "kernels", [["^hidden"], ["nothing", "dden"], lambda variable: variable.name == "hidden"]
)
def test_chosen_kernels(kernels):
    hidden, other = apply_once(
        EndToEndSGD(RATE, depth=2, kernels=kernels), hidden=np.eye(2), other=np.eye(2)
    )
    assert_close([hidden, other], [np.full((2, 2), -2 * RATE), np.full((2, 2), -RATE)])


def test_weight_decay_is_n_fold_for_kernels_and_can_be_left_out():
    optimizer = EndToEndSGD(RATE, depth=3, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["spared"])
    moved = apply_once(optimizer, kernel=np.eye(2), bias=np.ones(2), spared=np.ones(2))
    kernel = -RATE * (3 * np.ones((2, 2)) + 0.5 * 3 * np.eye(2))
    assert_close(moved, [kernel, np.full(2, -1.5 * RATE), np.full(2, -RATE)])


# A table of fewer rows than columns has a sparse gradient of fewer rows, too.
@pytest.mark.parametrize("columns", [2, 8])
@pytest.mark.parametrize("kernels", [["kernel", "embeddings"], None], ids=["asked for", "default"])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_embedding(kernels, momentum, columns):
    model = keras.Sequential(
        [keras.layers.Embedding(5, columns), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    model.build((None, 3))
    before, _, _ = model.get_weights()
    model.compile(
        EndToEndSGD(RATE, depth=2, momentum=momentum, kernels=kernels), "mse", **MANY_STEPS
    )
    model.fit(np.array([[0, 1, 3]]), np.ones((1, 1)), epochs=2, verbose=0)
    moved = np.any(model.get_weights()[0] != before, axis=1)
    # P_K(G) spreads a row's gradient over all rows; plain SGD moves the rows of the batch alone.
    assert moved.all() if kernels else moved.tolist() == [True, True, False, True, False]


@keras.saving.register_keras_serializable(package="overparam_tf_tests")
def is_wide(variable):
    return variable.shape[-1] > 1


@pytest.mark.parametrize(
    "kernels",
    [None, ["kernel"], is_wide, {"conv/kernel": [[0, 1, 2], [3]], "head": None}],
    ids=["all", "patterns", "function", "axes"],
)
def test_config_round_trip(kernels):
    options = {
        "depth": 2.5,
        "weight_decay": 0.25,
        "momentum": 0.5,
        "nesterov": True,
        "spread": 0.0,
        "kernels": kernels,
        "clipnorm": 1.0,
    }
    config = keras.optimizers.serialize(EndToEndSGD(RATE, **options))
    again = keras.optimizers.deserialize(config)
    assert {name: getattr(again, name) for name in options} == options
    assert keras.optimizers.serialize(again) == config


def test_saved_model_goes_on_training_where_it_stopped(tmp_path):
    def optimizer():
        return EndToEndSGD(RATE, depth=2, momentum=0.5, weight_decay=0.125, kernels=["kernel"])

    model = dense_model(optimizer(), **MANY_STEPS)
    train(model, 5)
    model.save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(model.optimizer, EndToEndSGD)
    assert_close(
        train(model, 5), train(dense_model(optimizer(), **MANY_STEPS), 10), tolerance=1e-14
    )


@pytest.mark.parametrize(
    "mode", [{"jit_compile": False}, {"run_eagerly": True}], ids=["graph", "eager"]
)
def test_divergence_gives_nan_rather_than_an_error(mode):
    kernel, _ = train(dense_model(EndToEndSGD(1e6, depth=3), **mode), 20)
    assert np.isnan(kernel).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 0.5}, "depth=0.5"),
        ({"depth": np.full((2, 1, 1), 2.0)}, "finite number >= 1 for depth"),
        ({"weight_decay": -1.0}, "weight_decay=-1"),
        ({"momentum": 1.0}, "momentum=1"),
        ({"spread": 0.5, "depth": 3}, "depth 2 for spread above 0. Received: spread=0.5, depth=3"),
        ({"kernels": "kernel"}, "kernels='kernel'"),
        ({"kernels": ["nowhere"]}, r"kernels=\['nowhere'\], 2-D variables: \['kernel'\]"),
        ({"kernels": {"nowhere": None}}, r"a key of kernels in the path.*\['kernel', 'bias'\]"),
        ({"kernels": {"kernel": ((0,), (2,))}}, r"axes of the variable kernel.*shape=\(2, 2\)"),
    ],
)
def test_bad_input_gets_one_line(options, message):
    with pytest.raises(InputError, match=message) as caught:
        apply_once(EndToEndSGD(RATE, **options), kernel=np.eye(2), bias=np.ones(2))
    assert "\n" not in str(caught.value)
