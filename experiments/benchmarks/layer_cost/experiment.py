"""The command `python -m experiments.benchmarks.layer_cost`: its options, the run, the drawing."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import keras
import pandas as pd
from rich.console import Console
from rich.progress import track

from experiments.benchmarks.layer_cost import figures as layer_cost_figures
from experiments.benchmarks.layer_cost.claims import claims_of, tables_of
from experiments.benchmarks.layer_cost.compiled_steps import (
    call,
    fit_steps,
    model_of,
    training_step,
)
from experiments.benchmarks.layer_cost.layers import MODELS, Measured, dense
from experiments.benchmarks.timing import Contestant, Spread, interleave
from experiments.harness.command_line import Experiment, option
from experiments.harness.options import RunOptions
from experiments.harness.results import print_claims, print_table, write_report
from overparam_tf.errors import DataError
from overparam_tf.layers import FactorizedDense
from overparam_tf.runlog import RunFolder, TensorBoardLog, environment
from overparam_tf.surgery import collapse, overparameterize

FIXED_ORDERS = ("chain", "kernel")
Compiler = Literal["xla", "graph"]
Name = Literal["conv1", "conv2", "fc1", "fc2", "projection", "attention", "up", "down"]


@dataclass(frozen=True)
class Config(RunOptions):
    """Times factorised layers against plain ones and against their collapsed form."""

    part: Literal["all", "dense", "models"] = option("all", "which measurements")
    inputs: tuple[int, ...] | None = option(None, "part dense: inputs (default: 128 1024 4096)")
    units: tuple[int, ...] | None = option(None, "part dense: units (default: 10 512 2048)")
    batches: tuple[int, ...] | None = option(None, "part dense: batch sizes (default: 32 1024)")
    compilers: tuple[Compiler, ...] | None = option(
        None, "part dense: how steps are compiled (default: both)"
    )
    layers: tuple[Name, ...] | None = option(None, "part models: which layers (default: all)")
    seconds: float | None = option(
        None, "to spend on each comparison (default: 1, with --quick 0.2)"
    )

    def __post_init__(self):
        for name in ("inputs", "units", "batches", "compilers", "layers"):
            values = getattr(self, name)
            self.require(
                values is None or len(set(values)) == len(values), "none twice", **{name: values}
            )
        for name in ("inputs", "units", "batches"):
            values = getattr(self, name)
            valid = values is None or 1 <= min(values) <= max(values) <= 10_000
            self.require(valid, "sizes from 1 to 10000", **{name: values})
        self.require(
            0 < self.budget <= 3600, "more than 0 and at most 3600 seconds", seconds=self.seconds
        )

    @property
    def budget(self) -> float:
        """Seconds for each comparison."""
        return (0.2 if self.quick else 1.0) if self.seconds is None else self.seconds

    def dense_layers(self) -> list[Measured]:
        """The layers of part "dense"."""
        sizes = (
            ((128, 1024), (10, 512), (1024,))
            if self.quick
            else ((128, 1024, 4096), (10, 512, 2048), (32, 1024))
        )
        chosen = [
            own or usual
            for own, usual in zip((self.inputs, self.units, self.batches), sizes, strict=True)
        ]
        return (
            [dense(*cell) for cell in itertools.product(*chosen)] if self.part != "models" else []
        )

    def dense_compilers(self) -> Sequence[str]:
        """How the steps of part "dense" are compiled."""
        return self.compilers or (("xla",) if self.quick else ("xla", "graph"))

    def model_layers(self) -> list[Measured]:
        """The layers of part "models"."""
        usual = ("conv1", "fc1") if self.quick else tuple(MODELS)
        return [MODELS[name] for name in self.layers or usual] if self.part != "dense" else []


def run(config: Config) -> RunFolder:
    """Measures; writes config.json, results.csv and TensorBoard's trials."""
    facts = {
        "experiment": "layer_cost",
        "options": dataclasses.asdict(config),
        "seconds": config.budget,
    }
    folder = config.create_folder("layer_cost", config.part, {**facts, **environment()})
    cells = [(_dense_cell, layer) for layer in config.dense_layers()]
    cells += [(_model_cell, layer) for layer in config.model_layers()]
    rows = []
    for measure, layer in track(
        cells, "layer_cost", console=Console(stderr=True), disable=config.quiet
    ):
        rows += measure(config, layer)
    results = pd.DataFrame(rows)
    folder.write_table("results.csv", results)
    _write_trials(folder, results)
    return folder


def _dense_cell(config: Config, measured: Measured) -> Iterator[dict]:
    """The rows of a dense layer: a training step in either order, and inference."""
    units = measured.kernels[0].outputs
    layers = {"plain": measured.plain()}
    for contraction in (*FIXED_ORDERS, "auto"):
        layers[contraction] = FactorizedDense(
            units, contraction=contraction, factor_initializer="glorot_uniform"
        )
    models = {name: model_of(layer, measured.shape) for name, layer in layers.items()}
    x, y = measured.data((units,))
    for compiler in config.dense_compilers():
        steps = {name: training_step(model, (x, y), compiler) for name, model in models.items()}
        yield from _rows(config, measured, "dense", "step", compiler, models, steps)
        called = {
            "plain": models["plain"],
            "auto": models["auto"],
            "collapsed": collapse(models["auto"]),
        }
        calls = {name: call(model, x, compiler) for name, model in called.items()}
        yield from _rows(config, measured, "dense", "inference", compiler, called, calls)


def _model_cell(config: Config, measured: Measured) -> Iterator[dict]:
    """The rows of a layer in `fit` and in inference: plain, factorised, collapsed."""
    plain = model_of(measured.plain(), measured.shape)
    deep = overparameterize(plain)
    models = {"plain": plain, "auto": deep, "collapsed": collapse(deep)}
    x, y = measured.data(plain.output_shape[1:])
    fits = {name: fit_steps(model, (x, y)) for name, model in models.items()}
    compiler = "xla" if plain.jit_compile else "graph"  # what Keras has chosen
    yield from _rows(config, measured, "models", "fit", compiler, models, fits)
    calls = {name: call(model, x, compiler) for name, model in models.items()}
    yield from _rows(config, measured, "models", "inference", compiler, models, calls)


def _rows(
    config: Config,
    measured: Measured,
    part: str,
    mode: str,
    compiler: str,
    models: Mapping[str, keras.Model],
    contestants: Mapping[str, Contestant],
) -> Iterator[dict]:
    """Times the contestants in turns: a row of results.csv for each."""
    times = interleave(contestants, config.budget)
    better = times.fastest(FIXED_ORDERS) if mode == "step" else None
    for name, model in models.items():
        orders = measured.orders(model.layers[-1])
        yield {
            "part": part,
            "layer": measured.name,
            "batch": measured.batch,
            "mode": mode,
            "compiler": compiler,
            "contestant": name,
            "order": ", ".join(dict.fromkeys(orders)),
            "parameters": model.count_params(),
            # In float32, the momentum that `fit` is given included; gradients and activations come on top.
            "parameter_and_momentum_bytes": 2 * 4 * model.count_params(),
            "multiply_adds": measured.multiply_adds(orders),
            "timed_multiply_adds": measured.multiply_adds(orders, step=mode != "inference"),
            "rounds": times.rounds,
            **_columns("seconds", times.of(name)),
            **_columns("to_plain", times.ratio(name, "plain")),
            "better": better,
            **(_columns("to_better", times.ratio(name, better)) if better else {}),
        }


def _columns(name: str, spread: Spread) -> dict[str, float]:
    return {name: spread.median, f"{name}_low": spread.low, f"{name}_high": spread.high}


def _write_trials(folder: RunFolder, results: pd.DataFrame) -> None:
    """TensorBoard: a trial for each contestant in HParams."""
    log = TensorBoardLog(folder.tensorboard)
    log.clear()
    names = ("part", "layer", "batch", "mode", "compiler", "contestant", "order")
    metrics = {
        "seconds": "seconds",
        "to_plain": "time over plain",
        "multiply_adds": "multiply-adds an example",
    }
    log.declare(names, metrics)
    for row in results.to_dict("records"):
        cell = f"{row['part']}/{row['layer']}, batch {row['batch']}"
        run = f"{cell}/{row['mode']}, {row['compiler']}, {row['contestant']}"
        log.trial(
            run,
            {name: row[name] for name in names},
            {name: row[name] for name in metrics},
            ((), ()),
        )


def draw(folder: RunFolder, console: Console) -> None:
    """Draws figures and prints the tables and the verdicts from a run folder alone."""
    config = folder.read_config()
    try:
        results = pd.read_csv(folder.path / "results.csv")
    except (OSError, ValueError) as error:
        raise DataError(f"Expected results.csv in {folder.path}. Received: {error}") from None
    drawn = layer_cost_figures.draw_all(folder, config, results)
    tables, claims = tables_of(results), claims_of(results)
    for title, table in tables.items():
        print_table(table, title, console)
    print_claims(claims, console)
    write_report(folder, tables, claims, drawn)


EXPERIMENT = Experiment("layer_cost", Config, run, draw)
