"""The files of a sweep's results: a table of runs, their curves, and their trained weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from overparam_tf.atomic_files import DAMAGE, save_npz, save_text
from overparam_tf.errors import DataError, words_of

# Before version 3, pandas rounds numbers that it reads unless it is told not to.
_EXACT_NUMBERS: Any = {"float_precision": "round_trip"} if pd.__version__.startswith("2.") else {}
RESULTS, CURVES, WEIGHTS = "results.csv", "curves.npz", "weights.npz"
# Columns of text, whose entries may look like numbers: a variant can be called "1".
TEXT = ("variant", "part", "loss", "group", "optimizer", "update", "width", "status")
# The columns of the table that its readers need.
COLUMNS = ("variant", "learning_rate", "seed", "status", "steps", "final_loss")


def write_history(folder: Path, attributes: Mapping[str, Any]) -> None:
    """Write results.csv, curves.npz and weights.npz, each atomically and none with pickle.

    Args:
        folder: Where to; made if it does not exist.
        attributes: Those of a `History`, by name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    runs, test_losses = attributes["runs"], attributes["test_losses"]
    save_text(folder / RESULTS, runs.to_csv(index=False))
    kinds = {"variant": "str", "learning_rate": "float64", "seed": "int64"}
    keys = {name: runs[name].to_numpy(kind) for name, kind in kinds.items()}
    test = {} if test_losses is None else {"test_losses": test_losses}
    curves = {"steps": attributes["steps"], "losses": attributes["losses"], **test, **keys}
    save_npz(folder / CURVES, curves)
    arrays = {
        f"{run}/{place}": value
        for run, weights in enumerate(attributes["weights"])
        for place, value in enumerate(weights)
    }
    layers = np.array(json.dumps(attributes["layers"]))
    save_npz(folder / WEIGHTS, {"layers": layers, **arrays})


def read_history(folder: Path) -> dict[str, Any]:
    """Return the attributes of the `History` that `write_history` wrote.

    Raises:
        DataError: If a file is missing or damaged.
    """
    try:
        runs = pd.read_csv(
            folder / RESULTS,
            keep_default_na=False,
            na_values=[""],
            dtype=dict.fromkeys(TEXT, str),
            **_EXACT_NUMBERS,
        )
        curves, arrays = _load_arrays(folder / CURVES), _load_arrays(folder / WEIGHTS)
        steps, losses = curves["steps"], curves["losses"]
        test_losses = curves.get("test_losses")
        layers = json.loads(str(arrays["layers"]))
        weights = [_weights_of(run, arrays) for run in range(len(runs))]
        missing = [name for name in COLUMNS if name not in runs]
        if missing:
            raise ValueError(f"{RESULTS} without {missing}")
        shapes = {array.shape for array in (losses, test_losses) if array is not None}
        if shapes != {(len(steps), len(runs))} or set(runs["variant"]) != set(layers):
            raise ValueError(f"{RESULTS} has other runs than {CURVES} or {WEIGHTS}")
        runs = _with_integer_steps(runs)
    except DAMAGE as error:
        raise DataError(
            f"Expected {RESULTS}, {CURVES} and {WEIGHTS} of a finished sweep in {folder}. "
            f"Received: {words_of(error, 200)}"
        ) from None
    return {
        "runs": runs,
        "steps": steps,
        "losses": losses,
        "weights": weights,
        "layers": layers,
        "test_losses": test_losses,
    }


def _weights_of(run: int, arrays: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Return the weights of one run, which are the arrays RUN/0, RUN/1, ..."""
    weights: list[np.ndarray] = []
    while f"{run}/{len(weights)}" in arrays:
        weights.append(arrays[f"{run}/{len(weights)}"])
    return weights


def _load_arrays(path: Path) -> dict[str, np.ndarray]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def _with_integer_steps(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the table with steps as nullable integers: a run may have no step of divergence."""
    columns = [name for name in runs if name == "diverged_at" or name.startswith("steps_to_")]
    return runs.astype(dict.fromkeys(columns, "Int64"))
