"""The command `python -m experiments.mnist_cnn`: its options, the run, the drawing."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from dataclasses import dataclass
from typing import Literal
from zipfile import BadZipFile

import keras
import numpy as np
import pandas as pd
from rich.console import Console

from experiments.harness.command_line import Experiment, option
from experiments.harness.options import RunOptions
from experiments.harness.results import print_claims, print_table, write_report
from experiments.mnist_cnn import figures as mnist_figures
from experiments.mnist_cnn.claims import claims_of, results_table
from experiments.mnist_cnn.convnet import BATCH, WEIGHT_DECAY, convnet, momentum_sgd
from experiments.mnist_cnn.penalty_alone import penalty_alone
from experiments.mnist_cnn.records import PER_STEP, epoch_rows, net_row, save, write_trials
from experiments.mnist_cnn.spectra import Spectra
from overparam_tf.checkpoints.checkpoints import Checkpoints
from overparam_tf.datasets import Digits, load_mnist
from overparam_tf.distributed import get_strategy, train
from overparam_tf.distributed.workers import Team
from overparam_tf.errors import DataError
from overparam_tf.runlog import ProgressReport, RunFolder, environment
from overparam_tf.runlog.resume import settings
from overparam_tf.stopping import deferred

VALIDATION = 5_000
EVALUATED_AT_ONCE = (
    500  # images: the penalty on a product is computed once a batch, and costs more than the images
)
QUICK_IMAGES, QUICK_EPOCHS = 3_200, 2
PENALTIES = {
    "product": "penalty on the product",
    "factors": "penalty on every factor",
    "first": "penalty on the first factor",
    "none": "no penalty",
}


@dataclass(frozen=True)
class Net:
    """One curve of the figures: a net and what its penalty is put on."""

    name: str
    depth: int
    place: str | None


@dataclass(frozen=True)
class Config(RunOptions):
    """Trains the MNIST convnet, plain and overparameterised, side by side."""

    data: str = option(
        "auto",
        "auto (MNIST if it can be had, else a synthetic stand-in), mnist, synthetic, or a path",
    )
    regularize: tuple[Literal["product", "factors", "first", "none"], ...] = option(
        ("product", "first"), "what the overparameterised net's penalty is put on, a net for each"
    )
    depth: int = option(2, "factors of fc1 and fc2")
    convs: bool = option(False, "factorise the convolutions too")
    epochs: int | None = option(
        None, f"passes over the training images (default: 10, with --quick {QUICK_EPOCHS})"
    )
    seeds: tuple[int, ...] = option((0,), "seeds of the initial weights and of dropout")
    strategy: Literal["auto", "cpu", "gpu", "mirrored", "multiworker"] = option(
        "auto", "devices to train on"
    )

    def __post_init__(self):
        self.require(2 <= self.depth <= 8, "2 to 8 factors", depth=self.depth)
        self.require(
            self.epochs is None or self.epochs >= 1, "at least one epoch", epochs=self.epochs
        )
        self.require(min(self.seeds) >= 0, "seeds >= 0", seeds=self.seeds)
        for name in ("regularize", "seeds"):
            values = getattr(self, name)
            self.require(len(set(values)) == len(values), "nothing twice", **{name: values})

    @property
    def passes(self) -> int:
        """The number of epochs."""
        return self.epochs or (QUICK_EPOCHS if self.quick else 10)

    def nets(self) -> list[Net]:
        """The plain net, then an overparameterised one for each place; without a penalty, a plain one to compare."""
        nets = [Net("plain", 1, "product")]
        for place in self.regularize:
            if place == "none":
                nets.append(Net("plain, no penalty", 1, None))
            nets.append(
                Net(
                    f"depth {self.depth}, {PENALTIES[place]}",
                    self.depth,
                    None if place == "none" else place,
                )
            )
        return nets


def run(config: Config) -> RunFolder | None:
    """Trains every net from every seed; writes config.json, tables, curves.npz, the models, TensorBoard's curves.

    On several workers the first of them writes, and the others return None.
    """
    devices = []  # told once the data are there: until then there may be an error, which is one line
    strategy = get_strategy(config.strategy, report=devices.append)
    team = Team(strategy)
    digits = team.chief_first(lambda: load_mnist(config.data))
    team.require_alike("checksum of the data", digits.checksum)
    print(*devices, file=sys.stderr, flush=True)
    split = digits.split(VALIDATION)
    training_set = (
        tuple(part[:QUICK_IMAGES] for part in split.train) if config.quick else split.train
    )
    steps_per_epoch = -(-len(training_set[0]) // BATCH)
    described = config_of(config, digits, steps_per_epoch)
    folder = team.folder(
        lambda: config.create_data_folder("mnist_cnn", f"depth-{config.depth}", digits, described)
    )
    rows, epochs, curves = [], [], {}
    with deferred() as stop:
        for net, seed in itertools.product(config.nets(), config.seeds):
            name = f"{net.name}, seed {seed}"
            with strategy.scope():
                model = convnet(net.depth, net.place, config.convs, seed)
                optimizer = momentum_sgd(steps_per_epoch)
                cross_entropy = keras.metrics.SparseCategoricalCrossentropy(
                    from_logits=True, name="cross_entropy"
                )
            if net.depth > 1 and net.place is not None and team.is_chief:
                curves[f"{name}/penalty alone"] = _penalty_alone(
                    model, net.place, config.passes, steps_per_epoch
                )
            with ProgressReport(
                f"mnist_cnn, {name}", config.quiet or not team.is_chief
            ) as progress:
                training = train(
                    model,
                    training_set,
                    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                    optimizer,
                    strategy,
                    batch_size=BATCH,
                    epochs=config.passes,
                    validation={"val": split.validation, "test": split.test},
                    validation_batch_size=EVALUATED_AT_ONCE,
                    metrics=["sparse_categorical_accuracy", cross_entropy],
                    callbacks=[Spectra(folder, name)] if team.is_chief else [],
                    progress=progress,
                    checkpoints=Checkpoints(
                        folder.checkpoints / name, {"net": name, **settings(described)}
                    ),
                    checkpoint_seconds=30.0,
                    should_stop=lambda: stop.signal is not None,
                )
            curves.update(
                {f"{name}/{title}": training.steps[key] for key, title in PER_STEP.items()}
            )
            epochs += (own := epoch_rows(net.name, seed, training, steps_per_epoch))
            rows += [net_row(own[-1], model, training)] if own else []
            if team.is_chief:
                save(folder, rows, epochs, curves)
            if team.stopped(stop):
                break
            if team.is_chief:
                model.save(folder.path / f"{name}.keras")
    if not team.is_chief:
        return None
    write_trials(folder, described, rows, epochs, curves)
    return folder


def config_of(config: Config, digits: Digits, steps_per_epoch: int) -> dict:
    """What config.json holds."""
    return {
        "experiment": "mnist_cnn",
        "options": dataclasses.asdict(config),
        "data": {
            "name": digits.name,
            "label": digits.label,
            "synthetic": digits.synthetic,
            "provenance": digits.provenance,
            "sha256": digits.checksum,
        },
        "nets": [dataclasses.asdict(net) for net in config.nets()],
        "steps_per_epoch": steps_per_epoch,
        "batch": BATCH,
        "weight_decay": WEIGHT_DECAY,
        **environment(),
    }


def _penalty_alone(model: keras.Model, place: str, epochs: int, steps_per_epoch: int) -> np.ndarray:
    """The penalty of the same initial factors, trained at the same rates without any data."""
    layers = [
        (
            [keras.ops.convert_to_numpy(factor) for factor in layer.factors],
            keras.ops.convert_to_numpy(layer.bias),
        )
        for layer in map(model.get_layer, ("fc1", "fc2"))
    ]
    return penalty_alone(
        layers, WEIGHT_DECAY, place, momentum_sgd(steps_per_epoch), epochs * steps_per_epoch
    )


def draw(folder: RunFolder, console: Console) -> None:
    """Draws figures and prints the table and the verdicts from a run folder alone."""
    config = folder.read_config()
    try:
        results, epochs = (
            pd.read_csv(folder.path / name) for name in ("results.csv", "epochs.csv")
        )
        with np.load(folder.path / "curves.npz", allow_pickle=False) as arrays:
            curves = dict(arrays)
    except (OSError, ValueError, BadZipFile) as error:
        message = (
            f"Expected results.csv, epochs.csv and curves.npz in {folder.path}. Received: {error}"
        )
        raise DataError(message) from None
    config["nets"] = [net for net in config["nets"] if net["name"] in set(epochs["net"])]
    if not config["nets"]:
        return console.print("No epoch is finished yet.")
    table, claims = results_table(results), claims_of(epochs, curves, config["nets"])
    drawn = mnist_figures.draw_all(folder, config, epochs, curves)
    print_table(
        table,
        f"{config['data']['label']}: last epoch's means over its steps, errors after it",
        console,
    )
    print_claims(claims, console)
    write_report(folder, table, claims, drawn)


EXPERIMENT = Experiment("mnist_cnn", Config, run, draw)
