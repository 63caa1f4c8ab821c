"""The command `python -m experiments.when_depth_helps`: its options, the run, the drawing."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from experiments.harness.command_line import Experiment, option
from experiments.harness.options import DataOptions
from experiments.harness.results import print_claims, print_table, write_report
from experiments.when_depth_helps import figures as when_depth_helps_figures
from experiments.when_depth_helps.cells import CELL, cell_table, with_speed_up
from experiments.when_depth_helps.claims import claims_of, speed_up_table
from experiments.when_depth_helps.depth_scan import Task, fewest_steps
from experiments.when_depth_helps.theory import theory
from overparam_tf.datasets import Problem, measure_regression, synthetic_regression
from overparam_tf.errors import DataError
from overparam_tf.losses import check_exponent
from overparam_tf.runlog import RunFolder, TensorBoardLog, environment

LIMIT, QUICK_LIMIT = 20_000, 1_000


@dataclass(frozen=True)
class Config(DataOptions):
    """Measures the speed-up of depth 2 by condition number, label tail and alignment."""

    powers: tuple[int, ...] = option((2, 4, 6), "p of the l_p loss, even, at most 8")
    conditions: tuple[float, ...] | None = option(
        None, "condition numbers of x^T x (default: 1 1e2 .. 1e10)"
    )
    kurtoses: tuple[float, ...] | None = option(
        None, "mean z^4 of the label (default: 1.5 3 6 12 24)"
    )
    alignments: tuple[float, ...] | None = option(
        None,
        "share of the explained variance along the leading quarter of directions (default: 0.25 0.6 0.95)",
    )
    targets: tuple[float, ...] = option(
        (0.1, 0.01), "shares of the zero kernel's excess loss to reach"
    )
    rows: int = option(128, "n of the generated problems")
    features: int = option(16, "d of the generated problems")
    explained: float = option(
        0.9, "share of the label's variance that the best linear predictor explains"
    )
    rates_per_decade: int = option(8, "learning rates a decade")
    steps: int | None = option(
        None, f"give up after so many (default: {LIMIT}, with --quick {QUICK_LIMIT})"
    )
    seeds: tuple[int, ...] = option((0, 1, 2), "seeds of problem and start")

    def __post_init__(self):
        for power in self.powers:
            check_exponent(power)
        self.require(max(self.powers) <= 8, "p at most 8", powers=self.powers)
        for name in ("powers", "targets", "seeds", *self.grid):
            values = getattr(self, name) or ()
            self.require(
                len(set(values)) == len(values), f"no entry of {name} twice", **{name: values}
            )
        self.require(
            all(0 < target < 1 for target in self.targets),
            "targets between 0 and 1",
            targets=self.targets,
        )
        self.require(
            1 <= self.rates_per_decade <= 100,
            "1 to 100 rates",
            rates_per_decade=self.rates_per_decade,
        )
        self.require(1 <= self.limit <= 10**8, "1 to 10^8 steps", steps=self.steps)
        # The generator's own check, before any folder is made, of all corners of the grid.
        for corner in itertools.product(
            *((min(values), max(values)) for values in self.grid.values())
        ):
            for seed in (min(self.seeds), max(self.seeds)):
                self.generate(*corner, seed)

    @property
    def limit(self) -> int:
        """The most steps taken."""
        return (QUICK_LIMIT if self.quick else LIMIT) if self.steps is None else self.steps

    @property
    def grid(self) -> dict[str, tuple[float, ...]]:
        """The values of the three axes, rising."""
        default = {
            "conditions": (1.0, 1e2, 1e4) if self.quick else (1.0, 1e2, 1e4, 1e6, 1e8, 1e10),
            "kurtoses": (3.0, 12.0) if self.quick else (1.5, 3.0, 6.0, 12.0, 24.0),
            "alignments": (0.25, 0.95) if self.quick else (0.25, 0.6, 0.95),
        }
        return {
            name: tuple(sorted(getattr(self, name) or values)) for name, values in default.items()
        }

    def generate(self, condition: float, kurtosis: float, alignment: float, seed: int) -> Problem:
        """One generated problem."""
        chosen = {
            "condition": condition,
            "kurtosis": kurtosis,
            "alignment": alignment,
            "explained": self.explained,
        }
        x, y = synthetic_regression(self.rows, self.features, **chosen, seed=seed)
        return Problem(
            "generated", x, y, f"synthetic_regression, seed {seed}", "none", synthetic=True
        )


def run(config: Config) -> RunFolder:
    """Measures every cell; writes config.json, results.csv, theory.csv and TensorBoard's trials."""
    problem = config.load_problem()
    data = {name: getattr(problem, name) for name in ("name", "label", "synthetic", "provenance")}
    data |= {"sha256": problem.checksum, "measured": measure_regression(problem.x, problem.y)}
    facts = {
        "experiment": "when_depth_helps",
        "options": dataclasses.asdict(config),
        "limit": config.limit,
    }
    described = {**facts, "data": data, **environment()}
    folder = config.create_data_folder(
        "when_depth_helps", f"{config.rows}x{config.features}", problem, described
    )
    rows = []
    grid, powers = config.grid, sorted(config.powers)
    cells = list(itertools.product(powers, *grid.values(), config.seeds))
    # At p = 2 every kurtosis has the same steps.
    cells = [cell for cell in cells if cell[0] > 2 or cell[2] == grid["kurtoses"][0]]
    for p, *numbers, seed in track(
        cells, "when_depth_helps", console=Console(stderr=True), disable=config.quiet
    ):
        generated = config.generate(*numbers, seed)
        told = dict(zip(("condition", "kurtosis", "alignment"), numbers, strict=True))
        rows += measure(
            config, generated, p, config.targets, seed, {"problem": "generated", **told}
        )
    for p in track(powers, problem.name, console=Console(stderr=True), disable=config.quiet):
        # Under l_2 the R factor of a QR has the same loss for every kernel in far fewer rows.
        given = problem.compressed() if p == 2 else problem
        # The first target only: the others are far beyond the limit.
        about = {"problem": problem.name, **data["measured"]}
        rows += measure(config, given, p, (max(config.targets),), config.seeds[0], about)
    results = with_speed_up(pd.DataFrame(rows), config.limit)
    folder.write_table("results.csv", results)
    folder.write_table("theory.csv", theory(powers, config.rates_per_decade))
    _write_trials(folder, cell_table(results))
    return folder


def measure(
    config: Config, problem: Problem, p: int, targets: Sequence[float], seed: int, about: dict
) -> list[dict]:
    """Depth 1 and depth 2 on one problem: a row of results.csv per target."""
    task, norm, rows = Task.of(problem, p, targets), 1.0, {}
    for target in sorted(targets, reverse=True):
        rows[target] = {**about, "p": p, "seed": seed, "target": target}
    for depth in (1, 2):
        outcome = fewest_steps(
            task, depth, norm, config.rates_per_decade, seed, config.limit, config.dtype
        )
        norm = outcome.norm  # the unit of depth 2's rates: where depth 1 ends
        for row, steps, rate in zip(rows.values(), outcome.steps, outcome.rates, strict=True):
            row |= {f"steps_{depth}": steps, f"rate_{depth}": rate, f"norm_{depth}": outcome.norm}
            row[f"at_edge_{depth}"] = outcome.at_edge
    return list(rows.values())


def _write_trials(folder: RunFolder, cells: pd.DataFrame) -> None:
    """TensorBoard: a trial a cell in HParams, and the speed-up against the exponent of the condition number."""
    log = TensorBoardLog(folder.tensorboard)
    log.clear()
    metrics = {"speed_up": "speed-up", "steps_1": "steps, depth 1", "steps_2": "steps, depth 2"}
    log.declare(("problem", *CELL), metrics)
    for row in cells.to_dict("records"):
        hparams = {name: row[name] for name in ("problem", *CELL)}
        outcome = {name: row[name] for name in metrics if not pd.isna(row[name])}
        name = ", ".join(f"{key}={row[key]:.3g}" for key in CELL[1:])
        log.trial(
            f"{row['problem']}, target={row['target']:g}/{name}",
            hparams,
            outcome,
            ((), ()),
            row["bound"] == "?",
        )
    chart = "speed-up against log10 of the condition number"
    known = cells[(cells["bound"] == "") & (cells["problem"] == "generated")]
    for (target, p), rows in known.groupby(["target", "p"]):
        median = rows.groupby("condition")["speed_up"].median()
        log.line(
            f"L{p}, target {target:g}", chart, (np.log10(median.index).round().astype(int), median)
        )
    log.layout({"when_depth_helps": {chart: [f"^{chart}$"]}})


def draw(folder: RunFolder, console: Console) -> None:
    """Draws figures and prints the table and the verdicts from a run folder alone."""
    config = folder.read_config()
    try:
        results, expected = (
            pd.read_csv(folder.path / name) for name in ("results.csv", "theory.csv")
        )
        results = with_speed_up(results, config["limit"])
        cells = cell_table(results)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"Expected results.csv and theory.csv in {folder.path}. Received: {error}"
        ) from None
    drawn = when_depth_helps_figures.draw_all(folder, config, cells, expected)
    table, claims = speed_up_table(cells, config["limit"]), claims_of(results, cells)
    print_table(
        table,
        "Speed-up of depth 2: steps of depth 1 / depth 2, median (range) over cells and seeds",
        console,
    )
    print_claims(claims, console)
    write_report(folder, table, claims, drawn)


EXPERIMENT = Experiment("when_depth_helps", Config, run, draw)
