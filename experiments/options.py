"""Options that every experiment on a data set has, and what they stand for."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

from experiments.command_line import option
from overparam_tf.datasets import Problem, load
from overparam_tf.errors import InputError


@dataclass(frozen=True)
class Options:
    """Where the data comes from, where the results go, and how the run is done."""

    data: str = option("auto", "auto (real data if it can be had, else a synthetic stand-in), gas, synthetic, or a path")
    gas: str = option("ethanol", "which gas of the sensor data")
    preprocessing: Literal["zscore", "minmax", "none"] = option("zscore", "of inputs and labels")
    logdir: str = option("logs", "results go to LOGDIR/EXPERIMENT/NAME")
    name: str | None = option(None, "name of the run (default: from preset and data set)")
    dtype: Literal["float32", "float64"] = option("float32", "precision of the training")
    quick: bool = option(False, "a short run to see it work; its numbers mean little")
    quiet: bool = option(False, "no progress, no tables")
    redraw: str | None = option(None, "draw figures and tables of the finished run of this name again, no training")

    def load_problem(self) -> Problem:
        """The data set that the options name."""
        return load(self.data, gas=self.gas, preprocessing=self.preprocessing)

    def run_name(self, prefix: str, problem: Problem) -> tuple[str, bool]:
        """The run's name and whether to make it unique: a given name is kept, but a stand-in always shows in it."""
        if self.name is None:
            parts = [prefix, problem.name] + ["quick"] * self.quick
            return "-".join(parts), True
        return (f"{self.name}-{problem.name}" if problem.synthetic else self.name), False

    def require(self, valid: bool, expected: str, **received) -> None:
        """Raises an `InputError` unless `valid`."""
        if not valid:
            values = ", ".join(f"--{name.replace('_', '-')} {value}" for name, value in received.items())
            raise InputError(f"Expected {expected}. Received: {values}")


def announce(line: str, quiet: bool) -> None:
    """A line of progress on standard error."""
    if not quiet:
        print(line, file=sys.stderr, flush=True)
