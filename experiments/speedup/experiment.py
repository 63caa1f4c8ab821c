"""The experiment: its options, the grids and the timing that it runs, and what it draws."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import pandas as pd
from rich.console import Console
from rich.progress import track

from experiments.harness.command_line import Experiment, option
from experiments.harness.limits import SEEDS, STEPS
from experiments.harness.options import DataOptions
from experiments.harness.results import print_claims, print_table, write_results
from experiments.harness.sweeps import Part, lp_part
from experiments.harness.tensorboard import Board, Line
from experiments.speedup.claims import claims_of
from experiments.speedup.figures import draw_figures
from experiments.speedup.grids import COARSE, fine_tenths, rate_of
from experiments.speedup.optimizers import OPTIMIZERS, OptimizerName
from experiments.speedup.ratios import MAIN_TARGET, ratios_of
from experiments.speedup.step_prices import read_prices, write_prices
from experiments.speedup.tables import PRICED, ratio_table, verdict_table
from experiments.speedup.tensorboard_log import (
    Follow,
    best_lines,
    chart_of,
    follower,
    live_curves,
    metrics,
    ratio_lines,
    run_of,
    title_of,
    trials_of,
)
from overparam_tf.datasets import Problem
from overparam_tf.runlog import LiveCurves, ProgressReport, RunFolder
from overparam_tf.stopping import StopSignals, deferred
from overparam_tf.sweep import History, Sweep, Variant

# Targets: shares of the zero kernel's excess loss over the floor.
SHARES = {"50%": 0.5, "10%": 0.1, "3%": 0.03, "1%": 0.01}
TARGETS = list(SHARES)
POINTS = 200  # of a curve in TensorBoard


@dataclass(frozen=True)
class Config(DataOptions):
    """Measure the speed-up by depth for every optimizer, with intervals over seeds."""

    powers: tuple[int, ...] = option(
        (2, 4, 6), "p of the l_p losses, with 1/p, even", quick=(2, 4), within=(2, 8)
    )
    optimizers: tuple[OptimizerName, ...] = option(tuple(OPTIMIZERS), "optimizers to compare")
    depths: tuple[int, ...] = option(
        (1, 2, 3, 4), "numbers of factors, 1 among them", within=(1, 16)
    )
    rule_depths: tuple[float, ...] = option(
        (1.5, 2.5), "depths of the end-to-end rule, trained with SGD", within=(1.01, 16)
    )
    init: Literal["near_zero", "balanced"] = option(
        "balanced", "how the factors start: see Variant"
    )
    steps: int = option(30_000, "full-batch steps", quick=1_500, within=STEPS)
    seeds: tuple[int, ...] = option(
        (0, 1, 2, 3, 4), "seeds of the initial factors", quick=(0, 1), within=SEEDS
    )
    price_seconds: float = option(
        0.8,
        "seconds to time the steps of an optimizer, compiling not included",
        quick=0.2,
        within=(0, 3600),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        depths = self.depths
        self.require(1 in depths, "depth 1 among the depths, to compare with", depths=depths)
        valid = all(p % 2 == 0 for p in self.powers)
        self.require(valid, "even powers", powers=self.powers)

    def variants(
        self, optimizer: OptimizerName, seeds: Sequence[int], tenths: Mapping[str, Sequence[int]]
    ) -> list[Variant]:
        """Return one optimizer at every depth, and with SGD the end-to-end rule at its depths.

        Args:
            optimizer: The optimizer.
            seeds: Seeds of the initial factors.
            tenths: Grid of rates by the variant's name, in tenths of a decade; the others have the
                coarse grid.
        """
        cases: list[tuple[str, float, str]] = [
            (f"{optimizer}, depth {depth}", depth, "factors") for depth in sorted(self.depths)
        ]
        if optimizer == "SGD":
            rule_depths = sorted(self.rule_depths)
            cases += [(f"rule, depth {depth:g}", depth, "end_to_end") for depth in rule_depths]
        return [
            Variant(
                name,
                depth=depth,
                optimizer=OPTIMIZERS[optimizer](),
                learning_rates=[rate_of(tenth) for tenth in tenths.get(name, COARSE)],
                seeds=seeds,
                initial_factors=self.init,
                update=update,
            )
            for name, depth, update in cases
        ]

    def tensorboard_runs(self) -> list[str]:
        """Return the names of TensorBoard's runs: the depths, and those of the rule."""
        names = [
            (variant.name, name)
            for name in self.optimizers
            for variant in self.variants(name, self.seeds[:1], {})
        ]
        return list(dict.fromkeys(run_of(*pair) for pair in names))


def run(options: Config) -> RunFolder:
    """Train coarse and fine grids, then time steps.

    Writes config.json, results.csv (a row for each run), prices.csv (a row for each variant) and
    TensorBoard's event files.
    """
    problem = options.load_problem()
    parts = {p: lp_part(problem, p, (), options.steps) for p in options.powers}
    losses = [part.reference.record() for part in parts.values()]
    record = options.record("speedup", problem, losses=losses)
    folder = options.open_folder(record, f"{options.init}-{options.steps}", problem)
    tables: list[pd.DataFrame] = []
    lines: list[Line] = []
    pairs = list(itertools.product(options.powers, options.optimizers))
    charts = [chart_of(*pair) for pair in pairs]
    with deferred() as stop:
        with live_curves(folder, problem.label, options.tensorboard_runs(), charts) as curves:
            for p, optimizer in pairs:
                grids = _train_grids(options, folder, parts[p], optimizer, stop, curves)
                for grid, history in grids.items():
                    tables.append(history.runs.assign(p=p, group=optimizer, grid=grid))
                folder.write_table("results.csv", pd.concat(tables, ignore_index=True))
                if "fine" in grids:
                    lines += best_lines(grids["fine"], p, optimizer)
                if stop.signal:
                    break
        _measure_prices(options, folder, parts, stop)
    _board_of(options, problem, folder, lines, pd.concat(tables, ignore_index=True)).write(folder)
    return folder


def _board_of(
    options: Config,
    problem: Problem,
    folder: RunFolder,
    lines: Sequence[Line],
    results: pd.DataFrame,
) -> Board:
    """Return what TensorBoard shows: the best curves, and the ratios if a fine grid was trained."""
    if "fine" not in set(results["grid"]):
        return Board(title_of(problem.label), lines=lines)
    ratios = ratios_of(results, TARGETS, read_prices(folder), options.steps)
    return Board(
        title_of(problem.label),
        metrics(ratios),
        trials_of(ratios, problem.label),
        [*lines, *ratio_lines(ratios)],
    )


def _train_grids(
    options: Config,
    folder: RunFolder,
    part: Part,
    optimizer: OptimizerName,
    stop: StopSignals,
    curves: LiveCurves,
) -> dict[str, History]:
    """Return the histories of the coarse and, unless a stop signal came, of the fine grid."""
    title, p = f"{part.name} {optimizer}", part.loss.p
    variants = options.variants(optimizer, options.seeds[:1], {})
    follow = follower(curves, chart_of(p, optimizer, "coarse"), optimizer, variants)
    coarse = _train(options, folder, replace(part, variants=variants), f"{title} coarse", follow)
    if stop.signal:
        return {"coarse": coarse}
    tenths = {
        name: fine_tenths(coarse.runs[coarse.runs["variant"] == name], TARGETS)
        for name in coarse.variants
    }
    variants = options.variants(optimizer, options.seeds, tenths)
    follow = follower(curves, chart_of(p, optimizer), optimizer, variants)
    fine = _train(options, folder, replace(part, variants=variants), f"{title} fine", follow)
    return {"coarse": coarse, "fine": fine}


def _train(options: Config, folder: RunFolder, part: Part, title: str, follow: Follow) -> History:
    targets = {name: part.reference.target(share) for name, share in SHARES.items()}
    with ProgressReport(f"speedup, {title}", options.quiet) as progress:
        return Sweep(part.problem, part.variants, part.loss, options.dtype).run(
            part.steps,
            targets=targets,
            points=POINTS,
            progress=progress,
            follow=follow,
            checkpoints=folder.checkpoints / title,
        )


def _measure_prices(
    options: Config, folder: RunFolder, parts: Mapping[int, Part], stop: StopSignals
) -> None:
    """Time the steps of every optimizer's variants; with --quick those of the first part alone."""
    cells = [
        (name, replace(part, variants=options.variants(name, options.seeds, {})))
        for part, name in itertools.product(parts.values(), options.optimizers)
    ]
    if options.quick:  # each variant compiles a loop of its own
        cells = cells[:1]
    title, console = "speedup, prices of a step", Console(stderr=True)
    progress = track(cells, title, console=console, disable=options.quiet)
    write_prices(
        folder, progress, options.dtype, options.price_seconds, lambda: stop.signal is not None
    )


def read_record(folder: RunFolder) -> dict[str, Any]:
    """Return config.json, with the numbers that were used among its options.

    Runs of the first version have None there for a default, and the numbers beside the options.
    """
    record = folder.read_config()
    numbers = {name: record[name] for name in ("steps", "seeds") if name in record}
    return {**record, "options": {**record["options"], **numbers}}


def draw(folder: RunFolder, console: Console) -> None:
    """Draw figures and print tables and verdicts, from a run folder alone."""
    record, results = read_record(folder), folder.read_table("results.csv", ["grid"])
    if "fine" not in set(results["grid"]):
        console.print("No fine grid was trained yet.")
        return
    ratios = ratios_of(results, TARGETS, read_prices(folder), record["options"]["steps"])
    folder.write_table("ratios.csv", ratios)
    table, verdicts, claims = ratio_table(ratios), verdict_table(ratios), claims_of(ratios)
    drawn = draw_figures(folder, record, ratios)
    # In two halves, each as wide as a terminal.
    title = (
        f"{record['data']['label']}: steps of depth 1 over steps of depth N, best rate each "
        "(in brackets: 95 % interval over seeds)"
    )
    lost = f"lost at {TARGETS[-1]}"
    print_table(table.drop(columns=[lost, *PRICED]), title, console)
    title = (
        "lost: diverged + target not reached; price: time of a step over that of depth 1 "
        f"(in brackets: its range); verdict: in steps to {MAIN_TARGET}"
    )
    print_table(table[["loss", "variant", lost, *PRICED]], title, console)
    title = "+N: depth N helps, -N: it hurts, ?N: cannot tell (fractional: the end-to-end rule)"
    print_table(verdicts, title, console)
    print_claims(claims, console)
    write_results(folder, {"ratios": table, "verdicts": verdicts}, claims, drawn)


EXPERIMENT = Experiment("speedup", Config, run, draw)
