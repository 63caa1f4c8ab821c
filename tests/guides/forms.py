"""The forms in which every guide runs: plain Keras, our layers, surgery, EndToEndSGD."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from overparam_tf import (
    EndToEndSGD,
    FactorizedConv2D,
    FactorizedDense,
    FactorizedMultiHeadAttention,
    collapse,
    overparameterize,
)


@dataclasses.dataclass(frozen=True)
class Form:
    """What a user of the library changes in a program of a guide; every default is a plain program.

    Attributes:
        Dense: The dense layer; as the next two.
        Conv2D: The convolution.
        MultiHeadAttention: The attention.
        prepare: Called with a built model; returns the model to train.
        optimizer: Called with a learning rate.
        has_factors: Whether the trained model has factors, which `collapse` multiplies.
    """

    Dense: Any = keras.layers.Dense
    Conv2D: Any = keras.layers.Conv2D
    MultiHeadAttention: Any = keras.layers.MultiHeadAttention
    prepare: Callable[[keras.Model], keras.Model] = lambda model: model
    optimizer: Callable[[float], keras.optimizers.Optimizer] = keras.optimizers.SGD
    has_factors: bool = False

    def finish(self, model: keras.Model, x: Any) -> keras.Model:
        """Return the trained model with plain layers, and check that it computes the same."""
        if not self.has_factors:
            return model
        expected, parameters = outputs(model, x), model.count_params()
        plain = collapse(model)
        np.testing.assert_allclose(outputs(plain, x), expected, atol=1e-4)
        assert plain.count_params() < parameters
        return plain


def outputs(model: keras.Model, x: Any) -> np.ndarray:
    """Return what a model predicts, as an array."""
    return keras.ops.convert_to_numpy(model(x, training=False))


FORMS = {
    "plain": Form(),
    "layers": Form(
        FactorizedDense, FactorizedConv2D, FactorizedMultiHeadAttention, has_factors=True
    ),
    "surgery": Form(prepare=overparameterize, has_factors=True),
    "rule": Form(optimizer=EndToEndSGD),
}
# The plain program is the control, which says whether a fault is the guide's own: with `-m slow`.
all_forms = pytest.mark.parametrize(
    "form",
    [
        pytest.param(form, id=name, marks=[pytest.mark.slow] if name == "plain" else [])
        for name, form in FORMS.items()
    ],
)
