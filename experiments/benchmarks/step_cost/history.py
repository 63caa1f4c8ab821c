"""The cost of a run-step in each release: small files in `history`, and their table.

A release adds its own, from a run of the benchmark on an idle machine, by
`python -m experiments.benchmarks.step_cost.keep_release --run NAME`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.benchmarks.step_cost.claims import ratios
from experiments.benchmarks.step_cost.contestants import RUNS, products_label, sweep_label
from experiments.benchmarks.step_cost.status import is_measured
from overparam_tf.atomic_files import save_text
from overparam_tf.errors import DataError, InputError
from overparam_tf.runlog import RunFolder

FOLDER = Path(__file__).parent / "history"
NOW = "this run"
COLUMNS = ["version", "contestant", "ms", "over_products"]
# The setting of which a release keeps the cost.
OPTIMIZER, DEPTH = "sgd", 1


def entry_of(
    record: dict[str, Any], results: pd.DataFrame, rounds: pd.DataFrame, note: str = ""
) -> dict[str, Any]:
    """Return what is kept of a run: the cost of a run-step in gradient descent at depth 1.

    Args:
        record: The run's config.json.
        results: Its results.csv.
        rounds: Its rounds.csv.
        note: What a reader must know of the measurement; default nothing.
    """
    is_kept = (results["optimizer"] == OPTIMIZER) & (results["depth"] == DEPTH)
    rows = results[is_measured(results) & is_kept]
    versions = {"python": record["python"], **record["versions"]}
    return {
        "version": versions.pop("overparam_tf"),
        "measured": str(record["started"])[: len("2026-11-25")],
        "machine": record["machine"],
        **({"note": note} if note else {}),
        "versions": versions,
        "ms": {row.contestant: _short(row.ms) for row in rows.itertuples()},
        "over_products": _over_products(rounds),
    }


def _over_products(rounds: pd.DataFrame) -> dict[str, float]:
    """Return the cost of our sweeps over that of two BLAS products in the same rounds, medians."""
    found = {}
    for runs in RUNS:
        table = ratios(rounds, sweep_label(runs), products_label(runs))
        here = table[(table["optimizer"] == OPTIMIZER) & (table["depth"] == DEPTH)]
        found |= {sweep_label(runs): _short(median) for median in here["median"]}
    return found


def _short(number: float) -> float:
    return float(f"{number:.3g}")


def keep(
    logdir: str | os.PathLike,
    name: str,
    note: str = "",
    replace: bool = False,
    folder: Path = FOLDER,
) -> Path:
    """Write the entry of a run as that of its version; return the file.

    Args:
        logdir: The log folder.
        name: The run's name.
        note: What a reader must know of the measurement; default nothing.
        replace: Whether to replace the entry of the same version; default False.
        folder: Where to; default the history of this repository.

    Raises:
        InputError: If the version has an entry that is not to be replaced.
    """
    run = RunFolder.open(str(logdir), "step_cost", name)
    tables = run.read_table("results.csv"), run.read_table("rounds.csv")
    entry = entry_of(run.read_config(), *tables, note)
    path = folder / f"{entry['version']}.json"
    if path.exists() and not replace:
        raise InputError(f"Expected a version without an entry, or --replace. Received: {path}")
    save_text(path, json.dumps(entry, indent=2) + "\n")
    return path


def read_history(folder: Path = FOLDER) -> pd.DataFrame:
    """Return the releases, the oldest first, as rows of version, contestant, ms and its ratio.

    The ratio is that to two BLAS products of the same sizes, NaN for what has none. A version with
    a note has it in its name.

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
            rows += _rows_of(entry)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"Expected a release in {path}. Received: {error!r}") from None
    return pd.DataFrame(rows, columns=COLUMNS)


def _rows_of(entry: dict[str, Any]) -> list[tuple[str, str, float, float]]:
    version = "\n".join(filter(None, (entry["version"], entry.get("note"))))
    quotients = entry.get("over_products", {})
    return [
        (version, label, float(ms), float(quotients.get(label, "nan")))
        for label, ms in entry["ms"].items()
    ]


def with_run(
    releases: pd.DataFrame, record: dict[str, Any], results: pd.DataFrame, rounds: pd.DataFrame
) -> pd.DataFrame:
    """Return the releases with a run behind them."""
    now = _rows_of({**entry_of(record, results, rounds), "version": NOW})
    return pd.concat([releases, pd.DataFrame(now, columns=COLUMNS)], ignore_index=True)


def _order(path: Path) -> tuple[list[int], str]:
    """Return the sort key of a file named by a version: its numbers, then its name."""
    numbers = [int(part) for part in path.stem.split(".") if part.isdigit()]
    return numbers, path.stem
