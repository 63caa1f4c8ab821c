"""The experiment mnist_cnn on 160 images.

`python -m tests.experiments.mnist_cnn.few_images OPTION ...` runs it in a process of its own,
without dropout, which draws otherwise on each replica. With INTERRUPT_AT=STEP in the environment a
Ctrl-C comes to worker 1, and to it alone, after that step.
"""

from __future__ import annotations

import functools
import json
import os
import signal
from typing import Any

import keras
import numpy as np

from experiments.harness.command_line import Experiment
from experiments.mnist_cnn.convnet import convnet
from experiments.mnist_cnn.experiment import Config, draw, run
from overparam_tf.datasets import Digits
from overparam_tf.runlog import ProgressReport

HELD_OUT = 32


def bars() -> Digits:
    """Return images of a bar in one of ten rows: learnt in a few steps."""
    rng = np.random.default_rng(0)
    parts = []
    for count in (160, 40):
        labels = rng.integers(0, 10, count).astype(np.uint8)
        images = rng.integers(0, 60, (count, 28, 28)).astype(np.uint8)
        images[np.arange(count), 2 * labels.astype(int) + 4] = 255
        parts += [images, labels]
    return Digits("bars", *parts, "made here", synthetic=True)


def without_dropout(*arguments: Any) -> keras.Sequential:
    """Return the convnet, none of its units dropped."""
    model = convnet(*arguments)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    return model


class InterruptingProgress(ProgressReport):
    """Raises a stop signal in its own process after a step."""

    def __init__(self, title: str, quiet: bool, step: int, number: signal.Signals):
        super().__init__(title, quiet)
        self._step, self._number = step, number

    def __call__(self, progress):
        if progress.step == self._step:
            signal.raise_signal(self._number)


def interrupting(step: int, number: signal.Signals):
    """Return an argument `make_progress` of `run`, which raises the signal after a step."""
    return functools.partial(InterruptingProgress, step=step, number=number)


def few_images(**arguments: Any) -> Experiment:
    """Return the experiment on the bars.

    Args:
        **arguments: Further arguments of its `run`.
    """
    settings = {"load": lambda source: bars(), "held_out": HELD_OUT, **arguments}
    return Experiment("mnist_cnn", Config, functools.partial(run, **settings), draw)


def main() -> None:
    """Run the experiment on the options of the command line."""
    arguments = {"make_net": without_dropout}
    if "INTERRUPT_AT" in os.environ and json.loads(os.environ["TF_CONFIG"])["task"]["index"] == 1:
        step = int(os.environ["INTERRUPT_AT"])
        arguments["make_progress"] = interrupting(step, signal.SIGINT)
    few_images(**arguments).main()


if __name__ == "__main__":
    main()
