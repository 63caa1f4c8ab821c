"""The experiment nonlinear on 160 images."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from experiments.harness.command_line import Experiment
from experiments.nonlinear.experiment import EXPERIMENT, run
from tests.experiments.mnist_cnn.few_images import HELD_OUT, bars


def few_digits(**parts: Any) -> Experiment:
    """Return the experiment on the bars.

    Args:
        **parts: Further arguments of its `run`.
    """
    on_bars = functools.partial(run, load=lambda source: bars(), held_out=HELD_OUT, **parts)
    return dataclasses.replace(EXPERIMENT, run=on_bars)
