"""The five nets, their data, and how long each is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from keras import layers, ops

from experiments.mnist_cnn.convnet import WEIGHT_DECAY, convnet
from experiments.nonlinear.config import NetName
from experiments.nonlinear.text import CHARACTERS

TOKENS = 32  # characters of a sequence
WIDTH, HEADS, BLOCKS = 32, 2, 2  # of the two transformers
# Without the embedding, a table.
KERNELS = ("dense*", "multi_head_attention*")
PATCH = 7  # pixels along a side of a patch: 16 patches


@dataclass(frozen=True)
class Net:
    """A net of the experiment.

    Attributes:
        title: Its name in figures.
        build: Returns the plain net, from the regularizer of its kernels.
        data: Which data it learns, digits or text.
        layers: The layers that become products; None for all but embeddings.
        steps: Steps of a run.
        milliseconds: About what a step takes on two cores; shares are divided by it.
        batch_size: Rows of a batch.
        targets: Losses to reach.
    """

    title: str
    build: Callable[[Any], keras.Model]
    data: Literal["digits", "text"]
    layers: tuple[str, ...] | None
    steps: int
    milliseconds: int
    batch_size: int
    targets: tuple[float, ...]


def penalty() -> keras.regularizers.Regularizer:
    """Return the paper's penalty, 5e-4 times half the sum of squares."""
    return keras.regularizers.L2(WEIGHT_DECAY / 2)


def paper_convnet(regularizer: Any) -> keras.Model:
    """Return the paper's convnet, whose two fully connected layers have the penalty."""
    # Keras's seed is that of NumPy's own generator too.
    seed = int(np.random.randint(2**16))
    return convnet(depth=1, place=None if regularizer is None else "product", seed=seed)


def mlp(regularizer: Any) -> keras.Model:
    """Return two hidden layers of 64 units: 55,050 parameters."""
    kernel = {"kernel_regularizer": regularizer}
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Flatten(),
            layers.Dense(64, "relu", **kernel),
            layers.Dense(64, "relu", **kernel),
            layers.Dense(10, **kernel),
        ]
    )


def resnet(regularizer: Any) -> keras.Model:
    """Return three residual blocks of 8, 16 and 32 channels, with batch normalisation."""
    kernel = {"kernel_regularizer": regularizer, "use_bias": False, "padding": "same"}
    inputs = keras.Input((28, 28, 1))
    x = layers.Conv2D(8, 3, 2, **kernel)(inputs)
    for channels, stride in ((8, 1), (16, 2), (32, 2)):
        y = layers.ReLU()(batch_norm()(x))
        if stride > 1:
            x = layers.Conv2D(channels, 1, stride, **kernel)(y)
        y = layers.Conv2D(channels, 3, stride, **kernel)(y)
        y = layers.ReLU()(batch_norm()(y))
        x = layers.Add()([x, layers.Conv2D(channels, 3, **kernel)(y)])
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(batch_norm()(x)))
    return keras.Model(inputs, layers.Dense(10, kernel_regularizer=regularizer)(x))


def batch_norm() -> layers.Layer:
    """Return a batch normalisation whose averages follow within a run of a hundred steps."""
    return layers.BatchNormalization(momentum=0.9)


def vit(regularizer: Any) -> keras.Model:
    """Return a vision transformer: 16 patches of 7 x 7 pixels, two blocks of width 32."""
    inputs = keras.Input((28, 28, 1))
    x = layers.Conv2D(WIDTH, PATCH, PATCH, kernel_regularizer=regularizer)(inputs)
    x = layers.Reshape((-1, WIDTH))(x)
    x = _transformer(x, x.shape[1], regularizer, causal=False)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, layers.Dense(10, kernel_regularizer=regularizer)(x))


def characters(regularizer: Any) -> keras.Model:
    """Return a character transformer: 32 characters, two causal blocks of width 32."""
    inputs = keras.Input((TOKENS,), dtype="int32")
    x = layers.Embedding(len(CHARACTERS), WIDTH)(inputs)
    x = _transformer(x, TOKENS, regularizer, causal=True)
    return keras.Model(inputs, layers.Dense(len(CHARACTERS), kernel_regularizer=regularizer)(x))


def _transformer(x: Any, length: int, regularizer: Any, causal: bool) -> Any:
    """Return the output of the blocks, with learned positions added to their input."""
    kernel = {"kernel_regularizer": regularizer}
    x = x + layers.Embedding(length, WIDTH)(ops.arange(length))
    for _ in range(BLOCKS):
        y = layers.LayerNormalization()(x)
        attention = layers.MultiHeadAttention(HEADS, WIDTH // HEADS, **kernel)
        x = x + attention(y, y, use_causal_mask=causal)
        y = layers.LayerNormalization()(x)
        x = x + layers.Dense(WIDTH, **kernel)(layers.Dense(2 * WIDTH, "gelu", **kernel)(y))
    return layers.LayerNormalization()(x)


NETS: dict[NetName, Net] = {
    "convnet": Net(
        "the paper's convnet",
        paper_convnet,
        "digits",
        ("fc1", "fc2"),
        steps=48,
        milliseconds=60,
        batch_size=8,
        targets=(1.8, 1.5),
    ),
    "mlp": Net(
        "MLP", mlp, "digits", None, steps=200, milliseconds=5, batch_size=32, targets=(0.8, 0.6)
    ),
    "resnet": Net(
        "ResNet",
        resnet,
        "digits",
        None,
        steps=80,
        milliseconds=33,
        batch_size=32,
        targets=(1.2, 0.8),
    ),
    "vit": Net(
        "ViT", vit, "digits", None, steps=120, milliseconds=38, batch_size=32, targets=(1.9, 1.65)
    ),
    "characters": Net(
        "character transformer",
        characters,
        "text",
        KERNELS,
        steps=120,
        milliseconds=22,
        batch_size=16,
        targets=(3.0, 2.8),
    ),
}
