"""What works where, measured: our loop, a sweep, and Keras's `fit` under every strategy, with and without XLA.

    python -m experiments.benchmarks.strategy_table

A small smooth CNN with momentum and an L2 penalty, 100 steps on global batches of 32, 1 to 50 steps a call. Each cell
is the largest relative deviation of the epochs' losses from those of `fit` on one device, one step an execution, no
XLA; and the time of a step. The lines after the table are of sweeps of 100 steps: the largest deviation of any step's
loss from that on one CPU. Strategies run in processes of their own, devices are logical CPUs, workers are processes on
this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from overparam_tf import LpLoss, Problem, Sweep, Variant, get_strategy, train

EPOCHS, BATCH, ROWS = 5, 32, 640
STEPS_PER_CALL = (1, 10, 50)
# Name, logical devices, workers.
STRATEGIES = {
    "one CPU": (1, 1),
    "mirrored, 2 CPUs": (2, 1),
    "mirrored, 4 CPUs": (4, 1),
    "2 workers": (1, 2),
    "3 workers": (1, 3),
}
# Name, batch size.
SWEEPS = {"Sweep.run": None, "Sweep.run, batches": BATCH}
LIMIT = 600  # seconds for a strategy


def small_cnn() -> keras.Model:
    """Smooth, so that round-off is not amplified at a kink."""
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


def run(
    loop: str, strategy: tf.distribute.Strategy, jit_compile: bool, steps: int
) -> tuple[list[float], float]:
    """Trains from a fixed start; returns the epochs' losses and the seconds of a step in the fastest epoch."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(ROWS, 8, 8, 1)).astype("float32"), rng.integers(0, 10, ROWS)
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model, optimizer = small_cnn(), keras.optimizers.SGD(0.05, momentum=0.9)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if loop == "train":
        options = {"epochs": EPOCHS, "steps_per_call": steps, "jit_compile": jit_compile}
        epochs = train(model, (x, y), loss, optimizer, strategy, batch_size=BATCH, **options).epochs
        return epochs["loss"].tolist(), min(epochs["seconds"]) * BATCH / ROWS
    with strategy.scope():
        model.compile(optimizer, loss, jit_compile=jit_compile, steps_per_execution=steps)
    stamps = []
    stamp = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: stamps.append(time.monotonic())
    )
    fitted = model.fit(x, y, BATCH, EPOCHS, verbose=0, shuffle=False, callbacks=[stamp])
    return fitted.history["loss"], min(np.diff(stamps)) * BATCH / ROWS


def sweep(strategy: tf.distribute.Strategy, batch_size: int | None) -> tuple[list[float], float]:
    """Six runs of two variants; returns the losses of 100 steps, one run after the other, and the seconds of a step."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, 16))
    problem = Problem(
        "made up",
        x,
        x @ rng.normal(size=(16, 1)) + rng.normal(size=(ROWS, 1)),
        "made",
        "none",
        True,
    )
    variants = [
        Variant("GD, depth 2", 2, optimizer="sgd", learning_rates=(1e-3, 3e-3, 1e-2)),
        Variant("Adam", optimizer="adam", learning_rates=(1e-3, 3e-3, 1e-2)),
    ]
    stamps = []
    history = Sweep(problem, variants, LpLoss(4)).run(
        EPOCHS * ROWS // BATCH,
        points=1000,
        batch_size=batch_size,
        strategy=strategy,
        progress=lambda progress: stamps.append((progress.step, progress.seconds)),
    )
    steps, seconds = np.diff(stamps, axis=0).T  # the first call compiles
    return history.losses.T.ravel().tolist(), float(min(seconds / steps))


def measure(devices: int) -> None:
    """Everything under the strategy of this process, one JSON line each; `fit` last, since its failures may linger."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    if devices > 1:
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * devices
        )
    strategy = get_strategy("mirrored" if devices > 1 else "auto")
    for loop, batch_size in SWEEPS.items():
        losses, seconds = sweep(strategy, batch_size)
        print(
            json.dumps(
                {"loop": loop, "jit": True, "steps": None, "losses": losses, "seconds": seconds}
            ),
            flush=True,
        )
    for loop in ("train", "fit"):
        for jit_compile in (False, True):
            for steps in STEPS_PER_CALL:
                try:
                    losses, seconds = run(loop, strategy, jit_compile, steps)
                    found = {"losses": losses, "seconds": seconds}
                except Exception as error:  # whatever it is, it is the result
                    found = {"error": type(error).__name__}
                print(
                    json.dumps({"loop": loop, "jit": jit_compile, "steps": steps, **found}),
                    flush=True,
                )


def started(devices: int, workers: int) -> list[dict]:
    """Runs `measure` in as many processes as there are workers; returns what the first prints."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(workers)]
    cluster = {"worker": [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]}
    for each in sockets:
        each.close()
    processes = []
    for index in range(workers):
        config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        command = [
            sys.executable,
            "-m",
            "experiments.benchmarks.strategy_table",
            "--measure",
            str(devices),
        ]
        environment = os.environ | ({"TF_CONFIG": config} if workers > 1 else {})
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        processes.append(subprocess.Popen(command, env=environment, **pipes))
    try:
        lines = processes[0].communicate(timeout=LIMIT)[0]
    except subprocess.TimeoutExpired:
        processes[0].kill()
        lines = processes[0].communicate()[0]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return [json.loads(line) for line in lines.splitlines()]


def main() -> None:
    """Measures, and prints the table in Markdown."""
    parser = argparse.ArgumentParser(
        "strategy_table", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--measure", type=int, metavar="DEVICES", help="only in this process, and print JSON lines"
    )
    devices = parser.parse_args().measure
    if devices is not None:
        return measure(devices)
    found = {
        (name, row["loop"], row["jit"], row["steps"]): row
        for name, place in STRATEGIES.items()
        for row in started(*place)
    }
    expected = np.array(found["one CPU", "fit", False, 1]["losses"])
    print(
        "| strategy | loop | "
        + " | ".join(f"{n} a call{xla}" for xla in ("", ", XLA") for n in STEPS_PER_CALL)
        + " |"
    )
    print("|---" * (2 + 2 * len(STEPS_PER_CALL)) + "|")
    for name in STRATEGIES:
        for loop in ("train", "fit"):
            cells = [
                cell(found.get((name, loop, jit_compile, steps)), expected)
                for jit_compile in (False, True)
                for steps in STEPS_PER_CALL
            ]
            print(f"| {name} | `{loop}` | {' | '.join(cells)} |", flush=True)
    for name in STRATEGIES:
        for loop in SWEEPS:
            expected = np.array(found["one CPU", loop, True, None]["losses"])
            print(f"{loop}, {name}: {cell(found.get((name, loop, True, None)), expected)}")


def cell(row: dict | None, expected: np.ndarray) -> str:
    """A row's result in a few words."""
    if row is None:
        return "hangs or ends"
    if "error" in row:
        return row["error"]
    deviation = np.abs(np.array(row["losses"]) / expected - 1).max()
    return f"{deviation:.0e}, {1e3 * row['seconds']:.1f} ms"


if __name__ == "__main__":
    main()
