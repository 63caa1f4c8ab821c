"""The command `python -m experiments.benchmarks.step_cost`: its options, the run, the drawing."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
from rich.console import Console

from experiments.benchmarks.step_cost import figures as step_cost_figures
from experiments.benchmarks.step_cost.claims import (
    GOALS,
    goal_claim,
    idle_claim,
    loss_claim,
    rows_claim,
    start_up_claim,
)
from experiments.benchmarks.step_cost.contest import Contest, write_data
from experiments.benchmarks.step_cost.contestants import cells_of, settings_of
from experiments.benchmarks.step_cost.scaling import AXES, BASE, QUICK_AXES, measure
from experiments.benchmarks.step_cost.tables import (
    contest_table,
    exponents,
    not_measured,
    results_of,
    settings_table,
)
from experiments.benchmarks.step_cost.trials import write_trials
from experiments.benchmarks.step_cost.workers import peer_command, peer_environment
from experiments.harness.command_line import Experiment, option
from experiments.harness.options import RunOptions
from experiments.harness.results import print_claims, print_table, write_report
from overparam_tf.datasets import load
from overparam_tf.errors import DataError
from overparam_tf.runlog import RunFolder, environment

ROUNDS, QUICK_ROUNDS = 5, 2
SECONDS, QUICK_SECONDS = 0.2, 0.05
START_UPS, QUICK_START_UPS = 2, 1
IDLE = ["idle_seconds", "idle_processor_seconds"]
ROUND_COLUMNS = [
    "contestant",
    "worker",
    "optimizer",
    "depth",
    "p",
    "runs",
    "round",
    "ms",
    "processor_ms",
    *IDLE,
]
SCALING_COLUMNS = ["axis", "size", *BASE, "status", "ms", "peak_bytes", "growth_bytes"]


@dataclass(frozen=True)
class Config(RunOptions):
    """Measures what a step costs: the sweep against Keras, PyTorch, JAX, NumPy, numba and BLAS, and how it scales."""

    part: Literal["contest", "scaling", "all"] = option(
        "all", "contest: side by side; scaling: the sweep alone"
    )
    depths: tuple[int, ...] | None = option(
        None, "depths of the contest, 1 to 8 (default: 1 2 3, with --quick 1)"
    )
    rounds: int | None = option(
        None, f"bursts of each contestant (default: {ROUNDS}, with --quick {QUICK_ROUNDS})"
    )
    seconds: float | None = option(
        None, f"length of a burst, 0.001 to 60 (default: {SECONDS}, with --quick {QUICK_SECONDS})"
    )
    timeout: float = option(
        120.0, "seconds after which a worker that does not answer is given up, 1 to 3600"
    )

    def __post_init__(self):
        valid = self.depths is None or (1 <= min(self.depths) and max(self.depths) <= 8)
        self.require(valid, "depths from 1 to 8", depths=self.depths)
        self.require(
            len(set(self.depths or ())) == len(self.depths or ()),
            "no depth twice",
            depths=self.depths,
        )
        self.require(
            self.rounds is None or 1 <= self.rounds <= 1000, "1 to 1000 rounds", rounds=self.rounds
        )
        valid = self.seconds is None or 0.001 <= self.seconds <= 60
        self.require(valid, "bursts of 0.001 to 60 seconds", seconds=self.seconds)
        self.require(
            1 <= self.timeout <= 3600, "a timeout of 1 to 3600 seconds", timeout=self.timeout
        )

    @property
    def burst(self) -> float:
        """Seconds of a burst."""
        return (QUICK_SECONDS if self.quick else SECONDS) if self.seconds is None else self.seconds

    def settings(self) -> list[tuple[str, int]]:
        """Optimizers and depths of the contest."""
        if self.quick and self.depths is None:
            return settings_of((1,))[:1]
        return settings_of(sorted(self.depths or (1, 2, 3)))


def run(config: Config) -> RunFolder:
    """Measures; writes config.json, results.csv, rounds.csv, scaling.csv, workers.json and TensorBoard's trials."""
    problem = load("synthetic")
    facts = {"experiment": "step_cost", "options": dataclasses.asdict(config)}
    data = {"name": problem.name, "label": problem.label, "synthetic": problem.synthetic}
    folder = config.create_folder(
        "step_cost", config.part, {**facts, "data": data, **environment()}
    )
    say = _Progress(config.quiet)
    workers, results, scaling = {"start_up_seconds": [], "workers": {}}, None, None
    if config.part != "scaling":
        say("start-up of optimizer_compare")
        workers["start_up_seconds"] = _start_up(
            problem, QUICK_START_UPS if config.quick else START_UPS, config.timeout
        )
        contest = Contest(cells_of(config.settings()), problem, config.burst, config.timeout)
        for work in contest.run(config.rounds or (QUICK_ROUNDS if config.quick else ROUNDS)):
            say(work)
        workers["workers"] = contest.workers
        results = results_of(contest.cells, contest.rounds)
        folder.write_table("results.csv", results)
        folder.write_table("rounds.csv", pd.DataFrame(contest.rounds, columns=ROUND_COLUMNS))
    if config.part != "contest":
        rows = []
        for axis in QUICK_AXES if config.quick else AXES:
            say(f"scaling: {axis.name}")
            rows += measure(axis, config.burst, config.timeout)
        scaling = pd.DataFrame(rows, columns=SCALING_COLUMNS)
        folder.write_table("scaling.csv", scaling)
    write_trials(folder, results, scaling)
    (folder.path / "workers.json").write_text(
        json.dumps(workers, indent=2) + "\n", encoding="utf-8"
    )
    return folder


class _Progress:
    """A line on standard error now and then."""

    def __init__(self, quiet: bool):
        self._quiet, self._last = quiet, 0.0

    def __call__(self, work: str) -> None:
        if not self._quiet and time.monotonic() - self._last > 10:
            self._last = time.monotonic()
            print(f"step_cost: {work}", file=sys.stderr, flush=True)


def _start_up(problem, times: int, timeout: float) -> list[float]:
    """Seconds from the start of a process that does what optimizer_compare does first to its end; [] if it fails."""
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        command = [*peer_command("start_up"), str(write_data(Path(folder, "data.npz"), problem))]
        for _ in range(times):
            began = time.monotonic()
            try:
                subprocess.run(
                    command,
                    env=peer_environment(),
                    capture_output=True,
                    timeout=timeout,
                    check=True,
                )
            except subprocess.SubprocessError as error:
                print(f"step_cost: start-up not measured: {error}", file=sys.stderr)
                return []
            seconds.append(time.monotonic() - began)
    return seconds


def draw(folder: RunFolder, console: Console) -> None:
    """Draws figures and prints tables and verdicts from a run folder alone."""
    config, drawn, claims, shown, remarks = folder.read_config(), [], [], {}, {}
    try:
        parts = {
            "contest": ["results", "rounds"],
            "scaling": ["scaling"],
            "all": ["results", "rounds", "scaling"],
        }
        names = parts[config["options"]["part"]]
        tables = {name: pd.read_csv(folder.path / f"{name}.csv") for name in names}
        workers = json.loads((folder.path / "workers.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"Expected a finished run of step_cost in {folder.path}. Received: {error}"
        ) from None
    if "results" in tables:
        results, rounds = tables["results"], tables["rounds"]
        about = f"{config['data']['label']}: ms per step and run"
        shown[f"{about}, gradient descent at depth 1"] = contest_table(results)
        shown[f"{about}, every setting"] = settings_table(results)
        remarks["not_measured"] = "\n\n".join(not_measured(results))
        claims += [loss_claim(results), *(goal_claim(goal, rounds) for goal in GOALS)]
        claims += [start_up_claim(workers["start_up_seconds"]), idle_claim(rounds)]
        drawn += step_cost_figures.draw_contest(folder, config, results)
    if "scaling" in tables:
        shown["How a step of the sweep scales"] = exponents(tables["scaling"])
        claims.append(rows_claim(tables["scaling"]))
        drawn += step_cost_figures.draw_scaling(folder, config, tables["scaling"])
    for title, table in shown.items():
        print_table(table, title, console)
    for line in filter(None, remarks.values()):
        console.print(line, style="yellow", highlight=False, markup=False)
    print_claims(claims, console)
    write_report(folder, shown, claims, drawn, **remarks)


EXPERIMENT = Experiment("step_cost", Config, run, draw)
