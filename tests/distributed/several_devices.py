"""`python -m tests.distributed.several_devices FILE CASE/DEVICES ...`: cases on logical CPUs.

A process of its own, since logical devices must be made before anything else of TensorFlow. The
results go to FILE.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from overparam_tf import train
from overparam_tf.sweep import departures
from tests.distributed.cases import trained
from tests.distributed.fit_cases import ON_TWO_DEVICES, trained_by_train
from tests.distributed.sweeps import SWEEPS, swept

UNEVEN = 7  # of 22 rows: the last batch has one row, none for the first of two replicas


def mirrored(count: int) -> tf.distribute.Strategy:
    if count == 1:
        return tf.distribute.OneDeviceStrategy("CPU:0")
    names = [f"CPU:{number}" for number in range(count)]
    return tf.distribute.MirroredStrategy(
        names, cross_device_ops=tf.distribute.ReductionToOneDevice()
    )


def batch_normalization() -> dict[str, np.ndarray]:
    """Return moving mean and variance after batches of 5 rows, split into 2 and 3, and of 1 row."""
    x = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
    strategy = mirrored(2)
    with strategy.scope():
        model = keras.Sequential(
            [keras.Input((3,)), layers.BatchNormalization(momentum=0.5), layers.Dense(1)]
        )
        optimizer = keras.optimizers.SGD(0.1)
    train(model, (x, x[:, :1]), "mse", optimizer, strategy, batch_size=5, epochs=1)
    mean, variance = (variable.numpy() for variable in model.non_trainable_variables)
    # Every replica must hold the same.
    copies = [
        v.numpy()
        for v in strategy.experimental_local_results(model.non_trainable_variables[0].value)
    ]
    return {"x": x, "mean": mean, "variance": variance, "copies": np.array(copies)}


def dropout_masks() -> dict[str, np.ndarray]:
    """Return which of 8 inputs two replicas keep, in 20 steps, twice.

    The inputs are powers of two, so that the sum of those kept says which.
    """
    x = 2.0 ** np.arange(16, dtype="float32").reshape(2, 8)
    masks = {}
    for run in ("first", "again"):
        strategy = mirrored(2)
        with strategy.scope():
            kept = [
                keras.Input((8,)),
                layers.Dropout(0.5, seed=3),
                layers.Dense(1, "linear", False, "ones"),
            ]
            model, optimizer = keras.Sequential(kept), keras.optimizers.SGD(0.0)
        loss = keras.losses.MeanAbsoluteError(reduction="sum")
        data = np.tile(x, (20, 1)), np.zeros((40, 1))
        codes = (
            train(model, data, loss, optimizer, strategy, batch_size=2, epochs=1).steps["loss"] / 2
        )
        masks[run] = np.stack([codes.astype(int) % 256, codes.astype(int) // 256])
    return masks


def killed_sweep() -> dict[str, np.ndarray]:
    """Return a sweep on two devices, ended by an exception after nine steps and continued."""

    def kill(progress):
        if progress.step >= 9:
            raise InterruptedError

    with tempfile.TemporaryDirectory() as folder:
        # A checkpoint after every call, however short.
        options = {
            "checkpoints": folder,
            "seconds_between_checkpoints": 0.0,
            "checkpoint_share": 1.0,
        }
        with contextlib.suppress(InterruptedError):
            swept("batches", mirrored(2), progress=kill, **options)
        seen = []
        results = swept("batches", mirrored(2), progress=seen.append, **options)
    assert seen[0].steps_here < seen[0].step
    return results


OTHERS = {
    "batch normalization": batch_normalization,
    "dropout": dropout_masks,
    "killed": killed_sweep,
}


def main(path: str, names: list[str]) -> None:
    departures.COMPILE_COST = 0  # runs that diverge leave the stacks
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 4)
    arrays = {}
    for case in names:
        name, _, count = case.partition("/")
        if name in SWEEPS:
            results = swept(name, mirrored(int(count)) if int(count) > 1 else None)
        elif name in ON_TWO_DEVICES:
            results = trained_by_train(name, mirrored(int(count)), batch_size=UNEVEN)
        else:
            results = OTHERS[name]() if name in OTHERS else trained(name, mirrored(int(count)))
        arrays |= {f"{case}/{key}": value for key, value in results.items()}
    np.savez(path, **arrays)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
