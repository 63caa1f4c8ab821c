"""The command `python -m experiments.late_divergence`: the run, the drawing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
from rich.console import Console

from experiments.harness.command_line import Experiment
from experiments.harness.loss_reference import LossReference, references_of
from experiments.harness.piece_results import PieceResult
from experiments.harness.pieces import KeptPieces, run_pieces
from experiments.harness.results import print_claims, print_table, write_results
from experiments.late_divergence.claims import ADVICE, claims_of, method_table
from experiments.late_divergence.config import Config
from experiments.late_divergence.figures import DivergenceFigures
from experiments.late_divergence.monitored_run import Method, train_monitored
from experiments.late_divergence.saved_method import SavedMethod
from experiments.late_divergence.stability import P, sharpness_at_floor
from experiments.late_divergence.tensorboard_log import board
from overparam_tf.losses import LpLoss
from overparam_tf.runlog import LiveCurves, RunFolder, TensorBoardLog


def run(options: Config) -> RunFolder:
    """Train by every method.

    Writes config.json, results.csv, trace.csv, curves.npz and TensorBoard's event files.
    """
    problem = options.load_problem()
    reference = LossReference.measure(problem, LpLoss(P), use_bias=False)
    at_floor = sharpness_at_floor(problem, (1, options.shallower, options.depth))
    record = options.record(
        "late_divergence", problem, losses=[reference.record()], at_floor=at_floor
    )
    default_name = f"depth-{options.depth}-{options.learning_rate:g}"
    folder = options.open_folder(record, default_name, problem)
    plan = options.plan(problem)
    kept = KeptPieces(folder, record, seconds_between_checkpoints=0.0)
    methods = {method.name: method for method in options.methods()}
    with _live_curves(options, kept, list(methods)) as live:

        def make(method: Method) -> PieceResult:
            for name in filter(kept.__contains__, methods):
                SavedMethod(folder, record, name).clear()
            saved = SavedMethod(folder, record, method.name)
            row, trace, arrays = train_monitored(plan, method, live, saved)
            rows = {"row": row, "trace": trace.to_dict("records")}
            return PieceResult(rows, arrays)

        made = run_pieces(
            kept,
            methods,
            make,
            options,
            title="late_divergence",
            begin=lambda name: None,  # each method reports its own progress
        )
    results = pd.DataFrame([result.content["row"] for result in made.values()])
    results["excess_loss"] = results["final_loss"] - reference.floor
    trace = pd.DataFrame([row for result in made.values() for row in result.content["trace"]])
    curves = {
        f"{name}/{key}": array
        for name, result in made.items()
        for key, array in result.arrays.items()
    }
    folder.write_table("results.csv", results)
    folder.write_table("trace.csv", trace)
    folder.write_arrays("curves.npz", curves)
    board(problem.label, results, trace, curves).write(folder)
    return folder


@contextlib.contextmanager
def _live_curves(
    options: Config, kept: KeptPieces, names: Sequence[str]
) -> Iterator[LiveCurves | None]:
    """Open a block in which the losses are written while they fall; of a share they are not."""
    if options.share is not None or options.join is not None:
        yield None
        return
    log = TensorBoardLog(kept.folder.path)
    log.clear()
    with LiveCurves(log, names) as curves:
        for name in filter(kept.__contains__, names):
            curves.add(name, "loss", kept[name].arrays["steps"], kept[name].arrays["losses"])
        yield curves


def read_record(folder: RunFolder) -> dict[str, Any]:
    """Return config.json, with the numbers that were used among its options.

    Runs of the first version have None there for a default, and the numbers beside the options.
    """
    record = folder.read_config()
    options = dict(record["options"])
    if "rate" in record:
        options |= {"learning_rate": record["rate"], "steps": record["steps"]}
    return {**record, "options": options}


def draw(folder: RunFolder, console: Console) -> None:
    """Draw figures and print table, verdicts and advice, from a run folder alone."""
    record = read_record(folder)
    results = folder.read_table("results.csv", ["method", "excess_loss"])
    trace = folder.read_table("trace.csv", ["method", "squared_steps"])
    curves = folder.read_arrays("curves.npz")
    drawn = DivergenceFigures(folder, record, results, trace, curves).draw_all()
    options, (reference,) = record["options"], references_of(record)
    table = method_table(results, trace, options["steps"])
    claims = claims_of(record, results, trace, curves)
    title = (
        f"{record['data']['label']}, {reference.label}, rate {options['learning_rate']:g}, "
        f"depth {options['depth']}, {options['steps']:,} steps; λ: sharpness"
    )
    print_table(table, title, console)
    print_claims(claims, console)
    console.print(ADVICE, highlight=False, markup=False)
    write_results(folder, table, claims, drawn, advice=ADVICE)


EXPERIMENT = Experiment("late_divergence", Config, run, draw)
