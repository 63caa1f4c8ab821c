"""Late divergence: why a run that reads best at 200,000 steps can be NaN at 600,000, and what removes it.

Gradient descent at the rate eta contracts along an eigenvector of the Hessian only while its eigenvalue is below
2 / eta. The l_4 loss gets flatter as the errors shrink, so at depth 1 a rate that survives the first steps survives. On
a product of N factors the Hessian is scaled by |K|^(2-2/N) (`experiments.sharpness`), and |K| grows as long as training
goes on. Here the largest eigenvalue, |K|, the effective rate |K|^(2-2/N) and the balance of the factors are followed to
the blow-up, and its last steps one by one. Then the same run with half the rate, with decaying rates, with the
gradient's norm clipped, and with the rate capped by the sharpness.

    python -m experiments.late_divergence
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from zipfile import BadZipFile

import keras
import numpy as np
import pandas as pd
from rich.console import Console

from experiments import late_divergence_figures
from experiments.claims import print_claims, print_table
from experiments.command_line import launch, option
from experiments.late_divergence_claims import ADVICE, claims_of
from experiments.options import DataOptions
from experiments.recorded_descent import MAX_STEPS_PER_CALL, RecordedDescent
from experiments.sharpness import kernel_hessian, sharpness
from experiments.sweep_run import config_of, loss_facts, write_report
from overparam_tf.datasets import Problem
from overparam_tf.dynamics import balance_defect
from overparam_tf.errors import DataError
from overparam_tf.floor import convex_floor
from overparam_tf.losses import LpLoss
from overparam_tf.runlog import ProgressReport, RunFolder, TensorBoardLog
from overparam_tf.runlog.tensorboard import folder_name
from overparam_tf.sweep import Progress, Variant, record_steps

STEPS, QUICK_STEPS = 600_000, 16_000
RATE, QUICK_RATE = 1e-3, 4e-3
# Steps kept one by one before the end, to see a blow-up from the crossing on; and every how many of them, and how many
# times over the whole run, the Hessian is taken.
TAIL, TAIL_STRIDE, SNAPSHOTS, QUICK_SNAPSHOTS = 8192, 64, 150, 30
# The cap: the rate is kept below this over the sharpness, which is measured so many times over the run.
CAP, CAP_CHECKS = 1.8, 200
PLAIN = "constant rate"
P = 4


@dataclass(frozen=True)
class Config(DataOptions):
    """Follows gradient descent on a factorised layer into its late divergence, and tries what might prevent it."""

    depth: int = option(3, "number of factors, at least 2")
    shallower: int = option(2, "number of factors of the run to compare with")
    learning_rate: float | None = option(None, f"the rate (default: {RATE:g}, with --quick {QUICK_RATE:g})")
    steps: int | None = option(None, f"full-batch steps (default: {STEPS}, with --quick {QUICK_STEPS})")
    clips: tuple[float, ...] = option((1.0, 0.1), "largest norms of the gradient, for clipping")
    init: Literal["near_zero", "balanced"] = option("near_zero", "how the factors start: see Variant")
    seed: int = option(0, "seed of the initial factors")

    def __post_init__(self):
        self.require(2 <= self.depth <= 8, "a depth from 2 to 8", depth=self.depth)
        self.require(1 <= self.shallower < self.depth, "1 <= shallower < depth", shallower=self.shallower)
        self.require(0 < self.rate < 1e3, "a rate > 0", learning_rate=self.learning_rate)
        self.require(10 <= self.length <= 10**8, "10 to 10^8 steps", steps=self.steps)
        self.require(all(0 < clip < 1e6 for clip in self.clips), "norms > 0", clips=self.clips)
        self.require(len(set(self.clips)) == len(self.clips), "no norm twice", clips=self.clips)
        self.require(self.seed >= 0, "a seed >= 0", seed=self.seed)

    @property
    def rate(self) -> float:
        """The learning rate."""
        return (QUICK_RATE if self.quick else RATE) if self.learning_rate is None else self.learning_rate

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
            Method(f"rate / (1 + t / {tenth:,})", self.depth, sgd(schedules.InverseTimeDecay(rate, tenth, 1.0))),
            Method("cosine decay to 0", self.depth, sgd(schedules.CosineDecay(rate, self.length))),
            *(Method(f"clipped at {clip:g}", self.depth, sgd(rate, global_clipnorm=clip)) for clip in self.clips),
            Method(f"capped at {CAP:g} / sharpness", self.depth, sgd(rate), capped=True),
        ]


@dataclass(frozen=True)
class Method:
    """A depth and a plain Keras optimizer; `capped` lowers its rate to `CAP` / sharpness between calls."""

    name: str
    depth: int
    optimizer: keras.Optimizer
    capped: bool = False


def run(config: Config) -> RunFolder:
    """Trains by every method; writes config.json, results.csv, trace.csv, curves.npz and TensorBoard's curves."""
    problem = config.load_problem()
    facts = loss_facts(problem, LpLoss(P), use_bias=False)
    settings = {"rate": config.rate, "steps": config.length, "depth": config.depth, "shallower": config.shallower}
    more = {**settings, "losses": [facts], "at_floor": sharpness_at_floor(problem, config)}
    written = config_of("late_divergence", config, problem, [], **more)
    folder = config.create_data_folder("late_divergence", f"depth-{config.depth}-{config.rate:g}", problem, written)
    results, traces, curves = [], [], {}
    for method in config.methods():
        row, trace, arrays = follow(config, problem, method)
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


def follow(config: Config, problem: Problem, method: Method) -> tuple[dict, pd.DataFrame, dict[str, np.ndarray]]:
    """One run: its row of results.csv, its snapshots (trace.csv), and its curve and last steps (curves.npz)."""
    variant = Variant(method.name, depth=method.depth, seeds=(config.seed,), initial_factors=config.init)
    descent = RecordedDescent(problem, variant, method.optimizer, LpLoss(P), config.dtype)
    recorded = record_steps(config.length)
    wanted = np.linspace(0, config.length, (QUICK_SNAPSHOTS if config.quick else SNAPSHOTS) + 1).astype(int)
    most = max(config.length // CAP_CHECKS, 1) if method.capped else MAX_STEPS_PER_CALL
    most, tail = min(most, MAX_STEPS_PER_CALL), deque(maxlen=-(-TAIL // MAX_STEPS_PER_CALL) + 1)
    curve, snapshots, rates, step, diverged_at, began = [], {}, {}, 0, None, time.monotonic()
    with ProgressReport(f"late_divergence, {method.name}", config.quiet) as progress:
        while step <= config.length and diverged_at is None:
            # The factors after the last step are the entries before one more.
            size = min(most, config.length + 1 - step)
            rates[step] = float(np.asarray(method.optimizer.learning_rate))
            losses, entries = descent.advance(size)
            finite = np.isfinite(losses)
            alive = size if finite.all() else int(finite.argmin())
            diverged_at = None if alive == size else step + alive
            now, seen = (chosen[(chosen >= step) & (chosen < step + alive)] for chosen in (recorded, wanted))
            curve += zip(now, losses[now - step], strict=True)
            snapshots |= {at: (losses[at - step], entries[at - step]) for at in seen.tolist()}
            tail.append((np.arange(step, step + alive), losses[:alive], entries[:alive]))
            step += size
            if method.capped and diverged_at is None:
                found = sharpness(descent.factors(entries[-1]), problem.x, problem.y, P)
                method.optimizer.learning_rate = min(config.rate, CAP / found.value)
            done, lowest = min(step, config.length), {method.name: float(losses[alive - 1]) if alive else np.nan}
            progress(Progress(done, config.length, time.monotonic() - began, lowest, done))
    last = [np.concatenate(parts)[-TAIL:] for parts in zip(*tail, strict=True)]
    explained = diverged_at is not None and method.name == PLAIN
    if explained:
        snapshots |= {int(at): (loss, row) for at, loss, row in zip(*last, strict=True) if at % TAIL_STRIDE == 0}
    trace = pd.DataFrame(
        _measured(method, descent, problem, at, *snapshots[at], _rate_at(method, rates, at)) for at in sorted(snapshots)
    )
    at, losses = (np.array(values) for values in zip(*curve, strict=True))
    arrays = {"steps": at, "losses": losses}
    if explained:
        arrays |= _last_steps(descent, problem, *last, trace)
    row = {
        "method": method.name,
        "depth": method.depth,
        "status": "finished" if diverged_at is None else "diverged",
        "steps": config.length if diverged_at is None else diverged_at,
        "crossed_at": crossing(trace),
        "loss_at_third": np.interp(config.length // 3, at, losses, right=np.nan),
        "final_loss": losses[-1] if diverged_at is None else np.nan,
    }
    return row, trace, arrays


def _rate_at(method: Method, rates: dict[int, float], step: int) -> float:
    """The rate of one step: a schedule's own, or what it was set to when the call began."""
    schedule = method.optimizer._learning_rate
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return float(np.asarray(schedule(step)))
    return rates[max(begin for begin in rates if begin <= step)]


def _measured(method, descent, problem, step, loss, entries, rate) -> dict[str, float]:
    """A snapshot's row of trace.csv."""
    factors = descent.factors(entries.astype(np.float64))
    found = sharpness(factors, problem.x, problem.y, P)
    norm = float(np.linalg.norm(factors[0]) * abs(np.prod([factor.item() for factor in factors[1:]])))
    return {
        "method": method.name,
        "step": step,
        "loss": loss,
        "rate": rate,
        "threshold": 2 / rate if rate > 0 else np.inf,
        "sharpness": found.value,
        "norm": norm,
        "effective_rate": norm ** (2 - 2 / method.depth),
        "curvature": found.curvature,
        "balance_defect": float(balance_defect(factors).relative),
    }


def crossing(trace: pd.DataFrame) -> float | None:
    """The step, by linear interpolation between snapshots, at which sharpness / threshold first rises through 1."""
    quotient = (trace["sharpness"] / trace["threshold"]).to_numpy()
    steps = trace["step"].to_numpy()
    rises = np.flatnonzero((quotient[:-1] < 1) & (quotient[1:] >= 1))
    if not rises.size:
        return None
    i = rises[0]
    return float(steps[i] + (1 - quotient[i]) / (quotient[i + 1] - quotient[i]) * (steps[i + 1] - steps[i]))


def _last_steps(descent, problem, at, losses, entries, trace) -> dict[str, np.ndarray]:
    """Loss and oscillation along the top eigenvector (at the crossing) over the last steps before a blow-up."""
    crossed = crossing(trace)
    begin = 0 if crossed is None else int(np.clip(crossed - at[0], 0, len(at) - 1))
    direction = sharpness(descent.factors(entries[begin].astype(np.float64)), problem.x, problem.y, P).direction
    along = entries.astype(np.float64) @ direction
    # What alternates from step to step, the drift taken out.
    swing = np.abs(along[2:] - 2 * along[1:-1] + along[:-2]) / 4
    return {"tail_steps": at[1:-1], "tail_losses": losses[1:-1], "swing": swing}


def _write_trials(folder: RunFolder, results: pd.DataFrame, trace: pd.DataFrame, curves: dict, config: dict) -> None:
    """TensorBoard: a run per method with HParams, and what was followed of each in one chart."""
    log = TensorBoardLog(folder.tensorboard)
    log.clear()
    log.declare(("method", "depth", "data", "status"), {"final_loss": "final loss", "excess_loss": "excess loss"})
    for row in results.to_dict("records"):
        hparams = {name: row[name] for name in ("method", "depth", "status")} | {"data": config["data"]["label"]}
        outcome = {name: row[name] for name in ("final_loss", "excess_loss")}
        curve = curves[f"{row['method']}/steps"], curves[f"{row['method']}/losses"]
        log.trial(folder_name(row["method"]), hparams, outcome, curve, row["status"] == "diverged")
    charts = {"sharpness x rate / 2": None, "effective rate": "effective_rate", "norm of K": "norm"}
    for method, rows in trace.groupby("method"):
        for chart, column in charts.items():
            values = rows["sharpness"] / rows["threshold"] if column is None else rows[column]
            log.line(method, chart, (rows["step"], values))
    log.layout({f"late_divergence, {config['data']['label']}": {chart: [f"^{chart}$"] for chart in charts}})


def draw(folder: RunFolder, console: Console) -> None:
    """Draws figures and prints table, verdicts and advice from a run folder alone."""
    config = folder.read_config()
    try:
        results, trace = (pd.read_csv(folder.path / name) for name in ("results.csv", "trace.csv"))
        with np.load(folder.path / "curves.npz", allow_pickle=False) as arrays:
            curves = dict(arrays)
    except (OSError, ValueError, BadZipFile) as error:
        raise DataError(f"Expected results.csv, trace.csv, curves.npz in {folder.path}. Received: {error}") from None
    drawn = late_divergence_figures.draw_all(folder, config, results, trace, curves)
    table, claims = method_table(results, trace, config), claims_of(config, results, trace, curves)
    label = f"{config['data']['label']}, {config['losses'][0]['label']}, rate {config['rate']:g}"
    print_table(table, f"{label}, depth {config['depth']}, {config['steps']:,} steps", console)
    print_claims(claims, console)
    console.print(ADVICE, highlight=False, markup=False)
    write_report(folder, table, claims, drawn, advice=ADVICE)


def method_table(results: pd.DataFrame, trace: pd.DataFrame, config: dict) -> pd.DataFrame:
    """A row per method: where it crossed, where it blew up, what it read at a third of the way and at the end."""
    last = trace.groupby("method", sort=False).last().loc[results["method"]]
    steps = [results[name].round().astype("Int64") for name in ("crossed_at", "steps")]
    return pd.DataFrame(
        {
            "method": results["method"],
            "passes 2/rate": steps[0].to_numpy(),
            "blew up": steps[1].where(results["status"] == "diverged").to_numpy(),
            f"loss at {config['steps'] // 3:,}": results["loss_at_third"],
            "final loss": results["final_loss"],
            "excess": results["excess_loss"],
            "|K|": last["norm"].to_numpy(),
            "rate x sharpness / 2": (last["sharpness"] / last["threshold"]).to_numpy(),
        }
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    launch("late_divergence", Config, run, draw, arguments)


if __name__ == "__main__":
    main()
