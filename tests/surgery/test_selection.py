"""Which layers are meant, and what is said where none is."""

import keras
import pytest
from keras import layers

from overparam_tf import InputError
from overparam_tf.layers import FactorizedDense
from overparam_tf.surgery._selection import choose
from tests.surgery.models import nested, untouched


class OwnDense(layers.Dense):
    pass


def paths(selector):
    model = nested()
    return [layer.name for layer in choose(model, selector)]


@pytest.mark.parametrize(
    "selector, names",
    [
        (None, ["wide", "dense", "inner_dense", "outer_dense"]),
        (layers.Dense, ["wide", "dense", "inner_dense", "outer_dense"]),
        ((layers.Conv2D, layers.Dense)[1:], ["wide", "dense", "inner_dense", "outer_dense"]),
        (keras.layers.Layer, ["wide", "dense", "inner_dense", "outer_dense"]),
        ("wide", ["wide"]),
        ("inner/block/wide", ["wide"]),
        ("*_dense", ["inner_dense", "outer_dense"]),
        ("block/*", ["wide", "dense"]),
        ("[iw]*e", ["wide", "inner_dense"]),
        (lambda layer: layer.units == 5, ["dense", "outer_dense"]),
        (["outer*", "wide", lambda layer: layer.units == 6], ["wide", "outer_dense"]),
    ],
)
def test_selectors(selector, names):
    chosen = paths(selector)
    chosen = ["dense" if name.startswith("dense") else name for name in chosen]  # Keras numbers unnamed layers
    assert sorted(chosen) == sorted(names) and len(set(chosen)) == len(chosen)


@pytest.mark.parametrize(
    "selector, message",
    [
        ("wrapp", "did you mean 'wrapped'"),
        ("xyz", "there are 'scale', 'lambda"),
        ("wrapped", "'wrapped' is a TimeDistributed.*wrappers and custom layers are left as they are"),
        ("rec*", "'recurrent' is a Bidirectional"),
        (layers.LSTM, "no layer is a LSTM"),
        (layers.BatchNormalization, "'norm' is a BatchNormalization"),
        (lambda layer: False, "holds for no layer"),
        (7, "types, names, patterns or predicates"),
        (["head", "xyz"], "'xyz'"),
    ],
)
def test_nothing_matched(selector, message):
    with pytest.raises(InputError, match=message):
        choose(untouched(), selector)


def test_subclasses_and_factorised_layers_are_not_converted():
    layer_types = [OwnDense(2, name="own"), FactorizedDense(2, name="deep"), layers.Dense(2, name="plain")]
    model = keras.Sequential([keras.Input((3,)), *layer_types])
    assert [layer.name for layer in choose(model)] == ["plain"]
    assert choose(model, "deep") == []
    with pytest.raises(InputError, match="'own' is a OwnDense"):
        choose(model, "own")
