"""The command `python -m experiments.matrix_completion`: the run, the drawing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from experiments.harness.command_line import Experiment
from experiments.harness.live_pieces import LiveLines
from experiments.harness.piece_results import PieceResult, arrays_of, rows_of
from experiments.harness.pieces import KeptPieces, run_pieces
from experiments.harness.rank_board import shown_curves
from experiments.harness.rank_runs import FollowedRuns, held_out_error
from experiments.harness.results import print_claims, print_table, write_results
from experiments.harness.tensorboard import Board, Distribution, Line, Trial
from experiments.matrix_completion.claims import BASELINE, claims_of, completion_table
from experiments.matrix_completion.config import Config
from experiments.matrix_completion.descent import descend
from experiments.matrix_completion.figures import CompletionFigures
from experiments.matrix_completion.nuclear_norm import least_nuclear_norm
from overparam_tf.callbacks import effective_rank
from overparam_tf.datasets import Problem, matrix_completion
from overparam_tf.runlog import RunFolder

COLUMNS = ["observations", "depth", "scale", "draw", "status", "steps", "loss", "error"]
COLUMNS += ["best_error", "best_error_of_all", "rank"]


@dataclass(frozen=True)
class Piece:
    """All starts at one depth on one draw, or its matrix of least nuclear norm (depth 0)."""

    observations: int
    depth: int
    draw: int

    def __str__(self) -> str:
        return f"{self.observations} entries, depth {self.depth}, draw {self.draw}"


def pieces_of(options: Config) -> Iterator[Piece]:
    """Yield the pieces of a run."""
    depths = [*sorted(options.depths), *([0] if options.nuclear_norm else [])]
    grid = itertools.product(sorted(options.observations), depths, options.draws)
    yield from itertools.starmap(Piece, grid)


def run(options: Config) -> RunFolder:
    """Complete every draw at every depth; write config.json, results.csv and curves.npz."""
    record = options.record("matrix_completion")
    folder = options.open_folder(record, f"{options.size}-rank-{options.rank}")
    pieces = list(pieces_of(options))
    made = run_pieces(
        KeptPieces(folder, record),
        {str(piece): piece for piece in pieces},
        lambda piece: complete(options, piece),
        options,
        title="matrix_completion",
        costs=[4 ** min(piece.depth, 3) for piece in pieces],
        lines=live_lines(options),
    )
    results, curves = pd.DataFrame(rows_of(made)), arrays_of(made)
    folder.write_table("results.csv", results)
    folder.write_arrays("curves.npz", curves)
    board_of(results, curves).write(folder)
    return folder


def live_lines(options: Config) -> LiveLines:
    """Return the lines of a piece: those of the first draw."""

    def lines_of(result: PieceResult) -> Iterator[Line]:
        for row in result.content:
            if row["draw"] == options.draws[0] and row["depth"] != BASELINE:
                yield from curves_of(row, result.arrays)[0]

    grid = itertools.product(sorted(options.depths), sorted(options.observations))
    return LiveLines([run_name(*pair) for pair in grid], lines_of)


def run_name(depth: int, observations: int) -> str:
    """Return the name of the TensorBoard run of a depth and number of entries."""
    return f"depth {depth}, {observations:,} entries"


def curves_of(
    row: Mapping[str, Any], curves: Mapping[str, np.ndarray]
) -> tuple[list[Line], Distribution]:
    """Return what TensorBoard shows of the run of a row: lines, and singular values."""
    run, where = run_name(row["depth"], row["observations"]), f"start {row['scale']:g}"
    return shown_curves(run, where, curves, key_of(row), "error on unseen entries")


def complete(options: Config, piece: Piece) -> PieceResult:
    """Return a row and the curves of every start of a piece."""
    # All numbers of observations have the same matrix.
    count = piece.observations
    problem = matrix_completion(options.size, options.rank, count, seed=piece.draw)
    if piece.depth == BASELINE:
        return PieceResult([_baseline_row(problem, piece)])
    followed = descend(
        problem,
        piece.depth,
        options.scales,
        steps=options.steps,
        target=options.target,
        dtype=options.dtype,
    )
    rows, arrays = [], {}
    for scale, runs in zip(options.scales, followed, strict=True):
        rows.append(_row(problem, piece, scale, runs))
        arrays |= {f"{key_of(rows[-1])}/{name}": values for name, values in runs.curves(0).items()}
    return PieceResult(rows, arrays)


def key_of(row: Mapping[str, Any]) -> str:
    """Return what the names of a run's arrays begin with."""
    return f"{row['observations']}/{row['depth']}/{row['scale']:g}/{row['draw']}"


def _row(problem: Problem, piece: Piece, scale: float, runs: FollowedRuns) -> dict[str, Any]:
    """Return the row of a run, which is the only one of its engine."""
    end = runs.end(0)
    share = problem.observations / problem.y.size
    losses, errors = runs.losses[: end + 1, 0], runs.errors[: end + 1, 0]
    best = {
        "best_error": float(np.fmin.reduce(errors)),
        "best_error_of_all": float(np.fmin.reduce(share * losses + (1 - share) * errors)),
    }
    return {**vars(piece), "scale": scale, **runs.outcome(0), **best}


def _baseline_row(problem: Problem, piece: Piece) -> dict[str, Any]:
    kernel = least_nuclear_norm(problem)
    error = held_out_error(kernel, problem.held_out)
    loss = float(np.mean((kernel - problem.y)[problem.observed] ** 2))
    share = problem.observations / problem.y.size
    return {
        **vars(piece),
        "scale": 0.0,
        "status": "fitted",
        "steps": 0,
        "loss": loss,
        "error": error,
        "best_error": error,
        "best_error_of_all": share * loss + (1 - share) * error,
        "rank": effective_rank(np.linalg.svd(kernel, compute_uv=False)),
    }


def board_of(results: pd.DataFrame, curves: Mapping[str, np.ndarray]) -> Board:
    """Return what TensorBoard shows: a run for each depth and number of entries, of one draw."""
    metrics = {"error": "median error on unseen entries", "rank": "median effective rank"}
    trained = results[results["depth"] != BASELINE]
    first = trained[trained["draw"] == trained["draw"].iloc[0]]
    trials, lines, distributions = [], [], []
    for (depth, observations), rows in trained.groupby(["depth", "observations"]):
        hparams = {"depth": int(depth), "observations": int(observations), "runs": len(rows)}
        outcome = {"error": float(rows["error"].median()), "rank": float(rows["rank"].median())}
        trials.append(Trial(run_name(depth, observations), hparams, outcome))
        own = first[(first["depth"] == depth) & (first["observations"] == observations)]
        for row in own.to_dict("records"):
            of_run, spectra = curves_of(row, curves)
            lines += of_run
            distributions.append(spectra)
    return Board("matrix_completion", metrics, trials, lines, distributions)


def draw(folder: RunFolder, console: Console) -> None:
    """Draw figures and print table and verdicts, from a run folder alone."""
    results = folder.read_table("results.csv", COLUMNS)
    curves, record = folder.read_arrays("curves.npz"), folder.read_config()
    drawn = CompletionFigures(folder, record, results, curves).draw()
    table, claims = completion_table(results), claims_of(results, record["options"])
    title = "Error by depth and start: median over draws [95 % interval]"
    print_table(table, title, console)
    print_claims(claims, console)
    write_results(folder, table, claims, drawn)


EXPERIMENT = Experiment("matrix_completion", Config, run, draw)
