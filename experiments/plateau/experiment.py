"""The command `python -m experiments.plateau`: the run, the drawing."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from experiments.harness.command_line import Experiment
from experiments.harness.piece_results import PieceResult, arrays_of
from experiments.harness.pieces import KeptPieces, run_pieces
from experiments.harness.results import print_claims, print_table, write_results
from experiments.harness.tensorboard import Board, Line, Trial
from experiments.harness.two_examples import Scan, kernel_path, learning_rates, scan
from experiments.plateau.claims import claims_of, steps_table
from experiments.plateau.config import REFINEMENT, Config
from experiments.plateau.figures import PlateauFigures
from experiments.plateau.searches import (
    FINEST,
    GRID,
    SEARCHES,
    STABLE,
    Cell,
    with_speed_ups,
)
from overparam_tf.runlog import RunFolder


def run(options: Config) -> RunFolder:
    """Count steps for every p, ratio and depth.

    Write config.json, results.csv, curves.npz and TensorBoard's event files.
    """
    p, ratio = options.closeup()
    record = options.record("plateau", closeup={"p": p, "ratio": ratio})
    folder = options.open_folder(record, f"two-examples-{options.steps}")
    grid = itertools.product(sorted(options.powers), sorted(options.ratios), sorted(options.depths))
    cells = [Cell(*numbers) for numbers in grid]

    def make(cell: Cell) -> PieceResult:
        result = scan_cell(options, cell)
        row = best_row(cell, result)
        arrays = {f"{cell}/rates": result.rates, f"{cell}/reached": result.reached_steps}
        if (cell.p, cell.ratio) == (p, ratio):
            arrays |= best_paths(cell, row, options.start)
        return PieceResult(row, arrays)

    made = run_pieces(
        KeptPieces(folder, record),
        {str(cell): cell for cell in cells},
        make,
        options,
        title="plateau",
    )
    rows = [result.content for result in made.values()]
    curves = arrays_of(made)
    steps = {search.steps: "Int64" for search in SEARCHES}
    results = with_speed_ups(pd.DataFrame(rows).astype(steps), options.steps)
    folder.write_table("results.csv", results)
    folder.write_arrays("curves.npz", curves)
    board_of(results).write(folder)
    return folder


def scan_cell(options: Config, cell: Cell) -> Scan:
    """Return what the toy reaches at every rate of the finer grid."""
    toy = cell.ratio, cell.p, cell.depth
    rates = learning_rates(*toy, options.rates_per_decade, REFINEMENT)
    return scan(*toy, rates, options.steps, options.start, options.target)


def best_row(cell: Cell, result: Scan) -> dict[str, Any]:
    """Return a cell's row of results.csv: the best rates and their steps."""
    stable, coarse = result.stable(), result.best(REFINEMENT)
    row: dict[str, Any] = dataclasses.asdict(cell)
    for search, best in ((GRID, coarse), (FINEST, result.best()), (STABLE, stable.best())):
        row[search.rate] = None if best is None else result.rates[best]
        row[search.steps] = None if best is None else int(result.reached_steps[best])
    low, high = (None, None) if coarse is None else result.window(coarse)
    stable_limit = max(stable.rates, default=None)
    return {**row, "window_low": low, "window_high": high, "stable_limit": stable_limit}


def best_paths(cell: Cell, row: dict[str, Any], start: float) -> dict[str, np.ndarray]:
    """Return the kernels along the best run of each search, as arrays of curves.npz."""
    arrays = {}
    for search in SEARCHES:
        rate, steps = row[search.rate], row[search.steps]
        if steps is None:
            continue
        name = f"{cell}/{search.steps}"
        recorded_steps, kernels = kernel_path(cell.ratio, cell.p, cell.depth, rate, steps, start)
        arrays |= {f"{name}/rate": rate, f"{name}/at": recorded_steps, f"{name}/kernels": kernels}
    return arrays


def board_of(results: pd.DataFrame) -> Board:
    """Return what TensorBoard shows: a run for each p and depth, with its steps by ratio.

    Its row in HParams has the steps at the largest ratio that it fits.
    """
    metrics = {search.steps: f"steps, {search.label}" for search in SEARCHES}
    trials, lines = [], []
    for (p, depth), rows in results.groupby(["p", "depth"]):
        run = f"L{p}, depth {depth}"
        for search in SEARCHES:
            known = rows.dropna(subset=search.steps)
            # On a linear axis the largest ratio would hide the others.
            curve = known["ratio"], np.log10(np.maximum(known[search.steps].astype(float), 1))
            lines.append(Line(run, f"log10 of steps by y1 over y2/{search.label}", curve))
        fitted = rows.dropna(subset=GRID.steps)
        cell = (rows if fitted.empty else fitted).sort_values("ratio").iloc[-1]
        counts = {tag: float(cell[tag]) for tag in metrics if not pd.isna(cell[tag])}
        hparams = {name: int(cell[name]) for name in ("p", "depth", "ratio")}
        trials.append(Trial(run, hparams, counts, failed=fitted.empty))
    return Board("plateau", metrics, trials, lines)


def draw(folder: RunFolder, console: Console) -> None:
    """Draw figures and print table and verdicts, from a run folder alone."""
    columns = ["p", "ratio", "depth", *(search.steps for search in SEARCHES)]
    results = folder.read_table("results.csv", columns)
    curves, record = folder.read_arrays("curves.npz"), folder.read_config()
    options = record["options"]
    results = with_speed_ups(results, options["steps"])
    drawn = PlateauFigures(folder, record, results, curves).draw()
    table, claims = steps_table(results, options["steps"]), claims_of(results)
    title = (
        f"Steps until both errors < {options['target']:g} at the best rate "
        "(*: the loss never rises)"
    )
    print_table(table, title, console)
    print_claims(claims, console)
    write_results(folder, table, claims, drawn)


EXPERIMENT = Experiment("plateau", Config, run, draw)
