"""The command `python -m experiments.minimal`: the run, the drawing."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from experiments.harness.command_line import Experiment
from experiments.harness.loss_reference import LossReference, references_of
from experiments.harness.parts import Part
from experiments.harness.results import Claim, print_claims, print_table, write_results
from experiments.harness.sweep_figures import SweepFigures
from experiments.harness.sweeps import (
    best_runs,
    read_run,
    run_parts,
)
from experiments.minimal.config import Config
from overparam_tf import LpLoss, Variant, legacy_2019
from overparam_tf.runlog import RunFolder

PLAIN, ADAGRAD, PRODUCT = "gradient descent", "AdaGrad", "gradient descent on the product"


def variants(seeds: Sequence[int]) -> list[Variant]:
    """Return the three, each at three learning rates around its best."""
    # Every entry of every factor starts at N(0, 0.01^2), near zero; a step sees all of the data; no
    # biases. On the measured data the highest rate of both lists of gradient descent diverges: both
    # are searched up to where they break.
    settings = [
        (PLAIN, 1, "sgd", (5e-3, 6e-3, 7e-3)),
        (ADAGRAD, 1, legacy_2019("adagrad"), (5e-3, 1e-2, 2e-2)),
        (PRODUCT, 2, "sgd", (1.5e-3, 2e-3, 3e-3)),
    ]
    return [
        Variant(name, depth=depth, optimizer=optimizer, learning_rates=rates, seeds=seeds)
        for name, depth, optimizer, rates in settings
    ]


def run(options: Config) -> RunFolder:
    """Train all runs side by side; write config.json, results.csv, curves.npz and TensorBoard."""
    # The label is a concentration of ethanol, the 128 inputs are 8 features of each of 16 gas
    # sensors, all z-scored. Where the measured data cannot be had, a synthetic stand-in takes their
    # place; run name, table and figure say so.
    compared, loss = variants(options.seeds), LpLoss(4)  # mean(e^4) / 4
    problem = options.load_problem()
    reference = LossReference.measure(problem, loss, use_bias=False)
    part = Part("all", problem, compared, loss, reference, options.steps)
    return run_parts("minimal", f"{options.steps}", options, problem, [part])[0]


def draw(folder: RunFolder, console: Console) -> None:
    """Draw the figure and print table and verdict, from the run folder alone."""
    record, history = read_run(folder)
    (reference,) = references_of(record)
    title = "L4 loss of a linear model"
    figure = SweepFigures(folder, record, reference, history).best_curves(
        title, history.variants, "minimal"
    )
    bests = {name: history.best(name) for name in history.variants}
    # The excess over the convex floor, which no linear model can get below.
    excess = {name: best["excess_loss"] for name, best in bests.items() if best is not None}
    others = [excess[name] for name in (PLAIN, ADAGRAD) if name in excess]
    text = "overparameterisation accelerates: lowest loss on the product"
    if PRODUCT in excess and others:
        left = excess[PRODUCT] / min(others)
        numbers = f"excess loss {left:.0%} of that of the better of the two others"
        claim = Claim(text, bool(left < 1), numbers)
    else:
        claim = Claim(text, None, "one of them diverged at every rate")
    table = best_runs(history)
    label = f"{record['data']['label']}, {reference.label}, floor {reference.floor:.4f}"
    print_table(table, f"{label}: best rate of each", console)
    print_claims([claim], console)
    write_results(folder, table, [claim], [figure])


EXPERIMENT = Experiment("minimal", Config, run, draw)
