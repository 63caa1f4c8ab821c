"""The command `python -m experiments.no_regularizer`: the run, the drawing."""

from __future__ import annotations

import itertools

import pandas as pd
from rich.console import Console

from experiments.harness.command_line import Experiment
from experiments.harness.piece_results import PieceResult
from experiments.harness.pieces import KeptPieces, run_pieces
from experiments.harness.results import print_claims, print_table, write_results
from experiments.harness.tensorboard import Board, Line, Trial
from experiments.no_regularizer.claims import claims_of, integral_table
from experiments.no_regularizer.closed_curve import Loss, curls, integrals, losses
from experiments.no_regularizer.config import Config
from experiments.no_regularizer.figures import FieldFigures
from overparam_tf.runlog import RunFolder

# The depths at which R and r are varied.
SWEPT_DEPTHS = (1.5, 3.0, 4.0, 8.0)


def run(options: Config) -> RunFolder:
    """Integrate and differentiate the field.

    Write config.json, results.csv (integrals), curl.csv and TensorBoard's trials.
    """
    problem = options.load_problem()
    record = options.record("no_regularizer", problem)
    folder = options.open_folder(record, "closed-curve", problem)
    pieces = {
        f"{loss.name}, depth {depth}": (loss, depth)
        for loss, depth in itertools.product(
            losses(problem, options.gradient_norm), sorted(options.depths)
        )
    }

    def make(piece: tuple[Loss, float]) -> PieceResult:
        loss, depth = piece
        swept = [depth] if depth in SWEPT_DEPTHS else []
        radii = options.outer_radius, options.inner_radius
        return PieceResult(
            {
                "integrals": list(integrals(loss, [depth], swept, *radii, options.nodes)),
                "curls": list(
                    curls(loss, [depth], options.outer_radius, options.points, options.seed)
                ),
            }
        )

    made = run_pieces(KeptPieces(folder, record), pieces, make, options, title="no_regularizer")
    results, curl = (
        pd.DataFrame([row for result in made.values() for row in result.content[name]])
        for name in ("integrals", "curls")
    )
    results = in_order(results)
    folder.write_table("results.csv", results)
    folder.write_table("curl.csv", curl)
    board_of(results, curl).write(folder)
    return folder


def in_order(integrals: pd.DataFrame) -> pd.DataFrame:
    """Return the integrals of each loss by what varies: first depth, then R, then r."""
    varied = integrals["over"].map({"depth": 0, "outer": 1, "inner": 2})
    order = integrals.assign(loss=pd.factorize(integrals["loss"])[0], over=varied)
    places = order.sort_values(["loss", "over"], kind="stable").index
    return integrals.loc[places].reset_index(drop=True)


def board_of(results: pd.DataFrame, curl: pd.DataFrame) -> Board:
    """Return what TensorBoard shows: a run for each loss, with its numbers by depth.

    The horizontal axis, TensorBoard's `step`, is a hundred times the depth.
    """
    charts = {"integral": "line integral", "relative_curl": "relative curl"}
    rows = results[results["over"] == "depth"].merge(curl, on=["loss", "depth"])
    lines = []
    for column, words in charts.items():
        for loss, of_loss in rows.groupby("loss", sort=False):
            curve = (100 * of_loss["depth"]).round().astype(int), of_loss[column]
            lines.append(Line(loss, f"by depth/{words}, by 100 N", curve))
    trials = []
    for loss, of_loss in rows.groupby("loss", sort=False):
        deepest = of_loss.loc[of_loss["depth"].idxmax()]
        outcome = {column: deepest[column] for column in charts}
        trials.append(Trial(loss, {"loss": loss, "depth": deepest["depth"]}, outcome))
    return Board("no_regularizer", charts, trials, lines)


def draw(folder: RunFolder, console: Console) -> None:
    """Draw figures and print table and verdicts, from a run folder alone."""
    results = folder.read_table("results.csv", ["loss", "over", "depth", "integral"])
    curl = folder.read_table("curl.csv", ["loss", "depth", "relative_curl"])
    record = folder.read_config()
    options = record["options"]
    drawn = FieldFigures(folder, record, results, curl).draw()
    table, claims = integral_table(results, curl), claims_of(results, curl)
    title = (
        f"Integral of F along the closed curve, R = {options['outer_radius']:g}, "
        f"r = {options['inner_radius']:g}; data: {record['data']['label']}"
    )
    print_table(table, title, console)
    print_claims(claims, console)
    write_results(folder, table, claims, drawn)


EXPERIMENT = Experiment("no_regularizer", Config, run, draw)
