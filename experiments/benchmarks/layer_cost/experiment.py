"""The command `python -m experiments.benchmarks.layer_cost`: its options, the run, the drawing."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

import pandas as pd
from rich.console import Console

from experiments.benchmarks.layer_cost import figures
from experiments.benchmarks.layer_cost.claims import claims_of, tables_of
from experiments.benchmarks.layer_cost.layers import MODELS, Workload, dense
from experiments.benchmarks.layer_cost.measure import measure_dense, measure_model
from experiments.benchmarks.work_report import WorkReport
from experiments.harness.command_line import Experiment, option
from experiments.harness.options import RunOptions
from experiments.harness.pieces import KeptPieces, PieceResult, run_pieces
from experiments.harness.results import print_claims, print_table, write_results
from overparam_tf.runlog import RunFolder

Compiler = Literal["xla", "graph"]
Name = Literal["conv1", "conv2", "fc1", "fc2", "projection", "attention", "up", "down"]
SIZES = (1, 10_000)
HPARAMS = ("part", "layer", "batch", "mode", "compiler", "contestant", "order")
METRICS = {
    "seconds": "seconds",
    "to_plain": "time over plain",
    "multiply_adds": "multiply-adds an example",
}


@dataclass(frozen=True)
class Config(RunOptions):
    """Time factorised layers against plain ones and against their collapsed form."""

    part: Literal["all", "dense", "models"] = option("all", "which measurements")
    inputs: tuple[int, ...] = option(
        (128, 1024, 4096), "part dense: numbers of inputs", quick=(128, 1024), within=SIZES
    )
    units: tuple[int, ...] = option(
        (10, 512, 2048), "part dense: numbers of units", quick=(10, 512), within=SIZES
    )
    batches: tuple[int, ...] = option(
        (32, 1024), "part dense: batch sizes", quick=(1024,), within=SIZES
    )
    compilers: tuple[Compiler, ...] = option(
        ("xla", "graph"), "part dense: how steps are compiled", quick=("xla",)
    )
    layers: tuple[Name, ...] = option(
        tuple(MODELS), "part models: which layers", quick=("conv1", "fc1")
    )
    seconds: float = option(
        1.0, "seconds to spend on each comparison", quick=0.2, within=(0.001, 3600)
    )

    def dense_workloads(self) -> list[Workload]:
        """Return the layers of part "dense"."""
        if self.part == "models":
            return []
        sizes = itertools.product(self.inputs, self.units, self.batches)
        return [dense(inputs, units, batch) for inputs, units, batch in sizes]

    def model_workloads(self) -> list[Workload]:
        """Return the layers of part "models"."""
        return [] if self.part == "dense" else [MODELS[name] for name in self.layers]


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
    rows = [row for result in made.values() for row in result.content]
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
