"""A sweep from problem to run folder: config, results, curves, TensorBoard. Shared by the experiments that sweep."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.claims import Claim, cell, markdown_claims, markdown_table
from experiments.options import DataOptions
from experiments.outcome import settings_table, write_outcome
from experiments.sweep_trials import write_trials
from overparam_tf.datasets import Problem
from overparam_tf.floor import convex_floor
from overparam_tf.losses import LpLoss
from overparam_tf.runlog import ProgressReport, RunFolder, TensorBoardLog, environment
from overparam_tf.stopping import deferred
from overparam_tf.sweep import History, Sweep, Variant

# The learning rates that the 2019 team searched.
RATES_2019 = (1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1, 5e-1)
# A run has reached the target when it has done this share of what can be done: excess loss over the convex floor
# at a tenth of that of the zero kernel.
TARGET_EXCESS = 0.1


def loss_label(p: int, scale: bool) -> str:
    """The loss as figures and tables name it."""
    return f"L{p}, mean(e^{p})/{p}" if scale else f"L{p}, mean(e^{p})"


def loss_facts(problem: Problem, loss: LpLoss, use_bias: bool) -> dict:
    """What tables and figures need to know of a loss on a problem: label, convex floor, start, and target."""
    floor = convex_floor(problem.x, problem.y, loss.p, scale=loss.scale, use_bias=use_bias)
    start = float(np.mean(problem.y**loss.p)) * (1 / loss.p if loss.scale else 1.0)
    return {
        "label": loss_label(loss.p, loss.scale),
        "p": loss.p,
        "scale": loss.scale,
        "floor": floor.loss,
        "floor_duality_gap": floor.gap,
        "floor_with_bias": use_bias,
        "at_zero": start,
        "target": floor.loss + TARGET_EXCESS * (start - floor.loss),
    }


@dataclass(frozen=True)
class Part:
    """One sweep of an experiment.

    Attributes:
        name: its name, e.g. `"part 1"`.
        problem: the data it trains on.
        variants: what it trains.
        loss: the loss.
        facts: the loss's `loss_facts`.
        steps: number of steps.
    """

    name: str
    problem: Problem
    variants: Sequence[Variant]
    loss: LpLoss
    facts: dict
    steps: int


def lp_part(problem: Problem, p: int, variants: Sequence[Variant], steps: int) -> Part:
    """The part `"Lp"`: variants without biases under l_p with 1/p."""
    # For p = 2 the R factor of a QR of [X y] has the same loss for every kernel, in 129 rows instead of 2565.
    data = problem.compressed() if p == 2 else problem
    return Part(f"L{p}", data, variants, LpLoss(p), loss_facts(problem, LpLoss(p), use_bias=False), steps)


def run_parts(
    experiment: str,
    prefix: str,
    options: DataOptions,
    problem: Problem,
    parts: Sequence[Part],
    chart: str,
    fine: bool = False,
    **more,
) -> tuple[RunFolder, History]:
    """Trains part after part and writes config.json, results.csv, curves.npz, weights.npz and TensorBoard's curves.

    Every part keeps checkpoints while it trains; a continued run takes up each where it stood. A stop signal ends the
    training: the parts up to then are written as they are.

    Args:
        experiment: the experiment's name.
        prefix: beginning of the run's name, where it was given none.
        options: the options.
        problem: the data set, as config.json is to describe it.
        parts: the sweeps, all of different variants.
        chart: title of TensorBoard's chart of a part's best curves, with `{}` for the part's name.
        fine: train each part once more with ten rates a decade around each variant's best.
        **more: entries of config.json beside `config_of`'s.

    Returns:
        The run folder, and the parts' histories joined; `part` and `loss` are the first columns of its table.
    """
    config = config_of(experiment, options, problem, parts, **more)
    folder = options.create_data_folder(experiment, prefix, problem, config)
    history, charts = None, {}
    with deferred() as stop:
        for part in parts:
            outcome = _train(part, part.name, options, folder)
            if fine and not stop.signal and (finer := finer_variants(part.variants, outcome)):
                outcome = outcome.join(_train(replace(part, variants=finer), f"{part.name}, fine", options, folder))
            history = outcome if history is None else history.join(outcome)
            history.save(folder.path)
            charts[chart.format(part.name)] = [variant.name for variant in part.variants]
            if stop.signal:
                break
        trained = [variant for part in parts for variant in part.variants if variant.name in history.variants]
        write_trials(folder, history, config, charts, trained)
    return folder, history


def read_run(folder: RunFolder) -> tuple[dict, History]:
    """The config and the history of a run; of an interrupted one, only those parts and losses that were begun.

    Raises:
        DataError: if a file is missing or damaged.
    """
    config, history = folder.read_config(), History.load(folder.path)
    begun, losses = set(history.runs["part"]), set(history.runs["loss"])
    config["parts"] = {part: names for part, names in config["parts"].items() if part in begun}
    config["losses"] = [facts for facts in config["losses"] if facts["label"] in losses]
    return config, history


def config_of(experiment: str, options: DataOptions, problem: Problem, parts: Sequence[Part], **more) -> dict:
    """What config.json holds: options, data and its checksum, parts, each loss's `loss_facts`, and where it all ran."""
    return {
        "experiment": experiment,
        "options": dataclasses.asdict(options),
        "data": {
            "name": problem.name,
            "label": problem.label,
            "synthetic": problem.synthetic,
            "provenance": problem.provenance,
            "preprocessing": problem.preprocessing,
            "rows": problem.rows,
            "features": problem.features,
            "sha256": problem.checksum,
        },
        "parts": {part.name: [variant.name for variant in part.variants] for part in parts},
        "losses": list({part.facts["label"]: part.facts for part in parts}.values()),
        **more,
        **environment(),
    }


def finer_variants(variants: Sequence[Variant], history: History) -> list[Variant]:
    """The variants at ten rates a decade, between the neighbours of each one's best rate.

    Beyond an end of the grid of rates it goes on for half a decade. Rates that were trained already are left out, and
    variants of which every run diverged.

    Args:
        variants: what was trained.
        history: with what outcome.
    """
    finer = []
    for variant in variants:
        best, tried = history.best(variant.name), np.sort(variant.learning_rates)
        if best is None:
            continue
        at, half = int(np.argmin(np.abs(tried - best["learning_rate"]))), np.sqrt(10)
        low = tried[at - 1] if at else tried[0] / half
        high = tried[at + 1] if at + 1 < len(tried) else tried[-1] * half
        tenths = range(int(np.ceil(10 * np.log10(low) - 1e-9)), int(np.floor(10 * np.log10(high) + 1e-9)) + 1)
        # Rounded, so that 10^-3 is the 0.001 of the grid and not trained twice.
        rates = [float(f"{10 ** (tenth / 10):.3g}") for tenth in tenths]
        if rates := [rate for rate in rates if not np.isclose(rate, tried, rtol=1e-6, atol=0).any()]:
            finer.append(replace(variant, learning_rates=rates))
    return finer


def _train(part: Part, title: str, options: DataOptions, folder: RunFolder) -> History:
    """One sweep with progress; the results gain part, the loss's label and the excess over its floor."""
    with ProgressReport(f"{folder.path.parent.name}, {title}", options.quiet) as progress:
        history = Sweep(part.problem, part.variants, part.loss, options.dtype).run(
            part.steps,
            targets={"target": part.facts["target"]},
            progress=progress,
            checkpoints=folder.checkpoints / title,
        )
    runs = history.runs
    runs.insert(runs.columns.get_loc("best_loss") + 1, "excess_loss", runs["final_loss"] - part.facts["floor"])
    runs.insert(0, "loss", part.facts["label"])
    runs.insert(0, "part", part.name)
    return history


def write_report(
    folder: RunFolder,
    tables: pd.DataFrame | Mapping[str, pd.DataFrame],
    claims: Sequence[Claim],
    figures: Sequence[Path],
    **remarks: str,
) -> None:
    """report.json; TensorBoard: the figures in Images; the tables, claims, settings and remarks in Text.

    Args:
        folder: the run folder.
        tables: the results: one table, or several by title.
        claims: the claims.
        figures: the figures' files.
        **remarks: further texts by name, in Markdown.
    """
    tables = {"Results": tables} if isinstance(tables, pd.DataFrame) else tables
    write_outcome(folder, tables, claims, figures)
    texts = {title.lower(): markdown_table(table) for title, table in tables.items()}
    texts |= {**remarks, "claims": markdown_claims(claims)}
    texts["settings"] = markdown_table(settings_table(folder.read_config()))
    TensorBoardLog(folder.tensorboard).report(figures, texts)


def best_runs(history: History) -> pd.DataFrame:
    """A row per variant: its best rate, how its runs ended, and how far the best one came."""
    rows = []
    for variant in history.variants:
        runs = history.runs[history.runs["variant"] == variant]
        best = history.best(variant)
        if best is None:
            best = runs.iloc[0].copy()
            best[["learning_rate", "seed", "steps", "steps_to_target"]] = None
        rows.append(
            {
                "variant": variant,
                "best rate": f"{best['learning_rate']:.3g}" if best["learning_rate"] else "-",
                "steps": best["steps"],
                "loss": best["final_loss"],
                "excess": best["excess_loss"],
                "to target": best["steps_to_target"],
                "diverged": f"{(runs['status'] == 'diverged').sum()} of {len(runs)}",
            }
        )
    return pd.DataFrame(rows)


def describe_run(config: dict, facts: dict) -> str:
    """The line at the foot of every figure: data, loss, floor, seeds, precision, machine."""
    options = config["options"]
    seeds = ", ".join(map(str, options["seeds"]))
    return (
        f"{config['data']['label']} · {facts['label']} · floor {cell(facts['floor'])} · "
        f"seed {seeds} · {options['dtype']} · {config['machine']}"
    )
