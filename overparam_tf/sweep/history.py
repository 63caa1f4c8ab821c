"""The results of a sweep: a table of runs, their curves, and their trained weights."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pandas as pd

from overparam_tf.checks import (
    file_path,
    has_duplicates,
    instance_of,
    list_of,
    optional,
    real_number,
    whole_number,
)
from overparam_tf.errors import InputError, input_error
from overparam_tf.layers import FactorizedDense
from overparam_tf.sweep.history_files import read_history, write_history


@dataclass(frozen=True)
class History:
    """The results of a sweep.

    Attributes:
        runs: One row a run, with the columns variant, optimizer, update, depth, width,
            learning_rate, seed; status, the word of a `TrainingStatus` (`"finished"`, `"diverged"`,
            `"stopped"` or `"interrupted"`); steps, those of its record; final_loss, the loss after
            them, NaN if diverged; best_loss, the lowest of them; diverged_at, the first step whose
            loss is not finite, or from which on it stayed above ten times that of the zero kernel,
            see `Sweep.run`; and steps_to_NAME for each target, the first step at or below it. Steps
            count updates: the loss at step t is that after t updates.
        steps: The recorded steps, shape (S,).
        losses: The curves, shape (S, R), columns as the rows of `runs`; NaN after divergence, after
            a stop, and where nothing was recorded.
        weights: By run, the factors and then the biases of its layer, for `model`; of a run that
            left the stack those with which it left, see `Sweep.run`.
        layers: By variant, the config of its `FactorizedDense`.
        test_losses: The losses on the problem's held-out labels at the same steps, shape (S, R);
            None if it has none. `runs` then has the columns final_test_loss and best_test_loss, the
            lowest of the recorded ones.
    """

    runs: pd.DataFrame
    steps: np.ndarray
    losses: np.ndarray
    weights: list[list[np.ndarray]]
    layers: dict[str, dict[str, Any]]
    test_losses: np.ndarray | None = None

    @property
    def variants(self) -> list[str]:
        """Return the names of the variants, in order."""
        return list(self.runs["variant"].unique())

    def best(self, variant: str) -> pd.Series | None:
        """Return the run of `variant` with the lowest final loss, or None if every run diverged."""
        runs = self._runs_of(variant)
        runs = runs[np.isfinite(runs["final_loss"])]
        return None if runs.empty else runs.loc[runs["final_loss"].idxmin()]

    def run(self, variant: str, learning_rate: float, seed: int | None = None) -> pd.Series:
        """Return the row of one run in `runs`.

        Args:
            variant: Name of the variant.
            learning_rate: The run's learning rate.
            seed: The run's seed; default None, if the variant has one seed only.

        Raises:
            InputError: If there is no such run, or more than one.
        """
        return self.runs.loc[self._place(variant, learning_rate, seed)]

    def curve(
        self, variant: str, learning_rate: float, seed: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return recorded steps and losses of one run, up to its divergence; see `run`.

        Raises:
            InputError: As `run`.
        """
        return self._recorded(self.losses[:, self._place(variant, learning_rate, seed)])

    def test_curve(
        self, variant: str, learning_rate: float, seed: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return recorded steps and test losses of one run, up to its divergence; see `run`.

        Raises:
            InputError: As `run`; or if the problem had no held-out labels.
        """
        place = self._place(variant, learning_rate, seed)
        if self.test_losses is None:
            raise InputError(
                "Expected a problem with held-out labels for its test losses. "
                "Received: a history without test losses"
            )
        return self._recorded(self.test_losses[:, place])

    def _recorded(self, losses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        recorded = np.isfinite(losses)
        return self.steps[recorded], losses[recorded]

    def best_curve(self, variant: str) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the curve of the best run of `variant`, or None if every run diverged."""
        best = self.best(variant)
        return None if best is None else self.curve(variant, best["learning_rate"], best["seed"])

    def frame(self) -> pd.DataFrame:
        """Return all curves as one tidy table: variant, learning_rate, seed, step, loss.

        With test losses, test_loss is one more column.
        """
        size = len(self.steps)
        keys = self.runs[["variant", "learning_rate", "seed"]]
        table = keys.loc[keys.index.repeat(size)].reset_index(drop=True)
        table = table.assign(step=np.tile(self.steps, len(keys)), loss=self.losses.T.ravel())
        if self.test_losses is None:
            return table
        return table.assign(test_loss=self.test_losses.T.ravel())

    def join(self, *others: History) -> History:
        """Return this history and others of other runs as one, such as those of all shares.

        Args:
            *others: Histories whose runs are others, of the same variants or not; their steps may
                differ.

        Raises:
            InputError: If a run is in two of them, or a variant has other layers in two of them.

        Example:
            See `Sweep.share`.
        """
        histories = [self, *(instance_of("others", other, History) for other in others)]
        _require_other_runs(histories)
        steps = functools.reduce(np.union1d, [history.steps for history in histories])
        have_test = any(history.test_losses is not None for history in histories)
        return History(
            pd.concat([history.runs for history in histories], ignore_index=True),
            steps,
            _side_by_side(steps, [(h.steps, h.losses) for h in histories]),
            [weights for history in histories for weights in history.weights],
            {name: layer for history in histories for name, layer in history.layers.items()},
            _side_by_side(steps, [(h.steps, h._test_or_nan) for h in histories])
            if have_test
            else None,
        )

    @property
    def _test_or_nan(self) -> np.ndarray:
        return np.full_like(self.losses, np.nan) if self.test_losses is None else self.test_losses

    @property
    def keys(self) -> list[tuple[str, float, int]]:
        """Return variant, learning rate and seed of each run."""
        columns = (self.runs[name] for name in ("variant", "learning_rate", "seed"))
        return list(zip(*columns, strict=True))

    def select(self, places: Sequence[int]) -> History:
        """Return the history of some of the runs, in the order of these row numbers in `runs`.

        Args:
            places: Row numbers, at least one.

        Raises:
            InputError: If there are none, or one is no row number.

        Example:
            >>> from overparam_tf import Problem, Sweep, Variant
            >>> problem = Problem("toy", np.eye(2), np.ones((2, 1)), "made here", "none", True)
            >>> history = Sweep(problem, [Variant("GD", learning_rates=(0.1, 0.2))]).run(5)
            >>> history.select([1]).runs["learning_rate"].tolist()
            [0.2]
        """
        last = len(self.runs) - 1
        places = list_of("places", places, lambda name, n: whole_number(name, n, most=last))
        if not places:
            raise input_error("at least one row number", places=places)
        runs = self.runs.iloc[places].reset_index(drop=True)
        layers = {name: self.layers[name] for name in runs["variant"].unique()}
        weights = [self.weights[place] for place in places]
        test_losses = None if self.test_losses is None else self.test_losses[:, places]
        return History(runs, self.steps, self.losses[:, places], weights, layers, test_losses)

    def model(self, variant: str, learning_rate: float, seed: int | None = None) -> keras.Model:
        """Return the trained Keras model of one run, which is one `FactorizedDense`; see `run`.

        Raises:
            InputError: As `run`.
        """
        weights = self.weights[self._place(variant, learning_rate, seed)]
        layer = FactorizedDense.from_config(self.layers[variant])
        features = len(weights[0])
        model = keras.Sequential([keras.Input((features,), dtype=layer.compute_dtype), layer])
        variables = layer.factors + [bias for bias in layer.biases if bias is not None]
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)
        return model

    def save(self, folder: str | os.PathLike) -> None:
        """Write results.csv, curves.npz and weights.npz, each atomically and none with pickle.

        Args:
            folder: Where to; made if it does not exist.

        Raises:
            InputError: If a file cannot be written.
        """
        write_history(file_path("folder", folder), vars(self))

    @classmethod
    def load(cls, folder: str | os.PathLike) -> History:
        """Return the history that `save` wrote.

        Args:
            folder: Its folder.

        Raises:
            DataError: If a file is missing or damaged.
        """
        return cls(**read_history(file_path("folder", folder)))

    def _runs_of(self, variant: str) -> pd.DataFrame:
        if not isinstance(variant, str) or variant not in self.variants:
            raise input_error(f"one of the variants {self.variants}", variant=variant)
        return self.runs[self.runs["variant"] == variant]

    def _place(self, variant: str, learning_rate: float, seed: int | None) -> int:
        """Return the row of one run in `runs`, which is also its column in `losses`."""
        rate = real_number("learning_rate", learning_rate)
        seed = optional("seed", seed, whole_number)
        runs = self._runs_of(variant)
        matches = runs[np.isclose(runs["learning_rate"], rate, rtol=1e-9, atol=0)]
        if seed is not None:
            matches = matches[matches["seed"] == seed]
        if len(matches) != 1:
            pairs = list(zip(runs["learning_rate"], runs["seed"], strict=True))
            raise InputError(
                f"Expected one run of {variant!r}, of the (learning_rate, seed) pairs {pairs}. "
                f"Received: learning_rate={learning_rate!r}, seed={seed!r}"
            )
        (place,) = matches.index
        return int(place)


def _side_by_side(steps: np.ndarray, curves: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return curves recorded at different steps as columns of one array, NaN between their steps.

    Args:
        steps: All steps, increasing.
        curves: Steps (S,) and values (S, R) of each history.
    """
    columns = []
    for recorded, values in curves:
        column = np.full((len(steps), values.shape[1]), np.nan)
        column[np.isin(steps, recorded)] = values
        columns.append(column)
    return np.concatenate(columns, axis=1)


def _require_other_runs(histories: Sequence[History]) -> None:
    """Raise an `InputError` if a run is in two histories, or a variant has two layers."""
    keys = [key for history in histories for key in history.keys]
    if has_duplicates(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise input_error("every run (variant, learning rate, seed) in one history only", run=twice)
    layers: dict[str, dict[str, Any]] = {}
    for history in histories:
        for name, layer in history.layers.items():
            if layers.setdefault(name, layer) != layer:
                raise input_error("the same layer of a variant in every history", variant=name)
