"""What a sweep leaves behind: a table of runs, their curves, and their trained weights."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras
import numpy as np
import pandas as pd

from overparam_tf.atomic_files import save_npz, save_text
from overparam_tf.errors import DataError, InputError
from overparam_tf.layers import FactorizedDense

RESULTS, CURVES, WEIGHTS = "results.csv", "curves.npz", "weights.npz"


@dataclass(frozen=True)
class History:
    """The outcome of a sweep.

    Attributes:
        runs: one row a run: variant, optimizer, update, depth, width, learning_rate, seed, status (`"finished"`,
            `"diverged"` or `"interrupted"`), steps taken, final_loss (NaN if diverged), best_loss (lowest over all
            steps), diverged_at (first step with a loss that is not finite), and a column `steps_to_NAME` per
            target (first step at or below it). Steps count updates: the loss at step t is that after t updates.
        steps: recorded steps, shape (S,).
        losses: curves, shape (S, R), columns as the rows of `runs`; NaN after divergence and where not recorded.
        weights: per run, the factors and then the biases of its layer, for `model`.
        layers: per variant, the config of its `FactorizedDense`.
    """

    runs: pd.DataFrame
    steps: np.ndarray
    losses: np.ndarray
    weights: list[list[np.ndarray]]
    layers: dict[str, dict[str, Any]]

    @property
    def variants(self) -> list[str]:
        """The variants' names, in order."""
        return list(self.runs["variant"].unique())

    def best(self, variant: str) -> pd.Series | None:
        """The run of `variant` with the lowest finite last loss, or None if every run diverged."""
        runs = self._runs_of(variant)
        runs = runs[np.isfinite(runs["final_loss"])]
        return None if runs.empty else runs.loc[runs["final_loss"].idxmin()]

    def run(self, variant: str, learning_rate: float, seed: int | None = None) -> pd.Series:
        """The row of one run in `runs`; the seed may be left out where the variant has one."""
        return self.runs.loc[self._find(variant, learning_rate, seed)]

    def curve(
        self, variant: str, learning_rate: float, seed: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The recorded curve of one run, up to its divergence: steps and losses."""
        losses = self.losses[:, self._find(variant, learning_rate, seed)]
        recorded = np.isfinite(losses)
        return self.steps[recorded], losses[recorded]

    def best_curve(self, variant: str) -> tuple[np.ndarray, np.ndarray] | None:
        """The recorded curve of the best run of `variant`, or None if every run diverged."""
        best = self.best(variant)
        return None if best is None else self.curve(variant, best["learning_rate"], best["seed"])

    def frame(self) -> pd.DataFrame:
        """All curves as one tidy table: variant, learning_rate, seed, step, loss."""
        size = len(self.steps)
        keys = self.runs[["variant", "learning_rate", "seed"]]
        table = keys.loc[keys.index.repeat(size)].reset_index(drop=True)
        return table.assign(step=np.tile(self.steps, len(keys)), loss=self.losses.T.ravel())

    def join(self, other: History) -> History:
        """This history and one of other variants as one; their steps need not be the same."""
        steps = np.union1d(self.steps, other.steps)
        losses = np.full((len(steps), len(self.runs) + len(other.runs)), np.nan)
        losses[np.isin(steps, self.steps), : len(self.runs)] = self.losses
        losses[np.isin(steps, other.steps), len(self.runs) :] = other.losses
        runs = pd.concat([self.runs, other.runs], ignore_index=True)
        return History(
            runs, steps, losses, self.weights + other.weights, {**self.layers, **other.layers}
        )

    def model(self, variant: str, learning_rate: float, seed: int | None = None) -> keras.Model:
        """The trained Keras model of one run: an input and a `FactorizedDense` with the run's final weights.

        Args:
            variant: name of the variant.
            learning_rate: the run's learning rate.
            seed: the run's seed; may be left out where the variant has one.

        Raises:
            InputError: if there is no such run.
        """
        weights = self.weights[self._find(variant, learning_rate, seed)]
        layer = FactorizedDense.from_config(self.layers[variant])
        model = keras.Sequential(
            [keras.Input((len(weights[0]),), dtype=layer.compute_dtype), layer]
        )
        for variable, value in zip(
            layer.factors + [bias for bias in layer.biases if bias is not None],
            weights,
            strict=True,
        ):
            variable.assign(value)
        return model

    def save(self, folder: str | os.PathLike) -> None:
        """Writes results.csv, curves.npz and weights.npz into `folder`, each whole or not at all; no pickle in any.

        Raises:
            InputError: if one cannot be written.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        save_text(folder / RESULTS, self.runs.to_csv(index=False))
        keys = {
            name: self.runs[name].to_numpy(kind)
            for name, kind in (("variant", "str"), ("learning_rate", "float64"), ("seed", "int64"))
        }
        save_npz(folder / CURVES, {"steps": self.steps, "losses": self.losses, **keys})
        arrays = {
            f"{run}/{j}": value
            for run, weights in enumerate(self.weights)
            for j, value in enumerate(weights)
        }
        save_npz(folder / WEIGHTS, {"layers": np.array(json.dumps(self.layers)), **arrays})

    @classmethod
    def load(cls, folder: str | os.PathLike) -> History:
        """Reads what `save` wrote.

        Raises:
            DataError: if a file is missing or damaged.
        """
        folder = Path(folder)
        try:
            runs = pd.read_csv(folder / RESULTS, keep_default_na=False, na_values=[""])
            curves, arrays = _load_arrays(folder / CURVES), _load_arrays(folder / WEIGHTS)
            steps, losses = curves["steps"], curves["losses"]
            layers = json.loads(str(arrays["layers"]))
            weights: list[list[np.ndarray]] = [[] for _ in range(len(runs))]
            for run, kept in enumerate(weights):
                while f"{run}/{len(kept)}" in arrays:
                    kept.append(arrays[f"{run}/{len(kept)}"])
            if losses.shape != (len(steps), len(runs)) or set(runs["variant"]) != set(layers):
                raise ValueError(f"{RESULTS} has other runs than {CURVES} or {WEIGHTS}")
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise DataError(
                f"Expected {RESULTS}, {CURVES} and {WEIGHTS} of a finished sweep in {folder}. Received: {error}"
            ) from None
        return cls(_with_integer_steps(runs), steps, losses, weights, layers)

    def _runs_of(self, variant: str) -> pd.DataFrame:
        runs = self.runs[self.runs["variant"] == variant]
        if runs.empty:
            raise InputError(
                f"Expected one of the variants {self.variants}. Received: variant={variant!r}"
            )
        return runs

    def _find(self, variant: str, learning_rate: float, seed: int | None) -> int:
        runs = self._runs_of(variant)
        found = runs[np.isclose(runs["learning_rate"], learning_rate, rtol=1e-9, atol=0)]
        found = found if seed is None else found[found["seed"] == seed]
        if len(found) != 1:
            pairs = list(zip(runs["learning_rate"], runs["seed"], strict=True))
            raise InputError(
                f"Expected one run of {variant!r}, of the (learning_rate, seed) pairs {pairs}. "
                f"Received: learning_rate={learning_rate!r}, seed={seed!r}"
            )
        return int(found.index[0])


def _load_arrays(path: Path) -> dict[str, np.ndarray]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def _with_integer_steps(runs: pd.DataFrame) -> pd.DataFrame:
    """Step columns as nullable integers: a run that never diverged has no step of divergence."""
    columns = [name for name in runs if name == "diverged_at" or name.startswith("steps_to_")]
    return runs.astype(dict.fromkeys(columns, "Int64"))
