"""A sweep from problem to run folder: the parts of a run, their training, their tables."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from experiments.harness.loss_reference import LossReference
from experiments.harness.options import DataOptions
from experiments.harness.parts import Part, check_parts
from experiments.harness.results import cell
from experiments.harness.sweep_places import PlaceOf, make_panels, place_of
from experiments.harness.sweep_shares import (
    JoinedShares,
    Search,
    Train,
    portions_of_share,
    train_share,
)
from experiments.harness.sweep_tensorboard import Follow, SweepBoard
from overparam_tf.datasets import Problem
from overparam_tf.runlog import ProgressReport, RunFolder
from overparam_tf.stopping import StopSignals, deferred
from overparam_tf.sweep import History, Sweep, Variant

# About how many rates a finer grid has; shares are balanced by it.
FINE_RATES = 8


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

    Raises:
        ShareFinished: If the options name a share, and it is trained.
        PartOfRun: If a stop signal ended the training of a share.
    """
    searches = [search_of(part, fine) for part in parts]
    share = options.chosen_share
    portions = [] if share is None else portions_of_share(searches, share)
    check_parts(parts, options.dtype)
    record = options.record(experiment, problem, **describe_parts(parts), **more)
    folder = options.open_folder(record, default_name, problem)
    run_sweep = functools.partial(_train, options, folder, experiment, pace)
    if share is not None:
        train_share(folder, share, searches, portions, run_sweep)
    panels = make_panels([(part.name, part.variants, part.reference) for part in parts], place)
    board, history = SweepBoard(folder, record, panels), None
    with deferred() as stop:
        with board.live() if options.join is None else contextlib.nullcontext() as curves:

            def train_and_show(part: Part, title: str) -> History:
                with_best = title == part.name
                follow = board.follower(curves, part.variants, with_best)
                return run_sweep(part, title, follow)

            train = train_and_show if options.join is None else JoinedShares(folder)
            for search in searches:
                trained = _searched(search, train, stop)
                history = trained if history is None else history.join(trained)
                history.save(folder.path)
                if stop.signal:
                    break
        begun = [v for part in parts for v in part.variants if v.name in history.variants]
        board.write(history, begun)
    return folder, history


def search_of(part: Part, fine: bool) -> Search:
    """Return the search of a part: its own grid of rates and, if `fine`, a finer one."""
    if not fine:
        return Search(part)
    seeds = max(len(variant.seeds) for variant in part.variants)
    return Search(part, f"{part.name}, fine", FINE_RATES * seeds, finer_variants)


def _searched(search: Search, train: Train, stop: StopSignals) -> History:
    """Return the history of a part, with that of its finer grids unless a stop signal came."""
    part = search.part
    trained = train(part, part.name)
    finer = []
    if search.finer is not None and not stop.signal:
        finer = search.finer(part.variants, trained)
    if not finer:
        return trained
    return trained.join(train(replace(part, variants=finer), search.fine_title))


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
    options: DataOptions,
    folder: RunFolder,
    experiment: str,
    pace: Mapping[str, Any] | None,
    part: Part,
    title: str,
    follow: Follow | None = None,
) -> History:
    """Train one sweep with progress; its table gains part, loss and the excess over the floor."""
    with ProgressReport(f"{experiment}, {title}", options.quiet) as progress:
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
