"""A sweep from problem to run folder: config, results, curves, TensorBoard. Shared by the experiments that sweep."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from experiments.claims import cell
from experiments.options import DataOptions
from experiments.sweep_parts import Part, finer_variants
from experiments.sweep_trials import write_trials
from overparam_tf.datasets import Problem
from overparam_tf.runlog import ProgressReport, RunFolder, environment
from overparam_tf.stopping import deferred
from overparam_tf.sweep import History, Sweep


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
