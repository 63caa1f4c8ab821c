"""Checkpoints of a factorised model, loaded in another process and straight into plain layers."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from keras.ops import convert_to_numpy

from overparam_tf import InputError
from overparam_tf.errors import DataError
from overparam_tf.layers import FactorizedDense
from overparam_tf.surgery import load_collapsed, overparameterize, verify_equivalent
from overparam_tf.surgery._rebuild import layers_by_path
from tests.surgery.models import built, nested, sequential
from tests.surgery.test_collapse import trained_deep


def has_factors(model):
    return any(isinstance(layer, FactorizedDense) for layer in layers_by_path(model).values())


@pytest.mark.parametrize("name", ["sequential", "nested", "shared"])
def test_keras_file(name, tmp_path):
    deep = trained_deep(name, depth=3)
    deep.save(tmp_path / "deep.keras")
    plain = load_collapsed(tmp_path / "deep.keras")
    verify_equivalent(deep, plain, rtol=1e-5)
    assert not has_factors(plain) and not plain.compiled


def test_keras_file_with_its_loss(tmp_path):
    deep = trained_deep()
    deep.compile("sgd", "mae")
    deep.save(tmp_path / "deep.keras")
    assert load_collapsed(tmp_path / "deep.keras", compile=True).loss == "mae"


@pytest.mark.parametrize("as_builder", [True, False])
def test_weights_file(as_builder, tmp_path):
    deep, other = trained_deep("nested", depth=3), overparameterize(nested(), depth=3, copy=True)
    deep.save_weights(tmp_path / "deep.weights.h5")
    before = other.get_weights()
    plain = load_collapsed(tmp_path / "deep.weights.h5", (lambda: other) if as_builder else other)
    verify_equivalent(deep, plain, rtol=1e-5)
    assert as_builder or all(map(np.array_equal, before, other.get_weights()))


RELOAD = """
import sys
import numpy as np
from keras.ops import convert_to_numpy
from overparam_tf.surgery import load_collapsed, overparameterize
from tests.surgery.models import nested
folder = sys.argv[1]
deep = overparameterize(nested(), depth=3, copy=True)
deep.load_weights(f"{folder}/deep.weights.h5")
x = np.load(f"{folder}/x.npy")
outputs = [convert_to_numpy(model(x)) for model in (deep, load_collapsed(f"{folder}/deep.keras"))]
np.savez(f"{folder}/outputs.npz", *outputs)
"""


def test_in_a_new_process(tmp_path):
    deep = trained_deep("nested", depth=3)
    x = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")
    np.save(tmp_path / "x.npy", x)
    deep.save_weights(tmp_path / "deep.weights.h5")
    deep.save(tmp_path / "deep.keras")
    root = Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "-c", RELOAD, tmp_path],
        cwd=root,
        check=True,
        capture_output=True,
        timeout=120,
    )
    for output in np.load(tmp_path / "outputs.npz").values():
        np.testing.assert_allclose(output, convert_to_numpy(deep(x)), rtol=1e-4, atol=1e-5)


def test_bad_input(tmp_path):
    weights, other = tmp_path / "deep.weights.h5", tmp_path / "deep.h5"
    trained_deep().save_weights(weights)
    other.touch()
    built("sequential").save(tmp_path / "plain.keras")
    cases = [
        (tmp_path / "none.keras", None, {}, DataError, "which does not exist"),
        (other, None, {}, InputError, "ends in .keras or .weights.h5"),
        (weights, None, {}, InputError, "Expected model="),
        (weights, sequential, {"compile": True}, InputError, "holds no loss"),
        (tmp_path / "plain.keras", sequential, {}, InputError, "Expected no model"),
    ]
    for path, model, options, error, message in cases:
        with pytest.raises(error, match=message):
            load_collapsed(path, model, **options)


def test_no_kernel_is_split_only_to_be_overwritten(tmp_path, monkeypatch):
    deep = overparameterize(nested(), copy=True)
    deep.save(tmp_path / "deep.keras")
    deep.save_weights(tmp_path / "deep.weights.h5")
    monkeypatch.setattr(np.linalg, "svd", None)  # what a split would call
    verify_equivalent(deep, load_collapsed(tmp_path / "deep.keras"), rtol=1e-5)
    verify_equivalent(deep, load_collapsed(tmp_path / "deep.weights.h5", deep), rtol=1e-5)
    verify_equivalent(deep, overparameterize(deep, copy=True), rtol=0)


def test_a_loaded_layer_keeps_its_initializer(tmp_path):
    deep = overparameterize(sequential(), copy=True)
    deep.save(tmp_path / "deep.keras")
    load_collapsed(tmp_path / "deep.keras")
    layer = FactorizedDense.from_config(deep.layers[0].get_config())
    layer.build((None, 5))
    assert np.abs(convert_to_numpy(layer.kernel)).max() > 0
