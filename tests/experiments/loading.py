"""Experiments by name."""

from __future__ import annotations

import importlib

from experiments.harness.command_line import Experiment
from experiments.harness.registry import module_of, source_of


def load_experiment(name: str) -> Experiment:
    """Return an experiment: `EXPERIMENT` of NAME.py, or of NAME/experiment.py."""
    module = module_of(name)
    is_folder = source_of(name).name == "__init__.py"
    return importlib.import_module(f"{module}.experiment" if is_folder else module).EXPERIMENT
