"""What `experiments.optimizer_compare` does before its second step: import, trace, compile, a step of each part.

`experiments.step_cost` times this program from its start to its end.
"""

from __future__ import annotations

import sys

from experiments.optimizer_compare import Config
from overparam_tf import Problem, Sweep

from .task import make_task


def main(data: str) -> None:
    """Starts both parts, at the defaults, on the data of an npz file."""
    task, config = make_task(data), Config()
    problem = Problem("start-up", task.x, task.y, "given", "none", synthetic=True)
    for variants, _ in config.parts().values():
        Sweep(problem, variants, config.lp_loss, config.dtype).run(1)


if __name__ == "__main__":
    main(sys.argv[1])
