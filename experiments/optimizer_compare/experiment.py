"""The command `python -m experiments.optimizer_compare`: the run, the drawing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from experiments.harness.command_line import Experiment
from experiments.harness.loss_reference import LossReference, references_of
from experiments.harness.optimizer_figure import has_paper_variants, paper_table, passing_step
from experiments.harness.parts import Part
from experiments.harness.results import (
    Claim,
    ordering,
    print_claims,
    print_table,
    write_results,
)
from experiments.harness.sweeps import (
    best_runs,
    read_run,
    run_parts,
)
from experiments.optimizer_compare.config import Config
from overparam_tf.runlog import RunFolder
from overparam_tf.sweep import History

PAPER_TITLE = "The paper's figure and ours"


def run(options: Config, **pace: Any) -> RunFolder:
    """Train; write config.json, results.csv, curves.npz, weights.npz and TensorBoard's curves.

    Args:
        options: The options.
        **pace: How often the sweeps save: see `run_parts`.
    """
    parts, loss = options.parts(), options.lp_loss
    problem = options.load_problem()
    reference = LossReference.measure(problem, loss, options.biases)
    sweeps = [
        Part(name, problem, variants, loss, reference, steps)
        for name, (variants, steps) in parts.items()
    ]
    name, preset = "optimizer_compare", options.preset
    return run_parts(name, preset, options, problem, sweeps, options.fine, pace)[0]


def draw(folder: RunFolder, console: Console) -> None:
    """Draw figures and print table and verdicts, from a run folder alone."""
    # Imported here, since it imports matplotlib: the training need not wait for that.
    from experiments.harness.sweep_figures import SweepFigures

    record, history = read_run(folder)
    parts, (reference,) = record["parts"], references_of(record)
    figures = SweepFigures(folder, record, reference, history)
    drawn = []
    for part, names in parts.items():
        file = part.replace("part ", "comparison_")
        drawn.append(figures.best_curves(f"Optimizer comparison, {part}", names, file, both=True))
    drawn += [figures.excess_loss(parts), figures.loss_against_rate(parts)]
    table, claims = best_runs(history), claims_of(history)
    title = f"{record['data']['label']}, {reference.label}: best rate of each variant"
    print_table(table, title, console)
    tables = {"Results": table}
    if record["options"]["preset"] == "paper" and has_paper_variants(history):
        tables[PAPER_TITLE] = paper_table(history)
        print_table(tables[PAPER_TITLE], PAPER_TITLE, console)
    print_claims(claims, console)
    write_results(folder, tables, claims, drawn)


def claims_of(history: History) -> list[Claim]:
    """Return the paper's claims that this experiment can test, at each variant's best rate."""
    bests = {name: history.best(name) for name in history.variants}
    losses = {name: None if best is None else best["final_loss"] for name, best in bests.items()}
    claims = []
    plain = "GD, depth 1"
    for deep in (name for name in losses if name.startswith("GD") and name != plain):
        if plain in losses:
            text = f"depth alone accelerates: {deep} < {plain}"
            claims.append(ordering(text, _pick(losses, (deep, plain))))
            order = (deep, "AdaDelta", "AdaGrad", plain)
            claims.append(ordering(" < ".join(order), _pick(losses, order)))
        for other in ("AdaDelta", "AdaGrad"):
            claims.append(_crossing(history, deep, other))
    plain = "Adam, depth 1"
    for deep in (name for name in losses if name.startswith("Adam,") and name != plain):
        if plain in losses:
            text = f"Adam gains from depth: {deep} < depth 1"
            claims.append(ordering(text, _pick(losses, (deep, plain))))
    return claims


def _pick(losses: dict[str, float | None], names: Sequence[str]) -> dict[str, float | None]:
    return {name: losses[name] for name in names}


def _crossing(history: History, name: str, other: str) -> Claim:
    """Return the claim that the best run of `name` passes that of `other`, and at which step."""
    text = f"{name} passes {other}"
    curves = [history.best_curve(variant) for variant in (name, other)]
    if None in curves:
        return Claim(text, None, "all runs of one of them diverged")
    step = passing_step(history, name, other)
    if step is None:
        (steps, _), _ = curves
        return Claim(text, False, f"above it after {steps[-1]:,} steps")
    return Claim(text, True, f"below it from step {step:,} on")


EXPERIMENT = Experiment("optimizer_compare", Config, run, draw)
