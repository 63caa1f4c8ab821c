"""The first steps of the main job, `optimizer_compare` at its defaults, by the sweep.

Prints, for both parts, the number of all steps, and pairs of steps done and seconds, as JSON. The
seconds of the first part begin with the process's own start-up.
"""

from __future__ import annotations

import json
import signal
import sys
import time

from experiments.harness.quiet_import import import_tensorflow
from experiments.optimizer_compare.config import Config
from overparam_tf.progress import Progress
from overparam_tf.stopping import StopSignals

from .task import make_task


class Clock:
    """Notes steps and seconds, and stops the training after some steps.

    Args:
        began: When the part began, by `time.monotonic`.
        most: The steps after which it stops.
    """

    def __init__(self, began: float, most: float):
        self._began, self._most = began, most
        self.progress: list[tuple[int, float]] = []

    def __call__(self, state: Progress) -> None:
        """Note the progress of a sweep."""
        self.progress.append((state.step, time.monotonic() - self._began))
        if self._most <= state.step < state.steps:
            signal.raise_signal(signal.SIGTERM)


def main(data: str, share: float, began: float) -> None:
    """Take a share of the steps of both parts.

    Args:
        data: Path of an npz file with x and y.
        share: The share, above 0 and at most 1.
        began: When the process began, by `time.monotonic`.
    """
    import_tensorflow()
    from overparam_tf import Problem, Sweep

    task, options = make_task(data), Config()
    problem = Problem("main job", task.x, task.y, "step_cost", "none", synthetic=True)
    parts = []
    for variants, steps in options.parts().values():
        clock = Clock(began, share * steps)
        with StopSignals():
            Sweep(problem, variants, options.lp_loss, options.dtype).run(steps, progress=clock)
        parts.append({"steps": steps, "progress": clock.progress})
        began = time.monotonic()
    print(json.dumps({"parts": parts}))


if __name__ == "__main__":
    path, part = sys.argv[1:]
    main(path, float(part), time.monotonic())
