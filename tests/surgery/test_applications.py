"""Whole architectures: converted, trained for a few steps, collapsed; equal after each."""

import keras
import numpy as np
import pytest
from keras import applications, layers

from overparam_tf.surgery import collapse, overparameterize, verify_equivalent
from tests.backends import BACKEND, FEW_STEPS, needs_float64

pytestmark = pytest.mark.filterwarnings("ignore:weights that stay as they are")
BOUNDS = {"float32": 1e-4, "float64": 1e-10}


def image_model(build, size=32):
    return lambda: build(
        weights=None, input_shape=(size, size, 3), classes=10, classifier_activation=None
    )


def transformer_encoder(features=16, blocks=2):
    """Return pre-norm self-attention blocks over embedded tokens."""
    inputs = keras.Input((12,), dtype="int32")
    x = layers.Embedding(50, features)(inputs)
    for _ in range(blocks):
        normed = layers.LayerNormalization()(x)
        x = x + layers.MultiHeadAttention(4, features // 4, dropout=0.1)(normed, normed)
        hidden = layers.Dense(4 * features, "gelu")(layers.LayerNormalization()(x))
        x = x + layers.EinsumDense("abc,cd->abd", (None, features), bias_axes="d")(hidden)
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling1D()(x)))


ARCHITECTURES = {
    "transformer encoder": transformer_encoder,
    "MobileNetV2": image_model(applications.MobileNetV2),
    "ResNet50": image_model(applications.ResNet50),
    "EfficientNetB0": image_model(applications.EfficientNetB0),
    "DenseNet121": image_model(applications.DenseNet121),
}
# Converted layer by layer: JAX compiles for every new shape, and PyTorch takes as long.
FAST = (
    ("transformer encoder", "MobileNetV2") if BACKEND == "tensorflow" else ("transformer encoder",)
)


@pytest.fixture(params=["float32", pytest.param("float64", marks=needs_float64)])
def floatx(request):
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(request.param)
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_floatx(before[0])
    keras.config.set_dtype_policy(before[1])


def train(model, steps=2):
    model.compile(keras.optimizers.SGD(1e-3), "mse", **FEW_STEPS)
    rng = np.random.default_rng(0)
    shape = (4, *model.inputs[0].shape[1:])
    whole = not keras.backend.is_float_dtype(model.inputs[0].dtype)
    x = rng.integers(0, 50, size=shape) if whole else rng.normal(size=shape)
    for _ in range(steps):
        model.train_on_batch(x, rng.normal(size=(4, 10)))


@pytest.mark.parametrize(
    "name",
    [
        name if name in FAST else pytest.param(name, marks=pytest.mark.slow)
        for name in ARCHITECTURES
    ],
)
def test_equal_after_each_step(name, floatx):
    model = ARCHITECTURES[name]()
    deep = overparameterize(model, copy=True)
    converted = verify_equivalent(model, deep, rtol=BOUNDS[floatx])
    train(deep)
    plain = collapse(deep)
    collapsed = verify_equivalent(deep, plain, rtol=BOUNDS[floatx])
    moved = verify_equivalent(model, plain, rtol=np.inf)
    print(
        f"{name}, {floatx}: converted {converted.relative:.1e}, collapsed {collapsed.relative:.1e}"
    )
    assert len(deep.weights) > len(model.weights) == len(plain.weights)
    assert moved.relative > 100 * collapsed.relative  # the training in between did something
    assert "overparam_tf" not in str(plain.get_config())
