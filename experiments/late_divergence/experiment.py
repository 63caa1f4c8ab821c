"""The command `python -m experiments.late_divergence`: its options, the run, the drawing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from zipfile import BadZipFile

import keras
import numpy as np
import pandas as pd
from rich.console import Console

from experiments.harness.command_line import Experiment, option
from experiments.harness.options import DataOptions
from experiments.harness.results import print_claims, print_table, write_report
from experiments.harness.sweeps import config_of, loss_facts
from experiments.late_divergence import figures as late_divergence_figures
from experiments.late_divergence.claims import ADVICE, claims_of, method_table
from experiments.late_divergence.follow import CAP, Method, P, Plan, follow
from overparam_tf.datasets import Problem
from overparam_tf.dynamics.sharpness import kernel_hessian
from overparam_tf.errors import DataError
from overparam_tf import convex_floor
from overparam_tf.losses import LpLoss
from overparam_tf.runlog import RunFolder, TensorBoardLog
from overparam_tf.runlog.tensorboard import folder_name

STEPS, QUICK_STEPS = 600_000, 16_000
RATE, QUICK_RATE = 1e-3, 4e-3
SNAPSHOTS, QUICK_SNAPSHOTS = 150, 30
PLAIN = "constant rate"


@dataclass(frozen=True)
class Config(DataOptions):
    """Follows gradient descent on a factorised layer into its late divergence, and tries what might prevent it."""

    depth: int = option(3, "number of factors, at least 2")
    shallower: int = option(2, "number of factors of the run to compare with")
    learning_rate: float | None = option(
        None, f"the rate (default: {RATE:g}, with --quick {QUICK_RATE:g})"
    )
    steps: int | None = option(
        None, f"full-batch steps (default: {STEPS}, with --quick {QUICK_STEPS})"
    )
    clips: tuple[float, ...] = option((1.0, 0.1), "largest norms of the gradient, for clipping")
    init: Literal["near_zero", "balanced"] = option(
        "near_zero", "how the factors start: see Variant"
    )
    seed: int = option(0, "seed of the initial factors")

    def __post_init__(self):
        self.require(2 <= self.depth <= 8, "a depth from 2 to 8", depth=self.depth)
        self.require(
            1 <= self.shallower < self.depth, "1 <= shallower < depth", shallower=self.shallower
        )
        self.require(0 < self.rate < 1e3, "a rate > 0", learning_rate=self.learning_rate)
        self.require(10 <= self.length <= 10**8, "10 to 10^8 steps", steps=self.steps)
        self.require(all(0 < clip < 1e6 for clip in self.clips), "norms > 0", clips=self.clips)
        self.require(len(set(self.clips)) == len(self.clips), "no norm twice", clips=self.clips)
        self.require(self.seed >= 0, "a seed >= 0", seed=self.seed)

    @property
    def rate(self) -> float:
        """The learning rate."""
        return (
            (QUICK_RATE if self.quick else RATE)
            if self.learning_rate is None
            else self.learning_rate
        )

    @property
    def length(self) -> int:
        """The number of steps."""
        return (QUICK_STEPS if self.quick else STEPS) if self.steps is None else self.steps

    def methods(self) -> list[Method]:
        """What is tried, the run to explain first."""
        rate, schedules, sgd = self.rate, keras.optimizers.schedules, keras.optimizers.SGD
        tenth = max(self.length // 10, 1)
        return [
            Method(PLAIN, self.depth, sgd(rate)),
            Method(f"depth {self.shallower}", self.shallower, sgd(rate)),
            Method("half the rate", self.depth, sgd(rate / 2)),
            Method(
                f"rate / (1 + t / {tenth:,})",
                self.depth,
                sgd(schedules.InverseTimeDecay(rate, tenth, 1.0)),
            ),
            Method("cosine decay to 0", self.depth, sgd(schedules.CosineDecay(rate, self.length))),
            *(
                Method(f"clipped at {clip:g}", self.depth, sgd(rate, global_clipnorm=clip))
                for clip in self.clips
            ),
            Method(f"capped at {CAP:g} / sharpness", self.depth, sgd(rate), capped=True),
        ]

    def plan(self, problem: Problem) -> Plan:
        """What all methods have in common."""
        snapshots = QUICK_SNAPSHOTS if self.quick else SNAPSHOTS
        return Plan(problem, self.length, snapshots, self.init, self.seed, self.dtype, self.quiet)


def run(config: Config) -> RunFolder:
    """Trains by every method; writes config.json, results.csv, trace.csv, curves.npz and TensorBoard's curves."""
    problem = config.load_problem()
    facts = loss_facts(problem, LpLoss(P), use_bias=False)
    settings = {
        "rate": config.rate,
        "steps": config.length,
        "depth": config.depth,
        "shallower": config.shallower,
    }
    more = {**settings, "losses": [facts], "at_floor": sharpness_at_floor(problem, config)}
    written = config_of("late_divergence", config, problem, [], **more)
    folder = config.create_data_folder(
        "late_divergence", f"depth-{config.depth}-{config.rate:g}", problem, written
    )
    plan = config.plan(problem)
    results, traces, curves = [], [], {}
    for method in config.methods():
        row, trace, arrays = follow(plan, method)
        results.append({**row, "excess_loss": row["final_loss"] - facts["floor"]})
        traces.append(trace)
        curves.update({f"{method.name}/{name}": values for name, values in arrays.items()})
    results, trace = pd.DataFrame(results), pd.concat(traces, ignore_index=True)
    folder.write_table("results.csv", results)
    folder.write_table("trace.csv", trace)
    folder.write_arrays("curves.npz", curves)
    _write_trials(folder, results, trace, curves, written)
    return folder


def sharpness_at_floor(problem: Problem, config: Config) -> dict[str, float]:
    """By depth, the sharpness of balanced factors of the best kernel: 2 / it bounds every constant rate in the end.

    There dL/dK = 0, so that the Hessian's eigenvalues are those of P^(1/2) L''(K) P^(1/2), P the preconditioner.
    """
    kernel = convex_floor(problem.x, problem.y, P).kernel
    curvature = kernel_hessian((problem.x @ kernel - problem.y)[:, 0], problem.x, P)
    norm, found = float(np.linalg.norm(kernel)), {}
    unit = kernel / norm
    for depth in (1, config.shallower, config.depth):
        root = np.eye(len(kernel)) + (np.sqrt(depth) - 1) * unit @ unit.T
        scale = norm ** (2 - 2 / depth)
        found[str(depth)] = float(scale * np.linalg.eigvalsh(root @ curvature @ root)[-1])
    return found


def _write_trials(
    folder: RunFolder, results: pd.DataFrame, trace: pd.DataFrame, curves: dict, config: dict
) -> None:
    """TensorBoard: a run per method with HParams, and what was followed of each in one chart."""
    log = TensorBoardLog(folder.tensorboard)
    log.clear()
    log.declare(
        ("method", "depth", "data", "status"),
        {"final_loss": "final loss", "excess_loss": "excess loss"},
    )
    for row in results.to_dict("records"):
        hparams = {name: row[name] for name in ("method", "depth", "status")} | {
            "data": config["data"]["label"]
        }
        outcome = {name: row[name] for name in ("final_loss", "excess_loss")}
        curve = curves[f"{row['method']}/steps"], curves[f"{row['method']}/losses"]
        log.trial(folder_name(row["method"]), hparams, outcome, curve, row["status"] == "diverged")
    charts = {"sharpness x rate / 2": None, "effective rate": "effective_rate", "norm of K": "norm"}
    for method, rows in trace.groupby("method"):
        for chart, column in charts.items():
            values = rows["sharpness"] / rows["threshold"] if column is None else rows[column]
            log.line(method, chart, (rows["step"], values))
    log.layout(
        {f"late_divergence, {config['data']['label']}": {chart: [f"^{chart}$"] for chart in charts}}
    )


def draw(folder: RunFolder, console: Console) -> None:
    """Draws figures and prints table, verdicts and advice from a run folder alone."""
    config = folder.read_config()
    try:
        results, trace = (pd.read_csv(folder.path / name) for name in ("results.csv", "trace.csv"))
        with np.load(folder.path / "curves.npz", allow_pickle=False) as arrays:
            curves = dict(arrays)
        trace["squared_steps"]  # the youngest column
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise DataError(
            f"Expected results.csv, trace.csv, curves.npz in {folder.path}. Received: {error}"
        ) from None
    drawn = late_divergence_figures.draw_all(folder, config, results, trace, curves)
    table, claims = method_table(results, trace, config), claims_of(config, results, trace, curves)
    label = f"{config['data']['label']}, {config['losses'][0]['label']}, rate {config['rate']:g}"
    print_table(
        table, f"{label}, depth {config['depth']}, {config['steps']:,} steps; λ: sharpness", console
    )
    print_claims(claims, console)
    console.print(ADVICE, highlight=False, markup=False)
    write_report(folder, table, claims, drawn, advice=ADVICE)


EXPERIMENT = Experiment("late_divergence", Config, run, draw)
