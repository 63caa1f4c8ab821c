"""The measurements of one process: our loop, `fit` and sweeps under the strategy that it has."""

from __future__ import annotations

import time
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from experiments.benchmarks.strategy_table.cases import (
    BATCH,
    EPOCHS,
    LOOPS,
    ROWS,
    SWEEPS,
    Case,
    Result,
    loop_cases,
    sweep_cases,
)
from overparam_tf import LpLoss, Problem, Sweep, Variant, get_strategy, train


def measure(devices: int) -> Iterator[tuple[Case, Result]]:
    """Yield every case and its result.

    Args:
        devices: Number of logical CPUs.
    """
    if devices > 1:
        (cpu, *_) = tf.config.list_physical_devices("CPU")
        logical_devices = [tf.config.LogicalDeviceConfiguration()] * devices
        tf.config.set_logical_device_configuration(cpu, logical_devices)
    strategy = get_strategy("mirrored" if devices > 1 else "auto")
    for case in sweep_cases():
        yield case, run_sweep(case, strategy)
    for loop in LOOPS:
        for case in loop_cases(loop):
            try:
                result = run_loop(case, strategy)
            except Exception as error:  # any failure is a result
                result = Result(error=type(error).__name__)
            yield case, result


def run_loop(case: Case, strategy: tf.distribute.Strategy) -> Result:
    """Train from a fixed start; return the epochs' losses, and the step time of the fastest one."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, 8, 8, 1)).astype("float32")
    y = rng.integers(0, 10, ROWS)
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = small_cnn()
        optimizer = keras.optimizers.SGD(0.05, momentum=0.9)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if case.loop == "train":
        training = train(
            model,
            x,
            y,
            batch_size=BATCH,
            epochs=EPOCHS,
            loss=loss,
            optimizer=optimizer,
            strategy=strategy,
            steps_per_call=case.steps_per_call,
            jit_compile=case.jit_compile,
        )
        losses, seconds = training.epochs["loss"].tolist(), training.epochs["seconds"]
    else:
        with strategy.scope():
            model.compile(
                optimizer,
                loss,
                jit_compile=case.jit_compile,
                steps_per_execution=case.steps_per_call,
            )
        ends: list[float] = []
        stamp = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: ends.append(time.monotonic())
        )
        fitted = model.fit(x, y, BATCH, EPOCHS, verbose=0, shuffle=False, callbacks=[stamp])
        losses, seconds = fitted.history["loss"], np.diff(ends)
    return Result(losses, float(min(seconds)) * BATCH / ROWS)


def small_cnn() -> keras.Model:
    """Return a smooth network: at a kink round-off would be amplified."""
    penalty = keras.regularizers.L2(1e-3)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(8, 3, activation="tanh", kernel_regularizer=penalty),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(32, activation="tanh", kernel_regularizer=penalty),
            layers.Dense(10),
        ]
    )


def run_sweep(case: Case, strategy: tf.distribute.Strategy) -> Result:
    """Train six runs of two variants; return the losses of 100 steps, one run after another."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, 16))
    y = x @ rng.normal(size=(16, 1)) + rng.normal(size=(ROWS, 1))
    problem = Problem("generated", x, y, "strategy_table", "none", synthetic=True)
    variants = [
        Variant("GD, depth 2", 2, optimizer="sgd", learning_rates=(1e-3, 3e-3, 1e-2)),
        Variant("Adam", optimizer="adam", learning_rates=(1e-3, 3e-3, 1e-2)),
    ]
    calls: list[tuple[int, float]] = []
    history = Sweep(problem, variants, LpLoss(4)).run(
        EPOCHS * ROWS // BATCH,
        points=1000,
        batch_size=SWEEPS[case.loop],
        strategy=strategy,
        progress=lambda progress: calls.append((progress.step, progress.seconds)),
    )
    # Between the ends of two calls, since the first one compiles.
    steps, seconds = np.diff(calls, axis=0).T
    return Result(history.losses.T.ravel().tolist(), float(min(seconds / steps)))
