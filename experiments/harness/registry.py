"""The list of experiments, in the order in which the paper tells the story."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Entry:
    """An experiment in the list.

    Attributes:
        name: Its name, also that of its folder under the log folder.
        data: The data that its `--data` names; None for an experiment without that option.
        group: Whether it reproduces the paper, goes beyond it, or measures the speed of this code.
    """

    name: str
    data: Literal["gas", "mnist"] | None = "gas"
    group: Literal["paper", "beyond", "benchmark"] = "paper"

    @property
    def module(self) -> str:
        """Return the module that `python -m` runs."""
        folder = "experiments.benchmarks" if self.group == "benchmark" else "experiments"
        return f"{folder}.{self.name}"


EXPERIMENTS = (
    Entry("minimal"),
    Entry("optimizer_compare"),
    Entry("depth_compare"),
    Entry("emulated_update"),
    Entry("plateau", data=None),
    Entry("no_regularizer"),
    Entry("mnist_cnn", data="mnist"),
    Entry("speedup", group="beyond"),
    Entry("when_depth_helps", group="beyond"),
    Entry("late_divergence", group="beyond"),
    Entry("nonlinear", data="mnist", group="beyond"),
    Entry("matrix_completion", data=None, group="beyond"),
    Entry("optimizer_bias", data=None, group="beyond"),
    Entry("step_cost", data=None, group="benchmark"),
    Entry("layer_cost", data=None, group="benchmark"),
    Entry("loop_cost", data=None, group="benchmark"),
    Entry("log_cost", data=None, group="benchmark"),
)


def module_of(name: str) -> str:
    """Return the module that `python -m` runs for an experiment, listed or not."""
    modules = {entry.name: entry.module for entry in EXPERIMENTS}
    return modules.get(name, f"experiments.{name}")


def source_of(name: str) -> Path | None:
    """Return the file with the docstring that explains an experiment.

    Args:
        name: The experiment's name.

    Returns:
        `NAME.py` or `NAME/__init__.py`; None if there is no such experiment in this checkout.
    """
    place = ROOT.joinpath(*module_of(name).split("."))
    candidates = (place.with_name(f"{place.name}.py"), place / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)
