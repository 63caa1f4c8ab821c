"""optimizer_compare on a small problem, with short calls and a checkpoint after each: any moment may hit a write."""

import os
import signal
import stat
import threading

from experiments.harness.command_line import Experiment
from experiments.optimizer_compare import Config, draw, run
from overparam_tf.sweep.engine import Engine
from tests.cases import small_problem


def load_small_problem(config):
    """In place of `Config.load_problem`."""
    return small_problem(rows=100, features=8)


def run_often_saved(config):
    """Run the experiment in short calls, with a checkpoint after each."""
    return run(config, steps_per_call=5, seconds_between_checkpoints=0.0, checkpoint_share=1.0)


def kill_self(*arguments) -> None:
    """What `kill -9` does; a file that was about to be forced to the disk is cut in half first."""
    if arguments and isinstance(arguments[0], int) and stat.S_ISREG(os.fstat(arguments[0]).st_mode):
        os.ftruncate(arguments[0], os.fstat(arguments[0]).st_size // 2)
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(moment: str) -> None:
    """Kills this process at a moment like `"fsync 3"`: the third call of fsync, replace, or (midway) of advance."""
    name, count = moment.split()
    home = Engine if name == "advance" else os
    function, left = getattr(home, name), [int(count)]

    def counted(*arguments):
        left[0] -= 1
        if left[0] == 0 and name == "advance":
            threading.Timer(2e-4, kill_self).start()
        elif left[0] == 0:
            kill_self(*arguments)
        return function(*arguments)

    setattr(home, name, counted)


if __name__ == "__main__":
    Config.load_problem = load_small_problem
    if "KILL_AT" in os.environ:
        kill_at(os.environ["KILL_AT"])
    print("ready", flush=True)
    Experiment("optimizer_compare", Config, run_often_saved, draw).main()
