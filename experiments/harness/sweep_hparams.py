"""The rows of HParams of a run of sweeps: one for each variant, at its best rate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from experiments.harness.sweep_places import Panel
from experiments.harness.tensorboard import Trial
from overparam_tf.sweep import History

# In Time Series, which sorts tags, the prefix puts them behind the curves. HParams' axes are linear
# at first: a logarithm beside the rate, and one in place of the excess.
METRICS = {
    "result/final_loss": "final loss",
    "result/log10_excess_loss": "log10 of excess loss",
    "result/best_loss": "best loss",
}
# A run of more panels has no columns for the rates of each.
MOST_RATES = 4


def trials_of(
    panels: Sequence[Panel], history: History, record: Mapping[str, Any]
) -> Iterator[Trial]:
    """Yield a row for each TensorBoard run.

    Args:
        panels: The panels.
        history: The history of the sweeps.
        record: The run's config.json.
    """
    begun = set(history.variants)
    runs: dict[str, list[tuple[Panel, str]]] = {}
    for panel in panels:
        for name, run in panel.runs.items():
            if name in begun:
                runs.setdefault(run, []).append((panel, name))
    common = {"experiment": record["experiment"], "data": record["data"]["label"]}
    for run, members in runs.items():
        if len(members) == 1 and members[0][0].is_alone:
            ((_, name),) = members
            trial = _alone(run, history, name)
        else:
            trial = _shared(run, history, members)
        hparams = {**trial.hparams, **common}
        yield Trial(run, hparams, trial.outcome, trial.step, trial.failed)


def _alone(run: str, history: History, name: str) -> Trial:
    row, runs = _best_row(history, name), history.runs[history.runs["variant"] == name]
    hparams = {
        **_described(run, row),
        **_rates(row, ""),
        "status": str(row["status"]),
        "diverged": f"{(runs['status'] == 'diverged').sum()} of {len(runs)}",
        **{column: row[column] for column in ("optimizer", "width", "seed", "loss")},
    }
    outcome = {
        "result/final_loss": row["final_loss"],
        "result/log10_excess_loss": _log10(row["excess_loss"]),
        "result/best_loss": row["best_loss"],
    }
    return Trial(run, hparams, outcome, int(row["steps"]), row["status"] == "diverged")


def _shared(run: str, history: History, members: Sequence[tuple[Panel, str]]) -> Trial:
    rows = {panel.name: _best_row(history, name) for panel, name in members}
    first, *_ = rows.values()
    hparams = {**_described(run, first), "optimizer": first["optimizer"]}
    if len(rows) <= MOST_RATES:
        for panel, row in rows.items():
            hparams |= _rates(row, f", {panel}")
    outcome = {f"result/excess_loss, {panel}": row["excess_loss"] for panel, row in rows.items()}
    failed = all(row["status"] == "diverged" for row in rows.values())
    return Trial(run, hparams, outcome, int(first["steps"]), failed)


def _best_row(history: History, name: str) -> pd.Series:
    """Return the best run of a variant, or its first one if all diverged."""
    best = history.best(name)
    return history.runs[history.runs["variant"] == name].iloc[0] if best is None else best


def _described(run: str, row: pd.Series) -> dict[str, Any]:
    return {"variant": run, "depth": float(row["depth"])}


def _rates(row: pd.Series, where: str) -> dict[str, float]:
    """Return the learning rate and its logarithm; of a variant that always diverged none."""
    if row["status"] == "diverged":
        return {}
    rate = float(row["learning_rate"])
    return {f"learning_rate{where}": rate, f"log10_rate{where}": float(np.log10(rate))}


def _log10(excess: float) -> float:
    return float(np.log10(excess)) if excess > 0 else float("nan")
