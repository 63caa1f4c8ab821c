"""Adapters: a frozen kernel and a product that starts at zero; LoRA at depth 2."""

import keras
import numpy as np
import pytest
from keras import layers

from overparam_tf import InputError
from overparam_tf.surgery import collapse, overparameterize
from tests.surgery.any_model import blocks
from tests.surgery.test_in_place import data, described, outputs

pytestmark = pytest.mark.filterwarnings("ignore:weights that stay as they are")


def frozen(model):
    weights = [v for v in model.variables if "kernel" in v.name and not v.trainable]
    return {weight.path: np.array(weight) for weight in weights}


def test_there_and_back(tmp_path):
    model = blocks()
    x, _ = data(model)
    before, plain = outputs(model, x), described(model)
    model.save_weights(tmp_path / "plain.weights.h5")
    overparameterize(model, depth=3, base="frozen", rank=2, seed=0)
    np.testing.assert_allclose(outputs(model, x), before, atol=1e-6)
    kept = frozen(model)
    assert len(kept) == sum("factor_1" in v.name for v in model.trainable_variables)
    assert all(2 in v.shape for v in model.trainable_variables if "factor" in v.name)

    for variable in model.trainable_variables:
        variable.assign(variable + 0.1)
    for path, value in frozen(model).items():
        np.testing.assert_array_equal(value, kept[path])
    trained = outputs(model, x)
    model.save(tmp_path / "adapted.keras")
    loaded = keras.saving.load_model(tmp_path / "adapted.keras")
    np.testing.assert_allclose(outputs(loaded, x), trained, atol=1e-6)
    assert len(loaded.trainable_variables) == len(model.trainable_variables)
    loaded.load_weights(tmp_path / "plain.weights.h5")
    np.testing.assert_allclose(outputs(loaded, x), before, atol=1e-6)

    for adapted in (model, loaded):
        collapse(adapted)
        assert [entry[1:] for entry in described(adapted)] == [entry[1:] for entry in plain]
    assert described(model) == plain
    np.testing.assert_allclose(outputs(model, x), trained, atol=1e-5)
    np.testing.assert_allclose(outputs(loaded, x), before, atol=1e-6)


def one_layer(**options):
    return keras.Sequential([keras.Input((5,)), layers.Dense(3, name="head", **options)])


def test_the_kernel_stays_frozen_whatever_the_layer_is():
    model = one_layer()
    model.layers[0].kernel.trainable = False
    overparameterize(model, base="frozen", rank=1)
    for trainable in (False, True):
        model.trainable = trainable
        assert len(model.trainable_weights) == (3 if trainable else 0)
    assert [weight.name for weight in model.non_trainable_weights] == ["kernel"]
    collapse(model)
    assert [weight.name for weight in model.trainable_weights] == ["bias"]


def test_the_first_step_is_that_of_the_kernel_in_the_span_of_the_rank():
    models = [one_layer(use_bias=False) for _ in range(2)]
    plain, adapted = models
    adapted.set_weights(plain.get_weights())
    start = plain.layers[0].kernel.numpy()
    overparameterize(adapted, base="frozen")  # of full rank: all directions
    x, y = np.ones((4, 5), "float32"), np.ones((4, 3), "float32")
    adapted.layers[0].factors[0].trainable = False
    for model in models:
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.fit(x, y, verbose=0)
    move, plain_move = (np.array(m.layers[0].kernel) - start for m in (adapted, plain))
    span = np.array(adapted.layers[0].factors[0])
    np.testing.assert_allclose(move, span @ span.T @ plain_move, atol=1e-6)


def test_a_seed_draws_the_same_adapters():
    models = [one_layer() for _ in range(3)]
    for model, seed in zip(models, (1, 1, 2), strict=True):
        overparameterize(model, base="frozen", rank=2, seed=seed)
    first, same, other = (np.array(model.layers[0].factors[0]) for model in models)
    assert (first == same).all() and (first != other).all()


def test_adapters_of_frozen_layers_are_named():
    model = one_layer()
    model.layers[0].trainable = False
    with pytest.warns(UserWarning, match="do not train until layer.trainable is True: head"):
        overparameterize(model, base="frozen")


def test_a_checkpoint_of_another_kind_is_refused(tmp_path):
    overparameterize(model := one_layer())
    model.save_weights(tmp_path / "deep.weights.h5")
    adapted = overparameterize(one_layer(), base="frozen")
    with pytest.raises(ValueError, match=r"2 factors and a frozen base of .*one with 2 factors"):
        adapted.load_weights(tmp_path / "deep.weights.h5")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"rank": 2}, "rank only with base='frozen'"),
        ({"base": "frozen", "rank": 2, "width": 3}, "without a width"),
        ({"base": "frozen", "rank": 0}, "rank"),
        ({"base": "trainable"}, "base"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(InputError, match=message):
        overparameterize(one_layer(), **options)
