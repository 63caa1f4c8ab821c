"""The cost of a run-step in each release: small files in `history`, and their table.

A release adds its own, from a run of the benchmark on an idle machine:

    python -c "from experiments.benchmarks.step_cost.history import keep; keep('logs', 'NAME')"
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.benchmarks.step_cost.status import is_measured
from overparam_tf.atomic_files import save_text
from overparam_tf.errors import DataError
from overparam_tf.runlog import RunFolder

FOLDER = Path(__file__).parent / "history"
NOW = "this run"
COLUMNS = ["version", "contestant", "ms"]


def entry_of(record: dict[str, Any], results: pd.DataFrame) -> dict[str, Any]:
    """Return what is kept of a run: the cost of a run-step in gradient descent at depth 1.

    Args:
        record: The run's config.json.
        results: Its results.csv.
    """
    rows = results[is_measured(results) & (results["optimizer"] == "sgd") & (results["depth"] == 1)]
    return {
        "version": record["versions"]["overparam_tf"],
        "measured": str(record["started"])[: len("2026-11-25")],
        "machine": record["machine"],
        "ms": {row.contestant: float(f"{row.ms:.3g}") for row in rows.itertuples()},
    }


def keep(logdir: str | os.PathLike, name: str, folder: Path = FOLDER) -> Path:
    """Write the entry of a run as that of its version; return the file.

    Args:
        logdir: The log folder.
        name: The run's name.
        folder: Where to; default the history of this repository.
    """
    run = RunFolder.open(str(logdir), "step_cost", name)
    entry = entry_of(run.read_config(), run.read_table("results.csv"))
    path = folder / f"{entry['version']}.json"
    save_text(path, json.dumps(entry, indent=2) + "\n")
    return path


def read_history(folder: Path = FOLDER) -> pd.DataFrame:
    """Return the releases, the oldest first, as rows of version, contestant and ms.

    Raises:
        DataError: If a file is damaged.

    Example:
        >>> releases = read_history()
        >>> ours = releases[releases["contestant"] == "sweep, 30 runs"]
        >>> ours["version"].iloc[0], float(ours["ms"].iloc[0])
        ('0.1.0', 0.009)
    """
    rows = []
    for path in sorted(folder.glob("*.json"), key=_order):
        try:
            entry = json.loads(path.read_text(encoding="utf-8"))
            rows += [(entry["version"], label, float(ms)) for label, ms in entry["ms"].items()]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"Expected a release in {path}. Received: {error!r}") from None
    return pd.DataFrame(rows, columns=COLUMNS)


def with_run(releases: pd.DataFrame, record: dict[str, Any], results: pd.DataFrame) -> pd.DataFrame:
    """Return the releases with a run behind them."""
    now = [(NOW, label, ms) for label, ms in entry_of(record, results)["ms"].items()]
    return pd.concat([releases, pd.DataFrame(now, columns=COLUMNS)], ignore_index=True)


def _order(path: Path) -> tuple[list[int], str]:
    """Return the sort key of a file named by a version: its numbers, then its name."""
    numbers = [int(part) for part in path.stem.split(".") if part.isdigit()]
    return numbers, path.stem
