"""Experiments by name, and on other data."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable

from experiments.harness.command_line import Experiment
from experiments.harness.registry import EXPERIMENTS, module_of, source_of
from overparam_tf.datasets import Problem


def load_experiment(name: str) -> Experiment:
    """Return an experiment: `EXPERIMENT` of NAME.py, or of NAME/experiment.py."""
    module = module_of(name)
    is_folder = source_of(name).name == "__init__.py"
    return importlib.import_module(f"{module}.experiment" if is_folder else module).EXPERIMENT


def load_main(name: str) -> Callable[..., None]:
    """Return the command line of an experiment, or that of all, report or board."""
    if name in {entry.name for entry in EXPERIMENTS}:
        return load_experiment(name).main
    modules = {"all": "all", "report": "report.command", "board": "board.command"}
    return importlib.import_module(f"experiments.{modules[name]}").main


def on_problem(experiment: Experiment, problem: Problem) -> Experiment:
    """Return an experiment on the gas sensor data as an experiment on `problem`."""

    class Options(experiment.options_class):
        __doc__ = experiment.options_class.__doc__

        def load_problem(self) -> Problem:
            """Return the problem, whatever the options name."""
            return problem

    return dataclasses.replace(experiment, options_class=Options)
