"""The full table of HParams: a row for each row of a run's results.csv, made when it is asked for.

The run folder itself has a row for each variant only, so that TensorBoard's other dashboards can
show all of its runs at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from experiments.harness.tensorboard import Trial
from overparam_tf.errors import DataError
from overparam_tf.runlog import RunFolder
from overparam_tf.status import TrainingStatus

# The columns of results.csv that say what a row is, in the order of HParams' columns; so do all
# columns of text. The other numbers are its outcome.
HPARAMS = (
    "variant", "method", "net", "contestant", "problem", "loss", "p", "depth", "learning_rate",
    "log10_rate", "rate", "ratio", "target", "condition", "kurtosis", "alignment", "batch", "runs",
    "order", "round", "status", "optimizer", "width", "seed",
)  # fmt: skip
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
    for column, name in LOGARITHMS.items():
        if column in results:
            positive = results[column].where(results[column] > 0)
            results[name] = np.log10(positive.astype(float))
    known = [name for name in HPARAMS if name in results]
    numeric = set(results.select_dtypes(["number", "bool"]))
    hparams = known + [name for name in results if name not in (*known, *numeric)]
    metrics = [name for name in results if name in numeric and name not in known]
    shown = results.head(MOST_TRIALS)
    trials = list(_trials(shown, run.path.parent.name, hparams, metrics))
    titles = {name: name.replace("_", " ") for name in metrics}
    return TrialTable(hparams, titles, trials, len(results) - len(shown))


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
