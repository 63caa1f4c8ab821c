"""Attention with factorised projections against Keras's own, with the same kernels."""

import keras
import numpy as np
import pytest
from keras import layers

from overparam_tf import InputError
from overparam_tf.layers.factorized_attention import FactorizedMultiHeadAttention, projections
from overparam_tf.surgery import collapse, overparameterize, verify_equivalent
from tests.backends import FEW_STEPS

OPTIONS = {
    "plain": {},
    "no bias": {"use_bias": False},
    "own sizes": {"value_dim": 5, "output_shape": 7},
    "gate": {"use_gate": True},
    "regularised": {"kernel_regularizer": "l2"},
    "axes": {"attention_axes": (1,)},
}


def attend(layer, query_size=6, value_size=4):
    """Return a model that attends from one sequence to another, and returns the scores too."""
    query, value = keras.Input((5, query_size)), keras.Input((3, value_size))
    return keras.Model([query, value], layer(query, value, return_attention_scores=True))


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("depth, width", [(1, None), (2, None), (3, 16)])
def test_converted_attention_is_the_same_function(options, depth, width):
    model = attend(layers.MultiHeadAttention(2, 3, name="attention", **options))
    deep = overparameterize(model, depth=depth, width=width, copy=True)
    verify_equivalent(model, deep, rtol=1e-5)
    attention = deep.get_layer("attention")
    assert isinstance(attention, FactorizedMultiHeadAttention)
    assert [len(projection.factors) for projection in attention.projections] == [depth] * (
        4 + ("use_gate" in options)
    )
    verify_equivalent(model, collapse(deep), rtol=1e-5)
    penalties = [sum(map(float, map(keras.ops.stop_gradient, m.losses))) for m in (model, deep)]
    assert penalties[0] == pytest.approx(penalties[1], rel=1e-4)


def test_kernels_are_not_kept_twice():
    deep = attend(FactorizedMultiHeadAttention(2, 3, depth=2))
    assert [w.path.split("/")[-2:] for w in deep.weights if "key" in w.path] == [
        ["key", "factor_1"],
        ["key", "factor_2"],
        ["key", "bias"],
    ]
    assert len(deep.weights) == 4 * 3


def test_survives_a_file(tmp_path):
    deep = attend(FactorizedMultiHeadAttention(2, 3, depth=3, width=[8, 7], use_gate=True))
    for weight in deep.weights:
        weight.assign(weight + 0.1)
    deep.save(tmp_path / "deep.keras")
    verify_equivalent(deep, keras.saving.load_model(tmp_path / "deep.keras"), rtol=1e-6)


def test_every_factor_learns():
    deep = attend(FactorizedMultiHeadAttention(2, 3, depth=2))
    before = deep.get_weights()
    deep.compile("sgd", ["mse", None], **FEW_STEPS)
    rng = np.random.default_rng(0)
    deep.train_on_batch(
        [rng.normal(size=(4, 5, 6)), rng.normal(size=(4, 3, 4))], [rng.normal(size=(4, 5, 6)), None]
    )
    moved = [
        not np.array_equal(old, new) for old, new in zip(before, deep.get_weights(), strict=True)
    ]
    paths = [
        w.path for w in deep.weights if "key/bias" not in w.path
    ]  # the softmax does not see the key's bias
    assert all(change for change, w in zip(moved, deep.weights, strict=True) if w.path in paths)


def test_frozen_projections_stay_frozen():
    model = attend(layers.MultiHeadAttention(2, 3, name="attention"))
    model.get_layer("attention").key_dense.trainable = False
    flags = [
        layer.trainable
        for layer in projections(overparameterize(model, copy=True).get_layer("attention"))
    ]
    assert flags == [True, False, True, True]


@pytest.mark.parametrize("options", [{"depth": 0}, {"depth": 3, "width": [4]}, {"width": 0}])
def test_bad_input(options):
    with pytest.raises(InputError):
        FactorizedMultiHeadAttention(2, 3, **options)


def test_projections_need_a_built_layer():
    with pytest.raises(AttributeError, match="built"):
        projections(layers.MultiHeadAttention(2, 3))
