"""The command `python -m experiments.benchmarks.layer_cost`: the run, the drawing."""

from __future__ import annotations

import pandas as pd
from rich.console import Console

from experiments.benchmarks.layer_cost import figures
from experiments.benchmarks.layer_cost.claims import claims_of, tables_of
from experiments.benchmarks.layer_cost.config import Config
from experiments.benchmarks.layer_cost.measure import measure_dense, measure_model
from experiments.harness.command_line import Experiment
from experiments.harness.piece_results import PieceResult, rows_of
from experiments.harness.pieces import KeptPieces, run_pieces
from experiments.harness.results import print_claims, print_table, write_results
from experiments.harness.work_report import WorkReport
from overparam_tf.runlog import RunFolder

HPARAMS = ("part", "layer", "batch", "mode", "compiler", "contestant", "order")
METRICS = {
    "seconds": "seconds",
    "to_plain": "time over plain",
    "multiply_adds": "multiply-adds an example",
}


def run(options: Config) -> RunFolder:
    """Measure; write config.json, results.csv and TensorBoard's trials."""
    record = options.record("layer_cost")
    folder = options.open_folder(record, options.part)
    dense_layers = {f"dense: {each.label}": each for each in options.dense_workloads()}
    models = {f"models: {each.label}": each for each in options.model_workloads()}

    def make(name: str) -> PieceResult:
        if name in models:
            rows = measure_model(models[name], options.seconds)
        else:
            rows = measure_dense(dense_layers[name], options.compilers, options.seconds)
        return PieceResult(list(rows))

    pieces = {name: name for name in (*dense_layers, *models)}
    kept = KeptPieces(folder, record, seconds_between_checkpoints=0.0)
    with WorkReport("layer_cost", len(pieces), options.quiet) as report:
        made = run_pieces(kept, pieces, make, options, title="layer_cost", begin=report)
    rows = rows_of(made)
    results = pd.DataFrame(rows)
    folder.write_table("results.csv", results)
    return folder


def draw(folder: RunFolder, console: Console) -> None:
    """Draw figures and print the tables and the verdicts, from a run folder alone."""
    record = folder.read_config()
    results = folder.read_table("results.csv", [*HPARAMS, *METRICS])
    drawn = figures.draw_all(folder, record, results)
    tables, claims = tables_of(results), claims_of(results)
    for title, table in tables.items():
        print_table(table, title, console)
    print_claims(claims, console)
    write_results(folder, tables, claims, drawn)


EXPERIMENT = Experiment("layer_cost", Config, run, draw)
