"""The options of the benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from experiments.harness.limits import EPOCHS, STEPS
from experiments.harness.options import RunOptions
from experiments.harness.parsing import option

Name = Literal["optimizer_compare", "mnist_cnn"]


@dataclass(frozen=True)
class Config(RunOptions):
    """Measure which share of a run's time logging and checkpoints take."""

    runs: tuple[Name, ...] = option(("optimizer_compare", "mnist_cnn"), "which experiments")
    steps: int | None = option(
        None, "steps of optimizer_compare; None is its own default", quick=3_000, within=STEPS
    )
    epochs: int | None = option(
        None, "epochs of mnist_cnn; None is its own default", quick=1, within=EPOCHS
    )

    @property
    def shortened(self) -> list[str]:
        """Return the experiments that do less than by default: what is done once weighs more."""
        lengths = {"optimizer_compare": self.steps, "mnist_cnn": self.epochs}
        return [name for name in self.runs if lengths[name] is not None]

    def settings(self, name: str) -> dict[str, Any]:
        """Return the options of an experiment, by name."""
        lengths = {
            "optimizer_compare": {"steps": self.steps},
            "mnist_cnn": {"epochs": self.epochs},
        }
        chosen = {key: value for key, value in lengths[name].items() if value is not None}
        return {"data": "synthetic", "quick": self.quick, **chosen}
