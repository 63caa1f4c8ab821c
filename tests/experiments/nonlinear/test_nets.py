"""The nets and their data: sizes, products, penalties."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.nonlinear.nets import NETS, TOKENS
from experiments.nonlinear.penalties import on_every_factor, regularizer_of
from experiments.nonlinear.text import CHARACTERS, text_rows
from overparam_tf import overparameterize
from overparam_tf.surgery import products_of


@pytest.mark.parametrize(
    ("name", "products"),
    [("convnet", 2), ("mlp", 3), ("resnet", 10), ("vit", 14), ("characters", 13)],
)
def test_every_kernel_becomes_a_product(name, products):
    net = NETS[name]
    model = net.build(regularizer_of("factors"))
    overparameterize(model, 2, layers=None if net.layers is None else list(net.layers))
    found = products_of(model)
    assert len(found) == products
    on_every_factor(model, 2)
    weights = [factor for product in found for factor in product.factors]
    assert all(
        factor.regularizer is found[0].regularizer or factor.regularizer for factor in weights
    )
    penalty = sum(float(0.5 * 5e-4 * np.sum(factor.numpy() ** 2)) for factor in weights)
    biases = 0.0 if name != "convnet" else 0.5 * 5e-4 * 522 * 0.1**2
    assert float(sum(model.losses)) == pytest.approx(penalty + biases, rel=1e-4)


def test_the_text_is_long_and_its_labels_are_one_character_ahead():
    (x, y), (test_x, _) = text_rows(TOKENS, 100, 10)
    assert x.shape == y.shape == (100, TOKENS) and test_x.shape == (10, TOKENS)
    np.testing.assert_array_equal(x[:, 1:], y[:, :-1])
    assert 0 <= x.min() and x.max() < len(CHARACTERS)
