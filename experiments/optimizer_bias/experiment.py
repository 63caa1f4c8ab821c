"""The command `python -m experiments.optimizer_bias`: the run, the drawing."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterable, Iterator, Mapping
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
from experiments.harness.rank_curvature import curvature_of
from experiments.harness.rank_runs import follow
from experiments.harness.results import print_claims, print_table, write_results
from experiments.harness.tensorboard import Board, Distribution, Line, Trial
from experiments.optimizer_bias.claims import best_runs, bias_table, claims_of
from experiments.optimizer_bias.config import CLAIMED, Config
from experiments.optimizer_bias.figures import BiasFigures
from experiments.optimizer_bias.optimizers import CANDIDATES
from experiments.optimizer_bias.settings import SETTINGS
from overparam_tf.losses import LpLoss
from overparam_tf.messages import print_to_stderr
from overparam_tf.runlog import RunFolder
from overparam_tf.sweep import Variant
from overparam_tf.sweep.devices import make_engine

COLUMNS = ["problem", "optimizer", "depth", "draw", "rate", "status", "steps", "loss", "error"]
COLUMNS += ["rank"]


@dataclass(frozen=True)
class Piece:
    """All rates of one optimizer at one depth on one draw of a problem."""

    problem: str
    optimizer: str
    depth: int
    draw: int

    def __str__(self) -> str:
        return f"{self.problem}, {self.optimizer}, depth {self.depth}, draw {self.draw}"

    @property
    def cost(self) -> int:
        """Return about what it costs, in multiply-adds of a step."""
        mixing = 1 if CANDIDATES[self.optimizer].is_elementwise else 6
        return SETTINGS[self.problem].size ** 3 * self.depth * mixing


def pieces_of(options: Config) -> Iterator[Piece]:
    """Yield the pieces of a run, all optimizers of a problem and draw in a row."""
    for problem in options.problems:
        with_all = SETTINGS[problem].with_all
        compared = [name for name in options.optimizers if with_all or name in CLAIMED]
        grid = itertools.product(options.draws, sorted(options.depths), compared)
        for draw_, depth, optimizer in grid:
            yield Piece(problem, optimizer, depth, draw_)


def run(options: Config) -> RunFolder:
    """Train every optimizer on every draw; write config.json, results.csv and curves.npz."""
    problems = {name: SETTINGS[name].words for name in options.problems}
    record = options.record("optimizer_bias", problems=problems)
    folder = options.open_folder(record, "-".join(options.problems))
    pieces = list(pieces_of(options))
    mixing = sorted({p.optimizer for p in pieces if not CANDIDATES[p.optimizer].is_elementwise})
    if mixing and not options.quiet:
        names = " and ".join(mixing)
        print_to_stderr(f"Runs of {names}, which mix a matrix's entries, go one by one: slower.")
    made = run_pieces(
        KeptPieces(folder, record),
        {str(piece): piece for piece in pieces},
        lambda piece: fit(options, piece),
        options,
        title="optimizer_bias",
        costs=[piece.cost for piece in pieces],
        lines=live_lines(options, pieces),
    )
    results, curves = pd.DataFrame(rows_of(made)), arrays_of(made)
    folder.write_table("results.csv", results)
    folder.write_arrays("curves.npz", curves)
    board_of(results, curves).write(folder)
    return folder


def live_lines(options: Config, pieces: Iterable[Piece]) -> LiveLines:
    """Return the lines of a piece of the first draw: those of its best rate."""

    def lines_of(result: PieceResult) -> Iterator[Line]:
        for row in best_runs(pd.DataFrame(result.content)).to_dict("records"):
            if row["draw"] == options.draws[0]:
                yield from curves_of(row, result.arrays)[0]

    return LiveLines(list(dict.fromkeys(run_name(vars(piece)) for piece in pieces)), lines_of)


def run_name(row: Mapping[str, Any]) -> str:
    """Return the name of the TensorBoard run of a piece or row."""
    return f"{row['problem']}, {row['optimizer']}, depth {row['depth']}"


def curves_of(
    row: Mapping[str, Any], curves: Mapping[str, np.ndarray]
) -> tuple[list[Line], Distribution]:
    """Return what TensorBoard shows of the run of a row: lines, and singular values."""
    where, error = f"{row['problem']}, depth {row['depth']}", "error on what was held out"
    return shown_curves(run_name(row), where, curves, key_of(row), error)


def fit(options: Config, piece: Piece) -> PieceResult:
    """Return a row for each rate of a piece, and on the first draw the curves."""
    problem = SETTINGS[piece.problem].problem(piece.draw)
    candidate = CANDIDATES[piece.optimizer]
    unit = 1 / curvature_of(problem, piece.depth) if candidate.is_relative else 1.0
    rates = [float(f"{rate * unit:.4g}") for rate in candidate.rates]
    start = [np.eye(problem.features) * options.scale ** (1 / piece.depth)] * piece.depth
    variant = Variant(
        piece.optimizer,
        piece.depth,
        optimizer=candidate.make(1.0),
        learning_rates=rates,
        initial_factors=start,
    )
    with warnings.catch_warnings():
        # `run` has said so for all pieces.
        warnings.filterwarnings("ignore", ".*mixes the entries of a matrix", UserWarning)
        engine = make_engine(problem, [variant], LpLoss(2, scale=False), options.dtype)
    runs = follow(engine, problem.held_out, options.steps, options.target)
    rows = [
        {**vars(piece), "rate": rate, **runs.outcome(place)} for place, rate in enumerate(rates)
    ]
    if piece.draw != options.draws[0]:
        return PieceResult(rows)
    arrays = {}
    for place, row in enumerate(rows):
        arrays |= {f"{key_of(row)}/{name}": v for name, v in runs.curves(place).items()}
    return PieceResult(rows, arrays)


def key_of(row: Mapping[str, Any]) -> str:
    """Return what the names of a run's arrays begin with."""
    return f"{row['problem']}/{row['optimizer']}/{row['depth']}/{row['rate']:.4g}"


def board_of(results: pd.DataFrame, curves: Mapping[str, np.ndarray]) -> Board:
    """Return what TensorBoard shows: a run for each problem, optimizer and depth."""
    metrics = {"error": "median error at the best rate", "rank": "median effective rank"}
    best, trials, lines, distributions = best_runs(results), [], [], []
    for (problem, optimizer, depth), runs in best.groupby(
        ["problem", "optimizer", "depth"], sort=False
    ):
        hparams = {"problem": problem, "optimizer": optimizer, "depth": int(depth)}
        outcome = {tag: float(runs[tag].median()) for tag in metrics}
        trials.append(Trial(run_name(hparams), hparams, outcome))
        for row in runs[runs["draw"] == results["draw"].iloc[0]].to_dict("records"):
            of_run, spectra = curves_of(row, curves)
            lines += of_run
            distributions.append(spectra)
    return Board("optimizer_bias", metrics, trials, lines, distributions)


def draw(folder: RunFolder, console: Console) -> None:
    """Draw figures and print table and verdicts, from a run folder alone."""
    results = folder.read_table("results.csv", COLUMNS)
    curves, record = folder.read_arrays("curves.npz"), folder.read_config()
    drawn = BiasFigures(folder, record, results, curves).draw()
    table, claims = bias_table(results), claims_of(results)
    title = f"At a loss of {record['options']['target']:g}: median over draws [95 % interval]"
    print_table(table, title, console)
    print_claims(claims, console)
    write_results(folder, table, claims, drawn)


EXPERIMENT = Experiment("optimizer_bias", Config, run, draw)
