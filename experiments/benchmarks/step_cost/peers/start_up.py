"""The first things that `optimizer_compare` does: import, trace, compile, one step of each part.

`step_cost` times this program from its start to its end.
"""

from __future__ import annotations

import sys

from experiments.harness.quiet_import import import_tensorflow
from experiments.optimizer_compare.config import Config

from .task import make_task


def main(data: str) -> None:
    """Take a step of both parts, at the defaults.

    Args:
        data: Path of an npz file with x and y.
    """
    import_tensorflow()
    from overparam_tf import Problem, Sweep

    task, options = make_task(data), Config()
    problem = Problem("start-up", task.x, task.y, "step_cost", "none", synthetic=True)
    for variants, _ in options.parts().values():
        Sweep(problem, variants, options.lp_loss, options.dtype).run(1)


if __name__ == "__main__":
    (data,) = sys.argv[1:]
    main(data)
