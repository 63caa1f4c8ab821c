"""The full table of HParams: a row for each row of a run's results.csv, made when it is asked for.

The run folder itself has a row for each variant only, so that TensorBoard's other dashboards can
show all of its runs at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from experiments.harness.tensorboard import Trial
from overparam_tf.errors import DataError
from overparam_tf.runlog import RunFolder
from overparam_tf.status import TrainingStatus
from overparam_tf.sweep.recorder import BLOW_UP

# The columns of results.csv that say what a row is, in the order of HParams' columns; so do all
# columns of text. The other numbers are its outcome.
HPARAMS = (
    "variant", "method", "net", "contestant", "problem", "depth", "learning_rate", "log10_rate",
    "status", "loss", "p", "rate", "ratio", "target", "condition", "kurtosis", "alignment", "batch",
    "runs", "order", "round", "optimizer", "width", "seed",
)  # fmt: skip
# The losses of a run that diverged stand at this multiple of the zero kernel's, or of the largest
# of the others: parallel coordinates leave out a row without a number.
LOSSES, ABOVE = ("final_loss", "excess_loss"), BLOW_UP
# Numbers that are best seen by their logarithm, since HParams' axes are linear at first.
LOGARITHMS = {"learning_rate": "log10_rate", "excess_loss": "log10_excess_loss"}
# More runs than this are too many for TensorBoard.
MOST_TRIALS = 500


class TrialTable(NamedTuple):
    """The rows of HParams of a run.

    Attributes:
        hparams: Names of the hyperparameters, in order.
        metrics: Titles of the metrics by tag.
        trials: The rows.
        left_out: How many rows of results.csv are not among them.
    """

    hparams: list[str]
    metrics: dict[str, str]
    trials: list[Trial]
    left_out: int


def trial_table(run: RunFolder) -> TrialTable:
    """Return the rows of a run; none if it has no readable results.csv yet."""
    try:
        results = run.read_table("results.csv")
    except DataError:
        return TrialTable([], {}, [], 0)
    results = _with_bounds(results, _zero_losses(run))
    for column, name in LOGARITHMS.items():
        if column in results:
            positive = results[column].where(results[column] > 0)
            results[name] = np.log10(positive.astype(float))
    known = [name for name in HPARAMS if name in results]
    numeric = set(results.select_dtypes(["number", "bool"]))
    hparams = known + [name for name in results if name not in (*known, *numeric)]
    metrics = [name for name in results if name in numeric and name not in known]
    # HParams shows the first five at once; those that all rows have come first.
    metrics.sort(key=lambda name: bool(results[name].isna().any()))
    shown = results.head(MOST_TRIALS)
    trials = list(_trials(shown, run.path.parent.name, hparams, metrics))
    titles = {name: name.replace("_", " ") for name in metrics}
    titles |= {name: f"{titles[name]} (diverged: at least)" for name in LOSSES if name in titles}
    return TrialTable(hparams, titles, trials, len(results) - len(shown))


def _zero_losses(run: RunFolder) -> dict[str, float]:
    """Return the losses of the zero kernel, by the losses' labels, as config.json has them."""
    try:
        entries = run.read_config().get("losses", [])
        return {entry["label"]: float(entry["at_zero"]) for entry in entries}
    except (DataError, KeyError, TypeError):
        return {}


def _with_bounds(results: pd.DataFrame, zero_losses: Mapping[str, float]) -> pd.DataFrame:
    """Return the table with a lower bound for the losses of the runs that diverged."""
    if "status" not in results:
        return results
    diverged, bounded = results["status"] == TrainingStatus.DIVERGED.value, results.copy()
    for column in LOSSES:
        if column in results:
            highest = pd.Series(results[column].max(), results.index)
            if "loss" in results:
                highest = results["loss"].map(zero_losses).fillna(highest)
            bounded[column] = results[column].where(~diverged, ABOVE * highest)
    return bounded


def _trials(
    results: pd.DataFrame, experiment: str, hparams: Sequence[str], metrics: Sequence[str]
) -> Iterator[Trial]:
    for number, row in enumerate(results.to_dict("records")):
        known = {name: _plain(row[name]) for name in hparams if not pd.isna(row[name])}
        yield Trial(
            f"{number:03d} {_name(known)}",
            {**known, "experiment": experiment},
            {name: float(row[name]) for name in metrics if not pd.isna(row[name])},
            failed=row.get("status") == TrainingStatus.DIVERGED.value,
        )


def _name(hparams: dict[str, Any]) -> str:
    """Return a short name of a row: what it is, and its rate and seed if it has them."""
    words = [str(value) for value in hparams.values() if isinstance(value, str)][:1]
    rate, seed = hparams.get("learning_rate"), hparams.get("seed")
    words += [] if rate is None else [f"rate {rate:.6g}"]
    words += [] if seed is None else [f"seed {seed}"]
    return ", ".join(words)


def _plain(value: Any) -> Any:
    """Return a value of a table as HParams takes it."""
    return value.item() if isinstance(value, np.generic) else value
