"""Options that the experiments share, and what they stand for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from experiments.command_line import option
from experiments.continuing import take_folder
from overparam_tf.datasets import Problem, load
from overparam_tf.errors import InputError
from overparam_tf.runlog import RunFolder


@dataclass(frozen=True)
class RunOptions:
    """Where the results go, and how the run is done: options of every experiment."""

    logdir: str = option("logs", "results go to LOGDIR/EXPERIMENT/NAME")
    name: str | None = option(None, "name of the run (default: from the settings)")
    quick: bool = option(False, "a short run to see it work; its numbers mean little")
    quiet: bool = option(False, "no progress, no tables")
    resume: bool = option(False, "continue the newest unfinished run of the same settings, or that of --name")
    redraw: str | None = option(None, "draw figures and tables of the finished run of this name again, no training")

    def create_folder(self, experiment: str, default_name: str, config: dict[str, Any]) -> RunFolder:
        """The folder of this run, with its config.json: a new one, or one to continue; see `take_folder`."""
        return take_folder(self, experiment, default_name, config)

    def require(self, valid: bool, expected: str, **received) -> None:
        """Raises an `InputError` unless `valid`."""
        if not valid:
            values = ", ".join(f"--{name.replace('_', '-')} {value}" for name, value in received.items())
            raise InputError(f"Expected {expected}. Received: {values}")


@dataclass(frozen=True)
class DataOptions(RunOptions):
    """Which data to train on, and in which precision: options of the experiments that train on a data set."""

    data: str = option(
        "auto", "auto (real data if it can be had, else a synthetic stand-in), gas, synthetic, or a path"
    )
    gas: str = option("ethanol", "which gas of the sensor data")
    preprocessing: Literal["zscore", "minmax", "none"] = option("zscore", "of inputs and labels")
    dtype: Literal["float32", "float64"] = option("float32", "precision of the training")

    def load_problem(self) -> Problem:
        """The data set that the options name."""
        return load(self.data, gas=self.gas, preprocessing=self.preprocessing)

    def create_data_folder(self, experiment: str, prefix: str, problem: Problem, config: dict[str, Any]) -> RunFolder:
        """As `create_folder`; the data set is part of a made-up name, and a stand-in part of any name."""
        named = self
        if self.name is not None and problem.synthetic and not self.name.endswith(f"-{problem.name}"):
            named = replace(self, name=f"{self.name}-{problem.name}")
        return named.create_folder(experiment, f"{prefix}-{problem.name}", config)
