"""Collapsed models in the ONNX runtime: run where tf2onnx and onnxruntime are installed."""

import keras
import numpy as np
import pytest
from keras import layers

from overparam_tf.surgery import collapse, overparameterize
from tests.surgery.models import built

pytestmark = [
    pytest.mark.skipif(
        keras.backend.backend() != "tensorflow", reason="tf2onnx converts TensorFlow's graphs"
    ),
    pytest.mark.filterwarnings("ignore"),  # of the converter itself
]


def convolutional():
    """Return a model of convolutions without groups.

    On a CPU Keras compiles a grouped convolution with XLA, which tf2onnx cannot convert.
    """
    inputs = keras.Input((9, 9, 3))
    x = layers.Conv2D(
        6, 3, 2, "same", activation="relu", bias_initializer="normal", name="strided"
    )(inputs)
    x = x + layers.Conv2D(6, (3, 2), padding="same", use_bias=False, name="oblong")(x)
    return keras.Model(
        inputs,
        layers.Conv2D(2, 1, dilation_rate=2, name="pointwise")(layers.BatchNormalization()(x)),
    )


def example(spec):
    """Return three examples of an input: numbers, words or a mask."""
    shape = [3, *(5 if size is None else size for size in spec.shape[1:])]
    rng = np.random.default_rng(4)
    return (
        rng.normal(size=shape).astype("float32")
        if "float" in spec.dtype
        else rng.integers(2, size=shape)
    )


@pytest.mark.parametrize(
    "build",
    [
        convolutional,
        *(
            pytest.param(lambda name=name: built(name), id=name)
            for name in ("sequential", "attending")
        ),
    ],
)
def test_the_onnx_runtime_computes_the_factorised_model(build, tmp_path):
    pytest.importorskip("tf2onnx")
    runtime = pytest.importorskip("onnxruntime")
    deep = overparameterize(build(), copy=True)
    examples = [example(spec).astype(spec.dtype) for spec in deep.inputs]
    x = examples if len(examples) > 1 else examples[0]
    plain = collapse(deep)
    plain(x)  # Keras exports no model to ONNX that was never called
    plain.export(tmp_path / "plain.onnx", format="onnx", verbose=False)
    session = runtime.InferenceSession(tmp_path / "plain.onnx")
    names = [node.name for node in session.get_inputs()]
    (output,) = session.run(None, dict(zip(names, examples, strict=True)))
    np.testing.assert_allclose(output, deep(x), rtol=1e-4, atol=1e-5)
