"""The command `python -m experiments.when_depth_helps`: the run, the drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from experiments.harness.command_line import Experiment
from experiments.harness.piece_results import PieceResult
from experiments.harness.pieces import KeptPieces, run_pieces
from experiments.harness.results import print_claims, print_table, write_results
from experiments.harness.speed_up import Bound
from experiments.harness.tensorboard import Board, Line, Trial
from experiments.when_depth_helps.cells import CELL, cell_table, with_speed_up
from experiments.when_depth_helps.claims import claims_of, speed_up_table
from experiments.when_depth_helps.config import Config, Difficulty
from experiments.when_depth_helps.depth_scan import Task, fewest_steps
from experiments.when_depth_helps.figures import DepthFigures
from experiments.when_depth_helps.theory import theory
from overparam_tf.datasets import Problem, measure_regression
from overparam_tf.runlog import RunFolder


@dataclass(frozen=True)
class Piece:
    """One problem under one loss, measured at both depths.

    Attributes:
        p: Exponent of the loss.
        seed: Seed of the start, and of a generated problem.
        difficulty: That of a generated problem; None for the measured data.
    """

    p: int
    seed: int
    difficulty: Difficulty | None

    def __str__(self) -> str:
        numbers = {"p": self.p, "seed": self.seed}
        if self.difficulty is not None:
            numbers |= vars(self.difficulty)
        return ", ".join(f"{name} {value}" for name, value in numbers.items())


def run(options: Config) -> RunFolder:
    """Measure every cell; write config.json, results.csv, theory.csv and TensorBoard's trials."""
    problem = options.load_problem()
    measured = measure_regression(problem.x, problem.y)
    record = options.record("when_depth_helps", problem)
    record["data"]["measured"] = measured
    folder = options.open_folder(record, f"{options.rows}x{options.features}", problem)
    first_seed, *_ = options.seeds
    generated = [Piece(p, seed, difficulty) for p, difficulty, seed in options.grid()]
    powers = sorted(options.powers)
    pieces = [*generated, *(Piece(p, first_seed, None) for p in powers)]

    def make(piece: Piece) -> PieceResult:
        if piece.difficulty is None:
            return PieceResult(_measure_data(options, problem, measured, piece))
        return PieceResult(_measure_generated(options, piece.difficulty, piece))

    results = run_pieces(
        KeptPieces(folder, record),
        {str(piece): piece for piece in pieces},
        make,
        options,
        title="when_depth_helps",
        costs=[_cost(options, problem, piece) for piece in pieces],
    )
    rows = [row for result in results.values() for row in result.content]
    table = with_speed_up(pd.DataFrame(rows), options.steps)
    folder.write_table("results.csv", table)
    folder.write_table("theory.csv", theory(powers, options.rates_per_decade))
    board_of(cell_table(table)).write(folder)
    return folder


def _cost(options: Config, problem: Problem, piece: Piece) -> int:
    """Return about how many multiply-adds a step of all rates takes, times a guess of the steps."""
    if piece.difficulty is None:
        rows = problem.features + 1 if piece.p == 2 else problem.rows
        return 2 * rows * problem.features
    return 2 * options.rows * options.features


def _measure_generated(
    options: Config, difficulty: Difficulty, piece: Piece
) -> list[dict[str, Any]]:
    """Return the rows of a generated problem."""
    generated = options.generate(difficulty, piece.seed)
    axes = {"problem": "generated", **vars(difficulty)}
    return measure(options, generated, piece.p, options.targets, piece.seed, axes)


def _measure_data(
    options: Config, problem: Problem, measured: dict[str, float], piece: Piece
) -> list[dict[str, Any]]:
    """Return the row of the data, whose difficulty was measured."""
    # Under l_2 the R factor of a QR has the same loss for every kernel in far fewer rows.
    data = problem.compressed() if piece.p == 2 else problem
    # The first target only: the others are far beyond the limit.
    targets = (max(options.targets),)
    axes = {"problem": problem.name, **measured}
    return measure(options, data, piece.p, targets, piece.seed, axes)


def measure(
    options: Config,
    problem: Problem,
    p: int,
    targets: Sequence[float],
    seed: int,
    axes: dict[str, Any],
) -> list[dict[str, Any]]:
    """Return a row of results.csv for each target: depth 1 and depth 2 on one problem.

    Args:
        options: The options.
        problem: The problem.
        p: Exponent of the loss.
        targets: Shares of the zero kernel's excess loss to reach.
        seed: Seed of the start.
        axes: The first columns of the rows: the problem's name and its numbers.
    """
    task, norm = Task.from_problem(problem, p, targets), 1.0
    rows = [
        {**axes, "p": p, "seed": seed, "target": target} for target in sorted(targets, reverse=True)
    ]
    for depth in (1, 2):
        result = fewest_steps(
            task, depth, norm, options.rates_per_decade, seed, options.steps, options.dtype
        )
        norm = result.norm  # the unit of depth 2's rates: where depth 1 ends
        for row, steps, rate in zip(rows, result.steps, result.rates, strict=True):
            row[f"steps_{depth}"] = steps
            row[f"rate_{depth}"] = rate
            row[f"norm_{depth}"] = result.norm
            row[f"at_edge_{depth}"] = result.at_edge
    return rows


def board_of(cells: pd.DataFrame) -> Board:
    """Return what TensorBoard shows: a run for each p and target, with its median speed-ups.

    The horizontal axis, TensorBoard's `step`, is the exponent of the condition number, or the
    kurtosis.
    """
    metrics = {"speed_up": "median speed-up", "steps_1": "steps, depth 1", "steps_2": "depth 2"}
    exact = cells[(cells["bound"] == Bound.EXACT) & (cells["problem"] == "generated")]
    charts = {"condition": "log10 of the condition number", "kurtosis": "kurtosis"}
    trials, lines = [], []
    for (target, p), rows in exact.groupby(["target", "p"]):
        run = f"L{p}, target {target:g}"
        medians = {tag: float(rows[tag].median()) for tag in metrics}
        trials.append(Trial(run, {"p": int(p), "target": target, "cells": len(rows)}, medians))
        for axis, words in charts.items():
            by_value = rows.groupby(axis)["speed_up"].median()
            values = np.log10(by_value.index) if axis == "condition" else by_value.index
            steps = np.round(values).astype(int)
            lines.append(Line(run, f"median speed-up/by {words}", (steps, by_value)))
    return Board("when_depth_helps", metrics, trials, lines)


def draw(folder: RunFolder, console: Console) -> None:
    """Draw figures and print table and verdicts, from a run folder alone."""
    columns = ["problem", *CELL, "steps_1", "steps_2", "at_edge_1", "at_edge_2"]
    results = folder.read_table("results.csv", columns)
    expected = folder.read_table("theory.csv", ["p", "kurtosis", "speed_up"])
    record = folder.read_config()
    limit = record["options"]["steps"]
    results = with_speed_up(results, limit)
    cells = cell_table(results)
    drawn = DepthFigures(folder, record, cells, expected).draw()
    table, claims = speed_up_table(cells, limit), claims_of(results, cells)
    title = "Speed-up of depth 2: steps of depth 1 / depth 2, median (range) over cells and seeds"
    print_table(table, title, console)
    print_claims(claims, console)
    write_results(folder, table, claims, drawn)


EXPERIMENT = Experiment("when_depth_helps", Config, run, draw)
