"""The command `python -m experiments.benchmarks.log_cost`: the run, the drawing."""

from __future__ import annotations

import contextlib
import io
import tempfile
import time
from collections.abc import Callable, Sequence

import keras
import pandas as pd
from rich.console import Console

from experiments.benchmarks.log_cost.config import Config
from experiments.benchmarks.timing import Stopwatch
from experiments.harness.command_line import Experiment
from experiments.harness.piece_results import PieceResult, rows_of
from experiments.harness.pieces import KeptPieces, run_pieces
from experiments.harness.results import Claim, print_claims, print_table, write_results
from experiments.harness.sweep_tensorboard import SweepFollower
from experiments.harness.tensorboard import Board
from experiments.harness.work_report import WorkReport
from experiments.mnist_cnn import experiment as mnist_cnn
from experiments.mnist_cnn.live import LiveLosses
from experiments.optimizer_compare import experiment as optimizer_compare
from overparam_tf.checkpoints.checkpoints import Checkpoints
from overparam_tf.distributed.records import Records
from overparam_tf.distributed.state import State
from overparam_tf.progress import Progress
from overparam_tf.runlog import LiveCurves, ProgressReport, RunFolder, TensorBoardLog
from overparam_tf.sweep import History
from overparam_tf.sweep.recorder import Recorder
from overparam_tf.sweep.saving import SavedSweep

# Seconds by kind of work: on the clock, and of the processor.
Seconds = dict[str, tuple[float, float]]

EXPERIMENTS = {
    "optimizer_compare": optimizer_compare.EXPERIMENT,
    "mnist_cnn": mnist_cnn.EXPERIMENT,
}
RUN, DISPLAY, FIGURES = "the run itself", "live display", "figures"
KINDS = {
    "logging": ["progress", "curves", "results", "TensorBoard", DISPLAY],
    "checkpoints": ["checkpoints"],
}
# The largest share of a run's time that each may take.
LIMITS = {"logging": 0.03, "checkpoints": 0.02}
# The methods by class that log and save, and the kind of work that each is.
METHODS = {
    ProgressReport: ("progress", ["__init__", "__enter__", "__call__", "__exit__"]),
    Recorder: ("curves", ["add"]),
    Records: ("curves", ["add_steps", "mean_loss"]),
    History: ("results", ["save"]),
    keras.Model: ("results", ["save"]),
    RunFolder: ("results", ["write_config", "write_table", "write_text", "write_arrays"]),
    LiveCurves: ("TensorBoard", ["__enter__", "__exit__", "flush"]),
    SweepFollower: ("TensorBoard", ["__call__"]),
    LiveLosses: ("TensorBoard", ["on_train_begin", "__call__", "on_epoch_end"]),
    Board: ("TensorBoard", ["write"]),
    TensorBoardLog: ("TensorBoard", ["report"]),
    SavedSweep: ("checkpoints", ["__init__", "restore", "save"]),
    Checkpoints: ("checkpoints", ["newest", "save"]),
    State: ("checkpoints", ["arrays", "restore"]),
}
WATCHED = [(owner, name, kind) for owner, (kind, names) in METHODS.items() for name in names]


def measure(options: Config, name: str) -> Seconds:
    """Run and draw an experiment; return the seconds of each kind of work."""
    experiment, watch = EXPERIMENTS[name], Stopwatch()
    with (
        tempfile.TemporaryDirectory() as logdir,
        contextlib.redirect_stderr(io.StringIO()),
        watch.watch(WATCHED),
    ):
        settings = experiment.options_class(logdir=logdir, **options.settings(name))
        with watch.measure(RUN):
            folder = experiment.run(settings)
        with watch.measure(FIGURES):
            experiment.draw(folder, Console(file=io.StringIO()))
    return {kind: tuple(seconds.tolist()) for kind, seconds in watch.seconds.items()}


def display_share(seconds: float = 3.0) -> float:
    """Return the processor time, per second, of the live display that a terminal gets.

    Args:
        seconds: How long to watch it.
    """
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    losses = {f"a variant, depth {depth}": 0.5 for depth in range(8)}
    began, worked = time.perf_counter(), time.process_time()
    with ProgressReport("log_cost", console=console) as report:
        for second in range(max(round(seconds), 1)):
            report(Progress(second, 10, float(second), losses, second))
            time.sleep(min(seconds, 1.0))
    return (time.process_time() - worked) / (time.perf_counter() - began)


def run(
    options: Config,
    measure: Callable[[Config, str], Seconds] = measure,
    display_share: Callable[[], float] = display_share,
) -> RunFolder:
    """Measure every experiment; write config.json and results.csv.

    Args:
        options: The options.
        measure: Returns the seconds of an experiment by kind of work.
        display_share: Returns the processor time, per second, of a live display.
    """
    record = options.record("log_cost", shortened=options.shortened)
    folder = options.open_folder(record, "share")
    kept = KeptPieces(folder, record, seconds_between_checkpoints=0.0)

    def make(name: str) -> PieceResult:
        seconds, display = measure(options, name), display_share()
        # The display costs processor time only, and as much as if the run had one processor to
        # itself: on the clock the run may have waited for other processes.
        run_time = sum(processor for kind, (_, processor) in seconds.items() if kind != FIGURES)
        seconds = {**seconds, DISPLAY: (0.0, display * run_time)}
        return PieceResult(
            [
                {"run": name, "kind": kind, "seconds": clock, "processor_seconds": processor}
                for kind, (clock, processor) in seconds.items()
            ]
        )

    with WorkReport("log_cost", len(options.runs), options.quiet) as report:
        names = {name: name for name in options.runs}
        made = run_pieces(kept, names, make, options, title="log_cost", begin=report)
    rows = rows_of(made)
    folder.write_table("results.csv", pd.DataFrame(rows))
    return folder


def shares_of(results: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each run and kind of work: seconds, and shares of the run's time.

    Args:
        results: Columns run, kind, seconds, processor_seconds.

    Returns:
        Columns run, kind, seconds, share, processor seconds, processor share. The figures are no
        part of the run's time.
    """
    clocks = ["seconds", "processor_seconds"]
    in_run = results[results["kind"] != FIGURES]
    totals = in_run.groupby("run")[clocks].sum().reindex(results["run"]).to_numpy()
    shares = results[clocks].to_numpy() / totals
    table = results[["run", "kind", "seconds"]].reset_index(drop=True)
    table["share"] = shares[:, 0]
    table["processor seconds"] = results["processor_seconds"].to_numpy()
    table["processor share"] = shares[:, 1]
    return table


def claims_of(shares: pd.DataFrame, shortened: Sequence[str]) -> list[Claim]:
    """Return whether every run keeps both limits, by the clock that shows the larger share.

    Args:
        shares: See `shares_of`.
        shortened: The runs that did less than by default; they cannot miss a limit.
    """
    claims = []
    for name, kinds in shares.groupby("run", sort=False):
        for work, names in KINDS.items():
            rows = kinds[kinds["kind"].isin(names)]
            by_clock, by_processor = rows["share"].sum(), rows["processor share"].sum()
            verb = "take" if work == "checkpoints" else "takes"
            text = f"{name}: {work} {verb} at most {LIMITS[work]:.0%}"
            numbers = f"{by_clock:.2%} by the clock, {by_processor:.2%} of the processor's time"
            held: bool | None = bool(max(by_clock, by_processor) <= LIMITS[work])
            if name in shortened:
                numbers += ", of a shortened run"
                held = held or None
            claims.append(Claim(text, held, numbers))
    return claims


def draw(folder: RunFolder, console: Console) -> None:
    """Print the table and the verdicts, from a run folder alone."""
    columns = ["run", "kind", "seconds", "processor_seconds"]
    shares = shares_of(folder.read_table("results.csv", columns))
    claims = claims_of(shares, folder.read_config()["shortened"])
    percent = "{:.2%}".format
    table = shares.assign(
        **{name: shares[name].map(percent) for name in ("share", "processor share")}
    )
    print_table(table, "Shares of a run's time, drawing not among it", console)
    print_claims(claims, console)
    write_results(folder, table, claims, [])


EXPERIMENT = Experiment("log_cost", Config, run, draw)
