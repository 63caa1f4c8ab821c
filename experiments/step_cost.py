"""What a step of the paper's problem costs: our sweep, its peers, and the limits of the machine, side by side.

Every contestant is a process; all are alive at once, and in each round every one in turn takes steps for a moment
while the others sleep, so that whatever slows the machine down slows all of them. Ratios are taken within rounds. After
the same number of steps from the same start at the same rate, all must have come to the same loss.

    pip install '.[bench]'   # JAX, PyTorch, numba; what is not there is reported as missing
    python -m experiments.step_cost

What was tried to make the pass over the data cheaper. Least processor time of a step on 2565 x 128, depth 1, two cores
of an AMD EPYC at work for others too, contestants in turn (a row is one sitting; compare within rows only):

- One run, both orders of x kept 38.0 us; one copy, rows along memory 34.4 (kept), its columns first 35.6, only the
  transposed copy 35.5, `matvec` 34.9; JAX scan 33.6.
- Two runs, both orders 62 us; one copy 105, 89 or 97. Four: 78; 123, 98 or 117. Eight: 132; 177 or 172. So one copy is
  for a single vector only, where the compiler has a kernel of its own.
- Rows padded to a multiple of 8, 16, 32, 64, one run: 33.6, 34.3, 34.6, 36.4 us. Thirty runs, padded to 1, 16, 32,
  64: 430, 426, 434, 434 us. 16 is kept.
- Blocks of rows that fit a cache, so that memory is read once a step: 2 or 3 blocks 35.2, 35.9 us, 8 blocks 54.9, and
  117 as slices of one array; 35.1 without. Starting an operation costs more than the memory saves.
- Two halves of the rows as a batch, for two cores: 58 us of processor time instead of 36; the least time by the clock
  of a short burst was 47.5 us instead of 41.3.
- A block of rows for each core, whole chains of operations that the compiler starts beside each other (kept, but for
  one run): by the clock, on the idle machine, two blocks took .79 times as long as one at 2 runs, .59 at 10, .81 at 30,
  .64 at 100 and .66 at 300; four blocks 1.12 at 30, .67 at 100, .73 at 300. One run is not shared out: 33.4 us against
  30.3.
- The loss of a single run as a product of two vectors instead of a sum, which the compiler makes a tree of windows:
  32.1 us instead of 32.8 (means of two processes; one differs from the next by 3 to 6 %, wherever its memory lies). At
  thirty runs 527 us instead of 437. Without any loss 30.3. Kept for a single vector.
- Two or four steps in an iteration of the loop, one run: 31.7, 30.8 us instead of 32.1. Four are kept, for small steps
  of a single variant: each is compiled once more.
- Vectors of 512 bits (`--xla_cpu_prefer_vector_width=512`): 1 to 4 % less for one run, 4 to 6 % more for thirty; left
  out.
- Where it ends: reading x once takes 14.2 us on one core (AVX-512, in C), the two products 27.8, fused in blocks of 32
  rows 21.9; XLA's two products alone 29 to 30, in TensorFlow as in JAX.
- Batches cut out by `tf.slice` made XLA take the number of a call's first step for a constant, and compile the loop
  anew in every call; by `tf.gather` they do not.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
from rich.console import Console

from experiments import step_cost_figures
from experiments.claims import print_claims, print_table
from experiments.command_line import launch, option
from experiments.options import RunOptions
from experiments.outcome import write_report
from experiments.step_cost_claims import GOALS, goal_claim, idle_claim, loss_claim, rows_claim, start_up_claim
from experiments.step_cost_contest import Contest, write_data
from experiments.step_cost_contestants import cells_of, settings_of
from experiments.step_cost_scaling import AXES, BASE, QUICK_AXES, measure
from experiments.step_cost_tables import contest_table, exponents, not_measured, results_of, settings_table
from experiments.step_cost_trials import write_trials
from experiments.step_cost_workers import peer_command, peer_environment
from overparam_tf.datasets import load
from overparam_tf.errors import DataError
from overparam_tf.runlog import RunFolder, environment

ROUNDS, QUICK_ROUNDS = 5, 2
SECONDS, QUICK_SECONDS = 0.2, 0.05
START_UPS, QUICK_START_UPS = 2, 1
IDLE = ["idle_seconds", "idle_processor_seconds"]
ROUND_COLUMNS = ["contestant", "worker", "optimizer", "depth", "p", "runs", "round", "ms", "processor_ms", *IDLE]
SCALING_COLUMNS = ["axis", "size", *BASE, "status", "ms", "peak_bytes", "growth_bytes"]


@dataclass(frozen=True)
class Config(RunOptions):
    """Measures what a step costs: the sweep against Keras, PyTorch, JAX, NumPy, numba and BLAS, and how it scales."""

    part: Literal["contest", "scaling", "all"] = option("all", "contest: side by side; scaling: the sweep alone")
    depths: tuple[int, ...] | None = option(None, "depths of the contest, 1 to 8 (default: 1 2 3, with --quick 1)")
    rounds: int | None = option(None, f"bursts of each contestant (default: {ROUNDS}, with --quick {QUICK_ROUNDS})")
    seconds: float | None = option(
        None, f"length of a burst, 0.001 to 60 (default: {SECONDS}, with --quick {QUICK_SECONDS})"
    )
    timeout: float = option(120.0, "seconds after which a worker that does not answer is given up, 1 to 3600")

    def __post_init__(self):
        valid = self.depths is None or (1 <= min(self.depths) and max(self.depths) <= 8)
        self.require(valid, "depths from 1 to 8", depths=self.depths)
        self.require(len(set(self.depths or ())) == len(self.depths or ()), "no depth twice", depths=self.depths)
        self.require(self.rounds is None or 1 <= self.rounds <= 1000, "1 to 1000 rounds", rounds=self.rounds)
        valid = self.seconds is None or 0.001 <= self.seconds <= 60
        self.require(valid, "bursts of 0.001 to 60 seconds", seconds=self.seconds)
        self.require(1 <= self.timeout <= 3600, "a timeout of 1 to 3600 seconds", timeout=self.timeout)

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
    folder = config.create_folder("step_cost", config.part, {**facts, "data": data, **environment()})
    say = _Progress(config.quiet)
    workers, results, scaling = {"start_up_seconds": [], "workers": {}}, None, None
    if config.part != "scaling":
        say("start-up of optimizer_compare")
        workers["start_up_seconds"] = _start_up(problem, QUICK_START_UPS if config.quick else START_UPS, config.timeout)
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
    (folder.path / "workers.json").write_text(json.dumps(workers, indent=2) + "\n", encoding="utf-8")
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
                subprocess.run(command, env=peer_environment(), capture_output=True, timeout=timeout, check=True)
            except subprocess.SubprocessError as error:
                print(f"step_cost: start-up not measured: {error}", file=sys.stderr)
                return []
            seconds.append(time.monotonic() - began)
    return seconds


def draw(folder: RunFolder, console: Console) -> None:
    """Draws figures and prints tables and verdicts from a run folder alone."""
    config, drawn, claims, shown, remarks = folder.read_config(), [], [], {}, {}
    try:
        parts = {"contest": ["results", "rounds"], "scaling": ["scaling"], "all": ["results", "rounds", "scaling"]}
        names = parts[config["options"]["part"]]
        tables = {name: pd.read_csv(folder.path / f"{name}.csv") for name in names}
        workers = json.loads((folder.path / "workers.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"Expected a finished run of step_cost in {folder.path}. Received: {error}") from None
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


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    launch("step_cost", Config, run, draw, arguments)


if __name__ == "__main__":
    main()
