"""A short finished run of each experiment, made once in a test session and shared by its tests."""

from __future__ import annotations

import contextlib
import io
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from experiments.harness.command_line import Experiment
from experiments.harness.registry import EXPERIMENTS
from tests.experiments.benchmarks.made_up_costs import with_made_up_costs
from tests.experiments.benchmarks.step_cost.fake_workers import fake_command, with_workers
from tests.experiments.loading import load_experiment, on_problem
from tests.experiments.mnist_cnn.few_images import few_images
from tests.experiments.nonlinear.few_digits import few_digits
from tests.experiments.speedup.cases import small_regression

# The options of the runs: small, and yet every figure and every claim has its numbers.
OPTIONS = {
    "minimal": "--data synthetic --steps 200",
    "optimizer_compare": "--data synthetic --steps 300 --learning-rates 0.0001 0.001 0.5",
    "depth_compare": "--data synthetic --depths 1 2 4 --steps 500 --learning-rates 0.0005 0.01",
    "emulated_update": "--data synthetic --losses l4 --depths 2 --widths 1 5 --steps 400",
    "plateau": "--ratios 1 3 10 --powers 2 4 --depths 1 2 --steps 3000",
    "no_regularizer": "--data synthetic --depths 1 2 3 --inner-radius 0.001 --nodes 24",
    "mnist_cnn": "--epochs 3",
    "speedup": "--powers 2 4 --optimizers SGD Adam --depths 1 2 --rule-depths 1.5 --steps 60 "
    "--seeds 0 1 --price-seconds 0",
    "when_depth_helps": "--data synthetic --rates-per-decade 4 --conditions 1 300 --kurtoses 2 6 "
    "--alignments 0.25 0.9 --powers 2 4 --rows 30 --features 4 --steps 150 --targets 0.2 0.05 "
    "--seeds 0 1",
    # From a balanced start there is no long plateau to leave first.
    "late_divergence": "--quick --data synthetic --init balanced --learning-rate 0.02 --steps 1200 "
    "--clips 1",
    "nonlinear": "--nets mlp --optimizers SGD --depths 1 2 --seeds 0 1 --penalties none "
    "--behind-rule --length 0.1",
    "matrix_completion": "--size 8 --rank 1 --observations 40 --depths 1 2 3 --scales 0.01 0.001 "
    "--draws 0 --steps 300 --target 0.01",
    "optimizer_bias": "--problems tiny --optimizers SGD Adafactor --draws 0 --steps 300 "
    "--target 0.05",
    "step_cost": "--depths 1 --rounds 2 --seconds 0.002 --axes rows compressed_rows",
    "layer_cost": "--inputs 16 --units 4 --batches 8 --compilers graph --layers fc2 --seconds 0.02",
    "loop_cost": "--rounds 1 --steps 1",
    "log_cost": "--steps 10",
}


# Experiments of which a part would take long or measure this machine.
SUBSTITUTES = {
    "mnist_cnn": few_images,
    "speedup": lambda: on_problem(load_experiment("speedup"), small_regression()),
    "nonlinear": few_digits,
    "step_cost": lambda: with_workers(fake_command),
    "log_cost": with_made_up_costs,
}
DATA = {entry.name: entry.data for entry in EXPERIMENTS}


@dataclass(frozen=True)
class FinishedRun:
    """A finished run that several tests read.

    Attributes:
        path: Its folder.
        output: What it printed.
    """

    path: Path
    output: str

    @property
    def name(self) -> str:
        """Return the run's name."""
        return self.path.name

    @property
    def logdir(self) -> Path:
        """Return the log folder of the run."""
        return self.path.parents[1]


def short_experiment(name: str) -> Experiment:
    """Return an experiment, with its substitute for long or random parts if it has one."""
    return SUBSTITUTES[name]() if name in SUBSTITUTES else load_experiment(name)


def run_with_output(experiment: Experiment, arguments: list[str]) -> str:
    """Run the command line of an experiment and return what it prints on standard output."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        experiment.main(arguments)
    return output.getvalue()


def finished_run(name: str, shared: Path) -> FinishedRun:
    """Return the finished run of an experiment, which the first caller makes.

    Args:
        name: The experiment's name.
        shared: A folder that all processes of the test session share.
    """
    with FileLock(shared / f"{name}.lock"):
        logdir, output = shared / name, shared / f"{name}.txt"
        if not output.exists():
            shutil.rmtree(logdir, ignore_errors=True)
            arguments = ["--logdir", str(logdir), "--name", "run", *shlex.split(OPTIONS[name])]
            # Its progress is none of the output of the test that is the first to need the run.
            with contextlib.redirect_stderr(io.StringIO()):
                output.write_text(run_with_output(short_experiment(name), arguments))
        (path,) = (logdir / name).iterdir()
        return FinishedRun(path, output.read_text())


def copy_of_run(run: FinishedRun, logdir: Path) -> FinishedRun:
    """Return a copy of a run in another log folder, to change it."""
    path = logdir / run.path.parent.name / run.name
    shutil.copytree(run.path, path)
    return FinishedRun(path, run.output)
