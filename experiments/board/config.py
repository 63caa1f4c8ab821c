"""The options of the board."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.harness.parsing import option
from overparam_tf.errors import InputError


@dataclass(frozen=True)
class Config:
    """Open TensorBoard on the newest run of each experiment."""

    logdir: str = option("logs", "the log folder")
    experiment: tuple[str, ...] | None = option(
        None, "only these experiments (default: all that have runs)"
    )
    newest: int = option(1, "how many runs of each experiment, the newest first")
    all: bool = option(False, "all runs")
    port: int = option(6006, "port on localhost; 0 for any free one")
    print: bool = option(False, "print the command and the addresses, and start nothing")

    def __post_init__(self) -> None:
        if self.newest < 1:
            raise InputError(f"Expected at least one run. Received: --newest {self.newest}")
        if not 0 <= self.port <= 65535:
            raise InputError(f"Expected a port from 0 to 65535. Received: --port {self.port}")
