"""The experiment nonlinear on 160 images."""

from __future__ import annotations

import dataclasses
import functools

from experiments.harness.command_line import Experiment
from experiments.nonlinear.experiment import EXPERIMENT, run
from tests.experiments.mnist_cnn.few_images import HELD_OUT, bars


def few_digits() -> Experiment:
    """Return the experiment on the bars."""
    load = functools.partial(run, load=lambda source: bars(), held_out=HELD_OUT)
    return dataclasses.replace(EXPERIMENT, run=load)
