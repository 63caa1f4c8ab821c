"""Arguments of the conversions of models: every bad value is refused in one line."""

from __future__ import annotations

import keras
import pytest

from overparam_tf.surgery import collapse, load_collapsed, overparameterize, verify_equivalent
from tests.arguments import refusals

MODEL = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
TOLERANCE = (refusals.NAN, -refusals.INFINITE, "1", [1.0], True, -1)
SELECTORS = (refusals.NAN, refusals.INFINITE, "no such layer", [None], True, -1)


def load_collapsed_weights(model):
    load_collapsed(__file__, model)


TABLE = {
    collapse: ({"model": MODEL}, {"model": refusals.MODEL, "compile": refusals.FLAG}),
    overparameterize: (
        {"model": MODEL},
        {
            "model": refusals.MODEL,
            "depth": refusals.POSITIVE,
            "width": refusals.WIDTH,
            "layers": SELECTORS,
            "initializer": refusals.NAME,
            "noise": refusals.NOT_NEGATIVE,
            "seed": refusals.OPTIONAL_INTEGER,
            "compile": refusals.FLAG,
        },
    ),
    load_collapsed: (
        {"path": __file__},
        {"path": (*refusals.PATH, "no such file.keras", ""), "compile": refusals.FLAG},
    ),
    verify_equivalent: (
        {"a": MODEL, "b": MODEL},
        {
            "a": refusals.MODEL,
            "b": refusals.MODEL,
            "rtol": TOLERANCE,
            "atol": (None, *TOLERANCE),
            "seed": refusals.WHOLE,
        },
    ),
}


@pytest.mark.parametrize(("function", "arguments", "name"), refusals.cases(TABLE))
def test_bad_values_are_refused(function, arguments, name):
    refusals.assert_refused(function, arguments, name)


@pytest.mark.parametrize("model", [None, refusals.NAN, "text", [1], True, lambda: None])
def test_no_model_for_a_weights_file_is_refused(model, tmp_path):
    path = tmp_path / "some.weights.h5"
    path.touch()
    refusals.assert_refused(load_collapsed, {"path": path, "model": model}, "model")
