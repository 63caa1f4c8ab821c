"""EndToEndSGD on the variables of all kinds of layers: which follow the rule, as which matrix."""

import keras
import numpy as np
import pytest
from keras import layers

from overparam_tf.dynamics import dense_reference as reference
from overparam_tf.errors import InputError
from overparam_tf.optimizers import EndToEndSGD, kernel_axes
from overparam_tf.optimizers.kernel_roles import axes_by_path
from overparam_tf.products import MatrixAxes
from tests.backends import needs_tensorflow

RATE = 2.0**-5
RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 5, 6)).astype("float32")


def numpy_of(variable):
    return keras.ops.convert_to_numpy(variable)


def moves(variables, **options):
    """Take a step with random gradients; return, by path, start, gradient and move."""
    gradients = [RNG.normal(size=tuple(variable.shape)) for variable in variables]
    starts = [numpy_of(variable) for variable in variables]
    optimizer = EndToEndSGD(RATE, **options)
    tensors = [
        keras.ops.convert_to_tensor(gradient, variable.dtype)
        for gradient, variable in zip(gradients, variables, strict=True)
    ]
    optimizer.apply(tensors, variables)
    return {
        variable.path: (start, gradient, numpy_of(variable) - start)
        for variable, start, gradient in zip(variables, starts, gradients, strict=True)
    }


def assert_follows(move, depth=2, rows=None, order=None):
    """Assert a move by the rule on the matrix of `rows` rows, its axes put in an order before."""
    start, gradient, moved = move
    if rows is None:
        expected = -RATE * gradient
    else:
        order = order or tuple(range(start.ndim))
        sizes = np.transpose(start, order).shape
        kernel, gradient = (
            np.transpose(part, order).reshape(rows, -1).astype("float64")
            for part in (start, gradient)
        )
        turned = -RATE * reference.fractional_rule(kernel, gradient, depth)
        expected = np.transpose(turned.reshape(sizes), np.argsort(order))
    np.testing.assert_allclose(moved, expected, atol=1e-6)


IN_TO_HEADS, HEADS_TO_OUT = MatrixAxes((0,), (1, 2)), MatrixAxes((0, 1), (2,))


@pytest.mark.parametrize(
    "layer", [layers.MultiHeadAttention(2, 4), layers.GroupQueryAttention(4, 2, 1)]
)
def test_kernels_of_attention_are_found_and_its_biases_are_none(layer):
    layer.build(*[(None, 5, 6)] * 2)
    variables = layer.trainable_variables
    axes = dict(
        zip([variable.path for variable in variables], axes_by_path(variables), strict=True)
    )
    assert len(axes) == 8
    for path, found in axes.items():
        if path.endswith("bias"):
            assert found is None
        else:
            assert found == (HEADS_TO_OUT if "attention_output" in path else IN_TO_HEADS)


def test_attention_with_its_heads_first():
    shapes = {
        "query": (2, 6, 4),
        "key": (1, 6, 4),
        "value": (1, 6, 4),
        "attention_output": (2, 4, 6),
    }
    variables = []
    for name, shape in shapes.items():
        with keras.name_scope("block"), keras.name_scope(name):
            variables.append(keras.Variable(np.ones(shape), name="kernel"))
    assert axes_by_path(variables) == [*[MatrixAxes((1,), (0, 2))] * 3, HEADS_TO_OUT]


# Input axes, output axes -> the rows of the matrix, and the order of the axes in it.
AXES = {
    "attention": (((0, 1), (2,)), 6, (0, 1, 2)),
    "another order": (((2,), (0, 1)), 4, (2, 0, 1)),
}


@pytest.mark.parametrize("case", AXES)
def test_kernels_of_three_axes_follow_the_rule_as_matrices(case):
    axes, rows, order = AXES[case]
    kernel = keras.Variable(RNG.normal(size=(2, 3, 4)), name="kernel")
    (move,) = moves([kernel], kernels={"kernel": axes}, weight_decay=0.0).values()
    assert_follows(move, rows=rows, order=order)


def test_an_axis_that_is_neither_stacks_matrices():
    kernel = keras.Variable(RNG.normal(size=(2, 3, 4)), name="kernel")
    (move,) = moves([kernel], kernels={"kernel": ((1,), (2,))}).values()
    for index in range(2):
        assert_follows([part[index] for part in move], rows=3)


def test_layers_tell_their_axes():
    model = keras.Sequential(
        [
            keras.Input((5, 6)),
            layers.EinsumDense("abc,ced->abde", (None, 2, 4), bias_axes="de", name="split"),
            layers.EinsumDense("abde,def->abdf", (None, 2, 3), name="stacked"),
            layers.EinsumDense("...df,dfg->...g", 7, name="joined"),
            layers.Conv1D(2, 3, name="conv"),
            layers.Conv1D(2, 3, groups=2, name="grouped"),
            layers.Flatten(),
            layers.Embedding(3, 4, name="table"),
        ]
    )
    einsum = {
        "(^|/)split/kernel$": ((0,), (1, 2)),
        "(^|/)stacked/kernel$": ((1,), (2,)),
        "(^|/)joined/kernel$": ((0, 1), (2,)),
    }
    assert kernel_axes(model) == einsum
    assert kernel_axes(model, convolutions=True, embeddings=True) == {
        **einsum,
        "(^|/)conv/kernel$": ((0, 1), (2,)),
        "(^|/)table/embeddings$": ((0,), (1,)),
    }
    assert not any(axes_by_path([v for v in model.trainable_variables if len(v.shape) > 2]))


def test_layers_of_one_name_and_different_axes():
    inputs = keras.Input((6, 6))
    inner = keras.Sequential(
        [keras.Input((6, 6)), layers.EinsumDense("abc,cde->abde", (6, 2, 3), name="e")]
    )
    outputs = layers.EinsumDense("abcd,cde->abe", (6, 6), name="e")(inner(inputs))
    with pytest.raises(InputError, match=r"other names for layers .* name='e'"):
        kernel_axes(keras.Model(inputs, outputs))


ROLES = {
    **dict.fromkeys(["kernel", "recurrent_kernel", "lora_kernel_b", "w", "weights_2"], True),
    **dict.fromkeys(["bias", "bias_1", "query_bias", "b", "b_q", "bv"], False),
    **dict.fromkeys(["gamma", "beta", "alpha", "scale"], False),
    **dict.fromkeys(["embeddings", "position_embedding", "pos_embed", "lora_embeddings_a"], False),
}


@pytest.mark.parametrize(("name", "is_kernel"), ROLES.items())
def test_names_tell_kernels_from_others(name, is_kernel):
    (axes,) = axes_by_path([keras.Variable(np.ones((3, 4)), name=name)])
    assert (axes is not None) == is_kernel


def test_a_bias_is_no_kernel_whoever_asks():
    for kernels in ([""], lambda variable: True, {"": ((0,), (1,))}):
        variables = [
            keras.Variable(RNG.normal(size=(3, 4)), name=name) for name in ("kernel", "bias")
        ]
        kernel, bias = moves(variables, kernels=kernels).values()
        assert_follows(kernel, rows=3)
        assert_follows(bias, rows=None)


@pytest.mark.parametrize(("dtype", "digits"), [("float16", 3), ("bfloat16", 2), ("float64", 6)])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_dtypes(dtype, digits, momentum):
    start = RNG.normal(size=(3, 4))
    gradient = keras.ops.convert_to_tensor(RNG.normal(size=(3, 4)), dtype)
    variable = keras.Variable(start, dtype=dtype, name="kernel")
    EndToEndSGD(RATE, momentum=momentum).apply([gradient], [variable])
    assert keras.backend.standardize_dtype(variable.dtype) == dtype
    expected = start - RATE * reference.fractional_rule(
        start, numpy_of(keras.ops.cast(gradient, "float64")), 2
    )
    actual = numpy_of(keras.ops.cast(variable, "float64"))
    np.testing.assert_allclose(actual, expected, atol=4 * 10.0**-digits)


OPTIONS = {
    "nesterov": {"momentum": 0.5, "nesterov": True},
    "clipnorm": {"clipnorm": 0.5},
    "clipvalue": {"clipvalue": 0.5},
    "global_clipnorm": {"global_clipnorm": 0.5},
    "average": {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2},
    "scaled": {"loss_scale_factor": 4.0},
    "accumulated": {"gradient_accumulation_steps": 2, "momentum": 0.5},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_depth_one_has_the_options_of_keras_sgd(options):
    starts = RNG.normal(size=(3, 4)), RNG.normal(size=(4,))
    gradients = [[RNG.normal(size=part.shape) for part in starts] for _ in range(4)]
    ends = []
    for optimizer in (EndToEndSGD(RATE, depth=1, **options), keras.optimizers.SGD(RATE, **options)):
        variables = [keras.Variable(part, dtype="float32") for part in starts]
        optimizer.build(variables)
        for step in gradients:
            optimizer.apply([keras.ops.convert_to_tensor(part, "float32") for part in step])
        ends.append([numpy_of(variable) for variable in variables])
    for ours, theirs in zip(*ends, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def sequence_model(dtype=None):
    keras.utils.set_random_seed(0)
    dense = [layers.Dense(units, dtype=dtype) for units in (3, 1)]
    return keras.Sequential([keras.Input((None, 6)), *dense])


def fitted(model, optimizer, **compile_options):
    model.compile(optimizer, "mse", **compile_options)
    model.fit(X, X[..., :1], batch_size=4, epochs=2, shuffle=False, verbose=0)
    return model.get_weights()


@pytest.mark.parametrize(
    ("options", "dtype"),
    [
        ({}, None),
        ({"gradient_accumulation_steps": 2, "use_ema": True}, None),
        ({}, "mixed_float16"),
    ],
    ids=["plain", "accumulated and averaged", "mixed precision"],
)
def test_sequences_of_unknown_length_under_fit(options, dtype):
    optimizer = EndToEndSGD(0.05, **options)
    if dtype:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=128.0)
    compiled = fitted(sequence_model(dtype), optimizer, jit_compile=False)
    eager = fitted(sequence_model(), EndToEndSGD(0.05, **options), run_eagerly=True)
    for one, other in zip(compiled, eager, strict=True):
        np.testing.assert_allclose(one, other, atol=5e-3 if dtype else 1e-5)


def zero_model(lora):
    keras.utils.set_random_seed(0)
    head = layers.Dense(1, kernel_initializer="zeros", name="head")
    model = keras.Sequential([keras.Input((5, 6)), layers.Dense(3, name="hidden"), head])
    if lora:
        for layer in model.layers:
            layer.enable_lora(2)
    return model


@pytest.mark.parametrize("lora", [False, True])
def test_kernels_at_zero_are_named_and_train(lora):
    names = r".*hidden/lora_kernel_b, .*head/lora_kernel_b" if lora else r".*head/kernel"
    model = zero_model(lora)
    with pytest.warns(UserWarning, match=f"by plain SGD, .*: {names}$"):
        fitted(model, EndToEndSGD(0.1), jit_compile=False)
    target = keras.losses.MeanSquaredError()
    goal = X[..., :1]
    predicted = model.predict(X, verbose=0)
    assert float(target(goal, predicted)) < 0.9 * float(target(goal, 0 * goal))


def test_a_kernel_at_zero_is_sgds():
    variable = keras.Variable(np.zeros((3, 4)), name="kernel")
    with pytest.warns(UserWarning, match="kernel"):
        (move,) = moves([variable], weight_decay=0.5).values()
    assert_follows(move, rows=None)
    moves([keras.Variable(np.zeros((3, 4)), name="kernel")], depth=1)  # no warning


@needs_tensorflow
def test_a_kernel_at_zero_is_seen_from_within_a_graph():
    import tensorflow as tf

    model, optimizer = zero_model(lora=False), EndToEndSGD(0.1)

    @tf.function(autograph=False)
    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x) - x[..., :1]) ** 2)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return loss

    with pytest.warns(UserWarning, match="head/kernel"):
        losses = [float(step(X)) for _ in range(4)]
    assert losses == sorted(losses, reverse=True)
    assert np.abs(model.get_layer("head").kernel.numpy()).max() > 0


def test_its_name():
    assert isinstance(keras.optimizers.get("end_to_end_sgd"), EndToEndSGD)
    config = keras.optimizers.serialize(EndToEndSGD())
    assert config["registered_name"] == "overparam_tf>EndToEndSGD"
    assert isinstance(keras.optimizers.get(config["registered_name"]), EndToEndSGD)
