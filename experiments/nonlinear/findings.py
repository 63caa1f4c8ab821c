"""What the comparisons found: rows of runs and of verdicts, and curves, for the run folder."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from experiments.harness.piece_results import PieceResult, arrays_of
from experiments.nonlinear.config import FormName, NetName
from overparam_tf.comparison import DepthComparison
from overparam_tf.runlog import RunFolder

RUNS, VERDICTS = "runs", "verdicts"


def result_of(net: NetName, form: FormName, comparison: DepthComparison) -> PieceResult:
    """Return what a comparison found, which may have been stopped.

    Its arrays are `NET/steps`, and `NET/FORM/OPTIMIZER/DEPTH` of shape (seeds, points), the
    smoothed losses at the best rate.
    """
    key, settings = {"net": net, "penalty": form}, comparison.settings
    lowest = min(settings.targets)
    runs = [{**row, **key} for row in comparison.table()]
    verdicts = [{**key, **row, "is_main": row["target"] == lowest} for row in comparison.verdicts()]
    arrays = {}
    for optimizer in settings.optimizers:
        for depth in settings.depths:
            steps, losses = comparison.best_curves(optimizer, depth)
            arrays |= {f"{net}/steps": steps, f"{net}/{form}/{optimizer}/{depth}": losses}
    return PieceResult({RUNS: runs, VERDICTS: verdicts}, arrays).through_json()


def verdicts_of(found: Mapping[str, PieceResult]) -> pd.DataFrame:
    """Return the table verdicts.csv."""
    return _table(found, VERDICTS)


def write_tables(folder: RunFolder, found: Mapping[str, PieceResult]) -> None:
    """Write results.csv, verdicts.csv and curves.npz as they are so far."""
    folder.write_table("results.csv", _table(found, RUNS))
    folder.write_table("verdicts.csv", verdicts_of(found))
    folder.write_arrays("curves.npz", arrays_of(found))


def _table(found: Mapping[str, PieceResult], name: str) -> pd.DataFrame:
    tables = [pd.DataFrame(result.content[name]) for result in found.values()]
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=["net"])
