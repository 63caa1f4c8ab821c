"""`python -m tests.experiments.few_images OPTION ...`: mnist_cnn on 160 images, in a process of its own.

Without dropout, which draws otherwise on each replica. With INTERRUPT_AT=STEP in the environment a Ctrl-C comes to
worker 1, and to it alone, after that step.
"""

from __future__ import annotations

import json
import os
import signal

import keras
import numpy as np

from experiments.mnist_cnn import experiment as mnist_cnn
from experiments.mnist_cnn.convnet import convnet
from overparam_tf.datasets import Digits


def bars() -> Digits:
    """A bar in one of ten rows: learnt in a few steps."""
    rng = np.random.default_rng(0)
    parts = []
    for count in (160, 40):
        labels = rng.integers(0, 10, count).astype(np.uint8)
        images = rng.integers(0, 60, (count, 28, 28)).astype(np.uint8)
        images[np.arange(count), 2 * labels.astype(int) + 4] = 255
        parts += [images, labels]
    return Digits("bars", *parts, "made here", synthetic=True)


def without_dropout(*arguments) -> keras.Model:
    """In place of `convnet`."""
    model = convnet(*arguments)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    return model


class Interrupting(mnist_cnn.ProgressReport):
    def __call__(self, progress):
        if progress.step == int(os.environ["INTERRUPT_AT"]):
            signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    mnist_cnn.load_mnist, mnist_cnn.VALIDATION = lambda source: bars(), 32
    mnist_cnn.convnet = without_dropout
    if "INTERRUPT_AT" in os.environ and json.loads(os.environ["TF_CONFIG"])["task"]["index"] == 1:
        mnist_cnn.ProgressReport = Interrupting
    mnist_cnn.main()
