"""What it costs to keep a record of a run: logging and checkpoints as shares of the run's time.

`optimizer_compare` and `mnist_cnn` run in their default settings, on stand-ins of the data's size, while all that logs
and saves is timed, by the clock and by the processor's time, which other work on the machine does not lengthen. Logging
is progress reports, curves, result files, TensorBoard's files. Drawing figures is told, but is no part of it. A live
display works in a thread of its own: its processor time is measured apart, and counted.

    python -m experiments.benchmarks.log_cost
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import keras
import pandas as pd
from rich.console import Console

from experiments import optimizer_compare
from experiments.benchmarks.timing import Stopwatch
from experiments.harness import sweeps as sweep_run
from experiments.harness.command_line import Experiment, option
from experiments.harness.options import RunOptions
from experiments.harness.results import Claim, print_claims, print_table, write_report
from experiments.mnist_cnn import experiment as mnist_cnn
from overparam_tf.distributed.epochs import Epochs
from overparam_tf.distributed.records import Records
from overparam_tf.errors import DataError
from overparam_tf.runlog import ProgressReport, RunFolder, environment
from overparam_tf.stopping import deferred
from overparam_tf.sweep import History, Progress
from overparam_tf.sweep.recorder import Recorder
from overparam_tf.sweep.saving import SavedSweep

OWN, DISPLAY, FIGURES = "the run itself", "live display", "figures"
KINDS = {
    "logging": ["progress", "curves", "results", "TensorBoard", DISPLAY],
    "checkpoints": ["checkpoints"],
}
LIMITS = {"logging": 0.03, "checkpoints": 0.02}
WATCHED = (
    *(
        (ProgressReport, name, "progress")
        for name in ("__init__", "__enter__", "__call__", "__exit__")
    ),
    (Recorder, "add", "curves"),
    *((Records, name, "curves") for name in ("add_steps", "mean_loss")),
    (History, "save", "results"),
    (keras.Model, "save", "results"),
    *((RunFolder, name, "results") for name in ("write_config", "write_table", "write_arrays")),
    (sweep_run, "write_trials", "TensorBoard"),
    (mnist_cnn, "write_trials", "TensorBoard"),
    *((experiment, "write_report", "TensorBoard") for experiment in (optimizer_compare, mnist_cnn)),
    *((SavedSweep, name, "checkpoints") for name in ("__init__", "restore", "save")),
    *((Epochs, name, "checkpoints") for name in ("_restore", "_save")),
)
QUICK_STEPS = 3_000


@dataclass(frozen=True)
class Config(RunOptions):
    """Measures which share of a run's time logging and checkpoints take."""

    runs: tuple[Literal["optimizer_compare", "mnist_cnn"], ...] = option(
        ("optimizer_compare", "mnist_cnn"), "which experiments"
    )
    steps: int | None = option(
        None, f"of optimizer_compare (default: its own, with --quick {QUICK_STEPS})"
    )
    epochs: int | None = option(
        None, "of mnist_cnn (default: its own, with --quick 1 of few images)"
    )

    def __post_init__(self):
        self.require(len(set(self.runs)) == len(self.runs), "nothing twice", runs=self.runs)
        for name in ("steps", "epochs"):
            count = getattr(self, name)
            self.require(count is None or count >= 1, f"a number of {name} >= 1", **{name: count})

    @property
    def shortened(self) -> list[str]:
        """The experiments that do less than by default, where what is done once weighs more."""
        less = {
            "optimizer_compare": self.quick or self.steps,
            "mnist_cnn": self.quick or self.epochs,
        }
        return [name for name in self.runs if less[name]]

    def experiment(self, name: str, logdir: str) -> tuple:
        """The module of an experiment and its config."""
        common = {"logdir": logdir, "quick": self.quick, "data": "synthetic"}
        if name == "optimizer_compare":
            steps = self.steps or (QUICK_STEPS if self.quick else None)
            return optimizer_compare, optimizer_compare.Config(**common, steps=steps)
        return mnist_cnn, mnist_cnn.Config(
            **common, epochs=self.epochs or (1 if self.quick else None)
        )


def run(config: Config) -> RunFolder:
    """Measures every experiment; writes config.json and results.csv."""
    facts = {
        "experiment": "log_cost",
        "options": dataclasses.asdict(config),
        "shortened": config.shortened,
    }
    folder = config.create_folder("log_cost", "share", {**facts, **environment()})
    rows, display = [], display_share()
    with deferred() as stop:
        for name in config.runs:
            found = measure(config, name)
            if stop.signal:
                break
            # As if the run had one processor to itself: by the clock it may have waited for other work's turns.
            found[DISPLAY] = (
                0.0,
                display * sum(found[kind][1] for kind in found if kind != FIGURES),
            )
            rows += [
                {"run": name, "kind": kind, "seconds": s, "processor_seconds": p}
                for kind, (s, p) in found.items()
            ]
            folder.write_table("results.csv", pd.DataFrame(rows))
    return folder


def measure(config: Config, name: str) -> dict[str, tuple[float, float]]:
    """Runs and draws an experiment; returns its seconds, and the processor's, by kind of work."""
    watch = Stopwatch()
    with (
        tempfile.TemporaryDirectory() as logdir,
        contextlib.redirect_stderr(io.StringIO()),
        watch.watching(WATCHED),
    ):
        module, settings = config.experiment(name, logdir)
        with watch.timed(OWN):
            folder = module.run(settings)
        with watch.timed(FIGURES):
            module.draw(folder, Console(file=io.StringIO()))
    return {kind: tuple(seconds.tolist()) for kind, seconds in watch.seconds.items()}


def display_share(seconds: float = 3.0) -> float:
    """Processor time of the live display that a terminal gets, a second."""
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    losses = {f"a variant, depth {depth}": 0.5 for depth in range(8)}
    began, worked = time.perf_counter(), time.process_time()
    with ProgressReport("log_cost", console=console) as report:
        for second in range(max(round(seconds), 1)):
            report(Progress(second, 10, float(second), losses, second))
            time.sleep(min(seconds, 1.0))
    return (time.process_time() - worked) / (time.perf_counter() - began)


def shares_of(results: pd.DataFrame) -> pd.DataFrame:
    """A row per run and kind of work: seconds, and shares of the run's time (figures not among it) by both clocks."""
    rows = []
    for name, own in results.groupby("run", sort=False):
        total = own[own["kind"] != FIGURES][["seconds", "processor_seconds"]].sum()
        for row in own.itertuples():
            by_clock, by_processor = (
                row.seconds / total["seconds"],
                row.processor_seconds / total["processor_seconds"],
            )
            rows.append(
                (name, row.kind, row.seconds, by_clock, row.processor_seconds, by_processor)
            )
    columns = ["run", "kind", "seconds", "share", "processor seconds", "processor share"]
    return pd.DataFrame(rows, columns=columns)


def claims_of(shares: pd.DataFrame, shortened: Sequence[str]) -> list[Claim]:
    """Both limits for every run, by the clock by which it is nearer to them; a shortened run cannot miss them."""
    claims = []
    for name, own in shares.groupby("run", sort=False):
        for what, kinds in KINDS.items():
            by_clock, by_processor = own[own["kind"].isin(kinds)][
                ["share", "processor share"]
            ].sum()
            held = max(by_clock, by_processor) <= LIMITS[what]
            numbers = f"{by_clock:.2%} by the clock, {by_processor:.2%} of the processor's time"
            numbers += ", of a shortened run" if name in shortened else ""
            text = f"{name}: {what} {'take' if what == 'checkpoints' else 'takes'} at most {LIMITS[what]:.0%}"
            claims.append(
                Claim(text, None if name in shortened and not held else bool(held), numbers)
            )
    return claims


def draw(folder: RunFolder, console: Console) -> None:
    """Prints the table and the verdicts from a run folder alone."""
    try:
        results = pd.read_csv(folder.path / "results.csv")
    except (OSError, ValueError) as error:
        raise DataError(f"Expected results.csv in {folder.path}. Received: {error}") from None
    shares = shares_of(results)
    table = shares.assign(
        **{name: shares[name].map("{:.2%}".format) for name in ("share", "processor share")}
    )
    claims = claims_of(shares, folder.read_config()["shortened"])
    print_table(table, "Shares of a run's time, drawing not among it", console)
    print_claims(claims, console)
    write_report(folder, table, claims, [])


EXPERIMENT = Experiment("log_cost", Config, run, draw)

if __name__ == "__main__":
    EXPERIMENT.main()
