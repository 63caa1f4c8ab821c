"""A sweep from problem to run folder: the parts of a run, their training, their tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from experiments.harness.loss_reference import LossReference
from experiments.harness.options import DataOptions
from experiments.harness.results import cell
from experiments.harness.sweep_places import PlaceOf, make_panels, place_of
from experiments.harness.sweep_tensorboard import Follow, SweepBoard
from overparam_tf.datasets import Problem
from overparam_tf.losses import LpLoss
from overparam_tf.runlog import ProgressReport, RunFolder
from overparam_tf.stopping import deferred
from overparam_tf.sweep import History, Sweep, Variant

# The learning rates that the 2019 team searched.
RATES_2019 = (1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1, 5e-1)


@dataclass(frozen=True)
class Part:
    """One sweep of an experiment.

    Attributes:
        name: Its name, e.g. `"part 1"`.
        problem: The data it trains on.
        variants: The variants that it trains.
        loss: The loss.
        reference: The numbers to which the losses of the runs are compared.
        steps: Number of steps.
    """

    name: str
    problem: Problem
    variants: Sequence[Variant]
    loss: LpLoss
    reference: LossReference
    steps: int


def lp_part(problem: Problem, p: int, variants: Sequence[Variant], steps: int) -> Part:
    """Return the part `"Lp"`: variants without biases under l_p with 1/p."""
    # For p = 2 the R factor of a QR of [X y] has the same loss for every kernel, in 129 rows
    # instead of 2565.
    data = problem.compressed() if p == 2 else problem
    reference = LossReference.measure(problem, LpLoss(p), use_bias=False)
    return Part(f"L{p}", data, variants, LpLoss(p), reference, steps)


def finer_variants(variants: Sequence[Variant], history: History) -> list[Variant]:
    """Return the variants at ten rates a decade, between the neighbours of each one's best rate.

    Where the best rate is an end of the grid, the new rates go half a decade beyond it. Rates that
    were trained already and variants whose runs all diverged are left out.

    Args:
        variants: The variants that were trained.
        history: Their history.
    """
    finer = []
    for variant in variants:
        best, trained = history.best(variant.name), np.sort(variant.learning_rates)
        if best is None:
            continue
        place, half = int(np.argmin(np.abs(trained - best["learning_rate"]))), np.sqrt(10)
        low = trained[place - 1] if place else trained[0] / half
        high = trained[place + 1] if place + 1 < len(trained) else trained[-1] * half
        first = int(np.ceil(10 * np.log10(low) - 1e-9))
        last = int(np.floor(10 * np.log10(high) + 1e-9))
        rates = [float(f"{10 ** (tenth / 10):.3g}") for tenth in range(first, last + 1)]
        # 5.01e-4 is the 5e-4 of the grid, and not trained twice.
        rates = [rate for rate in rates if not np.isclose(rate, trained, rtol=0.01, atol=0).any()]
        if rates:
            finer.append(replace(variant, learning_rates=rates))
    return finer


def run_parts(
    experiment: str,
    default_name: str,
    options: DataOptions,
    problem: Problem,
    parts: Sequence[Part],
    fine: bool = False,
    pace: Mapping[str, Any] | None = None,
    place: PlaceOf = place_of,
    **more: Any,
) -> tuple[RunFolder, History]:
    """Train part after part; write config.json, results.csv, curves.npz, weights.npz, TensorBoard.

    Every part keeps checkpoints while it trains, and a continued run goes on from them; so do the
    curves in TensorBoard, which are there while it trains. After a stop signal the parts that were
    begun are written as they are.

    Args:
        experiment: The experiment's name.
        default_name: Beginning of the run's name if `--name` is not set.
        options: The options.
        problem: The data set that config.json describes.
        parts: The sweeps, all of different variants.
        fine: Train each part once more with ten rates a decade around each variant's best.
        pace: Arguments of `Sweep.run` that say how often it saves, such as
            `seconds_between_checkpoints`; default None, its defaults.
        place: Where TensorBoard shows a variant, from the names of its part and its own.
        **more: Further entries of config.json.

    Returns:
        The run folder, and the parts' histories joined; `part` and `loss` are the first columns of
        its table.
    """
    record = options.record(experiment, problem, **describe_parts(parts), **more)
    folder = options.open_folder(record, default_name, problem)
    panels = make_panels([(part.name, part.variants, part.reference) for part in parts], place)
    board, history = SweepBoard(folder, record, panels), None
    with deferred() as stop:
        with board.live() as curves:
            for part in parts:
                follow = board.follower(curves, part.variants)
                trained = _train(part, part.name, options, folder, pace, follow)
                finer = finer_variants(part.variants, trained) if fine and not stop.signal else []
                if finer:
                    fine_part = replace(part, variants=finer)
                    follow = board.follower(curves, finer, with_best=False)
                    title = f"{part.name}, fine"
                    rest = _train(fine_part, title, options, folder, pace, follow)
                    trained = trained.join(rest)
                history = trained if history is None else history.join(trained)
                history.save(folder.path)
                if stop.signal:
                    break
        begun = [v for part in parts for v in part.variants if v.name in history.variants]
        board.write(history, begun)
    return folder, history


def describe_parts(parts: Sequence[Part]) -> dict[str, Any]:
    """Return the entries of config.json about parts: variants' names, steps, and the losses."""
    references = {part.reference.label: part.reference.record() for part in parts}
    return {
        "parts": {part.name: [variant.name for variant in part.variants] for part in parts},
        "steps": {part.name: part.steps for part in parts},
        "losses": list(references.values()),
    }


def read_run(folder: RunFolder) -> tuple[dict[str, Any], History]:
    """Return the config.json and the history of a run.

    Of an interrupted run, both contain only the parts and losses that were begun.

    Raises:
        DataError: If a file is missing or damaged.
    """
    record, history = folder.read_config(), History.load(folder.path)
    begun, losses = set(history.runs["part"]), set(history.runs["loss"])
    record["parts"] = {part: names for part, names in record["parts"].items() if part in begun}
    record["losses"] = [entry for entry in record["losses"] if entry["label"] in losses]
    return record, history


def _train(
    part: Part,
    title: str,
    options: DataOptions,
    folder: RunFolder,
    pace: Mapping[str, Any] | None,
    follow: Follow,
) -> History:
    """Train one sweep with progress; its table gains part, loss and the excess over the floor."""
    with ProgressReport(f"{folder.path.parent.name}, {title}", options.quiet) as progress:
        history = Sweep(part.problem, part.variants, part.loss, options.dtype).run(
            part.steps,
            targets={"target": part.reference.target()},
            progress=progress,
            follow=follow,
            checkpoints=folder.checkpoints / title,
            **(pace or {}),
        )
    runs = history.runs
    excess = runs["final_loss"] - part.reference.floor
    runs.insert(runs.columns.get_loc("best_loss") + 1, "excess_loss", excess)
    runs.insert(0, "loss", part.reference.label)
    runs.insert(0, "part", part.name)
    return history


def best_runs(history: History) -> pd.DataFrame:
    """Return a row for each variant: its best rate, that run's losses, how many runs diverged."""
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


def describe_run(record: dict[str, Any], reference: LossReference) -> str:
    """Return the line at the foot of every figure: data, loss, floor, seeds, precision, machine."""
    options = record["options"]
    seeds = ", ".join(map(str, options["seeds"]))
    return (
        f"{record['data']['label']} · {reference.label} · floor {cell(reference.floor)} · "
        f"seed {seeds} · {options['dtype']} · {record['machine']}"
    )
