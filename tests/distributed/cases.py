"""Small models, optimizers and data that one device and several must train alike."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from overparam_tf import train

BATCH = 16


def images(rows: int = 100, classes: int = 4):
    """Return images of 8 x 8, labels, sample weights. Batches of 16 leave a last one of 4."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 8, 8, 1)).astype("float32")
    y = rng.integers(0, classes, rows).astype("int32")
    return x, y, rng.uniform(0.1, 2.0, rows).astype("float32")


def cnn(*extra, **options) -> keras.Model:
    """Return a convolution and two dense layers with a penalty on their kernels.

    The `extra` layers come before the last. All are smooth, since round-off is amplified where an
    input crosses the kink of relu or max.
    """
    penalty = keras.regularizers.L2(1e-2)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="tanh", kernel_regularizer=penalty),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(8, activation="tanh", kernel_regularizer=penalty, **options),
            *extra,
            layers.Dense(4),
        ]
    )


def embedding() -> keras.Model:
    """Return a model with sparse gradients: the signs of the first column are its tokens."""
    pixels = keras.Input((8, 8, 1))
    tokens = keras.ops.cast(pixels[:, 0, :, 0] > 0, "int32")
    return keras.Model(pixels, layers.Dense(4)(layers.Flatten()(layers.Embedding(2, 3)(tokens))))


def sgd(rate=0.05, **options) -> keras.optimizers.SGD:
    return keras.optimizers.SGD(rate, momentum=0.9, **options)


def halving():
    return keras.optimizers.schedules.ExponentialDecay(0.05, 7, 0.5, staircase=True)


def cross_entropy(reduction: str = "sum_over_batch_size") -> keras.losses.Loss:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction)


# Model, optimizer, and further arguments of `train`.
CASES = {
    "momentum": (cnn, sgd, {"epochs": 15, "validation": True, "metrics": ["accuracy"]}),
    "one step a call": (cnn, sgd, {"steps_per_call": 1}),
    "decay and moving average": (
        cnn,
        lambda: sgd(weight_decay=0.01, use_ema=True, ema_momentum=0.9),
        {},
    ),
    "global clipnorm": (cnn, lambda: sgd(global_clipnorm=0.1), {}),
}
MORE_CASES = {
    "clipnorm": (cnn, lambda: sgd(clipnorm=0.1), {}),
    "clipvalue": (cnn, lambda: sgd(clipvalue=0.01), {}),
    "loss scale": (
        cnn,
        lambda: keras.optimizers.LossScaleOptimizer(sgd(), dynamic_growth_steps=7),
        {},
    ),
    "Adam": (cnn, lambda: keras.optimizers.Adam(0.01), {}),
    "schedule": (cnn, lambda: sgd(halving()), {}),
    "constraint": (lambda: cnn(kernel_constraint=keras.constraints.MaxNorm(0.5)), sgd, {}),
    "synchronized": (lambda: cnn(layers.BatchNormalization(synchronized=True)), sgd, {}),
    "activity penalty": (lambda: cnn(activity_regularizer=keras.regularizers.L2(0.01)), sgd, {}),
    "sparse gradients": (embedding, sgd, {}),
    "sample weights": (cnn, sgd, {"reduction": "sum_over_batch_size"}),
    "weighted mean": (cnn, sgd, {"reduction": "mean_with_sample_weight"}),
    "sum": (cnn, lambda: sgd(0.003), {"reduction": "sum"}),
    "XLA": (cnn, sgd, {"jit_compile": True}),
}


def trained(name: str, strategy, **changes) -> dict[str, np.ndarray]:
    """Train a case under a strategy; return by name all that must not depend on the strategy."""
    build, optimizer, options = (CASES | MORE_CASES)[name]
    options = {"epochs": 3, "steps_per_call": 10, **options, **changes}
    x, y, weights = images()
    reduction = options.pop("reduction", None)
    if options.pop("validation", False):
        options["validation"] = (x[:37], y[:37])
    keras.utils.set_random_seed(5)
    with strategy.scope():
        model, optimizer = build(), optimizer()
    training = train(
        model,
        (x, y, weights) if reduction else (x, y),
        cross_entropy(reduction or "sum_over_batch_size"),
        optimizer,
        strategy,
        batch_size=BATCH,
        **options,
    )
    results = {f"steps/{key}": value for key, value in training.steps.items()}
    results |= {
        f"epochs/{key}": value for key, value in training.epochs.items() if key != "seconds"
    }
    return results | {
        f"weights/{place}": v.numpy() for place, v in enumerate(model.trainable_variables)
    }


def assert_same(results, expected, tolerance: float = 1e-5):
    """Equal names, and arrays equal up to `tolerance` of their largest entry."""
    assert set(results) == set(expected)
    for name in expected:
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(
            results[name], expected[name], tolerance, tolerance * scale, err_msg=name
        )
