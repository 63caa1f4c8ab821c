"""optimizer_compare on a small problem, with a checkpoint after each of many short calls.

Whenever the process is killed, it is likely to be writing.
"""

import dataclasses
import os
import signal
import stat
import threading

from experiments.optimizer_compare import experiment as optimizer_compare
from overparam_tf.sweep.engine import Engine
from tests.cases import small_problem
from tests.experiments.loading import on_problem

EXPERIMENT = on_problem(optimizer_compare.EXPERIMENT, small_problem(rows=100, features=8))


def run_often_saved(options):
    """Run the experiment in calls of five steps, with a checkpoint after each."""
    pace = {"seconds_between_checkpoints": 0.0, "checkpoint_share": 1.0}
    return optimizer_compare.run(options, steps_per_call=5, **pace)


def kill_self(*arguments) -> None:
    """Kill this process as `kill -9` does.

    If the first argument is the descriptor of a file that was about to be forced to the disk, the
    file is cut in half first.
    """
    if arguments and isinstance(arguments[0], int):
        file = os.fstat(arguments[0])
        if stat.S_ISREG(file.st_mode):
            os.ftruncate(arguments[0], file.st_size // 2)
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(moment: str) -> None:
    """Let this process be killed in a later call of a function.

    Args:
        moment: A function and the number of the call, such as `"fsync 3"`; the function is fsync,
            replace, or advance, of which the call is killed midway.
    """
    name, count = moment.split()
    owner = Engine if name == "advance" else os
    function, left = getattr(owner, name), [int(count)]

    def counted(*arguments):
        left[0] -= 1
        if left[0] == 0 and name == "advance":
            threading.Timer(2e-4, kill_self).start()
        elif left[0] == 0:
            kill_self(*arguments)
        return function(*arguments)

    setattr(owner, name, counted)


if __name__ == "__main__":
    if "KILL_AT" in os.environ:
        kill_at(os.environ["KILL_AT"])
    print("ready", flush=True)
    dataclasses.replace(EXPERIMENT, run=run_often_saved).main()
