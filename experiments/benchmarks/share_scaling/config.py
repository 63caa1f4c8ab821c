"""The options of the benchmark."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.harness.limits import check_options
from experiments.harness.parsing import option


@dataclass(frozen=True)
class Config:
    """Simulate `speedup` on several numbers of machines."""

    logdir: str = option("logs", "where the shares and the whole run are")
    name: tuple[str, ...] = option(("shares",), "names of the runs whose shares were run")
    whole: str = option("full", "name of the undivided run")
    data: str = option("auto", "its data")
    start_up: float = option(
        12.0, "seconds of a process before its first step: imports, data, floors", within=(0, 3600)
    )
    machines: tuple[int, ...] = option((1, 10, 100, 1000), "numbers of machines", within=(1, 8000))

    def __post_init__(self) -> None:
        check_options(self)
