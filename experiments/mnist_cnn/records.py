"""The records of the trainings: rows of tables, curves, and their view in TensorBoard."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import pandas as pd

from experiments.harness.tensorboard import Board, Line, Trial
from experiments.mnist_cnn.spectra import rank_lines, read_spectra, spectrum_distributions
from overparam_tf.distributed import Training
from overparam_tf.runlog import RunFolder

# Titles of the curves of every step, and of what is measured after every epoch.
PER_STEP = {"loss": "total", "data_loss": "cross-entropy", "penalty": "penalty"}
PER_EPOCH = {"val_error": "validation error", "test_error": "test error"}
METRICS = {
    "total": "total",
    "cross_entropy": "cross entropy",
    "penalty": "penalty",
    "test_error": "test error",
}
STEPS_PER_POINT = 10  # of TensorBoard's curves


@dataclass
class TrainingRecords:
    """The rows and curves of all nets so far.

    Attributes:
        rows: The rows of results.csv, one for each net and seed.
        epochs: The rows of epochs.csv, one for each of their epochs.
        curves: The arrays of curves.npz, `NET, seed SEED/TITLE`, a value for each step.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    epochs: list[dict[str, Any]] = field(default_factory=list)
    curves: dict[str, np.ndarray] = field(default_factory=dict)

    def add(
        self, net: str, seed: int, model: keras.Model, training: Training, steps_per_epoch: int
    ) -> None:
        """Add a net's training, which may have been stopped within an epoch."""
        for key, title in PER_STEP.items():
            self.curves[f"{run_title(net, seed)}/{title}"] = training.steps[key]
        rows = epoch_rows(net, seed, training, steps_per_epoch)
        self.epochs += rows
        if rows:
            *_, last = rows
            self.rows.append(net_row(last, model, training))

    def write(self, folder: RunFolder) -> None:
        """Write results.csv, epochs.csv and curves.npz as they are so far."""
        for name, rows in (("results.csv", self.rows), ("epochs.csv", self.epochs)):
            # A csv file without a column could not be read.
            folder.write_table(name, pd.DataFrame(rows, columns=None if rows else ["net"]))
        folder.write_arrays("curves.npz", self.curves)


def run_title(net: str, seed: int) -> str:
    """Return the name of a net of one seed."""
    return f"{net}, seed {seed}"


def epoch_rows(
    net: str, seed: int, training: Training, steps_per_epoch: int
) -> list[dict[str, Any]]:
    """Return a row for each finished epoch: means over its steps, and what was measured after it.

    Args:
        net: The net's name.
        seed: Its seed.
        training: Its record.
        steps_per_epoch: Number of steps of an epoch.
    """
    rows = []
    for epoch in range(len(training.epochs.get("loss", ()))):
        steps = slice(epoch * steps_per_epoch, (epoch + 1) * steps_per_epoch)
        row: dict[str, Any] = {"net": net, "seed": seed, "epoch": epoch + 1}
        for key, title in PER_STEP.items():
            row[title.replace("-", "_")] = float(training.steps[key][steps].mean())
        for images in ("val", "test"):
            cross_entropies = training.epochs[f"{images}_cross_entropy"]
            accuracies = training.epochs[f"{images}_sparse_categorical_accuracy"]
            row[f"{images}_cross_entropy"] = float(cross_entropies[epoch])
            row[f"{images}_error"] = 1 - float(accuracies[epoch])
        rows.append(row)
    return rows


def net_row(last_epoch: dict[str, Any], model: keras.Model, training: Training) -> dict[str, Any]:
    """Return a net's row of results.csv: its last epoch, its size, and its time."""
    seconds = float(training.epochs["seconds"].sum())
    milliseconds = 1000 * seconds / len(training.steps["loss"])
    cost = {"parameters": model.count_params(), "seconds": seconds, "ms_per_step": milliseconds}
    return {**last_epoch, **cost}


def board(folder: RunFolder, record: Mapping[str, Any], records: TrainingRecords) -> Board:
    """Return TensorBoard's view.

    It has a trial for each net and seed, the losses of every tenth step, errors and effective ranks
    by epoch, and the distributions of the singular values.

    Args:
        folder: The run folder, which has spectra.npz.
        record: Its config.json.
        records: What was trained.
    """
    label, spectra = record["data"]["label"], read_spectra(folder)
    return Board(
        f"mnist_cnn, {label}",
        METRICS,
        _trials(record["nets"], label, records),
        itertools.chain(_step_lines(records), _epoch_lines(records), rank_lines(spectra)),
        spectrum_distributions(spectra),
    )


def _trials(
    nets: Sequence[Mapping[str, Any]], label: str, records: TrainingRecords
) -> Iterator[Trial]:
    depths = {net["name"]: net["depth"] for net in nets}
    for row in records.rows:
        title = run_title(row["net"], row["seed"])
        hparams = {
            "net": row["net"],
            "seed": row["seed"],
            "depth": depths[row["net"]],
            "parameters": row["parameters"],
            "data": label,
        }
        steps = len(records.curves[f"{title}/total"])
        yield Trial(title, hparams, {tag: row[tag] for tag in METRICS}, steps)


def _step_lines(records: TrainingRecords) -> Iterator[Line]:
    for title in PER_STEP.values():
        for row in records.rows:
            name = run_title(row["net"], row["seed"])
            yield Line(name, title, _thinned(records.curves[f"{name}/{title}"]))


def _epoch_lines(records: TrainingRecords) -> Iterator[Line]:
    if not records.epochs:
        return
    epochs = pd.DataFrame(records.epochs)
    for column, title in PER_EPOCH.items():
        for (net, seed), rows in epochs.groupby(["net", "seed"], sort=False):
            yield Line(run_title(net, seed), title, (rows["epoch"], rows[column]))


def _thinned(curve: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return every tenth step and its value."""
    steps = np.arange(0, len(curve), STEPS_PER_POINT)
    return steps, curve[steps]
