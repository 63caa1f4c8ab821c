"""A sweep from problem to run folder: config, results, curves, TensorBoard. Shared by the experiments that sweep."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.claims import Claim, cell, markdown_claims, markdown_table
from experiments.options import DataOptions
from overparam_tf.datasets import Problem
from overparam_tf.floor import convex_floor
from overparam_tf.losses import LpLoss
from overparam_tf.runlog import ProgressReport, RunFolder, TensorBoardLog, environment, run_name
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


def write_config(folder: RunFolder, options: DataOptions, problem: Problem, losses: Sequence[dict], **more) -> dict:
    """Writes config.json: options, data and its checksum, `loss_facts`, and where it all ran."""
    config = {
        "experiment": folder.path.parent.name,
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
        "losses": list(losses),
        **more,
        **environment(),
    }
    folder.write_config(config)
    return config


def train(
    problem: Problem,
    variants: Sequence[Variant],
    loss: LpLoss,
    facts: dict,
    steps: int,
    title: str,
    options: DataOptions,
) -> History:
    """One sweep with progress; the results gain the loss's label and the excess over its floor."""
    with ProgressReport(title, options.quiet) as progress:
        sweep = Sweep(problem, variants, loss, options.dtype)
        history = sweep.run(steps, targets={"target": facts["target"]}, progress=progress)
    runs = history.runs
    runs.insert(runs.columns.get_loc("best_loss") + 1, "excess_loss", runs["final_loss"] - facts["floor"])
    runs.insert(0, "loss", facts["label"])
    return history


def write_trials(folder: RunFolder, history: History, config: dict, charts: Mapping[str, Sequence[str]]) -> None:
    """TensorBoard: a run per variant, rate and seed with HParams, and the best curves in one chart per group.

    Args:
        folder: the run folder.
        history: the sweep's outcome.
        config: what `write_config` returned.
        charts: chart title -> names of the variants whose best curves it shows.
    """
    log = TensorBoardLog(folder.tensorboard)
    metrics = {"final_loss": "final loss", "best_loss": "best loss", "excess_loss": "excess loss"}
    log.declare(("variant", "optimizer", "depth", "width", "learning_rate", "seed", "loss", "data", "status"), metrics)
    for row in history.runs.itertuples():
        hparams = {
            "variant": row.variant,
            "optimizer": row.optimizer,
            "depth": float(row.depth),
            "width": row.width,
            "learning_rate": row.learning_rate,
            "seed": row.seed,
            "loss": row.loss,
            "data": config["data"]["label"],
            "status": row.status,
        }
        curve = history.curve(row.variant, row.learning_rate, row.seed)
        outcome = {tag: getattr(row, tag) for tag in metrics}
        log.trial(
            run_name(row.variant, row.learning_rate, row.seed),
            hparams,
            outcome,
            curve,
            row.status == "diverged",
        )
    for title, names in charts.items():
        for name in names:
            curve = history.best_curve(name)
            if curve is not None:
                log.best(name, title, curve)
    category = f"{folder.path.parent.name}, {config['data']['label']}"
    log.layout({category: {title: [f"^{re.escape(title)}$"] for title in charts}})


def write_report(folder: RunFolder, table: pd.DataFrame, claims: Sequence[Claim], figures: Sequence[Path]) -> None:
    """TensorBoard: the figures in Images, the results table and the claims in Text."""
    texts = {"results": markdown_table(table), "claims": markdown_claims(claims)}
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
