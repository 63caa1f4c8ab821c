"""`python -m tests.distributed.one_worker FOLDER FATE`: one process of a cluster.

`TF_CONFIG` describes the cluster. The process trains a case, then again with checkpoints in FOLDER,
and likewise a sweep. The fates:

- `die`: worker 1 kills itself after 61 of the training's 105 steps.
- `die-in-sweep`: worker 1 kills itself after 73 of the sweep's 100 steps.
- `live`: all is continued and finished. The workers also end together a sweep that one of them
  interrupts, a sweep over different data, and actions of the chief that fail.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from overparam_tf import InputError, WorkerLostError, get_strategy, train
from overparam_tf.checkpoints import Checkpoints
from overparam_tf.distributed.workers import ChiefEnded, Workers
from overparam_tf.stopping import StopSignals
from overparam_tf.sweep import departures
from tests.distributed.cases import trained
from tests.distributed.sweeps import STEPS, gd_sweep, swept

SWEEP, FULL_BATCH = "batches", "no bias"


def decided_together(strategy, worker: int) -> dict[str, np.ndarray]:
    """Return what this worker learns from votes, and from actions of the chief."""
    workers = Workers(strategy)

    def failing():
        raise FileNotFoundError("the chief's own error")

    errors = []
    for ask in (workers.chief_first, workers.text_of_chief):
        try:
            ask(failing)
        except (ChiefEnded, FileNotFoundError) as error:
            errors.append(type(error).__name__)
    stop = StopSignals()
    stop.signal = signal.SIGTERM if worker == 1 else None
    return {
        "is chief": np.array(workers.is_chief),
        "errors": np.array(errors),
        "first": np.array(workers.chief_first(lambda: f"of {worker}")),
        "text": np.array(workers.text_of_chief(lambda: f"chosen by {worker}")),
        "votes": np.array(workers.any_vote(worker == 2, False)),
        "agreed": np.array(workers.agree(worker == 1, 10 + worker)),
        "stopped": np.array([workers.stopped(StopSignals()), workers.stopped(stop)]),
        "signal": np.array(stop.signal),
    }


def train_on_different_data(strategy, worker: int) -> None:
    """Print how `train` refuses other values, other numbers of rows, and other batches."""
    x, y = np.full((8, 2), float(worker), "float32"), np.ones((8, 1), "float32")
    same = np.ones_like(x)

    def batches(rows):
        return tf.data.Dataset.from_tensor_slices((same[:rows], y[:rows])).batch(4)

    cases = {
        "values": {"x": x, "y": y, "batch_size": 4},
        "rows": {"x": same[: 8 - worker], "y": y[: 8 - worker], "batch_size": 4},
        "batches": {"x": batches(4 if worker else 8)},
        "hidden": {"x": batches(8 - worker).filter(lambda *_: True)},  # of unknown length
    }
    with strategy.scope():
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse", jit_compile=False)
    for name, data in cases.items():
        try:
            train(model, **data, strategy=strategy)
        except InputError as error:
            print(f"{name}: {error}", file=sys.stderr)


def main(folder: Path, fate: str) -> int:
    departures.COMPILE_COST = 0  # runs that diverge leave the stacks
    strategy = get_strategy("auto")
    worker = strategy.cluster_resolver.task_id

    def kill(progress):
        if worker == 1 and progress.step > 60:
            os.kill(os.getpid(), signal.SIGKILL)

    def interrupt(progress):
        if worker == 1 and progress.step >= 9:
            signal.raise_signal(signal.SIGINT)

    def save(name, arrays):
        np.savez(folder / f"{fate}-{worker}-{name}.npz", **arrays)

    # Three steps a call and seven an epoch: checkpoints lie within epochs too.
    training = {
        "steps_per_call": 3,
        "checkpoints": Checkpoints(folder / "checkpoints", {}),
        "checkpoint_seconds": 0.0,
    }
    # A checkpoint after every call, however short.
    sweeping = {
        "checkpoints": folder / "of-sweep",
        "seconds_between_checkpoints": 0.0,
        "checkpoint_share": 1.0,
    }
    try:
        if fate == "die-in-sweep":
            swept(SWEEP, strategy, progress=kill, **sweeping)
        if fate == "live":
            save("decided", decided_together(strategy, worker))
            save("sweep-continued", swept(SWEEP, strategy, **sweeping))
            save(
                "interrupted",
                {
                    "steps": gd_sweep()
                    .run(STEPS, strategy=strategy, progress=interrupt)
                    .runs["steps"]
                },
            )
            try:
                gd_sweep(seed=worker).run(STEPS, strategy=strategy)
            except InputError as error:
                print(f"InputError: {error}", file=sys.stderr)
            train_on_different_data(strategy, worker)
            save("full-batch", swept(FULL_BATCH, strategy))
        if fate == "die":
            save("sweep", swept(SWEEP, strategy))
            save("full-batch", swept(FULL_BATCH, strategy))
        save("whole", trained("momentum", strategy))
        options = {**training, "progress": kill} if fate == "die" else training
        save("continued", trained("momentum", strategy, **options))
    except WorkerLostError as error:
        print(f"WorkerLostError: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
