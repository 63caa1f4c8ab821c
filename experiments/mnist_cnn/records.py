"""What `mnist_cnn` keeps of its trainings: rows of tables, and TensorBoard's curves."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd

from experiments.mnist_cnn.spectra import RANKS, write_distributions
from overparam_tf.distributed import Training
from overparam_tf.runlog import RunFolder, TensorBoardLog

# The curves of every step, and what is measured after every epoch.
PER_STEP = {"loss": "total", "data_loss": "cross-entropy", "penalty": "penalty"}
PER_EPOCH = {"val_error": "validation error", "test_error": "test error"}


def epoch_rows(net: str, seed: int, training: Training, steps_per_epoch: int) -> list[dict]:
    """A row an epoch: means over its steps, cross-entropies and errors after it."""
    rows = []
    for epoch in range(len(training.epochs.get("loss", ()))):
        own = slice(epoch * steps_per_epoch, (epoch + 1) * steps_per_epoch)
        row = {"net": net, "seed": seed, "epoch": epoch + 1}
        for key, title in PER_STEP.items():
            row[title.replace("-", "_")] = float(training.steps[key][own].mean())
        for images in ("val", "test"):
            row[f"{images}_cross_entropy"] = float(
                training.epochs[f"{images}_cross_entropy"][epoch]
            )
            row[f"{images}_error"] = 1 - float(
                training.epochs[f"{images}_sparse_categorical_accuracy"][epoch]
            )
        rows.append(row)
    return rows


def net_row(last_epoch: dict, model: keras.Model, training: Training) -> dict:
    """A net's row of results.csv: its last epoch, and what it cost."""
    seconds = float(training.epochs["seconds"].sum())
    cost = {"parameters": model.count_params(), "seconds": seconds}
    return {**last_epoch, **cost, "ms_per_step": 1000 * seconds / len(training.steps["loss"])}


def save(
    folder: RunFolder, rows: list[dict], epochs: list[dict], curves: dict[str, np.ndarray]
) -> None:
    """Writes results.csv, epochs.csv and curves.npz as they are so far."""
    folder.write_table("results.csv", pd.DataFrame(rows, columns=None if rows else ["net"]))
    folder.write_table("epochs.csv", pd.DataFrame(epochs, columns=None if epochs else ["net"]))
    folder.write_arrays("curves.npz", curves)


def write_trials(
    folder: RunFolder, config: dict, rows: list[dict], epochs: list[dict], curves: dict
) -> None:
    """TensorBoard: a run per net and seed with HParams, every tenth step's losses, and the errors by epoch."""
    log = TensorBoardLog(folder.tensorboard)
    log.clear()
    metrics = {
        name: name.replace("_", " ") for name in ("total", "cross_entropy", "penalty", "test_error")
    }
    log.declare(("net", "seed", "depth", "parameters", "data"), metrics)
    depths = {net["name"]: net["depth"] for net in config["nets"]}
    table = pd.DataFrame(epochs)
    for row in rows:
        name = f"{row['net']}, seed {row['seed']}"
        hparams = {"net": row["net"], "seed": row["seed"], "depth": depths[row["net"]]}
        hparams |= {"parameters": row["parameters"], "data": config["data"]["label"]}
        total = curves[f"{name}/total"]
        steps = np.arange(0, len(total), 10)
        log.trial(name, hparams, {tag: row[tag] for tag in metrics}, (steps, total[steps]))
        for title in PER_STEP.values():
            log.line(name, title, (steps, curves[f"{name}/{title}"][steps]))
        own = table[(table["net"] == row["net"]) & (table["seed"] == row["seed"])]
        for column, title in PER_EPOCH.items():
            log.line(name, title, (own["epoch"], own[column]))
    write_distributions(log, folder)
    charts = [*PER_STEP.values(), *PER_EPOCH.values(), *RANKS]
    log.layout(
        {f"mnist_cnn, {config['data']['label']}": {title: [f"^{title}$"] for title in charts}}
    )
