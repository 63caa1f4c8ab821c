"""Arguments of the conversions of models: every bad value is refused in one line."""

from __future__ import annotations

import keras
import pytest

from overparam_tf import DataError
from overparam_tf.surgery import collapse, load_collapsed, overparameterize, verify_equivalent
from tests.arguments import bad_values
from tests.arguments.bad_values import (
    FLAG,
    INFINITE,
    INTEGER_OR_NONE,
    MODEL,
    NAME,
    NOT_NEGATIVE,
    PATH,
    POSITIVE,
    WHOLE,
    WIDTH,
    Kind,
    arguments_of,
)

PLAIN = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
TOLERANCE = Kind(("infinity",), ("1", [1.0], -INFINITE))
ARGUMENTS = {
    **arguments_of(collapse, {"model": PLAIN}, model=MODEL, compile=FLAG, copy=FLAG),
    **arguments_of(
        overparameterize,
        {"model": PLAIN, "copy": True},
        model=MODEL,
        depth=POSITIVE,
        width=WIDTH,
        layers=Kind(("None",), ("no such layer", [None], [], ())),
        initializer=NAME,
        noise=NOT_NEGATIVE,
        seed=INTEGER_OR_NONE,
        compile=FLAG,
        weights=Kind(("None",), ({"kernel": None}, {"kernel": [0, 1]}, {"bias": 0})),
        copy=FLAG,
    ),
    **arguments_of(
        load_collapsed,
        {"path": __file__},
        path=Kind(more=(*PATH.more, "no such file.keras", "", __file__)),
        compile=FLAG,
    ),
    **arguments_of(
        verify_equivalent,
        {"a": PLAIN, "b": PLAIN},
        a=MODEL,
        b=MODEL,
        rtol=Kind(("None", *TOLERANCE.accepted), TOLERANCE.more),
        atol=TOLERANCE,
        seed=WHOLE,
    ),
}


@pytest.mark.parametrize(("name", "value"), bad_values.cases(ARGUMENTS))
def test_bad_values_are_refused(name, value):
    bad_values.assert_refused(ARGUMENTS, name, value)


@pytest.mark.parametrize("model", [*bad_values.BAD_VALUES.values(), lambda: None])
def test_a_weights_file_without_its_model_is_refused(model, tmp_path):
    path = tmp_path / "some.weights.h5"
    path.touch()
    arguments = arguments_of(load_collapsed, {"path": path}, model=Kind(more=(model,)))
    bad_values.assert_refused(arguments, "load_collapsed.model", repr(model))


@pytest.mark.parametrize("name", ["a.keras", "a.weights.h5"])
@pytest.mark.parametrize("content", [b"", b"PK", b"PK\3\4 and no more", bytes(500)])
def test_a_damaged_file_is_one_line(name, content, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match="a checkpoint that Keras can read") as caught:
        load_collapsed(path, None if name == "a.keras" else PLAIN)
    assert "\n" not in str(caught.value)
