"""`python -m tests.distributed.one_worker FOLDER FATE`: one process of a cluster that `TF_CONFIG` describes.

Trains a case, then again with checkpoints in FOLDER, and likewise a sweep. Fate `die`: worker 1 kills itself after 61
of the training's 105 steps; `die-in-sweep`: after 73 of the sweep's 100; `live`: all is continued and finished, and
workers of which one interrupts a sweep, or which sweep over different data, end together.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np

from overparam_tf import InputError, WorkerLostError, get_strategy
from overparam_tf.checkpoints.checkpoints import Checkpoints
from overparam_tf.sweep import saving
from tests.distributed.cases import trained
from tests.distributed.sweeps import STEPS, gd_sweep, swept

saving.LARGEST_SHARE = np.inf  # a checkpoint after every call, however short
SWEEP, FULL_BATCH = "batches", "no bias"


def main(folder: Path, fate: str) -> int:
    strategy = get_strategy("auto")
    worker = strategy.cluster_resolver.task_id

    def kill(progress):
        if worker == 1 and progress.step > 60:
            os.kill(os.getpid(), signal.SIGKILL)

    def interrupt(progress):
        if worker == 1 and progress.step >= 9:
            signal.raise_signal(signal.SIGINT)

    def save(what, found):
        np.savez(folder / f"{fate}-{worker}-{what}.npz", **found)

    # Three steps a call and seven an epoch: checkpoints lie within epochs too.
    training = {
        "steps_per_call": 3,
        "checkpoints": Checkpoints(folder / "checkpoints", {}),
        "checkpoint_seconds": 0.0,
    }
    sweeping = {"checkpoints": folder / "of-sweep", "seconds_between_checkpoints": 0.0}
    try:
        if fate == "die-in-sweep":
            swept(SWEEP, strategy, progress=kill, **sweeping)
        if fate == "live":
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
