"""`python -m tests.distributed.one_worker FOLDER die|live`: one process of a cluster that `TF_CONFIG` describes.

Trains a case, then again with checkpoints in FOLDER, where worker 1 kills itself after 61 of 105 steps if told to.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np

from overparam_tf import WorkerLostError, get_strategy
from overparam_tf.checkpoints import Checkpoints
from tests.distributed.cases import trained


def main(folder: Path, fate: str) -> int:
    strategy = get_strategy("auto")
    worker = strategy.cluster_resolver.task_id

    def die(progress):
        if fate == "die" and worker == 1 and progress.step > 60:
            os.kill(os.getpid(), signal.SIGKILL)

    checkpoints = Checkpoints(folder / "checkpoints", {})
    found = {f"whole/{key}": value for key, value in trained("momentum", strategy).items()}
    np.savez(folder / f"{fate}-{worker}-whole.npz", **found)
    # Three steps a call and seven an epoch: checkpoints lie within epochs too.
    options = {"steps_per_call": 3, "checkpoints": checkpoints, "checkpoint_seconds": 0.0, "progress": die}
    try:
        found = trained("momentum", strategy, **options)
    except WorkerLostError as error:
        print(f"WorkerLostError: {error}", file=sys.stderr)
        return 3
    np.savez(folder / f"{fate}-{worker}-continued.npz", **found)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
