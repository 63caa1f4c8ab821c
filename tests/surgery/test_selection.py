"""Selection of layers, and the error if none matches."""

import keras
import pytest
from keras import layers

from overparam_tf import InputError
from overparam_tf.layers import FactorizedDense
from overparam_tf.surgery._selection import choose
from tests.surgery.models import nested, untouched


class OwnDense(layers.Dense):
    pass


ALL = ["wide", "narrow", "inner_dense", "outer_dense"]


@pytest.mark.parametrize(
    "selector, names",
    [
        (None, ALL),
        (layers.Dense, ALL),
        (layers.Layer, ALL),
        ((layers.Dense, "wide"), ALL),
        ("wide", ["wide"]),
        ("inner/block/wide", ["wide"]),
        ("*_dense", ["inner_dense", "outer_dense"]),
        ("inner/block/*", ["wide", "narrow"]),
        ("[iw]*e", ["wide", "inner_dense"]),
        (lambda layer: layer.units == 6, ["wide"]),
        (["outer*", "wide", lambda layer: layer.units == 6], ["wide", "outer_dense"]),
    ],
)
def test_selectors(selector, names):
    chosen = [layer.name for layer in choose(nested(), selector)]
    assert sorted(chosen) == sorted(names)


@pytest.mark.parametrize(
    "selector, message",
    [
        ("wrapp", "did you mean 'wrapped'"),
        ("xyz", "there are 'scale', 'lambda"),
        (
            "wrapped",
            "'wrapped' is a TimeDistributed.*wrappers and custom layers are left as they are",
        ),
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
    layer_types = [
        OwnDense(2, name="own"),
        FactorizedDense(2, name="deep"),
        layers.Dense(2, name="plain"),
    ]
    model = keras.Sequential([keras.Input((3,)), *layer_types])
    assert [layer.name for layer in choose(model)] == ["plain"]
    assert choose(model, "deep") == []
    with pytest.raises(InputError, match="'own' is a OwnDense"):
        choose(model, "own")
