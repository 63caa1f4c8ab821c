"""Text classification with a transformer: token and position embeddings, a mask, a block."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from tests.backends import needs_tensorflow
from tests.guides.forms import all_forms, outputs

RNG = np.random.default_rng(0)
LENGTH, WORDS, SIZE = 6, 12, 4
IDS = RNG.integers(1, WORDS, size=(32, LENGTH))
IDS[:, 4:] = 0  # padding
Y = (IDS[:, :1] > 6).astype("float32")


@keras.saving.register_keras_serializable("overparam_tf_tests")
class TokenAndPositionEmbedding(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.token_emb = layers.Embedding(WORDS, SIZE, mask_zero=True)
        self.pos_emb = layers.Embedding(LENGTH, SIZE)

    def call(self, x):
        return self.token_emb(x) + self.pos_emb(ops.arange(ops.shape(x)[-1]))

    def compute_mask(self, x, mask=None):
        return self.token_emb.compute_mask(x)


def block_of(form):
    class TransformerBlock(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.supports_masking = True
            self.att = form.MultiHeadAttention(num_heads=2, key_dim=SIZE)
            self.ffn = keras.Sequential([form.Dense(8, activation="relu"), form.Dense(SIZE)])
            self.layernorm1, self.layernorm2 = (
                layers.LayerNormalization(epsilon=1e-6) for _ in range(2)
            )
            self.dropout = layers.Dropout(0.1)

        def call(self, inputs, training=None):
            attention = self.dropout(self.att(inputs, inputs), training=training)
            out = self.layernorm1(inputs + attention)
            return self.layernorm2(out + self.ffn(out))

    return TransformerBlock


# Surgery says that the tables of embeddings stay as they are.
@pytest.mark.filterwarnings("ignore:weights that stay as they are:UserWarning")
@needs_tensorflow
@all_forms
def test_a_masked_text_transformer(form):
    inputs = keras.Input((LENGTH,), dtype="int32")
    x = TokenAndPositionEmbedding()(inputs)
    x = block_of(form)()(x)
    x = layers.GlobalAveragePooling1D()(x)
    model = form.prepare(keras.Model(inputs, form.Dense(1, activation="sigmoid")(x)))
    # Without XLA, whose SVD is slow: EndToEndSGD says so.
    model.compile(form.optimizer(0.3), "binary_crossentropy", jit_compile=False)
    first, *_, last = model.fit(IDS, Y, epochs=10, batch_size=8, verbose=0).history["loss"]
    assert last < first
    # What stands beyond the mask does not count.
    table = model.layers[1].token_emb.embeddings
    before = outputs(model, IDS)
    table.assign(ops.concatenate([1 + table[:1], table[1:]]))
    np.testing.assert_allclose(outputs(model, IDS), before, atol=1e-5)
    form.finish(model, IDS)
