"""The command `python -m experiments.speedup`: the run, the drawing."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import pandas as pd
from rich.console import Console

from experiments.harness.command_line import Experiment, PartOfRun
from experiments.harness.finer_grids import train_finer
from experiments.harness.parts import Part, check_parts, lp_part
from experiments.harness.results import print_claims, print_table, write_results
from experiments.harness.shares import ShareFinished
from experiments.harness.sweep_shares import (
    JoinedShares,
    Search,
    Train,
    portions_of_share,
    train_share,
)
from experiments.harness.tensorboard import Board, Line
from experiments.harness.work_report import WorkReport
from experiments.speedup.claims import claims_of
from experiments.speedup.config import SHARES, TARGETS, Config, OptimizerName
from experiments.speedup.figures import draw_figures
from experiments.speedup.ratios import MAIN_TARGET, ratios_of
from experiments.speedup.step_prices import join_prices, read_prices, write_prices
from experiments.speedup.tables import PRICED, ratio_table, verdict_table
from experiments.speedup.tensorboard_log import (
    Follow,
    best_lines,
    chart_of,
    follower,
    live_curves,
    metrics,
    ratio_lines,
    title_of,
    trials_of,
)
from overparam_tf.datasets import Problem
from overparam_tf.runlog import LiveCurves, ProgressReport, RunFolder
from overparam_tf.stopping import StopSignals, deferred
from overparam_tf.sweep import History, Sweep
from overparam_tf.sweep.sharing import Portion

POINTS = 200  # of a curve in TensorBoard


def run(options: Config) -> RunFolder:
    """Train coarse and fine grids, then time steps.

    Writes config.json, results.csv (a row for each run), prices.csv (a row for each variant) and
    TensorBoard's event files.

    Raises:
        ShareFinished: If the options name a share, and it is trained.
        PartOfRun: If a stop signal ended the training of a share.
    """
    problem = options.load_problem()
    parts = {p: lp_part(problem, p, (), options.steps) for p in options.powers}
    pairs = list(itertools.product(options.powers, options.optimizers))
    searches = [options.search(parts[p], optimizer) for p, optimizer in pairs]
    check_parts([search.part for search in searches], options.dtype)
    share = options.chosen_share
    portions = [] if share is None else portions_of_share(searches, share)
    losses = [part.reference.record() for part in parts.values()]
    record = options.record("speedup", problem, losses=losses)
    folder = options.open_folder(record, f"{options.init}-{options.steps}", problem)
    if share is not None:
        _run_share(options, folder, parts, searches, portions)
    tables: list[pd.DataFrame] = []
    lines: list[Line] = []
    charts = [chart_of(*pair) for pair in pairs]
    with deferred() as stop:
        with (
            live_curves(folder, problem.label, options.tensorboard_runs(), charts)
            if options.join is None
            else contextlib.nullcontext()
        ) as curves:
            joined = None if options.join is None else JoinedShares(folder)
            for (p, optimizer), search in zip(pairs, searches, strict=True):
                train = joined or _live_training(options, folder, optimizer, curves)
                grids = _train_grids(search, train, stop)
                for grid, history in grids.items():
                    tables.append(history.runs.assign(p=p, group=optimizer, grid=grid))
                folder.write_table("results.csv", pd.concat(tables, ignore_index=True))
                if "fine" in grids:
                    lines += best_lines(grids["fine"], p, optimizer)
                if stop.signal:
                    break
        if joined is not None:
            join_prices(folder, joined.folders)
        _measure_prices(options, folder, parts, stop)
    _board_of(options, problem, folder, lines, pd.concat(tables, ignore_index=True)).write(folder)
    return folder


def _run_share(
    options: Config,
    folder: RunFolder,
    parts: Mapping[int, Part],
    searches: Sequence[Search],
    portions: Sequence[Sequence[Portion]],
) -> NoReturn:
    """Train a share, then time the steps of the optimizers whose first runs it has."""
    pairs = itertools.product(options.powers, options.optimizers)
    timed = [
        pair
        for pair, own in zip(pairs, portions, strict=True)
        if any(number == 0 and first == 0 for number, first, _ in own)
    ]
    try:
        train = functools.partial(_train, options, folder)
        train_share(folder, options.chosen_share, searches, portions, train)
    except ShareFinished:
        with deferred() as stop:
            _measure_prices(options, folder, parts, stop, timed)
        if stop.signal:
            raise PartOfRun(folder, "all sweeps of the share are done") from None
        raise


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


def _live_training(
    options: Config, folder: RunFolder, optimizer: OptimizerName, curves: LiveCurves
) -> Train:
    """Return what trains a part of one optimizer with its curves in TensorBoard."""

    def train(part: Part, title: str) -> History:
        _, _, grid = title.rpartition(" ")
        chart = chart_of(part.loss.p, optimizer, grid)
        return _train(
            options, folder, part, title, follower(curves, chart, optimizer, part.variants)
        )

    return train


def _train_grids(search: Search, train: Train, stop: StopSignals) -> dict[str, History]:
    """Return the histories of the coarse and, unless a stop signal came, of the fine grid."""
    coarse = train(search.part, search.part.name)
    if stop.signal:
        return {"coarse": coarse}
    finer = replace(search.part, variants=search.finer(search.part.variants, coarse))
    fine = train_finer(finer, coarse, lambda part: train(part, search.fine_title))
    return {"coarse": coarse, "fine": fine}


def _train(
    options: Config, folder: RunFolder, part: Part, title: str, follow: Follow | None = None
) -> History:
    targets = {name: part.reference.target(share) for name, share in SHARES.items()}
    with ProgressReport(f"speedup, {title}", options.quiet) as progress:
        return Sweep(part.problem, part.variants, part.loss, options.dtype).run(
            part.steps,
            targets=targets,
            stop_at_targets=True,
            points=POINTS,
            progress=progress,
            follow=follow,
            checkpoints=folder.checkpoints / title,
        )


def _measure_prices(
    options: Config,
    folder: RunFolder,
    parts: Mapping[int, Part],
    stop: StopSignals,
    only: Collection[tuple[int, str]] | None = None,
) -> None:
    """Time the steps of every optimizer's variants; with --quick those of the first part alone.

    Args:
        options: The options.
        folder: The run folder.
        parts: The parts by p.
        stop: A stop signal ends the measurement.
        only: The pairs of p and optimizer to measure; default None, all.
    """
    pairs = list(itertools.product(parts, options.optimizers))
    if options.quick:  # each variant compiles a loop of its own
        pairs = pairs[:1]
    cells = [
        (name, replace(parts[p], variants=options.variants(name, options.seeds, {})))
        for p, name in pairs
        if only is None or (p, name) in only
    ]
    with WorkReport("speedup, prices of a step", len(cells), options.quiet) as report:
        write_prices(
            folder,
            _announced(cells, report),
            options.dtype,
            options.price_seconds,
            lambda: stop.signal is not None,
        )


def _announced(cells: Iterable[tuple[str, Part]], report: WorkReport) -> Iterator[tuple[str, Part]]:
    """Yield the cells, each after the report that it begins."""
    for name, part in cells:
        report(f"L{part.loss.p} {name}")
        yield name, part


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
        f"runs end at {TARGETS[-1]}; lost: diverged + target not reached; price: time of a step "
        f"over that of depth 1 (in brackets: its range); verdict: in steps to {MAIN_TARGET}"
    )
    print_table(table[["loss", "variant", lost, *PRICED]], title, console)
    title = (
        "+N: depth N helps, -N: it hurts, ?N: cannot tell "
        "(fractional, or with an r: the end-to-end rule)"
    )
    print_table(verdicts, title, console)
    print_claims(claims, console)
    write_results(folder, {"ratios": table, "verdicts": verdicts}, claims, drawn)


EXPERIMENT = Experiment("speedup", Config, run, draw)
