"""The training of one net of the experiment, on the devices of a strategy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from experiments.mnist_cnn.convnet import BATCH, WEIGHT_DECAY, momentum_sgd
from experiments.mnist_cnn.penalty_alone import penalty_alone
from experiments.mnist_cnn.spectra import LAYERS, Spectra
from overparam_tf.checkpoints.checkpoints import Checkpoints
from overparam_tf.distributed import Training, train
from overparam_tf.progress import Progress
from overparam_tf.runlog import RunFolder
from overparam_tf.runlog.resume import settings
from overparam_tf.stopping import StopSignals

# Images evaluated at once.
EVALUATED_AT_ONCE = 500
CHECKPOINT_SECONDS = 30.0


@dataclass(frozen=True)
class Net:
    """A curve of the figures.

    Attributes:
        name: Its name.
        depth: Number of factors of fc1 and fc2.
        place: Where its penalty is put, see `overparam_tf.penalty_on`; None for no penalty.
    """

    name: str
    depth: int
    place: str | None


@dataclass(frozen=True)
class NetTraining:
    """The settings that the trainings of all nets share.

    Attributes:
        images: Training images and labels.
        evaluated: Images and labels to evaluate after every epoch, by name.
        strategy: The strategy.
        epochs: Number of passes over the training images.
        folder: The run folder.
        record: Its config.json.
        writes: Whether this process writes the files.
    """

    images: tuple[np.ndarray, np.ndarray]
    evaluated: dict[str, Any]
    strategy: tf.distribute.Strategy
    epochs: int
    folder: RunFolder
    record: dict[str, Any]
    writes: bool

    @property
    def steps_per_epoch(self) -> int:
        """Return the number of steps of an epoch."""
        return self.record["steps_per_epoch"]

    def train(
        self,
        title: str,
        model: keras.Model,
        progress: Callable[[Progress], object],
        stop: StopSignals,
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ) -> Training:
        """Train a net, from its newest checkpoint if there is one.

        Args:
            title: Name of the net with its seed.
            model: The net, made under the strategy.
            progress: Called with the progress.
            stop: A stop signal ends the training.
            callbacks: Further Keras callbacks; default none.
        """
        with self.strategy.scope():
            optimizer = momentum_sgd(self.steps_per_epoch)
            cross_entropy = keras.metrics.SparseCategoricalCrossentropy(
                from_logits=True, name="cross_entropy"
            )
        identity = {"net": title, **settings(self.record)}
        return train(
            model,
            *self.images,
            batch_size=BATCH,
            epochs=self.epochs,
            validation_data=self.evaluated,
            validation_batch_size=EVALUATED_AT_ONCE,
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            optimizer=optimizer,
            strategy=self.strategy,
            metrics=["sparse_categorical_accuracy", cross_entropy],
            callbacks=[Spectra(self.folder, title), *callbacks] if self.writes else [],
            progress=progress,
            checkpoints=Checkpoints(self.folder.checkpoints / title, identity),
            checkpoint_seconds=CHECKPOINT_SECONDS,
            should_stop=lambda: stop.signal is not None,
        )

    def penalty_alone(
        self, title: str, model: keras.Model, place: str, stop: StopSignals
    ) -> np.ndarray:
        """Return the penalty of a net's initial factors, trained without data at the same rates.

        Args:
            title: Name of the net with its seed.
            model: The net.
            place: Where its penalty is put.
            stop: A stop signal ends the training, and the curve.
        """
        layers = []
        for layer in map(model.get_layer, LAYERS):
            factors = [keras.ops.convert_to_numpy(factor) for factor in layer.factors]
            layers.append((factors, keras.ops.convert_to_numpy(layer.bias)))
        steps = self.epochs * self.steps_per_epoch
        optimizer = momentum_sgd(self.steps_per_epoch)
        identity = {"net": f"{title}, penalty alone", **settings(self.record)}
        return penalty_alone(
            layers,
            WEIGHT_DECAY,
            place,
            optimizer,
            steps,
            Checkpoints(self.folder.checkpoints / f"{title}, penalty alone", identity),
            lambda: stop.signal is not None,
        )
