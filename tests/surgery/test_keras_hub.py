"""A causal language model of KerasHub: `generate`, presets and files, as products and after."""

import keras
import numpy as np
import pytest

from overparam_tf import InputError
from overparam_tf.surgery import collapse, overparameterize
from tests.backends import needs_tensorflow

pytestmark = [
    pytest.mark.slow,
    needs_tensorflow,
    pytest.mark.filterwarnings("ignore:weights that stay as they are"),
    pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer"),
]
PROMPT = np.zeros((2, 8), "int32")
PROMPT[:, :3] = [[3, 5, 7], [2, 4, 6]]


def language_model():
    models = pytest.importorskip("keras_hub").models
    sizes = {"num_query_heads": 4, "num_key_value_heads": 2, "hidden_dim": 16}
    backbone = models.LlamaBackbone(vocabulary_size=20, num_layers=1, intermediate_dim=32, **sizes)
    model = models.LlamaCausalLM(backbone=backbone, preprocessor=None)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, weighted_metrics=[], sampler="greedy")
    return model


def generated(model):
    data = {"token_ids": PROMPT, "padding_mask": (PROMPT > 0).astype("int32")}
    return np.array(model.generate(data, stop_token_ids=None)["token_ids"])


def test_generate_with_its_cache_follows_the_weights(tmp_path):
    model = language_model()
    before = generated(model)
    overparameterize(model)
    np.testing.assert_array_equal(generated(model), before)
    ids = np.random.default_rng(0).integers(1, 20, size=(8, 8))
    data = {"token_ids": ids, "padding_mask": np.ones_like(ids)}
    model.fit(data, ids[::-1], epochs=30, shuffle=False, verbose=0)
    trained = generated(model)
    assert (trained != before).any()
    model.save(tmp_path / "deep.keras")
    # KerasHub compiles a loaded task by itself, with an optimizer without state.
    loaded = keras.saving.load_model(tmp_path / "deep.keras", compile=False)
    loaded.compile(sampler="greedy")
    np.testing.assert_array_equal(generated(loaded), trained)
    with pytest.raises(InputError, match=r"plain layer for save_to_preset: call .*collapse"):
        model.save_to_preset(tmp_path / "preset")
    collapse(model)
    np.testing.assert_array_equal(generated(model), trained)
    model.save_to_preset(tmp_path / "preset")
    plain = type(model).__mro__[1].from_preset(str(tmp_path / "preset"))
    assert type(plain) is type(model)
    plain.compile(sampler="greedy")
    np.testing.assert_array_equal(generated(plain), trained)
