"""optimizer_compare on a small problem, with short calls and a checkpoint after each: any moment may hit a write."""

import os
import signal
import stat
import threading

from experiments.optimizer_compare import EXPERIMENT, Config
from overparam_tf.sweep import engine, saving, sweep
from tests.cases import small_problem


def load_small_problem(config):
    """In place of `Config.load_problem`."""
    return small_problem(rows=100, features=8)


def save_after_every_call() -> None:
    saving.LARGEST_SHARE = float("inf")
    sweep.MAX_STEPS_PER_CALL = 5
    sweep.Sweep.run.__kwdefaults__["seconds_between_checkpoints"] = 0.0


def kill_self(*arguments) -> None:
    """What `kill -9` does; a file that was about to be forced to the disk is cut in half first."""
    if arguments and isinstance(arguments[0], int) and stat.S_ISREG(os.fstat(arguments[0]).st_mode):
        os.ftruncate(arguments[0], os.fstat(arguments[0]).st_size // 2)
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(moment: str) -> None:
    """Kills this process at a moment like `"fsync 3"`: the third call of fsync, replace, or (midway) of advance."""
    name, count = moment.split()
    home = engine.Engine if name == "advance" else os
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
    save_after_every_call()
    if "KILL_AT" in os.environ:
        kill_at(os.environ["KILL_AT"])
    print("ready", flush=True)
    EXPERIMENT.main()
