"""Stacked kernels, such as experts of shape (experts, in, out): a product for each matrix."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from overparam_tf import InputError
from overparam_tf.products import MatrixAxes
from overparam_tf.surgery import collapse, overparameterize
from overparam_tf.surgery._targets import find_targets
from tests.surgery.test_in_place import data, described, outputs


@keras.saving.register_keras_serializable("overparam_tf_tests")
class Experts(layers.Layer):
    """The mean of experts, each a product with a matrix of its own."""

    def build(self, shape):
        self.experts = self.add_weight(name="experts", shape=(3, shape[-1], 5))

    def call(self, x):
        return ops.mean(ops.einsum("bi,eio->beo", x, self.experts), axis=1)


def model_of_experts():
    inputs = keras.Input((4,))
    heads = layers.Reshape((2, 2))(layers.Dense(4, name="dense")(inputs))
    heads = layers.EinsumDense("bhi,hio->bho", (2, 2), name="heads")(heads)
    return keras.Model(inputs, Experts(name="mixture")(layers.Flatten()(heads)))


@pytest.mark.parametrize("base", [None, "frozen"])
def test_there_and_back(base, tmp_path):
    model = model_of_experts()
    x, _ = data(model)
    before, plain = outputs(model, x), described(model)
    model.save_weights(tmp_path / "plain.weights.h5")
    overparameterize(model, depth=3, weights={"experts": ((1,), (2,))}, base=base)
    np.testing.assert_allclose(outputs(model, x), before, atol=1e-5)
    shapes = {v.name: tuple(v.shape) for v in model.trainable_variables if "experts" in v.name}
    assert list(shapes.values()) == [(3, 4, 4), (3, 4, 4), (3, 4, 5)]
    for variable in model.trainable_variables:
        variable.assign(variable + 0.1)
    trained = outputs(model, x)
    model.save(tmp_path / "deep.keras")
    loaded = keras.saving.load_model(tmp_path / "deep.keras")
    np.testing.assert_allclose(outputs(loaded, x), trained, atol=1e-5)
    loaded.load_weights(tmp_path / "plain.weights.h5")
    np.testing.assert_allclose(outputs(loaded, x), before, atol=1e-5)
    assert described(collapse(model)) == plain
    np.testing.assert_allclose(outputs(model, x), trained, atol=1e-5)


def test_the_axes_of_an_equation_tell_what_stacks():
    kernels = find_targets(model_of_experts()).kernels
    assert kernels["heads/kernel"].axes == MatrixAxes((1,), (2,))
    assert "mixture/experts" not in kernels


def test_a_copy_has_the_stack_when_its_layer_is_named():
    deep = overparameterize(model_of_experts(), layers=["dense", "heads"], copy=True)
    assert [len(deep.get_layer(name).weights) for name in ("dense", "heads")] == [3, 2]


@pytest.mark.parametrize("axes", [((0,), (3,)), ((), (1,)), ((1,), (1,)), ([1], 2)])
def test_bad_axes(axes):
    with pytest.raises(InputError, match="weights"):
        find_targets(model_of_experts(), weights={"experts": axes})
